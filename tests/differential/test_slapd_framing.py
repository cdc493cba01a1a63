"""slapd and our framer read one stream of bytes alike, or ours refuses it.

The attack behind it: bytes in which the proxy sees something harmless and the directory a bind.
Each stream is a request with one bit changed, then "Who am I?". What slapd makes of it shows in its answers.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ldapproxy.ldap import ber
from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.framing import Frame, MessageFramer
from ldapproxy.ldap.messages import (
    WHO_AM_I_OID,
    ExtendedRequest,
    SimpleAuthentication,
    Tag,
    decode_bind_request,
    decode_extended_request,
    decode_result,
    encode_bind_request,
    encode_extended_request,
    response_tag,
)
from ldapproxy.secret import Secret
from tests.support.example_directory import ALICE, SUFFIX
from tests.support.ldap_samples import PASSWORD_POLICY_CONTROL
from tests.support.skips import require_program
from tests.support.slapd import Slapd

# slapd's own for connections without a bind (sockbuf_max_incoming).
_SLAPD_LIMIT = 262143
_WHO_AM_I_ID = 0x55
_WHO_AM_I = encode_extended_request(_WHO_AM_I_ID, WHO_AM_I_OID)
_BIND = encode_bind_request(1, ALICE.dn.encode(), Secret(ALICE.password), PASSWORD_POLICY_CONTROL)


def _long(message: bytes) -> bytes:
    """The same message, its length in four octets."""
    return b"\x30\x84" + (len(message) - 2).to_bytes(4, "big") + message[2:]


_SEARCH = ber.sequence(
    ber.integer(0x1234),
    ber.element(
        Tag.SEARCH_REQUEST,
        ber.octet_string(SUFFIX.encode()),
        b"\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00",
        b"\x87\x0bobjectClass",
        ber.sequence(ber.octet_string(b"dc")),
    ),
)

_REQUESTS = {
    "bind": _BIND,
    "bind with long lengths": _long(_BIND),
    "search": _SEARCH,
    # A bind hidden in the value of something harmless.
    "compare": ber.sequence(
        ber.integer(2),
        ber.element(
            Tag.COMPARE_REQUEST,
            ber.octet_string(SUFFIX.encode()),
            ber.sequence(ber.octet_string(b"dc"), ber.octet_string(_BIND)),
        ),
    ),
}


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    require_program("slapd")
    folder: Path = tmp_path_factory.mktemp("slapd")
    with Slapd(folder, people=0, password_policy=False, member_of=False) as running:
        yield running


def _connect(slapd: Slapd, stream: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", slapd.port), timeout=10)
    connection.sendall(stream)
    return connection


def _expected(frames: list[Frame]) -> set[tuple[int, int]]:
    """The messageIDs and tags of the answers to these requests."""
    tags = {frame.message_id: response_tag(frame.tag) for frame in frames}
    return {(message_id, tag) for message_id, tag in tags.items() if tag is not None}


def _answers(slapd: Slapd, stream: bytes, frames: list[Frame]) -> list[Frame]:
    """What slapd answers to the stream, until all of `frames` have their answers or it hangs up."""
    framer = MessageFramer(1_000_000, allow_zero_id=True)
    missing = _expected(frames)
    answers: list[Frame] = []
    with _connect(slapd, stream) as connection:
        while missing:
            try:
                data = connection.recv(65536)
            except ConnectionResetError:
                break  # it closed before it had read everything
            if not data:
                break
            framer.append(data)
            while (answer := framer.next()) is not None:
                answers.append(answer)
                missing.discard((answer.message_id, answer.tag))
    return answers


def _answers_to_unfinished(slapd: Slapd, stream: bytes) -> list[Frame]:
    """What slapd answers to a stream that ends, for us, within a message.

    The message is brought to its end with zeros, and another "Who am I?" shows when slapd is through.
    """
    framer = MessageFramer(_SLAPD_LIMIT)
    framer.append(stream)
    zeros = 0
    with contextlib.suppress(DecodeError):
        while framer.next() is None:
            framer.append(b"\x00")
            zeros += 1
    again = encode_extended_request(_WHO_AM_I_ID + 1, WHO_AM_I_OID)
    return _answers(slapd, stream + bytes(zeros) + again, _whole(again)[1])


def _read(stream: bytes) -> tuple[list[Frame], bool] | None:
    """What our framer reads in the stream: the messages, and whether more is needed; None if it refuses."""
    framer = MessageFramer(_SLAPD_LIMIT)
    framer.append(stream)
    frames = []
    try:
        while (frame := framer.next()) is not None:
            frames.append(frame)
            if frame.tag == Tag.BIND_REQUEST:
                decode_bind_request(frame)
            if frame.tag == Tag.EXTENDED_REQUEST:
                decode_extended_request(frame)
    except DecodeError:
        return None
    return frames, framer.buffered > 0


def _whole(stream: bytes) -> tuple[bytes, list[Frame]]:
    """The stream and its messages, all of which must be whole."""
    read = _read(stream)
    assert read is not None
    frames, needs_more = read
    assert not needs_more
    return stream, frames


def _bound_as(answers: list[Frame]) -> bytes | None:
    """Who slapd says it is, when it says it; b"" for nobody."""
    for answer in answers:
        if answer.tag == Tag.EXTENDED_RESPONSE and answer.message_id == _WHO_AM_I_ID:
            value = decode_result(answer).response_value
            return None if value is None else value.removeprefix(b"dn:")
    return None


def _check(frames: list[Frame], answers: list[Frame]) -> None:
    # Every answer is to a message that we saw, with the tag that we saw.
    expected = _expected(frames)
    for answer in answers:
        if answer.message_id != 0 and answer.tag != Tag.SEARCH_RESULT_ENTRY:
            assert (answer.message_id, answer.tag) in expected
    # slapd knows somebody only if we saw that bind, and its "Who am I?" was one for us.
    who = _bound_as(answers)
    if who is not None:
        assert any(
            frame.tag == Tag.EXTENDED_REQUEST
            and decode_extended_request(frame) == ExtendedRequest(_WHO_AM_I_ID, WHO_AM_I_OID, None)
            for frame in frames
        )
    if who:
        binds = [decode_bind_request(frame) for frame in frames if frame.tag == Tag.BIND_REQUEST]
        assert len(binds) == 1
        assert binds[0].name.lower() == who.lower()
        assert binds[0].version == 3
        assert binds[0].authentication == SimpleAuthentication(Secret(ALICE.password))


@pytest.mark.parametrize("name", _REQUESTS)
def test_unchanged_requests_are_read_alike(slapd: Slapd, name: str) -> None:
    stream, frames = _whole(_REQUESTS[name] + _WHO_AM_I)
    answers = _answers(slapd, stream, frames)
    assert {answer.message_id for answer in answers} == {frame.message_id for frame in frames}
    assert _bound_as(answers) == (ALICE.dn.encode() if name.startswith("bind") else b"")
    _check(frames, answers)


@pytest.mark.parametrize("name", _REQUESTS)
def test_requests_with_one_bit_changed_are_read_alike_or_refused(slapd: Slapd, name: str) -> None:
    request = _REQUESTS[name]
    # The text of names and values is long and means nothing to the structure: some of its octets are enough.
    places = [place for place, octet in enumerate(request) if octet < 0x31 or octet > 0x7A or place % 8 == 0]
    complete = 0
    unfinished: list[bytes] = []
    for place in places:
        for bit in range(8):
            changed = request[:place] + bytes((request[place] ^ 1 << bit,)) + request[place + 1 :]
            stream = changed + _WHO_AM_I
            match _read(stream):
                case None:
                    pass  # the proxy would have ended the connection
                case [_, True]:
                    unfinished.append(stream)
                case [frames, _]:
                    _check(frames, _answers(slapd, stream, frames))
                    complete += 1
    assert complete > 50
    assert unfinished or name != "bind with long lengths"
    for stream in unfinished:
        assert _WHO_AM_I_ID not in {answer.message_id for answer in _answers_to_unfinished(slapd, stream)}


@pytest.mark.parametrize(
    "message_id",
    [
        b"\x02\x81\x01\x05",
        b"\x02\x82\x00\x01\x05",
        b"\x02\x84\x00\x00\x00\x01\x05",
        b"\x02\x04\x7f\xff\xff\xff",
        b"\x02\x02\x00\x80",
    ],
)
@pytest.mark.parametrize(
    "operation_length", [b"\x07", b"\x81\x07", b"\x82\x00\x07", b"\x83\x00\x00\x07", b"\x84\x00\x00\x00\x07"]
)
def test_lengths_that_are_longer_than_they_need_be_are_read_alike(
    slapd: Slapd, message_id: bytes, operation_length: bytes
) -> None:
    bind = ber.sequence(message_id, b"\x60" + operation_length + b"\x02\x01\x03\x04\x00\x80\x00")
    stream, frames = _whole(bind + _WHO_AM_I)
    answers = _answers(slapd, stream, frames)
    assert [(answer.message_id, answer.tag) for answer in answers] == [
        (frames[0].message_id, Tag.BIND_RESPONSE),
        (_WHO_AM_I_ID, Tag.EXTENDED_RESPONSE),
    ]
