"""Framing: where messages begin and end, however the bytes arrive, and what is refused."""

from __future__ import annotations

import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.ldap import ber
from ldapproxy.ldap.errors import DecodeError, MessageTooLarge
from ldapproxy.ldap.framing import Frame, Head, MessageFramer, StreamFramer
from tests.support.ldap_samples import (
    BIND,
    BIND_AS_WINDOWS_WRITES_IT,
    BIND_WITH_CONTROL,
    NOTICE,
    PASSWORD_POLICY_CONTROL,
    REQUESTS,
    RESPONSES,
    SEARCH,
    SEARCH_DONE,
    SEARCH_ENTRY,
    UNBIND,
)

_SAMPLES = {**REQUESTS, **RESPONSES}


def _frames(*pieces: bytes, limit: int = 100_000, allow_zero_id: bool = True) -> list[Frame]:
    """All frames that come out of the pieces; at the end nothing may be left."""
    framer = MessageFramer(limit, allow_zero_id=allow_zero_id)
    frames = []
    for piece in pieces:
        framer.append(piece)
        while (frame := framer.next()) is not None:
            frames.append(frame)
    assert framer.buffered == 0
    return frames


def _next(data: bytes, limit: int = 100_000) -> Frame | None:
    framer = MessageFramer(limit)
    framer.append(data)
    return framer.next()


def _message(*contents: bytes) -> bytes:
    return ber.sequence(*contents)


def _cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


class TestMessages:
    def test_a_frame_says_where_things_are(self) -> None:
        frame = _next(BIND_WITH_CONTROL)
        assert frame is not None
        assert frame.message_id == 1
        assert frame.tag == 0x60
        assert frame.raw == BIND_WITH_CONTROL
        assert frame.raw[frame.op_start : frame.op_end] == BIND[7:]
        assert frame.raw[frame.op_end :] == PASSWORD_POLICY_CONTROL

    @pytest.mark.parametrize("name", _SAMPLES)
    def test_each_sample_is_one_message(self, name: str) -> None:
        (frame,) = _frames(_SAMPLES[name])
        assert frame.raw == _SAMPLES[name]

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
    def test_message_ids(self, octets: bytes, message_id: int) -> None:
        message = _message(octets, b"\x42\x00")
        (frame,) = _frames(message)
        assert (frame.message_id, frame.tag) == (message_id, 0x42)
        assert StreamFramer().feed(message) == (message, [Head(message_id, 0x42)])

    def test_many_at_once_come_one_at_a_time(self) -> None:
        messages = list(REQUESTS.values()) * 3
        assert [frame.raw for frame in _frames(b"".join(messages))] == messages

    @given(
        st.lists(st.sampled_from(list(_SAMPLES.values())), min_size=1, max_size=8),
        st.lists(st.integers(0, 10_000)),
    )
    def test_any_cut_into_pieces_gives_the_same_frames(
        self, messages: list[bytes], places: list[int]
    ) -> None:
        stream = b"".join(messages)
        assert _frames(*_cut(stream, places)) == _frames(stream)

    def test_byte_by_byte(self) -> None:
        stream = b"".join(_SAMPLES.values())
        assert _frames(*(bytes((octet,)) for octet in stream)) == _frames(stream)

    @given(
        st.lists(st.sampled_from(list(_SAMPLES.values())), max_size=6),
        st.lists(st.integers(0, 1000)),
        st.data(),
    )
    def test_the_caller_may_take_frames_whenever_it_likes(
        self, messages: list[bytes], places: list[int], data: st.DataObject
    ) -> None:
        framer = MessageFramer(1000, allow_zero_id=True)
        taken: list[bytes] = []
        for piece in _cut(b"".join(messages), places):
            framer.append(piece)
            calls = range(data.draw(st.integers(0, 2)))
            taken.extend(frame.raw for _ in calls if (frame := framer.next()) is not None)
        while (frame := framer.next()) is not None:
            taken.append(frame.raw)
        assert taken == messages

    def test_what_is_buffered_is_counted_and_can_be_taken(self) -> None:
        framer = MessageFramer(1000)
        framer.append(BIND + UNBIND[:3])
        assert framer.buffered == len(BIND) + 3
        assert framer.next() is not None
        assert framer.next() is None
        assert framer.buffered == 3
        framer.append(UNBIND[3:5])
        assert framer.buffered == 5
        assert framer.take_rest() == UNBIND[:5]
        assert framer.buffered == 0
        framer.append(SEARCH)
        assert framer.next() is not None

    def test_nothing_comes_from_nothing(self) -> None:
        framer = MessageFramer(1000)
        assert framer.next() is None
        framer.append(b"")
        assert framer.next() is None
        assert framer.take_rest() == b""

    def test_the_repr_of_a_frame_does_not_show_the_password(self) -> None:
        frame = _next(BIND)
        assert "secret" not in repr(frame)
        assert "secret" not in str(frame)
        assert repr(frame) == "Frame(message_id=1, tag=0x60, 33 octets)"


