"""The stream that passes through: which heads are seen in it, however it is cut, and what is refused."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.ldap import ber
from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.framing import Head
from ldapproxy.ldap.streaming import StreamFramer
from tests.support.ldap_frames import cut, frames_of
from tests.support.ldap_malformed import MALFORMED, NOT_SEEN_IN_A_STREAM
from tests.support.ldap_samples import (
    BIND_AS_WINDOWS_WRITES_IT,
    NOTICE,
    REQUESTS,
    RESPONSES,
    SEARCH_DONE,
    SEARCH_ENTRY,
)

_SAMPLES = {**REQUESTS, **RESPONSES}


def _runs(heads: Iterable[Head]) -> list[Head]:
    """The heads, with one for a run of entries of one search."""
    runs: list[Head] = []
    for head in heads:
        if head.tag != 0x64 or runs[-1:] != [head]:
            runs.append(head)
    return runs


def _heads(*pieces: bytes) -> tuple[bytes, list[Head]]:
    framer = StreamFramer()
    passed, heads = b"", []
    for piece in pieces:
        data, begun = framer.feed(piece)
        assert begun == _runs(begun)
        passed += data
        heads += begun
    assert framer.at_boundary
    return passed, _runs(heads)


def test_heads_of_messages_in_one_piece() -> None:
    stream = SEARCH_ENTRY + SEARCH_DONE + NOTICE
    assert _heads(stream) == (stream, [Head(300, 0x64), Head(300, 0x65), Head(0, 0x78)])


def test_a_run_of_entries_of_one_search_has_one_head() -> None:
    other = ber.sequence(ber.integer(5), ber.element(0x64, b"x"))
    stream = SEARCH_ENTRY + SEARCH_ENTRY + other + other + SEARCH_ENTRY + SEARCH_DONE + SEARCH_DONE
    passed, heads = StreamFramer().feed(stream)
    assert passed == stream
    assert heads == [
        Head(300, 0x64), Head(5, 0x64), Head(300, 0x64), Head(300, 0x65), Head(300, 0x65),
    ]  # fmt: skip


def test_a_reference_between_entries_has_its_own() -> None:
    entry, reference = (ber.sequence(ber.integer(5), ber.element(tag, b"x")) for tag in (0x64, 0x73))
    assert _heads(entry * 2 + reference + entry)[1] == [Head(5, 0x64), Head(5, 0x73), Head(5, 0x64)]


def _fed(pieces: Iterable[bytes]) -> tuple[bytes, list[Head]] | None:
    """What was passed on and the runs of heads; None when it was refused."""
    framer = StreamFramer()
    passed, heads = b"", []
    try:
        for piece in pieces:
            data, begun = framer.feed(piece)
            passed += data
            heads += begun
    except DecodeError:
        return None
    return passed, _runs(heads)


@given(
    message_id=st.sampled_from([1, 127, 128, 300, 0x7FFF, 0x8000, 0x7FFFFF, 0x800000, 2**31 - 1]),
    sizes=st.lists(st.sampled_from([0, 1, 100, 127, 128, 250, 255, 256, 300, 700]), min_size=2, max_size=8),
    change=st.none() | st.tuples(st.integers(0, 3_000), st.integers(0, 7), st.integers(0, 255)),
)
def test_runs_of_entries_are_read_as_single_octets_are(
    message_id: int, sizes: list[int], change: tuple[int, int, int] | None
) -> None:
    """Also with an octet changed, at whatever place of a head: nothing is skipped that would be refused."""
    entries = [ber.sequence(ber.integer(message_id), ber.element(0x64, b"x" * size)) for size in sizes]
    stream = bytearray(b"".join(entries))
    if change is not None:
        which, place, octet = change
        begin = sum(map(len, entries[: which % len(entries)]))
        stream[begin + place] = octet
    whole = bytes(stream)
    octets = [whole[at : at + 1] for at in range(len(whole))]
    assert _fed([whole]) == _fed(octets)


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x30\x04\x02\x01\x05\x64",  # no length
        b"\x30\x06\x02\x01\x05\x43\x01\x00",  # no operation
        b"\x30\x06\x02\x02\x05\x64\x01\x00",  # another messageID and no operation
        b"\x31\x06\x02\x01\x05\x64\x01\x00",  # no SEQUENCE
    ],
)
def test_behind_entries_every_message_is_checked(wrong: bytes) -> None:
    with pytest.raises(DecodeError):
        StreamFramer().feed(b"\x30\x06\x02\x01\x05\x64\x00\x00" * 2 + wrong + bytes(8))


def test_the_piece_itself_is_passed_on_when_nothing_is_kept_back() -> None:
    stream = SEARCH_ENTRY * 10 + SEARCH_DONE[:9]
    passed, _ = StreamFramer().feed(stream)
    assert passed is stream


@given(st.lists(st.sampled_from(list(_SAMPLES.values())), max_size=8), st.lists(st.integers(0, 10_000)))
def test_any_cut_into_pieces_passes_the_same(messages: list[bytes], places: list[int]) -> None:
    stream = b"".join(messages)
    heads = [Head(frame.message_id, frame.tag) for frame in frames_of(stream)]
    assert _heads(*cut(stream, places)) == (stream, _runs(heads))


def test_byte_by_byte() -> None:
    stream = b"".join(_SAMPLES.values())
    assert _heads(*(bytes((octet,)) for octet in stream)) == _heads(stream)


@given(
    st.lists(st.sampled_from(list(_SAMPLES.values())), min_size=1, max_size=5),
    st.lists(st.integers(0, 500)),
)
def test_a_head_comes_with_its_first_octets_and_not_later(messages: list[bytes], places: list[int]) -> None:
    """What is passed on never holds the beginning of a message whose head has not been returned."""
    framer = StreamFramer()
    frames = frames_of(b"".join(messages))
    starts = [sum(map(len, messages[:index])) for index in range(len(messages))]
    passed = 0
    for piece in cut(b"".join(messages), places):
        data, heads = framer.feed(piece)
        begun = [
            Head(frame.message_id, frame.tag)
            for start, frame in zip(starts, frames, strict=True)
            if passed <= start < passed + len(data)
        ]
        passed += len(data)
        assert heads == _runs(begun)


def test_a_message_of_two_gigabytes_passes_without_being_kept() -> None:
    framer = StreamFramer()
    header = b"\x30\x84\x7f\xff\xff\xff\x02\x01\x05\x64\x84\x7f\xff\xff\xf6"
    assert framer.feed(header) == (header, [Head(5, 0x64)])
    left = 2**31 - 1 - (len(header) - 6)
    chunk = bytes(2**20)
    for _ in range(left // len(chunk)):
        passed, heads = framer.feed(chunk)
        assert passed is chunk
        assert not heads
    assert not framer.at_boundary
    framer.feed(bytes(left % len(chunk)))
    assert framer.at_boundary


def test_one_larger_than_that_is_refused() -> None:
    with pytest.raises(DecodeError, match="two gigabytes"):
        StreamFramer().feed(b"\x30\x84\x80\x00\x00\x00")


@pytest.mark.parametrize("size", range(1, 10))
def test_an_incomplete_header_is_kept_back(size: int) -> None:
    framer = StreamFramer()
    assert framer.at_boundary
    passed, heads = framer.feed(SEARCH_DONE + BIND_AS_WINDOWS_WRITES_IT[:size])
    assert (passed, heads) == (SEARCH_DONE, [Head(300, 0x65)])
    assert not framer.at_boundary
    passed, heads = framer.feed(BIND_AS_WINDOWS_WRITES_IT[size:])
    assert (passed, heads) == (BIND_AS_WINDOWS_WRITES_IT, [Head(1, 0x60)])
    assert framer.at_boundary


def test_what_is_kept_back_is_bounded() -> None:
    """The longest header: all lengths in four octets."""
    framer = StreamFramer()
    header = b"\x30\x84\x00\x00\x00\x20\x02\x84\x00\x00\x00\x04\x7f\xff\xff\xff"
    for octet in header:
        assert framer.feed(bytes((octet,))) == (b"", [])
    assert framer.feed(b"\x64") == (header + b"\x64", [Head(2**31 - 1, 0x64)])


def test_nothing_comes_from_nothing() -> None:
    assert StreamFramer().feed(b"") == (b"", [])


@pytest.mark.parametrize("name", [name for name in MALFORMED if name not in NOT_SEEN_IN_A_STREAM])
def test_what_is_no_message_is_refused(name: str) -> None:
    with pytest.raises(DecodeError):
        StreamFramer().feed(MALFORMED[name])

    framer = StreamFramer()

    def feed() -> None:
        for octet in MALFORMED[name]:
            framer.feed(bytes((octet,)))

    with pytest.raises(DecodeError):
        feed()


@given(st.binary(max_size=60))
def test_whatever_comes_there_are_heads_or_decode_errors(data: bytes) -> None:
    framer = StreamFramer()
    try:
        passed, heads = framer.feed(data)
        assert data.startswith(passed)
        assert len(data) - len(passed) <= 16
        assert all(0 <= head.message_id < 2**31 for head in heads)
    except DecodeError:
        pass


def test_a_large_message_in_single_octets_costs_time_in_proportion() -> None:
    message = ber.sequence(b"\x02\x01\x01", ber.element(0x64, bytes(400_000)))
    framer = StreamFramer()
    start = time.process_time()
    for octet in message:
        framer.feed(bytes((octet,)))
    assert framer.at_boundary
    assert time.process_time() - start < 4


@pytest.mark.parametrize(
    ("octets", "message_id"),
    [
        (b"\x02\x01\x01", 1),
        (b"\x02\x01\x7f", 127),
        (b"\x02\x02\x00\x80", 128),
        (b"\x02\x02\x01\x00", 256),
        (b"\x02\x02\x7f\xff", 32767),
        (b"\x02\x03\x00\x80\x00", 32768),
        (b"\x02\x04\x7f\xff\xff\xff", 2**31 - 1),
        (b"\x02\x81\x01\x05", 5),
        (b"\x02\x84\x00\x00\x00\x02\x01\x00", 256),
    ],
)
def test_message_ids(octets: bytes, message_id: int) -> None:
    message = ber.sequence(octets, b"\x42\x00")
    assert StreamFramer().feed(message) == (message, [Head(message_id, 0x42)])
