"""Distinguished names, attributes, OIDs, filters and names of sections."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.config import names
from ldapproxy.config.values import Invalid
from ldapproxy.ldap.dn import DistinguishedName
from tests.unit.config.sample import node, refusal


def test_distinguished_names() -> None:
    assert names.distinguished_name(node("OU=People, DC=example,DC=com")) == DistinguishedName.parse(
        "ou=people,dc=example,dc=com"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("alice@example.com", "must be a distinguished name such as ou=people,dc=example,dc=com: "),
        ("EXAMPLE\\alice", "must be a distinguished name such as ou=people,dc=example,dc=com: "),
        ("ou=people,,dc=com", "must be a distinguished name such as ou=people,dc=example,dc=com: "),
        ("''", "is empty"),
        ("null", "has no value"),
        ("[ou=people]", "must be a text, not a list"),
    ],
)
def test_what_is_no_distinguished_name(text: str, why: str) -> None:
    assert why in refusal(names.distinguished_name, text)


@pytest.mark.parametrize("text", ["uid", "sAMAccountName", "x-1", "2.5.4.3"])
def test_attributes(text: str) -> None:
    assert names.attribute(node(text)) == text


@pytest.mark.parametrize("text", ["1uid", "user name", "userPassword;binary", "uid)(cn", "2.5.", "9.1", "ü"])
def test_what_is_no_attribute(text: str) -> None:
    assert refusal(names.attribute, text) == (
        "must be the name of an attribute (letters, digits, hyphens), or its OID"
    )


def test_oids() -> None:
    assert names.oid(node("1.2.840.113556.1.4.1781")) == "1.2.840.113556.1.4.1781"
    for text in ("1", "whoami", "1..2", "1.02", "3.1"):
        assert "must be an OID" in refusal(names.oid, text)


@pytest.mark.parametrize(
    "text",
    [
        "(objectClass=person)",
        "(&(objectClass=person)(!(employeeType=robot)))",
        "(memberOf:1.2.840.113556.1.4.1941:=cn=x,dc=com)",
        "(cn=\\2a)",
    ],
)
def test_filters(text: str) -> None:
    assert names.search_filter(node(f"'{text}'")) == text


@pytest.mark.parametrize(
    "text", ["objectClass=person", "(a=b)(c=d)", "(&(a=b)", "(a=b))", "(a=b)x", "()", "(!a=b)", "person"]
)
def test_what_is_no_filter(text: str) -> None:
    assert refusal(names.search_filter, f"'{text}'") == (
        "must be a filter in parentheses, such as (objectClass=person)"
    )


def test_filters_are_bounded() -> None:
    nested = "(!" * 1500 + "(a=b)" + ")" * 1500
    assert "at most 4096 characters" in refusal(names.search_filter, f"'{nested}'")
    # Deep enough to end Python's stack, if it were not refused by then.
    assert refusal(names.search_filter, "'" + "(!" * 2000 + "'")


@given(st.text(alphabet="()&|!=*:\\a1 ;~<>", min_size=1, max_size=30))
def test_any_filter_is_read_or_refused(text: str) -> None:
    try:
        value = names.search_filter(node(f"'{text}'"))
    except Invalid:
        return
    assert value.startswith("(")
    assert value.endswith(")")


def test_section_names() -> None:
    assert all(map(names.is_section_name, ["vpn", "VPN-2", "a.b_c", "9", "a" * 63]))
    assert not any(map(names.is_section_name, ["", "-vpn", "my vpn", 'vpn"', "ü", "a" * 64, "vpn\n"]))


@pytest.mark.parametrize(
    "text",
    [
        "(sAMAccountName={name})",
        "(&(objectClass=user)(|(uid={name})(mail={name}@example.com)))",
        "(cn:caseExactMatch:={name})",
        "(cn=a{name}b{name}c)",
    ],
)
def test_searches_for_account_names(text: str) -> None:
    assert names.account_search(node(f"'{text}'")) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(uid=name)", "must hold {name}"),
        ("(uid={username})", "must hold {name}"),
        ("uid={name}", "must be a filter in parentheses"),
        ("({name}=alice)", "behind an equals sign only"),
        ("(|(uid={name})({name}=x))", "behind an equals sign only"),
        ("(cn:{name}:=x)", "behind an equals sign only"),
        ("{name}", "must be a filter"),
    ],
)
def test_searches_in_which_a_name_could_be_more_than_a_value(text: str, why: str) -> None:
    assert why in refusal(names.account_search, f"'{text}'")


def test_nobody_is_below_the_base() -> None:
    base = DistinguishedName.parse("ou=People, dc=example,dc=com")
    assert names.nobody(base).is_within(base)
    assert names.nobody(base) != base
