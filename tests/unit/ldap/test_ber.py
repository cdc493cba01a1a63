"""BER: what is read, what is refused, and that nothing is ever read outside its bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.ldap import ber
from ldapproxy.ldap.ber import Reader
from ldapproxy.ldap.errors import DecodeError


def test_elements_are_read_one_behind_the_other() -> None:
    reader = Reader(b"\x02\x01\x05\x04\x02ab\x0a\x01\x02\x01\x01\xff\x30\x03\x04\x01c")
    assert reader.integer() == 5
    assert reader.octets() == b"ab"
    assert reader.integer(ber.ENUMERATED) == 2
    assert reader.boolean() is True
    assert reader.peek() == ber.SEQUENCE
    inner = reader.inside()
    assert reader.at_end
    assert inner.octets() == b"c"
    inner.finish()
    reader.finish()
    assert reader.peek() is None


def test_reading_keeps_to_its_part_of_the_buffer() -> None:
    buffer = b"\x04\x01a\x04\x01b\x04\x01c"
    reader = Reader(buffer, 3, 6)
    assert reader.octets() == b"b"
    assert reader.at_end
    with pytest.raises(DecodeError):
        reader.octets()


def test_a_reader_of_a_part_does_not_reach_behind_it() -> None:
    with pytest.raises(DecodeError, match="reaches beyond"):
        Reader(b"\x04\x03abc", 0, 4).octets()


def test_looking_ahead_leaves_the_reader_where_it_is() -> None:
    reader = Reader(b"\x04\x01a")
    reader.copy().skip()
    assert reader.octets() == b"a"


@pytest.mark.parametrize(
    "length",
    [b"\x03", b"\x81\x03", b"\x82\x00\x03", b"\x83\x00\x00\x03", b"\x84\x00\x00\x00\x03"],
    ids=["one octet", "two", "three", "four", "five"],
)
def test_a_length_may_be_longer_than_it_need_be(length: bytes) -> None:
    assert Reader(b"\x04" + length + b"abc").octets() == b"abc"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x04",
        b"\x04\x02a",
        b"\x04\x80a\x00\x00",  # indefinite
        b"\x04\xffa",  # reserved
        b"\x04\x85\x00\x00\x00\x00\x01a",  # five octets
        b"\x04\x82\x00",
        b"\x04\x84\xff\xff\xff\xffa",
        b"\x24\x03\x04\x01a",  # a constructed string, which LDAP forbids
        b"\x1f\x04\x01a",
    ],
)
def test_what_is_no_string_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        Reader(data).octets()


@pytest.mark.parametrize("tag", [0x1F, 0x9F, 0xBF, 0x5F])
def test_tags_of_more_than_one_octet_are_refused_where_anything_may_stand(tag: int) -> None:
    with pytest.raises(DecodeError, match="identifier"):
        Reader(bytes((tag, 1, 0))).skip()


def test_what_is_left_over_is_refused() -> None:
    with pytest.raises(DecodeError, match="something behind"):
        Reader(b"\x00").finish()


@pytest.mark.parametrize(
    ("contents", "value"),
    [
        (b"\x00", 0),
        (b"\x7f", 127),
        (b"\x00\x80", 128),
        (b"\x7f\xff\xff\xff", 2**31 - 1),
        (b"\xff", -1),
        (b"\x80\x00\x00\x00", -(2**31)),
    ],
)
def test_integers(contents: bytes, value: int) -> None:
    assert ber.integer_value(contents) == value
    assert ber.integer(value) == b"\x02" + bytes((len(contents),)) + contents


@pytest.mark.parametrize(
    "contents", [b"", b"\x00\x01", b"\x00\x00", b"\xff\xff", b"\xff\x80", b"\x00\x80\x00\x00\x00"]
)
def test_integers_that_are_padded_empty_or_too_long_are_refused(contents: bytes) -> None:
    with pytest.raises(DecodeError, match="INTEGER"):
        ber.integer_value(contents)


@pytest.mark.parametrize(("octet", "value"), [(0x00, False), (0xFF, True), (0x01, True)])
def test_booleans(octet: int, value: bool) -> None:
    assert Reader(bytes((1, 1, octet))).boolean() is value


@pytest.mark.parametrize("data", [b"\x01\x00", b"\x01\x02\xff\xff", b"\x02\x01\xff"])
def test_what_is_no_boolean_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        Reader(data).boolean()


@pytest.mark.parametrize(
    ("size", "header"),
    [(0, "0400"), (127, "047f"), (128, "048180"), (255, "0481ff"), (256, "04820100"), (65536, "0483010000")],
)
def test_lengths_are_written_as_short_as_can_be(size: int, header: str) -> None:
    assert ber.octet_string(bytes(size)) == bytes.fromhex(header) + bytes(size)


def test_an_element_joins_its_contents() -> None:
    assert ber.sequence(ber.integer(1), b"", ber.octet_string(b"x")) == b"\x30\x06\x02\x01\x01\x04\x01x"
    assert ber.element(ber.context(3, constructed=True), b"") == b"\xa3\x00"
    assert ber.element(ber.context(10), b"") == b"\x8a\x00"


@given(st.integers(-(2**31), 2**31 - 1))
def test_integers_survive_the_round_trip(value: int) -> None:
    reader = Reader(ber.integer(value))
    assert reader.integer() == value
    reader.finish()


@given(st.binary(max_size=300), st.sampled_from([ber.OCTET_STRING, 0x80, 0x8B]))
def test_strings_survive_the_round_trip(contents: bytes, tag: int) -> None:
    reader = Reader(ber.element(tag, contents))
    assert reader.octets(tag) == contents
    reader.finish()


@given(st.binary(max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_nothing_but_decode_errors_and_never_beyond_the_end(data: bytes, start: int, size: int) -> None:
    start = min(start, len(data))
    end = min(start + size, len(data))
    reader = Reader(data, start, end)
    try:
        while not reader.at_end:
            before = reader.position
            tag = reader.skip()
            assert before < reader.position <= end
            assert tag == data[before]
    except DecodeError:
        pass
