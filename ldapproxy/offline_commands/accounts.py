"""Whose account is that? Names that an administrator types become entries of a directory.

Owns which directory is asked, what a name may be, and the sentences when it is nobody's. It must not know
what is done with an account.

The store is keyed by the entry's identity, so a name must lead to exactly one entry, as at a login.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from ldapproxy.auth.effects import LookUpEntry
from ldapproxy.auth.outcomes import Entry, EntryNotFound, LookupUnavailable, SeveralEntries
from ldapproxy.config.configuration import Configuration, DirectorySettings
from ldapproxy.directory.lookup import Lookup
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.errors import InvalidName

_IDENTITY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class UnknownAccountError(Exception):
    """A name does not lead to exactly one account; the message is a sentence that says why."""


class NoSuchDirectoryError(Exception):
    """It is not clear which directory is meant; the message is a sentence that says what to write."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose authenticators are meant.

    Attributes:
        identity: the entry's identity, the store's key.
        name: for people: the user name, or the first value of the DN of an entry without exactly one.
        dn: the entry's name as the directory returned it.
    """

    identity: str
    name: str
    dn: str


def directory_named(configuration: Configuration, name: str | None) -> DirectorySettings:
    """The directory that `--directory` names, or the only one.

    Raises:
        NoSuchDirectoryError: it names none, or nothing and there are several.
    """
    known = {directory.name: directory for directory in configuration.directories}
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    names = ", ".join(known)
    if name is None:
        raise NoSuchDirectoryError(f"say which directory is meant: --directory with one of {names}")
    if name not in known:
        raise NoSuchDirectoryError(f"there is no directory {name!r} in the configuration, only {names}")
    return known[name]


def identity_in(name: str) -> str | None:
    """The identity, if that is what was typed; `list` shows it, also of an entry that is gone."""
    return name.lower() if _IDENTITY.fullmatch(name) else None


def find(directory: DirectorySettings, names: Iterable[str]) -> dict[str, Account | UnknownAccountError]:
    """The accounts behind DNs or user names, each name once.

    Args:
        directory: the directory to ask, with the service account of the configuration.
        names: a DN, or a value of `username_attribute`.
    """
    return asyncio.run(_find_all(directory, dict.fromkeys(names)))


def find_one(directory: DirectorySettings, name: str) -> Account:
    """The account behind a DN or user name.

    Raises:
        UnknownAccountError: there is not exactly one, or the directory could not be asked.
    """
    found = find(directory, [name])[name]
    if isinstance(found, UnknownAccountError):
        raise found
    return found


async def _find_all(
    directory: DirectorySettings, names: Iterable[str]
) -> dict[str, Account | UnknownAccountError]:
    lookup = Lookup(directory.lookup)
    try:
        found = await asyncio.gather(*(_find(lookup, directory, name) for name in names))
    finally:
        await lookup.aclose()
    return dict(zip(names, found, strict=True))


async def _find(lookup: Lookup, directory: DirectorySettings, name: str) -> Account | UnknownAccountError:
    attribute = directory.lookup.username_attribute
    if not name.strip():
        return UnknownAccountError("the name is empty; write a DN or a user name")
    try:
        dn = DistinguishedName.parse(name)
    except InvalidName:
        named = await lookup.named(name)
        match named:
            case DistinguishedName():
                dn = named
            case EntryNotFound():
                return UnknownAccountError(f"directory {directory.name} has nobody with {attribute} {name!r}")
            case SeveralEntries():
                return UnknownAccountError(
                    f"directory {directory.name} has several entries with {attribute} {name!r}; write a DN"
                )
            case LookupUnavailable(detail):
                return _unavailable(directory, detail)
            case _:
                assert_never(named)
    entry = await lookup.entry(LookUpEntry(dn, frozenset()))
    match entry:
        case Entry():
            is_clear = len(entry.usernames) == 1 and entry.usernames[0].strip()
            return Account(entry.identity, entry.usernames[0] if is_clear else entry.rdn_value, entry.dn.text)
        case EntryNotFound() | SeveralEntries():
            condition = " that meets search_filter" if directory.lookup.search_filter else ""
            return UnknownAccountError(f"directory {directory.name} has no entry {dn.text}{condition}")
        case LookupUnavailable(detail):
            return _unavailable(directory, detail)
        case _:
            assert_never(entry)


def _unavailable(directory: DirectorySettings, detail: str) -> UnknownAccountError:
    return UnknownAccountError(f"directory {directory.name} could not be asked: {detail}")
