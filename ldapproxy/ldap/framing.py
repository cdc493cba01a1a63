"""Where a message begins and ends in a stream of bytes (RFC 4511 section 5.2).

Owns `MessageFramer`, for messages of bounded size: requests, and the directory's answers to a bind. (What
passes through while it arrives is `streaming`'s.) It must not know what an operation carries.

Refused is whatever the directory could read differently: another outer type, indefinite lengths, lengths of
more than four octets, message identifiers that are negative, too large or padded, and operations of the wrong
class.
"""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

from ldapproxy.ldap.ber import INTEGER, MAX_INTEGER_OCTETS, MAX_LENGTH_OCTETS, SEQUENCE, integer_value
from ldapproxy.ldap.controls import read_controls
from ldapproxy.ldap.errors import DecodeError, MessageTooLarge
from ldapproxy.ldap.operations import PROTOCOL_OPS

# Identifier and first length octet: nothing can be said about a message of which less is there.
_SMALLEST_HEADER: Final = 2
SMALLEST_CONTENTS: Final = 5
"""Octets of a messageID of three, and of a protocolOp of two."""


class Frame(NamedTuple):
    """One complete message.

    Attributes:
        message_id: 0 to 2^31-1.
        tag: the identifier octet of the protocolOp.
        raw: the whole message as it came.
        op_start: where the contents of the operation begin in `raw`.
        op_end: where they end; `raw[op_end:]` is empty, or exactly the controls element.
    """

    message_id: int
    tag: int
    raw: bytes
    op_start: int
    op_end: int

    def __repr__(self) -> str:
        """Without the bytes, which may hold a password."""
        return f"Frame(message_id={self.message_id}, tag={self.tag:#04x}, {len(self.raw)} octets)"


# Frame(...) would be one call of Python's more for each message.
_frame = partial(tuple.__new__, Frame)


class Head(NamedTuple):
    """The beginning of a streamed message: its messageID and the identifier octet of its protocolOp."""

    message_id: int
    tag: int


