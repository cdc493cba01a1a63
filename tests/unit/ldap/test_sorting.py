"""The value of the control for server-side sorting."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.sorting import decode_sort_keys
from tests.support.ldap_bytes import octets, tlv


def key(attribute: str, *further: bytes) -> bytes:
    return tlv(0x30, octets(attribute), *further)


def test_keys_in_their_order_with_and_without_a_rule() -> None:
    rule, reverse = tlv(0x80, b"2.5.13.18"), tlv(0x81, b"\xff")
    value = tlv(0x30, key("cn"), key("sn;lang-en", rule), key("2.5.4.35", reverse), key("uid", rule, reverse))
    assert decode_sort_keys(value) == ("cn", "sn;lang-en", "2.5.4.35", "uid")
    assert decode_sort_keys(tlv(0x30)) == ()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        key("cn"),
        tlv(0x30, octets("cn")),
        tlv(0x30, key("cn")) + b"\x05\x00",
        tlv(0x30, key("cn", octets("more"))),
        tlv(0x30, key("cn", tlv(0x81, b"\xff"), tlv(0x80, b"2.5.13.18"))),
        tlv(0x30, tlv(0x30, tlv(0x24, octets("user"), octets("Password")))),
        tlv(0x30, key("user\0Password")),
    ],
)
def test_anything_else_is_refused(value: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_sort_keys(value)


@given(st.binary())
def test_no_other_error(value: bytes) -> None:
    with contextlib.suppress(DecodeError):
        decode_sort_keys(value)
