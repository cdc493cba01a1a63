"""Exemptions go by identity and network, never by a string that looks alike."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from ldapproxy.auth.outcomes import Reason
from ldapproxy.auth.policy import (
    ExemptDn,
    ExemptGroup,
    Exemption,
    ExemptSubtree,
    exempt_by_group,
    exempt_by_name,
)
from ldapproxy.ldap.dn import DistinguishedName
from tests.unit.auth.flows import CLIENT, ENTRY, STAFF, policy

SERVICES = DistinguishedName.parse("ou=svc,dc=example,dc=com")
SEARCH = DistinguishedName.parse("cn=search,ou=svc,dc=example,dc=com")


def by_name(name: str, *rules: Exemption, client: str = str(CLIENT)) -> Reason | None:
    return exempt_by_name(policy(exempt=rules), DistinguishedName.parse(name), ip_address(client))


@pytest.mark.parametrize(
    "name",
    [
        "cn=search,ou=svc,dc=example,dc=com",
        "CN=Search, OU=svc ,DC=Example,DC=COM",
        "2.5.4.3=search,ou=svc,dc=example,dc=com",
        "cn=\\73earch,ou=svc,dc=example,dc=com",
        "cn=#0406736561726368,ou=svc,dc=example,dc=com",
    ],
)
def test_one_dn_however_spelled(name: str) -> None:
    assert by_name(name, ExemptDn(SEARCH)) is Reason.EXEMPT_DN
    assert by_name(name, ExemptSubtree(SERVICES)) is Reason.EXEMPT_SUBTREE


@pytest.mark.parametrize(
    "name",
    [
        "cn=search,ou=svc-fake,dc=example,dc=com",
        "cn=search\\,ou=svc,dc=example,dc=com",
        "cn=search,ou=x\\,ou=svc,dc=example,dc=com",
        "cn=search,dc=example,dc=com",
        "dc=example,dc=com",
        "",
    ],
)
def test_what_only_looks_alike_is_not_exempt(name: str) -> None:
    assert by_name(name, ExemptDn(SEARCH), ExemptSubtree(SERVICES)) is None


def test_an_empty_name_is_never_exempt() -> None:
    nobody = DistinguishedName.parse("")
    assert by_name("", ExemptDn(nobody), ExemptSubtree(nobody)) is None


def test_networks_narrow_an_exemption() -> None:
    rule = ExemptDn(SEARCH, (ip_network("10.1.0.0/16"), ip_network("2001:db8::/32")))
    assert by_name(SEARCH.text, rule, client="10.1.255.1") is Reason.EXEMPT_DN
    assert by_name(SEARCH.text, rule, client="2001:db8::1") is Reason.EXEMPT_DN
    assert by_name(SEARCH.text, rule, client="::ffff:10.1.0.9") is Reason.EXEMPT_DN
    assert by_name(SEARCH.text, rule, client="10.2.0.1") is None
    assert by_name(SEARCH.text, rule, client="::1") is None


def test_a_rule_that_does_not_apply_does_not_hide_one_that_does() -> None:
    elsewhere = ExemptDn(SEARCH, (ip_network("10.0.0.0/8"),))
    assert by_name(SEARCH.text, elsewhere, ExemptSubtree(SERVICES)) is Reason.EXEMPT_SUBTREE


def test_group_rules_are_decided_by_the_entry_only() -> None:
    rules = policy(exempt=(ExemptGroup(STAFF, (ip_network("192.0.2.0/24"),)),))
    member = replace(ENTRY, groups=frozenset({STAFF}))
    assert exempt_by_name(rules, ENTRY.dn, CLIENT) is None
    assert exempt_by_group(rules, member, CLIENT) is Reason.EXEMPT_GROUP
    assert exempt_by_group(rules, member, ip_address("198.51.100.1")) is None
    assert exempt_by_group(rules, ENTRY, CLIENT) is None


def test_the_groups_to_look_up() -> None:
    rules = policy(exempt=(ExemptGroup(STAFF), ExemptDn(SEARCH)), require_group=SERVICES)
    assert rules.groups == {STAFF, SERVICES}
    assert policy().groups == frozenset()