class MessageFramer:
    """Cuts a stream into complete messages that have been checked down to their controls.

    Bytes go in by `append`, messages come out by `next`, one at a time, so that the limit may change in
    between. Every byte is copied a bounded number of times, however small the pieces in which it arrives.
    What is buffered is bounded by the caller: `next` keeps at most one incomplete message of `limit` octets,
    and whoever stops calling it looks at `buffered`.

    After an error the framer is of no further use: where the next message begins can no longer be known.

    Attributes:
        limit: the largest message in octets, its header included. It may be changed at any time.

    Args:
        limit: see above.
        allow_zero_id: accept the messageID 0, which only unsolicited notifications have (RFC 4511 section
            4.4).
    """

    __slots__ = ("_allow_zero_id", "_at", "_data", "_need", "_tail", "limit")

    def __init__(self, limit: int, *, allow_zero_id: bool = False) -> None:
        self.limit = limit
        self._allow_zero_id = allow_zero_id
        self._data = b""  # complete and incomplete messages; everything before _at has been returned
        self._at = 0
        self._tail = bytearray()  # what came behind _data; joined to it when that completes a message
        self._need = 1  # octets from _at on that must be there before anything new can be said

    @property
    def buffered(self) -> int:
        """Octets that came in and have not been returned."""
        return len(self._data) - self._at + len(self._tail)

    def append(self, data: bytes) -> None:
        """Takes the next bytes of the stream."""
        if self._at == len(self._data) and not self._tail:
            self._data = data
            self._at = 0
        else:
            self._tail += data

    def next(self) -> Frame | None:
        """The next complete message, or None when more bytes are needed for it.

        Raises:
            MessageTooLarge: the message is, or is going to be, larger than `limit`.
            DecodeError: what comes next is no well-formed message. A wrong header is reported before the rest
                is there.
        """
        while True:
            data = self._data
            start = self._at
            size = len(data)
            if size - start < self._need:
                if not self._tail or not self._join():
                    return None
                continue

            # The header of the message.
            if data[start] != SEQUENCE:
                raise DecodeError("a message does not begin as an LDAPMessage does")
            at = start + _SMALLEST_HEADER
            if at > size:
                self._need = _SMALLEST_HEADER
                continue
            length = data[at - 1]
            if length > 0x7F:
                octets = length & 0x7F
                if not 1 <= octets <= MAX_LENGTH_OCTETS:
                    raise DecodeError("a message has an indefinite length, or one of more than four octets")
                if at + octets > size:
                    self._need = _SMALLEST_HEADER + octets
                    continue
                length = int.from_bytes(data[at : at + octets], "big")
                at += octets
            end = at + length
            if end - start > self.limit:
                raise MessageTooLarge(f"a message is larger than {self.limit} octets")
            if length < SMALLEST_CONTENTS:
                raise DecodeError("a message is too short for an LDAPMessage")
            if end > size:
                self._need = end - start
                continue

            # Its contents: messageID, protocolOp, controls.
            # Identifiers of one octet, and of two, are read right here: that is where the time goes.
            if data[at] == INTEGER and data[at + 1] == 1 and data[at + 2] <= 0x7F:
                message_id = data[at + 2]
                at += 3
            elif (
                data[at] == INTEGER
                and data[at + 1] == 2
                and 0x80 <= (message_id := data[at + 2] << 8 | data[at + 3]) <= 0x7FFF
                and length > SMALLEST_CONTENTS
            ):
                at += 4
            else:
                message_id, at = message_id_at(data, at, end)
            if message_id == 0 and not self._allow_zero_id:
                raise DecodeError("a request has the messageID 0")
            tag = data[at]
            if tag not in PROTOCOL_OPS:
                raise DecodeError("a message holds something other than an operation of LDAP")
            length = data[at + 1]
            at += 2
            if length > 0x7F:
                octets = length & 0x7F
                if not 1 <= octets <= MAX_LENGTH_OCTETS or at + octets > end:
                    raise DecodeError("an operation has no definite length of at most four octets")
                length = int.from_bytes(data[at : at + octets], "big")
                at += octets
            op_end = at + length
            if op_end != end:
                if op_end > end:
                    raise DecodeError("an operation reaches beyond its message")
                read_controls(data, op_end, end)

            self._need = 1
            if end == size:
                self._data = b""
                self._at = 0
            else:
                self._at = end
            return _frame((message_id, tag, data[start:end], at - start, op_end - start))

    def take_rest(self) -> bytes:
        """Everything that was buffered, which the framer then forgets."""
        rest = self._data[self._at :] + self._tail
        self._data = b""
        self._at = 0
        self._tail = bytearray()
        self._need = 1
        return rest

    def _join(self) -> bool:
        """Makes one buffer of data and tail if together they have what is needed, and else costs nothing."""
        if self.buffered < self._need:
            return False
        self._data = self._data[self._at :] + self._tail
        self._at = 0
        self._tail = bytearray()
        return True


def message_id_at(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Reads the messageID of the message whose contents begin at `at` and end at `end`.

    Returns:
        The messageID and where the protocolOp begins, behind which at least two octets belong to the message.

    Raises:
        DecodeError: there is no messageID from 0 to 2^31-1.
        IndexError: `data` ends before it.
    """
    if data[at] != INTEGER:
        raise DecodeError("a message does not begin with a messageID")
    octets = data[at + 1]
    at += 2
    if octets > 0x7F:
        count = octets & 0x7F
        if not 1 <= count <= MAX_LENGTH_OCTETS or at + count > end:
            raise DecodeError("a messageID has no definite length of at most four octets")
        octets = 0
        for place in range(at, at + count):
            octets = octets << 8 | data[place]
        at += count
    place = at + octets
    if octets > MAX_INTEGER_OCTETS or place + 2 > end:
        raise DecodeError("a messageID is too long, or no operation follows it")
    if place > len(data):
        raise IndexError
    message_id = integer_value(data[at:place])
    if message_id < 0:
        raise DecodeError("a messageID is negative")
    return message_id, place
