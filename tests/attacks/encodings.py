"""Odd encodings of one message: every element of it, in every way that BER or its readers might allow.

Owns the elements and what is done to them. It must not know the product, nor who reads an encoding how.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

INTEGERS = (0x02, 0x0A)
BOOLEAN = 0x01


@dataclass(frozen=True)
class Element:
    """One element: an identifier octet, and octets or further elements in it."""

    tag: int
    contents: bytes | tuple[Element, ...]

    def encode(self) -> bytes:
        """As every sender writes it."""
        return with_length(bytes([self.tag]), self.body())

    def body(self) -> bytes:
        """What is in it."""
        if isinstance(self.contents, bytes):
            return self.contents
        return b"".join(element.encode() for element in self.contents)


def with_length(identifier: bytes, body: bytes) -> bytes:
    """An element with the shortest length."""
    if len(body) < 0x80:
        return identifier + bytes([len(body)]) + body
    octets = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return identifier + bytes([0x80 | len(octets)]) + octets + body


def odd_encodings(message: Element) -> Iterator[tuple[str, bytes]]:
    """The message with each of its elements encoded oddly, one at a time, and what was done."""
    yield from _within(message, "message")


def _within(element: Element, path: str) -> Iterator[tuple[str, bytes]]:
    """Odd encodings of the element itself, and of what is in it."""
    for what, encoding in _of_itself(element):
        yield f"{path}: {what}", encoding
    if isinstance(element.contents, bytes):
        return
    parts = [part.encode() for part in element.contents]
    for at, part in enumerate(element.contents):
        for what, encoding in _within(part, f"{path}.{at}"):
            body = b"".join([*parts[:at], encoding, *parts[at + 1 :]])
            yield what, with_length(bytes([element.tag]), body)
    for at in range(len(parts) - 1):
        swapped = [*parts[:at], parts[at + 1], parts[at], *parts[at + 2 :]]
        yield f"{path}: parts {at} and {at + 1} swapped", with_length(bytes([element.tag]), b"".join(swapped))


def _of_itself(element: Element) -> Iterator[tuple[str, bytes]]:
    tag, body, usual = bytes([element.tag]), element.body(), element.encode()
    for octets in (1, 2, 3, 4, 5, 8, 126):
        yield (
            f"a length of {octets} octets",
            tag + bytes([0x80 | octets]) + len(body).to_bytes(octets, "big") + body,
        )
    yield "an indefinite length", tag + b"\x80" + body + b"\0\0"
    yield "an indefinite length without an end", tag + b"\x80" + body
    yield "the reserved length", tag + b"\xff" + body
    yield "a length that is one too small", tag + _length(len(body) - 1) + body if body else usual[:1]
    yield "a length that is one too large", tag + _length(len(body) + 1) + body
    yield "a length beyond everything", tag + b"\x84\x7f\xff\xff\xff" + body
    yield "a negative length", tag + b"\x84\xff\xff\xff\xff" + body
    yield "something behind its contents", with_length(tag, body + b"\x05\x00")
    yield "zeros behind its contents", with_length(tag, body + b"\0\0")
    yield "something before its contents", with_length(tag, b"\x05\x00" + body)
    yield "itself twice", usual + usual
    yield "nothing in its place", b""
    yield "a NULL in its place", b"\x05\x00"
    yield "a NULL behind it", usual + b"\x05\x00"
    yield "a NULL before it", b"\x05\x00" + usual
    yield "no contents", tag + b"\0"
    yield "the other form", with_length(bytes([element.tag ^ 0x20]), body)
    yield "in one piece of its own", with_length(bytes([element.tag | 0x20]), with_length(b"\x04", body))
    half = len(body) // 2
    pieces = with_length(b"\x04", body[:half]) + with_length(b"\x04", body[half:])
    yield "in two pieces", with_length(bytes([element.tag | 0x20]), pieces)
    yield "its tag in two octets", with_length(bytes([element.tag & 0xE0 | 0x1F, element.tag & 0x1F]), body)
    yield (
        "its tag in three octets",
        with_length(bytes([element.tag & 0xE0 | 0x1F, 0x80, element.tag & 0x1F]), body),
    )
    for bits in (0x40, 0x80, 0xC0):
        yield f"another class, {bits:#x}", with_length(bytes([element.tag ^ bits]), body)
    if element.tag in INTEGERS:
        yield from _odd_integers(tag, body)
    if element.tag == BOOLEAN:
        for value in (b"\0", b"\x01", b"\x7f", b"\xff\xff", b"\0\0", b"\0\x01", bytes(4) + b"\x01"):
            yield f"the value {value.hex()}", with_length(tag, value)


def _odd_integers(tag: bytes, body: bytes) -> Iterator[tuple[str, bytes]]:
    for octets in (2, 4, 5, 8, 9):
        if octets > len(body):
            yield f"padded to {octets} octets", with_length(tag, body.rjust(octets, b"\0"))
            yield (
                f"the same in its last octets, of {octets}",
                with_length(tag, b"\x01" + body.rjust(octets - 1, b"\0")),
            )
            yield f"negative in {octets} octets", with_length(tag, b"\xff" * (octets - len(body)) + body)
    for value in (
        b"\0",
        b"\xff",
        b"\x80",
        b"\x7f\xff\xff\xff",
        b"\x80\0\0\0",
        b"\0\x80\0\0\0",
        b"\0\xff\xff\xff\xff",
    ):
        yield f"the value {value.hex()}", with_length(tag, value)


def _length(size: int) -> bytes:
    return with_length(b"", bytes(max(size, 0)))[: 1 if size < 0x80 else 1 + (size.bit_length() + 7) // 8]
