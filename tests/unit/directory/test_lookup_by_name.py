"""Whose user name is this? Against a real slapd."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ldapproxy.auth.outcomes import EntryNotFound, FindOutcome, LookupUnavailable, SeveralEntries
from ldapproxy.directory.lookup import Lookup
from ldapproxy.directory.settings import LookupServer, LookupSettings
from ldapproxy.ldap.dn import DistinguishedName
from tests.support.example_directory import ALICE, ODD_NAME, SEVERAL, UNICODE
from tests.support.ports import free_port
from tests.support.slapd import Slapd
from tests.unit.directory.places import plain, settings_for


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd"), anonymous_read=False) as running:
        yield running


def named(settings: LookupSettings, username: str) -> FindOutcome:
    async def ask() -> FindOutcome:
        lookup = Lookup(settings)
        try:
            return await lookup.named(username)
        finally:
            await lookup.aclose()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("username", "dn"),
    [
        ("alice", ALICE.dn),
        ("ALICE", ALICE.dn),
        ("zoë", UNICODE.dn),
        ("jsmith", ODD_NAME.dn),
        ("several-too", SEVERAL.dn),
    ],
)
def test_the_one_entry_with_the_name_is_found(slapd: Slapd, username: str, dn: str) -> None:
    assert named(settings_for(plain(slapd)), username) == DistinguishedName.parse(dn)


@pytest.mark.parametrize(
    "username",
    [
        "nobody",
        "ali",
        "*",
        "al*",
        "alice*",
        "alice)(uid=*",
        "*)(objectClass=*",
        "\\61lice",
        "alice\0",
        ALICE.dn,
        "alice@example.com",
    ],
)
def test_nothing_but_the_name_itself_is_found(slapd: Slapd, username: str) -> None:
    assert named(settings_for(plain(slapd)), username) == EntryNotFound()


def test_two_entries_are_nobody(slapd: Slapd) -> None:
    settings = settings_for(plain(slapd), username_attribute="objectClass")
    assert named(settings, "inetOrgPerson") == SeveralEntries()


def test_the_search_filter_counts(slapd: Slapd) -> None:
    assert named(settings_for(plain(slapd), search_filter="(!(uid=alice))"), "alice") == EntryNotFound()
    found = named(settings_for(plain(slapd), search_filter="(sn=*)"), "alice")
    assert found == DistinguishedName.parse(ALICE.dn)


def test_a_directory_that_is_away_says_so() -> None:
    settings = settings_for(LookupServer("127.0.0.1", free_port(), ldaps=False))
    outcome = named(settings, "alice")
    assert isinstance(outcome, LookupUnavailable)
    assert "refused" in outcome.detail


def test_after_the_end_nobody_is_asked(slapd: Slapd) -> None:
    async def ask() -> FindOutcome:
        lookup = Lookup(settings_for(plain(slapd)))
        await lookup.aclose()
        return await lookup.named("alice")

    assert isinstance(asyncio.run(ask()), LookupUnavailable)