class TestLimit:
    def test_a_message_of_exactly_the_limit_passes(self) -> None:
        assert _next(BIND, limit=len(BIND)) is not None

    def test_one_that_is_larger_is_refused_from_its_header_alone(self) -> None:
        with pytest.raises(MessageTooLarge, match="larger than 32 octets"):
            _next(BIND[:2], limit=len(BIND) - 1)

    def test_even_if_it_claims_to_be_huge(self) -> None:
        with pytest.raises(MessageTooLarge):
            _next(b"\x30\x84\xff\xff\xff\xff")

    def test_a_limit_that_is_raised_holds_for_the_next_message(self) -> None:
        framer = MessageFramer(len(UNBIND))
        framer.append(UNBIND + BIND)
        assert framer.next() is not None
        framer.limit = len(BIND)
        assert framer.next() is not None

    def test_a_limit_that_is_lowered_holds_for_the_next_message(self) -> None:
        framer = MessageFramer(1000)
        framer.append(UNBIND + BIND)
        assert framer.next() is not None
        framer.limit = len(UNBIND)
        with pytest.raises(MessageTooLarge):
            framer.next()

    def test_a_limit_that_is_lowered_holds_for_a_message_under_way(self) -> None:
        framer = MessageFramer(1000)
        framer.append(BIND[:10])
        assert framer.next() is None
        framer.limit = 20
        framer.append(BIND[10:])
        with pytest.raises(MessageTooLarge):
            framer.next()


_BODY = b"\x42\x00"
_ID = b"\x02\x01\x01"

