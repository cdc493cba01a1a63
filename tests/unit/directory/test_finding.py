"""Who is that? Account names in slapd and in a domain; SIDs, and all that a name may mean, in a domain."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ldapproxy.auth.effects import FindEntry
from ldapproxy.auth.names import AccountName, LoginName, SecurityIdentifier
from ldapproxy.auth.outcomes import EntryNotFound, FindOutcome, LookupUnavailable, SeveralEntries
from ldapproxy.directory.connection import DirectoryConnection
from ldapproxy.directory.lookup import Lookup
from ldapproxy.directory.settings import LookupServer, LookupSettings
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.secret import Secret
from tests.support import example_domain as domain
from tests.support.example_directory import ALICE, ODD_NAME, SEVERAL, UNICODE
from tests.support.example_domain import DomainAccount
from tests.support.samba import Samba
from tests.support.slapd import Slapd
from tests.unit.directory.places import plain, settings_for
from tests.unit.directory.scripted_server import (
    SEARCH_RESULT_DONE,
    SEARCH_RESULT_ENTRY,
    ScriptedServer,
    binds_then,
    message,
    result,
)

BY_UID = "(&(objectClass=inetOrgPerson)(uid={name}))"
BY_ACCOUNT_NAME = "(sAMAccountName={name})"


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd"), anonymous_read=False) as running:
        yield running


def found(settings: LookupSettings, by: AccountName | SecurityIdentifier | LoginName) -> FindOutcome:
    async def ask() -> FindOutcome:
        lookup = Lookup(settings)
        try:
            return await lookup.find(FindEntry(by))
        finally:
            await lookup.aclose()

    return asyncio.run(ask())


def in_domain(samba: Samba, **changes: Any) -> LookupSettings:
    """Settings for the example domain."""
    return replace(
        settings_for(LookupServer(samba.address, 636, ldaps=True), ca_file=samba.ca_file, timeout=20),
        base_dn=DistinguishedName.parse(domain.SUFFIX),
        username_attribute="sAMAccountName",
        service_account=domain.SERVICE.dn,
        service_password=Secret(domain.SERVICE.password),
        **changes,
    )


def name_of(account: DomainAccount) -> DistinguishedName:
    return DistinguishedName.parse(account.dn)


# Account names


@pytest.mark.parametrize(
    ("name", "dn"),
    [("alice", ALICE.dn), ("ALICE", ALICE.dn), (" alice ", ALICE.dn), ("zoë", UNICODE.dn),
     ("jsmith", ODD_NAME.dn), ("several-too", SEVERAL.dn)],
)  # fmt: skip
def test_an_account_name(slapd: Slapd, name: str, dn: str) -> None:
    settings = settings_for(plain(slapd), username_search=BY_UID)
    assert found(settings, AccountName(name)) == DistinguishedName.parse(dn)


@pytest.mark.parametrize(
    "name", ["nobody", "*", "a*", "alice)(uid=*", "alice)", "(", "\\2a", "&", "alice\\00", "!"]
)
def test_an_account_name_is_a_value_whatever_is_in_it(slapd: Slapd, name: str) -> None:
    assert found(settings_for(plain(slapd), username_search=BY_UID), AccountName(name)) == EntryNotFound()


def test_one_of_two_or_more_is_nobody(slapd: Slapd) -> None:
    for search in ("(|(uid={name})(uid=bob))", "(|(uid={name})(objectClass=inetOrgPerson))"):
        assert (
            found(settings_for(plain(slapd), username_search=search), AccountName("alice"))
            == SeveralEntries()
        )


def test_the_search_filter_applies(slapd: Slapd) -> None:
    settings = settings_for(plain(slapd), username_search=BY_UID, search_filter="(!(uid=alice))")
    assert found(settings, AccountName("alice")) == EntryNotFound()
    assert found(settings, AccountName("zoë")) == DistinguishedName.parse(UNICODE.dn)


def test_without_a_search_there_is_nothing_to_look_for(slapd: Slapd) -> None:
    assert isinstance(found(settings_for(plain(slapd)), AccountName("alice")), LookupUnavailable)


def test_a_limit_of_the_servers_own_hides_whether_there_are_more() -> None:
    def one_and_no_more(message_id: bytes, connection: socket.socket) -> None:
        entry = message(message_id, SEARCH_RESULT_ENTRY, b"\x04\x05uid=a\x30\x00")
        connection.sendall(entry + result(message_id, SEARCH_RESULT_DONE, 4))

    with ScriptedServer(binds_then(one_and_no_more)) as server:
        outcome = found(settings_for(server.server, username_search=BY_UID), AccountName("a"))
    assert isinstance(outcome, LookupUnavailable)
    assert "size_limit_exceeded" in outcome.detail


def test_an_account_name_of_the_domain(samba: Samba) -> None:
    settings = in_domain(samba, username_search=BY_ACCOUNT_NAME)
    for name in ("alice", "Alice"):
        assert found(settings, AccountName(name)) == name_of(domain.ALICE)
    for name in ("nobody", domain.ALICE.implicit_principal, "a*"):
        assert found(settings, AccountName(name)) == EntryNotFound()


# SIDs


def identifier_of(samba: Samba, dn: str) -> SecurityIdentifier:
    settings = in_domain(samba)
    connection = DirectoryConnection(settings.servers[0], settings)
    connection.open()
    try:
        (entry,) = connection.read(dn, "(objectClass=*)", ("objectSid",))
    finally:
        connection.close()
    (value,) = entry.attributes["objectSid"]
    return SecurityIdentifier(value)


def test_the_account_with_a_sid(samba: Samba) -> None:
    for account in (domain.ALICE, domain.MALLORY):
        assert found(in_domain(samba), identifier_of(samba, account.dn)) == name_of(account)


def test_a_group_is_no_account_and_a_sid_of_nobody_nobodys(samba: Samba) -> None:
    assert found(in_domain(samba), identifier_of(samba, domain.STAFF)) == EntryNotFound()
    value = identifier_of(samba, domain.ALICE.dn).value
    for other in (
        value[:-4] + b"\xff\xff\xff\x7f",
        b"\x01\x01\x00\x00\x00\x00\x00\x05\x0b\x00\x00\x00",
        b"*",
    ):
        assert found(in_domain(samba), SecurityIdentifier(other)) == EntryNotFound()


def test_an_account_beside_the_base_is_not_found(samba: Samba) -> None:
    settings = in_domain(samba)
    elsewhere = replace(settings, base_dn=DistinguishedName.parse(domain.GROUPS))
    assert found(elsewhere, identifier_of(samba, domain.ALICE.dn)) == EntryNotFound()


# Every reading of a name that the directory did not explain


@pytest.mark.parametrize(
    ("name", "account"),
    [
        (domain.ALICE.implicit_principal, domain.ALICE),
        ("ALICE@AD.Example.Com", domain.ALICE),
        ("alice@EXAMPLE", domain.ALICE),
        (domain.ALICE.netbios_name, domain.ALICE),
        ("ad.example.com\\alice", domain.ALICE),
        (domain.BOB.principal, domain.BOB),
        (domain.BOB.implicit_principal, domain.BOB),
        (domain.CAROL.netbios_name, domain.CAROL),
    ],
)
def test_a_name_with_one_reading(samba: Samba, name: str, account: DomainAccount) -> None:
    assert found(in_domain(samba), LoginName(name)) == name_of(account)


def test_a_name_with_two_readings_is_nobodys(samba: Samba) -> None:
    """The explicit one of mallory, and carol's account name."""
    assert found(in_domain(samba), LoginName(domain.CAROL.implicit_principal)) == SeveralEntries()


