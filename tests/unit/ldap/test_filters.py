"""Search filters: which attributes they assert on, however they are built."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.ldap import ber
from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.filters import MAX_FILTER_DEPTH, FilterFacts, decode_filter, decode_values_return_filter


def _assertion(tag: int, attribute: bytes = b"cn", value: bytes = b"v") -> bytes:
    return ber.element(tag, ber.octet_string(attribute), ber.octet_string(value))


def _substrings(attribute: bytes, *pieces: bytes) -> bytes:
    return ber.element(0xA4, ber.octet_string(attribute), ber.sequence(*pieces))


def _nested(depth: int, tag: int = 0xA0, innermost: bytes = b"\x87\x02cn") -> bytes:
    contents = innermost
    for _ in range(depth):
        contents = ber.element(tag, contents)
    return contents


@pytest.mark.parametrize("tag", [0xA3, 0xA5, 0xA6, 0xA8])
def test_assertions_of_a_value(tag: int) -> None:
    assert decode_filter(_assertion(tag, b"userPassword;x-a")) == FilterFacts(("userPassword;x-a",), False)


def test_presence() -> None:
    assert decode_filter(b"\x87\x02cn") == FilterFacts(("cn",), False, True)


def test_only_a_presence_test_that_stands_alone_is_one() -> None:
    assert not decode_filter(b"\xa0\x04\x87\x02cn").is_presence_only
    assert not decode_filter(_assertion(0xA3)).is_presence_only


def test_substrings() -> None:
    assert decode_filter(_substrings(b"sn", b"\x80\x01a", b"\x81\x01b", b"\x82\x01c")) == FilterFacts(
        ("sn",), False
    )


@pytest.mark.parametrize(
    ("contents", "attributes", "without"),
    [
        (b"\x82\x02cn\x83\x01v", ("cn",), False),
        (b"\x81\x032.5\x82\x02cn\x83\x01v", ("cn",), False),
        (b"\x81\x032.5\x82\x02cn\x83\x01v\x84\x01\xff", ("cn",), False),
        (b"\x81\x032.5\x83\x01v", (), True),
        (b"\x81\x032.5\x83\x01v\x84\x01\xff", (), True),
        (b"\x83\x01v", (), True),
    ],
)
def test_extensible_matches(contents: bytes, attributes: tuple[str, ...], without: bool) -> None:
    assert decode_filter(ber.element(0xA9, contents)) == FilterFacts(attributes, without)


def test_every_assertion_counts_at_any_depth() -> None:
    tree = ber.element(
        0xA0,
        _assertion(0xA3, b"a"),
        ber.element(0xA1, _assertion(0xA5, b"b"), ber.element(0xA2, _substrings(b"c", b"\x81\x00"))),
        ber.element(0xA2, ber.element(0xA2, _assertion(0xA8, b"d"))),
        ber.element(0xA1, ber.element(0xA9, b"\x83\x00"), b"\x87\x01e"),
        b"\x87\x01f",
    )
    assert decode_filter(tree) == FilterFacts(("a", "b", "c", "d", "e", "f"), True)


@pytest.mark.parametrize("empty", [b"\xa0\x00", b"\xa1\x00", b"\xa0\x04\xa1\x00\xa0\x00"])
def test_always_true_and_always_false(empty: bytes) -> None:
    """RFC 4526."""
    assert decode_filter(empty) == FilterFacts((), False)


@pytest.mark.parametrize("tag", [0xA0, 0xA1, 0xA2])
def test_filters_may_be_nested_so_deep_and_no_deeper(tag: int) -> None:
    assert decode_filter(_nested(MAX_FILTER_DEPTH, tag)).attributes == ("cn",)
    with pytest.raises(DecodeError, match="deeper than 100"):
        decode_filter(_nested(MAX_FILTER_DEPTH + 1, tag))


def test_a_filter_of_absurd_depth_overflows_nothing() -> None:
    with pytest.raises(DecodeError, match="deeper"):
        decode_filter(_nested(15_000))


def test_wide_is_not_deep() -> None:
    wide = ber.element(0xA1, *(ber.element(0xA2, _assertion(0xA3)) for _ in range(1000)))
    assert decode_filter(wide).attributes == ("cn",) * 1000


def test_the_value_is_not_kept() -> None:
    assert "hunter2" not in repr(decode_filter(_assertion(0xA3, b"userPassword", b"hunter2")))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30\x00",
        b"\xa7\x02cn",  # constructed presence
        b"\x83\x02cn",
        b"\xaa\x00",
        b"\x87\x00",
        b"\x87\x03c\x00n",
        b"\x87\x02cn\x00",  # something behind
        b"\x87\x02cn\x87\x02sn",
        b"\xa2\x00",
        b"\xa2\x08\x87\x02cn\x87\x02sn",
        b"\xa3\x04\x04\x02cn",
        b"\xa3\x0a\x04\x02cn\x04\x01v\x04\x01w",
        b"\xa3\x05\x04\x00\x04\x01v",
        b"\xa3\x07\x87\x02cn\x04\x01v",
        b"\xa4\x06\x04\x02cn\x30\x00",
        b"\xa4\x09\x04\x02cn\x30\x03\x83\x01v",
        b"\xa4\x09\x04\x02cn\x31\x03\x81\x01v",
        b"\xa4\x0b\x04\x02cn\x30\x03\x81\x01v\x04\x00",
        b"\xa9\x00",
        b"\xa9\x04\x82\x02cn",
        b"\xa9\x05\x82\x00\x83\x01v",
        b"\xa9\x07\x83\x01v\x82\x02cn",  # the type behind the value, where some decoders would still find it
        b"\xa9\x0a\x82\x02cn\x82\x01v\x83\x01v",
        b"\xa9\x09\x83\x01v\x84\x01\xff\x85\x01v",
        b"\xa9\x05\x83\x01v\x84\x00",
        b"\xa0\x05\x87\x02cn",
        b"\xa0\x80\x87\x02cn\x00\x00",
    ],
)
def test_what_is_no_filter_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_filter(data)


class TestMatchedValues:
    def test_a_sequence_of_assertions(self) -> None:
        value = ber.sequence(_assertion(0xA3, b"a"), b"\x87\x01b", _substrings(b"c", b"\x80\x01v"))
        assert decode_values_return_filter(value) == FilterFacts(("a", "b", "c"), False)

    def test_an_extensible_match_without_a_type_is_noticed(self) -> None:
        value = ber.sequence(ber.element(0xA9, b"\x81\x032.5\x83\x01v"), _assertion(0xA3))
        assert decode_values_return_filter(value) == FilterFacts(("cn",), True)

    @pytest.mark.parametrize(
        "value",
        [
            b"",
            b"\x87\x02cn",
            b"\x30\x06\xa2\x04\x87\x02cn",
            b"\x30\x04\x87\x02cn\x00",
            b"\x30\x06\xa0\x04\x87\x02cn",
        ],
    )
    def test_anything_else_is_refused(self, value: bytes) -> None:
        with pytest.raises(DecodeError):
            decode_values_return_filter(value)


@given(st.binary(max_size=60))
def test_whatever_comes_there_are_facts_or_decode_errors(data: bytes) -> None:
    for decode in (decode_filter, decode_values_return_filter):
        with contextlib.suppress(DecodeError):
            assert isinstance(decode(data), FilterFacts)