_MALFORMED: dict[str, bytes] = {
    "a TLS ClientHello": b"\x16\x03\x01\x02\x00\x01",
    "HTTP": b"GET / HTTP/1.1\r\n",
    "a SET": b"\x31\x05" + _ID + _BODY,
    "indefinite length": b"\x30\x80" + _ID + _BODY + b"\x00\x00",
    "length of five octets": b"\x30\x85\x00\x00\x00\x00\x05" + _ID + _BODY,
    "reserved length": b"\x30\xff" + _ID + _BODY,
    "empty": b"\x30\x00",
    "only a messageID": _message(_ID),
    "no messageID": _message(b"\x60\x07\x02\x01\x03\x04\x00\x80\x00"),
    "messageID of another type": _message(b"\x0a\x01\x01", _BODY),
    "negative messageID": _message(b"\x02\x01\xff", _BODY),
    "negative messageID of two octets": _message(b"\x02\x02\x80\x00", _BODY),
    "messageID 2^31": _message(b"\x02\x05\x00\x80\x00\x00\x00", _BODY),
    "messageID -2^31": _message(b"\x02\x04\x80\x00\x00\x00", _BODY),
    "padded messageID": _message(b"\x02\x02\x00\x01", _BODY),
    "padded messageID of three octets": _message(b"\x02\x03\x00\x00\x80", _BODY),
    "messageID without octets": _message(b"\x02\x00", _BODY + b"\x00"),
    "messageID with indefinite length": _message(b"\x02\x80\x01\x00\x00", _BODY),
    "messageID up to the end": _message(b"\x02\x03\x01\x02\x03"),
    "messageID of two octets, then half an operation": _message(b"\x02\x02\x01\x00", b"\x42"),
    "messageID beyond the end": _message(b"\x02\x04\x01\x02\x03"),
    "universal operation": _message(_ID, b"\x30\x00"),
    "controls instead of an operation": _message(_ID, b"\xa0\x00"),
    "operation with a long tag": _message(_ID, b"\x7f\x20\x00"),
    "primitive Bind": _message(_ID, b"\x40\x00"),
    "constructed Unbind": _message(_ID, b"\x62\x00"),
    "constructed Abandon": _message(_ID, b"\x70\x03\x02\x01\x05"),
    "operation with indefinite length": _message(_ID, b"\x60\x80\x00\x00"),
    "operation with a length of five octets": _message(_ID, b"\x60\x85\x00\x00\x00\x00\x00"),
    "operation that ends in its length": _message(_ID, b"\x60\x82\x00"),
    "operation beyond the message": _message(_ID, b"\x42\x01"),
    "operation beyond the message, into the next one": _message(_ID, b"\x42\x07") + UNBIND,
    "something behind the operation": _message(_ID, _BODY, b"\x00"),
    "an octet string behind the operation": _message(_ID, _BODY, b"\x04\x00"),
    "a second operation": _message(_ID, _BODY, _BODY),
    "controls twice": _message(_ID, _BODY, b"\xa0\x00\xa0\x00"),
    "controls, then something": _message(_ID, _BODY, b"\xa0\x00\x00"),
    "controls beyond the message": _message(_ID, _BODY, b"\xa0\x01"),
    "broken control": _message(_ID, _BODY, b"\xa0\x02\x30\x00"),
    "primitive controls": _message(_ID, _BODY, b"\x80\x00"),
    "messageID 0": _message(b"\x02\x01\x00", _BODY),
}

# A stream is looked at up to the operation's identifier, and whose messageID it bears is for the caller.
_NOT_SEEN_IN_A_STREAM = frozenset(
    {
        "messageID 0",
        "operation with indefinite length",
        "operation with a length of five octets",
        "operation that ends in its length",
        "operation beyond the message",
        "operation beyond the message, into the next one",
        "something behind the operation",
        "an octet string behind the operation",
        "a second operation",
        "controls twice",
        "controls, then something",
        "controls beyond the message",
        "broken control",
        "primitive controls",
    }
)


class TestRefused:
    @pytest.mark.parametrize("name", _MALFORMED)
    def test_what_two_readers_could_read_differently(self, name: str) -> None:
        with pytest.raises(DecodeError):
            _next(_MALFORMED[name])

    @pytest.mark.parametrize("name", _MALFORMED)
    def test_however_it_arrives(self, name: str) -> None:
        framer = MessageFramer(100_000)

        def feed() -> None:
            for octet in _MALFORMED[name]:
                framer.append(bytes((octet,)))
                assert framer.next() is None

        with pytest.raises(DecodeError):
            feed()

    def test_messages_before_it_are_still_returned(self) -> None:
        framer = MessageFramer(1000)
        framer.append(BIND + b"\x00")
        frame = framer.next()
        assert frame is not None
        assert frame.raw == BIND
        for _ in range(2):
            with pytest.raises(DecodeError):
                framer.next()

    @pytest.mark.parametrize(
        ("header", "octets"), [(b"\x16", 1), (b"\x30\x80", 2), (b"\x30\x85", 2), (b"\x30\x04", 2)]
    )
    def test_as_soon_as_it_can_be_known(self, header: bytes, octets: int) -> None:
        framer = MessageFramer(1000)
        framer.append(header[: octets - 1])
        assert framer.next() is None
        framer.append(header[octets - 1 :])
        with pytest.raises(DecodeError):
            framer.next()

    def test_the_message_id_of_a_notification_is_for_those_who_expect_one(self) -> None:
        with pytest.raises(DecodeError, match="messageID 0"):
            _frames(NOTICE, allow_zero_id=False)
        assert _frames(NOTICE)[0].message_id == 0

    @pytest.mark.parametrize("name", _SAMPLES)
    def test_a_message_that_is_cut_short_waits_for_the_rest(self, name: str) -> None:
        sample = _SAMPLES[name]
        for size in range(len(sample)):
            framer = MessageFramer(1000, allow_zero_id=True)
            framer.append(sample[:size])
            assert framer.next() is None
            assert framer.buffered == size

    @given(st.binary(max_size=60))
    def test_whatever_comes_there_are_frames_or_decode_errors(self, data: bytes) -> None:
        framer = MessageFramer(1000)
        framer.append(data)
        try:
            while (frame := framer.next()) is not None:
                assert 0 < frame.op_start <= frame.op_end <= len(frame.raw)
        except DecodeError:
            pass


