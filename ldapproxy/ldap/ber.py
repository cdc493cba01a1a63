"""Basic Encoding Rules, as far as LDAP restricts them (RFC 4511 section 5.1, X.690).

Owns reading and writing of single elements within hard bounds. It must not know any LDAP message.

Accepted is what RFC 4511 allows: definite lengths, primitive strings, identifiers of one octet. Lengths may
be longer than they need be, since BER allows that and Windows always writes four octets (`84 00 00 00 05`).
Integers may not, since BER forbids it (X.690 section 8.3.2).
"""

from __future__ import annotations

from typing import Final

from ldapproxy.ldap.errors import DecodeError

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
ENUMERATED: Final = 0x0A
SEQUENCE: Final = 0x30
SET: Final = 0x31

# A length of more octets would be over 4 GiB, or padding that no known client writes.
MAX_LENGTH_OCTETS: Final = 4
# RFC 4511 section 4.1.1, maxInt: no INTEGER of LDAP needs more octets.
MAX_INTEGER_OCTETS: Final = 4

_CONSTRUCTED: Final = 0x20
_HIGH_TAG_NUMBER: Final = 0x1F


def context(number: int, *, constructed: bool = False) -> int:
    """The identifier octet of the context-specific tag `[number]`, 0 to 30."""
    return 0x80 | (_CONSTRUCTED if constructed else 0) | number


class Reader:
    """Reads elements one behind the other from a part of a buffer, and never outside that part.

    Args:
        data: the buffer.
        start: where the part begins.
        end: where it ends; None means the end of the buffer.

    Every method raises DecodeError when the bytes are not what it is to read.
    """

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self._at = start
        self._end = len(data) if end is None else end

    @property
    def at_end(self) -> bool:
        """Whether everything has been read."""
        return self._at >= self._end

    @property
    def position(self) -> int:
        """Where the next element begins, in the buffer."""
        return self._at

    def peek(self) -> int | None:
        """The identifier octet of the next element, or None at the end."""
        return None if self._at >= self._end else self._data[self._at]

    def copy(self) -> Reader:
        """A second reader at the same place, to look ahead with."""
        return Reader(self._data, self._at, self._end)

    def finish(self) -> None:
        """Makes sure that nothing is left, so that nobody reads more out of the bytes than we did."""
        if self._at != self._end:
            raise DecodeError("there is something behind the last element that belongs here")

    def inside(self, tag: int = SEQUENCE) -> Reader:
        """Reads the next element, which must have `tag`, and returns a reader of its contents."""
        start, end = self._contents(tag)
        return Reader(self._data, start, end)

    def octets(self, tag: int = OCTET_STRING) -> bytes:
        """The contents of the next element, which must have `tag`."""
        start, end = self._contents(tag)
        return self._data[start:end]

    def integer(self, tag: int = INTEGER) -> int:
        """The value of the next element, an INTEGER or ENUMERATED of at most four octets."""
        return integer_value(self.octets(tag))

    def boolean(self, tag: int = BOOLEAN) -> bool:
        """The value of the next element, a BOOLEAN.

        Any octet but 0 is true, as in BER. RFC 4511 wants 0xFF, but there is only one way to read the others.
        """
        contents = self.octets(tag)
        if len(contents) != 1:
            raise DecodeError("a BOOLEAN has not exactly one octet")
        return contents != b"\x00"

    def skip_octets(self, tag: int = OCTET_STRING) -> None:
        """Steps over the next element, which must have `tag`, without a copy of its contents."""
        self._contents(tag)

    def skip(self) -> int:
        """Steps over the next element, whatever it is, and returns its identifier octet."""
        tag = self.peek()
        if tag is None:
            raise DecodeError("an element is missing")
        self._contents(tag)
        return tag

    def _contents(self, tag: int) -> tuple[int, int]:
        """Steps over the next element, which must have `tag`; returns where its contents begin and end."""
        data, at, end = self._data, self._at, self._end
        if at >= end:
            raise DecodeError("an element is missing")
        if data[at] != tag:
            raise DecodeError("an element has another type than the one that belongs here")
        if tag & _HIGH_TAG_NUMBER == _HIGH_TAG_NUMBER:
            raise DecodeError("an element has an identifier of more than one octet")
        if at + 2 > end:
            raise DecodeError("an element ends before its length")
        length = data[at + 1]
        at += 2
        if length > 0x7F:
            octets = length & 0x7F
            if not 1 <= octets <= MAX_LENGTH_OCTETS:
                raise DecodeError("an element has an indefinite length, or one of more than four octets")
            if at + octets > end:
                raise DecodeError("an element ends within its length")
            length = int.from_bytes(data[at : at + octets], "big")
            at += octets
        if length > end - at:
            raise DecodeError("an element reaches beyond the one that holds it")
        self._at = at + length
        return at, at + length


def integer_value(contents: bytes) -> int:
    """The value of an INTEGER's contents: two's complement, at most four octets, the shortest encoding.

    Raises:
        DecodeError: they are something else.
    """
    if not contents:
        raise DecodeError("an INTEGER has no octets")
    if len(contents) > MAX_INTEGER_OCTETS:
        raise DecodeError("an INTEGER has more than four octets")
    if len(contents) > 1 and (
        (contents[0] == 0x00 and contents[1] < 0x80) or (contents[0] == 0xFF and contents[1] >= 0x80)
    ):
        raise DecodeError("an INTEGER is longer than it need be, which BER forbids")
    return int.from_bytes(contents, "big", signed=True)


def element(tag: int, *contents: bytes) -> bytes:
    """An element with the identifier octet `tag` and the joined contents, its length as short as can be."""
    body = b"".join(contents)
    length = len(body)
    if length < 0x80:
        return bytes((tag, length)) + body
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + body


def sequence(*contents: bytes) -> bytes:
    """A SEQUENCE of elements."""
    return element(SEQUENCE, *contents)


def octet_string(contents: bytes) -> bytes:
    """An OCTET STRING."""
    return element(OCTET_STRING, contents)


def integer(value: int, tag: int = INTEGER) -> bytes:
    """An INTEGER or ENUMERATED, in its shortest encoding."""
    return element(tag, value.to_bytes(max(value, ~value).bit_length() // 8 + 1, "big", signed=True))
