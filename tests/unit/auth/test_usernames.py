"""The name that Duo is asked about."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ldapproxy.auth.outcomes import Reason
from ldapproxy.auth.usernames import LONGEST_NAME, LowerCase, Rewrite, Substitution, UsernameSource, username
from tests.unit.auth.flows import ENTRY

NO_DOMAIN = Substitution(re.compile(r"^EXAMPLE\\(.+)$"), r"\1")
NO_SUFFIX = Substitution(re.compile("@.*$"), "")


def named(*names: str, rewrites: tuple[Rewrite, ...] = ()) -> str | Reason:
    return username(replace(ENTRY, usernames=names), UsernameSource.ATTRIBUTE, rewrites)


def test_the_attributes_value_as_the_directory_returned_it() -> None:
    assert named(" Alice ") == " Alice "


def test_the_rdns_value() -> None:
    entry = replace(ENTRY, usernames=("x", "y"), rdn_value="Alice")
    assert username(entry, UsernameSource.RDN, (LowerCase(),)) == "alice"


@pytest.mark.parametrize(
    ("names", "reason"),
    [((), Reason.NO_USERNAME), (("",), Reason.NO_USERNAME), ((" ",), Reason.NO_USERNAME),
     (("a", "b"), Reason.SEVERAL_USERNAMES), (("a", "A"), Reason.SEVERAL_USERNAMES)],
)  # fmt: skip
def test_no_name_or_several_are_none(names: tuple[str, ...], reason: Reason) -> None:
    assert named(*names) is reason
    assert named(*names, rewrites=(LowerCase(),)) is reason, "rewriting does not make one of them"


@pytest.mark.parametrize(
    ("name", "rewrites", "expected"),
    [
        ("EXAMPLE\\Alice", (NO_DOMAIN,), "Alice"),
        ("OTHER\\Alice", (NO_DOMAIN,), "OTHER\\Alice"),
        ("Alice@example.com", (NO_SUFFIX, LowerCase()), "alice"),
        ("EXAMPLE\\Alice@example.com", (NO_DOMAIN, NO_SUFFIX), "Alice"),
        ("alice", (Substitution(re.compile("^"), "corp-"),), "corp-alice"),
        ("a.b.c", (Substitution(re.compile(r"\."), "-"),), "a-b-c"),
        ("smith, john", (Substitution(re.compile(r"(?P<last>\w+), (\w+)"), r"\2.\g<last>"),), "john.smith"),
    ],
)
def test_rewriting(name: str, rewrites: tuple[Rewrite, ...], expected: str) -> None:
    assert named(name, rewrites=rewrites) == expected


def test_the_order_of_rewrites_counts() -> None:
    upper_only = Substitution(re.compile("^ALICE$"), "found")
    assert named("ALICE", rewrites=(upper_only, LowerCase())) == "found"
    assert named("ALICE", rewrites=(LowerCase(), upper_only)) == "alice"


@pytest.mark.parametrize("replacement", ["", " "])
def test_a_name_that_is_rewritten_to_nothing_is_none(replacement: str) -> None:
    assert named("alice", rewrites=(Substitution(re.compile("alice"), replacement),)) is Reason.NO_USERNAME


def test_names_that_are_rewritten_are_bounded() -> None:
    double = Substitution(re.compile("(.+)"), r"\1\1")
    assert named("a" * LONGEST_NAME, rewrites=(LowerCase(),)) == "a" * LONGEST_NAME
    assert named("a" * (LONGEST_NAME + 1), rewrites=(LowerCase(),)) is Reason.NO_USERNAME
    assert named("a" * LONGEST_NAME, rewrites=(double, NO_SUFFIX)) is Reason.NO_USERNAME
    assert named("a" * 10_000) == "a" * 10_000, "without a rewriting there is nothing to bound"