class TestCost:
    """Bounds that are generous in time and strict in growth: a square in the size would break them by far."""

    def test_a_large_message_in_single_octets_costs_time_in_proportion(self) -> None:
        message = _message(_ID, ber.element(0x68, bytes(400_000)))
        start = time.process_time()
        (frame,) = _frames(*(bytes((octet,)) for octet in message), limit=1_000_000)
        assert len(frame.raw) == len(message)
        assert time.process_time() - start < 4  # 0.2 s alone; the square would take minutes

    def test_a_backlog_that_grows_in_small_pieces_costs_time_in_proportion(self) -> None:
        """Nobody calls `next` while a bind is pending, then calls and arrivals take turns."""
        framer = MessageFramer(1000)
        start = time.process_time()
        for _ in range(100_000):
            framer.append(UNBIND)
        for _ in range(100_000):
            framer.append(UNBIND)
            assert framer.next() is not None
        assert framer.buffered == 100_000 * len(UNBIND)
        assert time.process_time() - start < 4

    def test_a_large_message_in_small_pieces_is_held_about_once(self) -> None:
        pieces = _cut(_message(_ID, ber.element(0x68, bytes(1_000_000))), list(range(0, 1_000_000, 2)))
        framer = MessageFramer(2_000_000)
        tracemalloc.start()
        try:
            for piece in pieces[:-1]:
                framer.append(piece)
                assert framer.next() is None
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 1_500_000

    def test_what_was_returned_is_not_kept(self) -> None:
        framer = MessageFramer(2_000_000)
        tracemalloc.start()
        try:
            framer.append(_message(_ID, ber.element(0x68, bytes(1_000_000))))
            framer.next()
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 10_000


def _heads(*pieces: bytes) -> tuple[bytes, list[Head]]:
    framer = StreamFramer()
    passed, heads = b"", []
    for piece in pieces:
        data, begun = framer.feed(piece)
        passed += data
        heads += begun
    assert framer.at_boundary
    return passed, heads