@pytest.mark.parametrize(
    "name",
    [
        "alice@example.org",
        "alice@other",
        "OTHER\\alice",
        "alice",
        "@ad.example.com",
        "EXAMPLE\\",
        "\\alice",
        "alice@",
        "a*@ad.example.com",
        "EXAMPLE\\*",
        "*\\alice",
        "alice@*",
        "staff)(cn=*@ad.example.com",
        "Alice Adams",
        "",
    ],
)
def test_a_name_of_another_domain_is_nobodys(samba: Samba, name: str) -> None:
    """There may be another alice in another domain."""
    assert found(in_domain(samba), LoginName(name)) == EntryNotFound()


def test_the_domain_of_a_base_deeper_down(samba: Samba) -> None:
    deeper = replace(in_domain(samba), base_dn=DistinguishedName.parse(domain.PEOPLE))
    assert found(deeper, LoginName(domain.ALICE.netbios_name)) == name_of(domain.ALICE)
    assert found(deeper, LoginName(domain.ALICE.implicit_principal)) == name_of(domain.ALICE)


def test_a_directory_without_domains(slapd: Slapd) -> None:
    """Names are those of an attribute there."""
    settings = replace(settings_for(plain(slapd)), upn_attribute="mail")
    assert found(settings, LoginName("Alice@Example.com")) == DistinguishedName.parse(ALICE.dn)
    assert found(settings, LoginName("EXAMPLE\\alice")) == EntryNotFound()
    assert found(settings, LoginName("nobody@example.com")) == EntryNotFound()
