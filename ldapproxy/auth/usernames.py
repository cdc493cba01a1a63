"""The name that is sent to Duo: where it comes from, and how `username_rewrite` changes it.

Owns the choice and the rewriting. It must not know the configuration file, nor who types what: the name comes
from the directory's entry, never from the client. Whatever is kept per user is kept by the entry's identity,
so a rewritten name changes nothing but whom Duo asks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, assert_never

from ldapproxy.auth.outcomes import Entry, Reason

LONGEST_NAME: Final = 256
"""Characters of a name that is rewritten, before and after each rewriting. E-mail addresses have 254 at most
(RFC 5321), account names of Active Directory 256; and a regular expression that goes back and forth does so
over this many at most."""


@unique
class UsernameSource(Enum):
    """Where the name that is sent to Duo comes from."""

    ATTRIBUTE = "attribute"
    RDN = "rdn"


@dataclass(frozen=True, slots=True)
class Substitution:
    r"""Replaces what the pattern finds, everywhere in the name.

    Attributes:
        pattern: a regular expression of Python's `re`.
        replacement: its template, such as `\1`; it fits the pattern.
    """

    pattern: re.Pattern[str]
    replacement: str


@dataclass(frozen=True, slots=True)
class LowerCase:
    """Puts the name into lower case."""


Rewrite = Substitution | LowerCase


def username(entry: Entry, source: UsernameSource, rewrites: tuple[Rewrite, ...]) -> str | Reason:
    """The name for Duo, or the reason why there is none. Absence of data never admits.

    Args:
        entry: the person's entry.
        source: what of it the name is.
        rewrites: are applied one after the other, each to what the last one made.
    """
    match source:
        case UsernameSource.RDN:
            names: tuple[str, ...] = (entry.rdn_value,)
        case UsernameSource.ATTRIBUTE:
            names = entry.usernames
        case _:
            assert_never(source)
    if len(names) > 1:
        return Reason.SEVERAL_USERNAMES
    if not names:
        return Reason.NO_USERNAME
    name: str | None = names[0]
    for rewrite in rewrites:
        name = None if name is None else _rewritten(name, rewrite)
    return name if name is not None and name.strip() else Reason.NO_USERNAME


def _rewritten(name: str, rewrite: Rewrite) -> str | None:
    """The name after one rewriting; None when it is too long to be anybody's."""
    if len(name) > LONGEST_NAME:
        return None
    match rewrite:
        case Substitution(pattern, replacement):
            rewritten = pattern.sub(replacement, name)
        case LowerCase():
            rewritten = name.lower()
        case _:
            assert_never(rewrite)
    return rewritten if len(rewritten) <= LONGEST_NAME else None