class TestStream:
    def test_heads_of_messages_in_one_piece(self) -> None:
        stream = SEARCH_ENTRY + SEARCH_ENTRY + SEARCH_DONE + NOTICE
        assert _heads(stream) == (stream, [Head(300, 0x64), Head(300, 0x64), Head(300, 0x65), Head(0, 0x78)])

    def test_the_piece_itself_is_passed_on_when_nothing_is_kept_back(self) -> None:
        stream = SEARCH_ENTRY * 10 + SEARCH_DONE[:9]
        passed, _ = StreamFramer().feed(stream)
        assert passed is stream

    @given(st.lists(st.sampled_from(list(_SAMPLES.values())), max_size=8), st.lists(st.integers(0, 10_000)))
    def test_any_cut_into_pieces_passes_the_same(self, messages: list[bytes], places: list[int]) -> None:
        stream = b"".join(messages)
        heads = [Head(frame.message_id, frame.tag) for frame in _frames(stream)]
        assert _heads(*_cut(stream, places)) == (stream, heads)

    def test_byte_by_byte(self) -> None:
        stream = b"".join(_SAMPLES.values())
        assert _heads(*(bytes((octet,)) for octet in stream)) == _heads(stream)

    @given(
        st.lists(st.sampled_from(list(_SAMPLES.values())), min_size=1, max_size=5),
        st.lists(st.integers(0, 500)),
    )
    def test_a_head_comes_with_its_first_octets_and_not_later(
        self, messages: list[bytes], places: list[int]
    ) -> None:
        """What is passed on never holds the beginning of a message whose head has not been returned."""
        framer = StreamFramer()
        starts = [sum(map(len, messages[:index])) for index in range(len(messages))]
        passed = begun = 0
        for piece in _cut(b"".join(messages), places):
            data, heads = framer.feed(piece)
            passed += len(data)
            begun += len(heads)
            assert begun == sum(start < passed for start in starts)

    def test_a_message_of_two_gigabytes_passes_without_being_kept(self) -> None:
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

    def test_one_larger_than_that_is_refused(self) -> None:
        with pytest.raises(DecodeError, match="two gigabytes"):
            StreamFramer().feed(b"\x30\x84\x80\x00\x00\x00")

    @pytest.mark.parametrize("size", range(1, 10))
    def test_an_incomplete_header_is_kept_back(self, size: int) -> None:
        framer = StreamFramer()
        assert framer.at_boundary
        passed, heads = framer.feed(SEARCH_DONE + BIND_AS_WINDOWS_WRITES_IT[:size])
        assert (passed, heads) == (SEARCH_DONE, [Head(300, 0x65)])
        assert not framer.at_boundary
        passed, heads = framer.feed(BIND_AS_WINDOWS_WRITES_IT[size:])
        assert (passed, heads) == (BIND_AS_WINDOWS_WRITES_IT, [Head(1, 0x60)])
        assert framer.at_boundary

    def test_what_is_kept_back_is_bounded(self) -> None:
        """The longest header: all lengths in four octets."""
        framer = StreamFramer()
        header = b"\x30\x84\x00\x00\x00\x20\x02\x84\x00\x00\x00\x04\x7f\xff\xff\xff"
        for octet in header:
            assert framer.feed(bytes((octet,))) == (b"", [])
        assert framer.feed(b"\x64") == (header + b"\x64", [Head(2**31 - 1, 0x64)])

    def test_nothing_comes_from_nothing(self) -> None:
        assert StreamFramer().feed(b"") == (b"", [])

    @pytest.mark.parametrize("name", [name for name in _MALFORMED if name not in _NOT_SEEN_IN_A_STREAM])
    def test_what_is_no_message_is_refused(self, name: str) -> None:
        with pytest.raises(DecodeError):
            StreamFramer().feed(_MALFORMED[name])

        framer = StreamFramer()

        def feed() -> None:
            for octet in _MALFORMED[name]:
                framer.feed(bytes((octet,)))

        with pytest.raises(DecodeError):
            feed()

    @given(st.binary(max_size=60))
    def test_whatever_comes_there_are_heads_or_decode_errors(self, data: bytes) -> None:
        framer = StreamFramer()
        try:
            passed, heads = framer.feed(data)
            assert data.startswith(passed)
            assert len(data) - len(passed) <= 16
            assert all(0 <= head.message_id < 2**31 for head in heads)
        except DecodeError:
            pass

    def test_a_large_message_in_single_octets_costs_time_in_proportion(self) -> None:
        message = _message(_ID, ber.element(0x64, bytes(400_000)))
        framer = StreamFramer()
        start = time.process_time()
        for octet in message:
            framer.feed(bytes((octet,)))
        assert framer.at_boundary
        assert time.process_time() - start < 4
