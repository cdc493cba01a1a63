"""What attributes say, and filters that no name can change."""

from __future__ import annotations

import uuid
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.directory import entries
from ldapproxy.directory.entries import Person, RawEntry, UnusableEntryError
from ldapproxy.ldap.dn import DistinguishedName

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from ldap3.operation.search import compile_filter, parse_filter

UUID = "597ae2f6-16a6-1027-98f4-d28b5365dc14"


def raw(dn: str = "uid=Alice,ou=People,dc=example,dc=com", **attributes: tuple[bytes, ...]) -> RawEntry:
    return RawEntry(dn.encode(), {"entryUUID": (UUID.encode(),), "uid": (b"Alice",), **attributes})


def a_person(dn: str, *usernames: str) -> Person:
    return Person(DistinguishedName.parse(dn), UUID, usernames, "x", in_active_directory=False)


def test_a_person_is_told_as_the_directory_returned_it() -> None:
    found = entries.person(raw(), "uid")
    assert found == Person(
        dn=DistinguishedName.parse("uid=alice,ou=people,dc=example,dc=com"),
        identity=UUID,
        usernames=("Alice",),
        rdn_value="Alice",
        in_active_directory=False,
    )
    assert found.dn.text == "uid=Alice,ou=People,dc=example,dc=com"


def test_every_value_of_the_user_name_is_told_in_order() -> None:
    assert entries.person(raw(uid=(b"b", b"a")), "uid").usernames == ("b", "a")


def test_no_value_is_no_user_name() -> None:
    assert entries.person(raw(), "mail").usernames == ()


@pytest.mark.parametrize("asked", ["uid", "UID", "userid", "0.9.2342.19200300.100.1.1"])
@pytest.mark.parametrize("answered", ["uid", "Uid", "userid", "0.9.2342.19200300.100.1.1"])
def test_an_attribute_is_found_by_any_of_its_names(asked: str, answered: str) -> None:
    entry = RawEntry(b"uid=a,dc=example", {"entryuuid": (UUID.encode(),), answered: (b"a",)})
    assert entries.person(entry, asked).usernames == ("a",)


def test_values_with_options_do_not_count() -> None:
    attributes = {"uid;lang-en": (b"other",), **raw().attributes}
    entry = RawEntry(b"uid=Alice,dc=example", attributes)
    assert entries.person(entry, "uid").usernames == ("Alice",)


def test_a_user_name_in_utf_8_is_read_and_any_other_refused() -> None:
    assert entries.person(raw(uid=("zoë".encode(),)), "uid").usernames == ("zoë",)
    with pytest.raises(UnusableEntryError, match="a value of uid is not UTF-8"):
        entries.person(raw(uid=(b"alice", b"zo\xeb")), "uid")


def test_the_rdn_value_is_unescaped() -> None:
    assert entries.person(raw(r"cn=Smith\2C John,dc=example"), "uid").rdn_value == "Smith, John"


@pytest.mark.parametrize("dn", [b"no name", b"uid=\xff,dc=example", b"uid=a\x00b,dc=example"])
def test_a_name_that_is_none_is_refused(dn: bytes) -> None:
    entry = RawEntry(dn, {"entryUUID": (UUID.encode(),)})
    with pytest.raises(UnusableEntryError, match="no distinguished name"):
        entries.person(entry, "uid")


def test_an_entry_uuid_is_told_in_lower_case() -> None:
    assert entries.person(raw(entryUUID=(UUID.upper().encode(),)), "uid").identity == UUID


def test_an_object_guid_is_told_as_active_directory_writes_it() -> None:
    """The example of MS-DTYP section 2.3.4.3: f81d4fae-7dec-11d0-a765-00a0c91e6bf6, fields little-endian."""
    octets = bytes.fromhex("ae4f1df8ec7dd011a76500a0c91e6bf6")
    entry = RawEntry(b"CN=Alice,DC=example", {"objectGUID": (octets,), "sAMAccountName": (b"alice",)})
    found = entries.person(entry, "sAMAccountName")
    assert found.identity == "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    assert found.in_active_directory


