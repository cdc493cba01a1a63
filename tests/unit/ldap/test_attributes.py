"""Attribute types: all spellings of one give one name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.ldap.attributes import canonical_attribute, decode_description
from ldapproxy.ldap.errors import DecodeError


@pytest.mark.parametrize(
    ("canonical", "spellings"),
    [
        (
            "cn",
            ["cn", "CN", "commonName", "COMMONNAME", "2.5.4.3", "OID.2.5.4.3", "oid.2.5.4.3", "cn;lang-en"],
        ),
        ("uid", ["uid", "userid", "UserID", "0.9.2342.19200300.100.1.1"]),
        ("dc", ["DC", "domainComponent", "0.9.2342.19200300.100.1.25"]),
        (
            "userpassword",
            ["userPassword", "USERPASSWORD;x-a;lang-de", "2.5.4.35", "2.5.4.35;binary", "02.05.4.035"],
        ),
        ("unicodepwd", ["unicodePwd", "1.2.840.113556.1.4.90"]),
        ("olcrootpw", ["olcRootPW", "1.3.6.1.4.1.4203.1.12.2.3.2.0.9"]),
        ("sambantpassword", ["sambaNTPassword", "1.3.6.1.4.1.7165.2.1.25"]),
        ("shoesize", ["shoeSize", "SHOESIZE"]),
        ("1.2.3", ["1.2.3", "OID.1.2.3", "01.02.03;x"]),
        ("", ["", ";x", "OID."]),
    ],
)
def test_all_spellings_of_a_type_have_one_name(canonical: str, spellings: list[str]) -> None:
    assert {canonical_attribute(spelling) for spelling in spellings} == {canonical}


def test_different_types_stay_different() -> None:
    names = ["cn", "sn", "uid", "2.5.4.30", "2.5.4.300", "10.2.5.4.3", "userPasswordHint", "x-userPassword"]
    assert len({canonical_attribute(name) for name in names}) == len(names)


@given(st.text())
def test_the_one_name_is_its_own_name(text: str) -> None:
    once = canonical_attribute(text)
    # "oid.oid.1" loses one prefix at a time; no directory reads it.
    if not once.startswith("oid."):
        assert canonical_attribute(once) == once


def test_a_description_is_visible_ascii() -> None:
    assert decode_description(b"userCertificate;binary") == "userCertificate;binary"
    assert decode_description(b"under_score") == "under_score"


@pytest.mark.parametrize(
    "contents", [b"", b"userPassword\x00x", b"user Password", b"\xc5\xbfn", b"cn\n", b"cn\x7f"]
)
def test_what_a_directory_might_read_otherwise_is_no_description(contents: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_description(contents)
