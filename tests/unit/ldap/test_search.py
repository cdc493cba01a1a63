"""The SearchRequest, down to what decides about it."""

from __future__ import annotations

import pytest

from ldapproxy.ldap import ber
from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.search import (
    BASE_OBJECT,
    SearchRequest,
    decode_entry_values,
    decode_search_request,
    encode_entry_search,
    encode_root_dse_search,
)
from tests.support import ldap_bytes
from tests.support import ldap_samples as samples
from tests.support.ldap_frames import frame_of

_BASE = b"\x04\x03o=x"
_SCOPE = b"\x0a\x01\x01"
_DEREFERENCE = b"\x0a\x01\x00"
_LIMIT = b"\x02\x01\x00"
_TYPES_ONLY = b"\x01\x01\x00"
_FILTER = b"\x87\x02cn"
_ATTRIBUTES = b"\x30\x00"
_GOOD = (_BASE, _SCOPE, _DEREFERENCE, _LIMIT, _LIMIT, _TYPES_ONLY, _FILTER, _ATTRIBUTES)


def _search(*fields: bytes) -> SearchRequest:
    return decode_search_request(frame_of(ber.sequence(ber.integer(1), ber.element(0x63, *fields))))


def _replaced(place: int, field: bytes) -> tuple[bytes, ...]:
    return (*_GOOD[:place], field, *_GOOD[place + 1 :])


def test_the_root_dse() -> None:
    assert decode_search_request(frame_of(samples.ROOT_DSE_SEARCH)) == SearchRequest(
        2, b"", BASE_OBJECT, ("objectClass",), False, True
    )


def test_a_usual_search() -> None:
    assert decode_search_request(frame_of(samples.SEARCH)) == SearchRequest(
        300, b"o=x", 2, ("uid", "cn"), False, False
    )


def test_an_extensible_match_without_a_type_is_noticed() -> None:
    search = _search(*_replaced(6, b"\xa9\x0b\x81\x06\x32\x2e\x35\x2e\x31\x33\x83\x01v"))
    assert search.extensible_without_attribute
    assert not search.is_presence_only


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (1, b"\x0a\x01\x03"),  # subordinates, as OpenLDAP knows it
        (3, b"\x02\x01\xff"),  # a negative limit, as careless clients send it
        (5, b"\x01\x01\x01"),
        (7, b"\x30\x08\x04\x01*\x04\x03+ x"),
        (7, b"\x30\x02\x04\x00"),
    ],
)
def test_what_is_odd_but_clear_is_accepted(place: int, field: bytes) -> None:
    assert _search(*_replaced(place, field)).base == b"o=x"


@pytest.mark.parametrize("count", range(len(_GOOD)))
def test_a_search_with_something_missing_is_refused(count: int) -> None:
    with pytest.raises(DecodeError):
        _search(*_GOOD[:count])
    with pytest.raises(DecodeError):
        _search(*_GOOD[:count], *_GOOD[count + 1 :])


@pytest.mark.parametrize(
    "fields",
    [
        (*_GOOD, b"\x30\x00"),
        (*_GOOD, b"\xa0\x00"),
        _replaced(1, b"\x02\x01\x01"),
        _replaced(1, b"\x0a\x02\x00\x01"),
        _replaced(6, _FILTER + _FILTER),
        _replaced(7, b"\x31\x00"),
        _replaced(7, b"\x30\x03\x02\x01\x00"),
    ],
)
def test_anything_else_is_refused(fields: tuple[bytes, ...]) -> None:
    with pytest.raises(DecodeError):
        _search(*fields)


def test_our_own_search_is_one_of_the_root_dse() -> None:
    raw = encode_root_dse_search(7, "tokenGroups")
    assert decode_search_request(frame_of(raw)) == SearchRequest(
        7, b"", BASE_OBJECT, ("objectClass",), False, True
    )
    assert raw == ldap_bytes.search(7, "", 0, attributes=("tokenGroups",))
    of_an_entry = encode_entry_search(300, b"o=x", "objectSid")
    assert of_an_entry == ldap_bytes.search(300, "o=x", 0, attributes=("objectSid",))


def _entry(*attributes: tuple[str, tuple[bytes, ...]], behind: bytes = b"") -> bytes:
    listed = [
        ber.sequence(ber.octet_string(name.encode()), ber.element(ber.SET, *map(ber.octet_string, values)))
        for name, values in attributes
    ]
    entry = ber.element(0x64, ber.octet_string(b""), ber.sequence(*listed), behind)
    return ber.sequence(ber.integer(1), entry)


def test_the_values_of_an_attribute_in_their_order() -> None:
    raw = _entry(("cn", (b"x",)), ("TOKENGROUPS", (b"one", b"", b"two")), ("tokenGroups;binary", (b"y",)))
    assert decode_entry_values(frame_of(raw), "tokenGroups") == (b"one", b"", b"two")
    assert decode_entry_values(frame_of(raw), "commonName") == (b"x",)
    assert decode_entry_values(frame_of(raw), "objectSid") == ()
    assert decode_entry_values(frame_of(_entry()), "cn") == ()


@pytest.mark.parametrize(
    "operation",
    [
        b"\x64\x00",
        b"\x64\x02\x04\x00",
        b"\x64\x06\x04\x00\x30\x02\x04\x00",
        b"\x64\x0a\x04\x00\x30\x06\x30\x04\x04\x02cn",
        b"\x64\x0c\x04\x00\x30\x08\x30\x06\x04\x02cn\x30\x00",
        b"\x65\x07\x0a\x01\x00\x04\x00\x04\x00",
    ],
)
def test_an_entry_that_is_malformed(operation: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_entry_values(frame_of(ber.sequence(ber.integer(1), operation)), "cn")
