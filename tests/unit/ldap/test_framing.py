"""Framing: where messages begin and end, however the bytes arrive, and what is refused."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.ldap import ber
from ldapproxy.ldap.errors import DecodeError, MessageTooLarge
from ldapproxy.ldap.framing import Frame, MessageFramer
from tests.support.ldap_frames import cut, frames_of
from tests.support.ldap_malformed import MALFORMED
from tests.support.ldap_samples import (
    BIND,
    BIND_WITH_CONTROL,
    NOTICE,
    PASSWORD_POLICY_CONTROL,
    REQUESTS,
    RESPONSES,
    SEARCH,
    UNBIND,
)

_SAMPLES = {**REQUESTS, **RESPONSES}
_ID = b"\x02\x01\x01"


def _next(data: bytes, limit: int = 100_000) -> Frame | None:
    framer = MessageFramer(limit)
    framer.append(data)
    return framer.next()


def _message(*contents: bytes) -> bytes:
    return ber.sequence(*contents)


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
        (frame,) = frames_of(_SAMPLES[name])
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
        (frame,) = frames_of(message)
        assert (frame.message_id, frame.tag) == (message_id, 0x42)

    def test_many_at_once_come_one_at_a_time(self) -> None:
        messages = list(REQUESTS.values()) * 3
        assert [frame.raw for frame in frames_of(b"".join(messages))] == messages

    @given(
        st.lists(st.sampled_from(list(_SAMPLES.values())), min_size=1, max_size=8),
        st.lists(st.integers(0, 10_000)),
    )
    def test_any_cut_into_pieces_gives_the_sameframes_of(
        self, messages: list[bytes], places: list[int]
    ) -> None:
        stream = b"".join(messages)
        assert frames_of(*cut(stream, places)) == frames_of(stream)

    def test_byte_by_byte(self) -> None:
        stream = b"".join(_SAMPLES.values())
        assert frames_of(*(bytes((octet,)) for octet in stream)) == frames_of(stream)

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
        for piece in cut(b"".join(messages), places):
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


class TestRefused:
    @pytest.mark.parametrize("name", MALFORMED)
    def test_what_two_readers_could_read_differently(self, name: str) -> None:
        with pytest.raises(DecodeError):
            _next(MALFORMED[name])

    @pytest.mark.parametrize("name", MALFORMED)
    def test_however_it_arrives(self, name: str) -> None:
        framer = MessageFramer(100_000)

        def feed() -> None:
            for octet in MALFORMED[name]:
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
            frames_of(NOTICE, allow_zero_id=False)
        assert frames_of(NOTICE)[0].message_id == 0

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
        (frame,) = frames_of(*(bytes((octet,)) for octet in message), limit=1_000_000)
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
        pieces = cut(_message(_ID, ber.element(0x68, bytes(1_000_000))), list(range(0, 1_000_000, 2)))
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
