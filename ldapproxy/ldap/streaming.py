"""Where messages begin in a stream that passes through: the directory's answers, whatever their size.

Owns `StreamFramer`, the hot path of large results. It must not know what an operation carries. It refuses
what `framing` refuses, as far as that can be seen from the head of a message.
"""

from __future__ import annotations

from functools import partial
from struct import Struct
from struct import error as StructError  # noqa: N812 - an exception, named as the others
from typing import Final

from ldapproxy.ldap.ber import INTEGER, MAX_LENGTH_OCTETS, SEQUENCE
from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.framing import SMALLEST_CONTENTS, Head, message_id_at
from ldapproxy.ldap.operations import PROTOCOL_OPS, Tag

MAX_STREAMED_MESSAGE: Final = 2**31 - 1
"""The largest message in octets that a StreamFramer passes: what fits a signed integer of 32 bits."""

# The first length octet of a length of two octets.
_LENGTH_OF_TWO: Final = 0x82
_ENTRY: Final = int(Tag.SEARCH_RESULT_ENTRY)
# An entry whose length is written in two octets, which are most: SEQUENCE and _LENGTH_OF_TWO, the length, and
# so many octets of messageID and tag.
_OF_LENGTH_OF_TWO: Final = SEQUENCE << 8 | _LENGTH_OF_TWO
_LARGEST_BEGINNING: Final = 7  # an identifier of four octets and the tag; what is written longer is rare
_BEGINNINGS: Final = [Struct(f">HH{size}s").unpack_from for size in range(_LARGEST_BEGINNING + 1)]
_LEAST_OF_LENGTH_OF_TWO: Final = (
    256  # octets of its contents, as nearly all write it: small results have none
)
_PREAMBLE: Final = 4  # octets before the messageID then
# Head(...) would be a call of Python's more for each.
_head = partial(tuple.__new__, Head)


class StreamFramer:
    """Finds the heads of messages in a stream that passes through, whatever their size.

    It keeps at most the incomplete header of one message. After an error it is of no further use.
    """

    __slots__ = ("_kept", "_remaining")

    def __init__(self) -> None:
        self._kept = b""  # the incomplete header at the end of what came in
        self._remaining = 0  # octets that the message under way still has to come

    @property
    def at_boundary(self) -> bool:
        """Whether everything that came in was whole messages."""
        return not self._kept and not self._remaining

    @property
    def rest_of_message(self) -> int:
        """Octets still to come of the message of which a part has been passed on; 0 between messages."""
        return self._remaining

    def feed(self, data: bytes) -> tuple[bytes, list[Head]]:
        """Takes the next bytes of the stream.

        Returns:
            The bytes that may be passed on now: all but an incomplete header at the end, which comes first
            the next time. And the heads of the messages that begin in them; a run of entries of one search
            has the head of its first alone.

        Raises:
            DecodeError: what comes next is no LDAPMessage.
        """
        if self._kept:
            data = self._kept + data
            self._kept = b""
        size = len(data)
        at = self._remaining
        heads: list[Head] = []
        # messageID and tag of the last message as they are written, if it was an entry. The next one is most
        # often an entry of the same search, and large results are where the time goes.
        entry, entry_size = b"", 0
        try:
            while at < size:
                if data[at] != SEQUENCE:
                    raise DecodeError("a message does not begin as an LDAPMessage does")
                length = data[at + 1]
                start = at + 2
                if length == _LENGTH_OF_TWO:
                    length = data[start] << 8 | data[start + 1]
                    start += 2
                elif length > 0x7F:
                    octets = length & 0x7F
                    if not 1 <= octets <= MAX_LENGTH_OCTETS:
                        raise DecodeError(
                            "a message has an indefinite length, or one of more than four octets"
                        )
                    if start + octets > size:
                        break
                    length = int.from_bytes(data[start : start + octets], "big")
                    start += octets
                    if length > MAX_STREAMED_MESSAGE:
                        raise DecodeError("a message is larger than two gigabytes")
                if length < SMALLEST_CONTENTS:
                    raise DecodeError("a message is too short for an LDAPMessage")
                if entry_size and data[start : start + entry_size] == entry and length > entry_size:
                    at = start + length
                    continue
                # The bounds of the buffer are checked by Python: the indices are never negative.
                if data[start] == INTEGER and data[start + 1] == 1 and data[start + 2] <= 0x7F:
                    message_id = data[start + 2]
                    place = start + 3
                elif (
                    data[start] == INTEGER
                    and data[start + 1] == 2
                    and 0x80 <= (message_id := data[start + 2] << 8 | data[start + 3]) <= 0x7FFF
                    and length > SMALLEST_CONTENTS
                ):
                    place = start + 4
                else:
                    message_id, place = message_id_at(data, start, start + length)
                tag = data[place]
                if tag not in PROTOCOL_OPS:
                    raise DecodeError("a message holds something other than an operation of LDAP")
                heads.append(_head((message_id, tag)))
                at = start + length
                if tag != _ENTRY:
                    entry_size = 0
                    continue
                entry = data[start : place + 1]
                entry_size = len(entry)
                if entry_size <= _LARGEST_BEGINNING and at + _LEAST_OF_LENGTH_OF_TWO < size:
                    at = _behind_like(data, at, entry)
        except IndexError:
            pass  # the header is incomplete
        if at >= size:
            self._remaining = at - size
            return data, heads
        self._remaining = 0
        self._kept = data[at:]
        return data[:at], heads


def _behind_like(data: bytes, at: int, beginning: bytes) -> int:
    """Skips messages that have a length of two octets and then the same messageID and tag.

    Exactly those that `feed` would skip one by one, at half the cost: they are most of a large result.

    Returns:
        Where the first begins that is another, not wholly to be seen, or behind the data.
    """
    size = len(beginning)
    unpack = _BEGINNINGS[size]
    try:
        while True:
            form, length, found = unpack(data, at)
            if found != beginning or form != _OF_LENGTH_OF_TWO or length <= size:
                return at
            at += length + _PREAMBLE
    except StructError:
        return at