def test_the_directorys_own_identity_wins_over_one_that_somebody_may_write() -> None:
    found = entries.person(raw(objectGUID=(uuid.uuid4().bytes,)), "uid")
    assert found.identity == UUID
    assert not found.in_active_directory


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"entryUUID": ()},
        {"objectGUID": (b"short",)},
        {"objectGUID": (b"x" * 16, b"y" * 16)},
        {"entryUUID": (UUID.encode(), UUID.encode())},
    ],
)
def test_an_entry_without_an_identity_is_refused(attributes: dict[str, tuple[bytes, ...]]) -> None:
    with pytest.raises(UnusableEntryError, match="neither entryUUID nor objectGUID"):
        entries.person(RawEntry(b"uid=a,dc=example", attributes), "uid")


def test_an_entry_uuid_that_is_none_is_refused_even_beside_an_object_guid() -> None:
    entry = raw(entryUUID=(b"not a uuid",), objectGUID=(b"x" * 16,))
    with pytest.raises(UnusableEntryError, match="entryUUID is no UUID"):
        entries.person(entry, "uid")


def test_membership_is_asked_of_the_three_kinds_of_groups() -> None:
    assert entries.membership_filter(a_person("uid=a,dc=b", "a")) == (
        r"(|(member=uid\3da\2cdc\3db)(uniqueMember=uid\3da\2cdc\3db)(memberUid=a))"
    )


@pytest.mark.parametrize("usernames", [(), ("",), ("a", "b")])
def test_without_exactly_one_user_name_member_uid_does_not_count(usernames: tuple[str, ...]) -> None:
    assert "memberUid" not in entries.membership_filter(a_person("uid=a,dc=b", *usernames))


def test_membership_in_active_directory_is_asked_with_the_in_chain_rule() -> None:
    group = DistinguishedName.parse("cn=g,dc=b")
    assert entries.nested_membership_filter(group) == (r"(memberOf:1.2.840.113556.1.4.1941:=cn\3dg\2cdc\3db)")


NASTY = [
    "*",
    "a*",
    ")(uid=*",
    "a)(|(objectClass=*)",
    "\\",
    "\\2a",
    "\\zz",
    " a ",
    "\ta\n",
    "a\x00b",
    "",
    "zoë",
    "\U0001f600",
    "\N{NO-BREAK SPACE}a",
    "a=b",
    "a~=b",
    "&(a=b)",
    "#0401",
]


def the_values_of(text: str) -> list[bytes]:
    """The values that a filter, one equality or several, compares with, as ldap3 sends them."""
    parsed = parse_filter(text, None, False, False, None, False)  # type: ignore[no-untyped-call]
    compiled = compile_filter(parsed.elements[0])  # type: ignore[no-untyped-call]
    whole = compiled.getComponent()
    parts = [part.getComponent() for part in whole] if compiled.getName() in ("or", "and") else [whole]
    assert all("assertionValue" in part for part in parts), "equality only, no presence, no substrings"
    return [bytes(part["assertionValue"]) for part in parts]


@pytest.mark.parametrize("username", NASTY)
def test_no_user_name_changes_a_filter(username: str) -> None:
    check_that_it_changes_nothing(username)


@given(username=st.text())
def test_no_text_at_all_changes_a_filter(username: str) -> None:
    try:
        username.encode()
    except UnicodeEncodeError:
        return  # what came from the directory as UTF-8 cannot hold a lone surrogate
    check_that_it_changes_nothing(username)


def check_that_it_changes_nothing(username: str) -> None:
    dn = "uid=a,dc=b"
    values = the_values_of(entries.membership_filter(a_person(dn, username)))
    assert values == [dn.encode()] * 2 + ([username.encode()] if username else [])
    assert the_values_of(entries.username_filter("uid", username, None)) == [username.encode()]
    assert the_values_of(entries.username_filter("uid", username, "(sn=x)")) == [username.encode(), b"x"]


@pytest.mark.parametrize(
    "value", [text for text in NASTY if text.strip() and "\x00" not in text and "\t" not in text]
)
def test_no_name_changes_a_filter(value: str) -> None:
    escaped = "".join(f"\\{octet:02x}" for octet in value.encode())
    dn = f"cn={escaped},dc=b"
    assert the_values_of(entries.membership_filter(a_person(dn))) == [dn.encode()] * 2


def test_attributes_that_are_asked_for() -> None:
    assert entries.attributes_of_a_person("mail") == ("entryUUID", "objectGUID", "mail")
