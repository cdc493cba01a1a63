r"""`username_rewrite:` of a listener: what becomes of the name before it is sent to Duo.

Owns how a rewriting is written, and which patterns end soon for every name. It must not know how one is
applied.

Python's `re` goes back and forth without end for patterns such as `(a+)+$`, and a login must not wait for it,
nor all others behind it. Such patterns need a group that is repeated, and renaming people needs none. Without
one, what a pattern costs is a power of the length of the name, which has a bound, and the exponent is the
number of its `*`, `+` and `{}`. References back into the name make it worse by far, and are refused, too.
"""

from __future__ import annotations

import re
import warnings
from typing import Final

from ldapproxy.auth.usernames import LowerCase, Rewrite, Substitution
from ldapproxy.config import values
from ldapproxy.config.document import Mapping, Node
from ldapproxy.config.problems import Report
from ldapproxy.config.sections import Section
from ldapproxy.config.values import Invalid, Parser

_LOWER_CASE: Final = "lower_case"
_EXAMPLE: Final = r'{pattern: "@.*$", replace: ""}'

# Two parts that are kept, and one that is not. For the longest name, three cost a second or two at worst.
_MOST_REPETITIONS: Final = 3

# What stands for itself, whatever it looks like: an escaped character, a set of characters.
_LITERAL: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^]\\])*\]")
_REPEATED_GROUP: Final = re.compile(r"\)\s*[*+{]")
_REPETITION: Final = re.compile(r"[*+]|\{[0-9,]*\}")
_BACK_REFERENCE: Final = re.compile(r"\\[1-9]")


def _pattern(node: Node) -> re.Pattern[str]:
    value = values.text(node)
    try:
        with warnings.catch_warnings():
            # What `re` warns of will mean something else in a later Python.
            warnings.simplefilter("error")
            pattern = re.compile(value)
    except (re.error, FutureWarning, OverflowError, RecursionError) as error:
        position = getattr(error, "pos", None)
        where = "" if position is None else f"; look at character {position + 1}"
        raise Invalid.at(node, f"must be a regular expression, such as ^(.+)@example\\.com${where}") from None
    bare = _LITERAL.sub("x", value)
    if _REPEATED_GROUP.search(bare):
        raise Invalid.at(
            node, "must not repeat a group, as in (...)+: for some names such a pattern takes for ever"
        )
    if "(?P=" in bare or any(map(_BACK_REFERENCE.fullmatch, _LITERAL.findall(value))):
        raise Invalid.at(node, "must not refer back to a group; in replace it may")
    if len(_REPETITION.findall(bare)) > _MOST_REPETITIONS:
        raise Invalid.at(
            node, f"must not hold more than {_MOST_REPETITIONS} of *, + and {{}}: it would take too long"
        )
    return pattern


def _replacement(node: Node) -> str:
    value = values.scalar(node, r"a text such as \1, or an empty one in quotes").text
    if not value.isprintable():
        raise Invalid.at(node, "must be one line without control characters")
    return value


def _rewrite(node: Node) -> Rewrite:
    """One item of `username_rewrite`."""
    if not isinstance(node, Mapping):
        if values.scalar(node, f"{_EXAMPLE} or {_LOWER_CASE}").text == _LOWER_CASE:
            return LowerCase()
        raise Invalid.at(node, f"must be {_EXAMPLE} or {_LOWER_CASE}")
    report = Report()
    section = Section(node, report)
    pattern = section.require("pattern", _pattern, hint="a regular expression")
    replacement = section.require("replace", _replacement, hint=r'what to put in its place: \1, or ""')
    section.finish()
    if pattern is not None and replacement is not None:
        try:
            pattern.sub(replacement, "")
        except (re.error, IndexError):
            section.error("replace", "names a group that the pattern does not have, or has a wrong escape")
    if report.errors or pattern is None or replacement is None:
        raise Invalid(report.errors)
    return Substitution(pattern, replacement)


username_rewrite: Parser[tuple[Rewrite, ...]] = values.list_of(_rewrite)
