"""Controls behind an operation."""

from __future__ import annotations

import pytest

from ldapproxy.ldap.controls import Control, decode_controls, decode_oid, read_controls
from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.framing import Frame, MessageFramer
from tests.support.ldap_samples import BIND, BIND_WITH_CONTROL


def _frame(message: bytes) -> Frame:
    framer = MessageFramer(1000)
    framer.append(message)
    frame = framer.next()
    assert frame is not None
    return frame


def _controls(element: bytes) -> tuple[Control, ...]:
    return read_controls(element, 0, len(element))


def test_a_message_without_controls_has_none() -> None:
    assert decode_controls(_frame(BIND)) == ()


def test_the_controls_of_a_message() -> None:
    assert decode_controls(_frame(BIND_WITH_CONTROL)) == (Control("1.3.6.1.4.1.42.2.27.8.5.1", False, None),)


def test_several_with_criticality_and_value() -> None:
    element = (
        b"\xa0\x23"
        b"\x30\x08\x04\x031.2\x01\x01\xff"
        b"\x30\x0b\x04\x031.3\x01\x01\x00\x04\x01v"
        b"\x30\x0a\x04\x062.5.29\x04\x00"
    )
    assert _controls(element) == (
        Control("1.2", True, None),
        Control("1.3", False, b"v"),
        Control("2.5.29", False, b""),
    )


def test_a_list_of_none_is_a_list() -> None:
    assert _controls(b"\xa0\x00") == ()


@pytest.mark.parametrize(
    "element",
    [
        b"\xa1\x00",  # not [0]
        b"\x80\x00",  # primitive
        b"\x30\x00",
        b"\xa0\x00\xa0\x00",  # twice
        b"\xa0\x00\x00",  # something behind
        b"\xa0\x02\x30\x00",  # no OID
        b"\xa0\x05\x31\x03\x04\x01\x31",  # a SET
        b"\xa0\x07\x30\x05\x04\x03abc",  # no OID of numbers
        b"\xa0\x09\x30\x07\x04\x031.2\x05\x00",  # something unknown in it
        b"\xa0\x0c\x30\x0a\x04\x031.2\x04\x00\x01\x01\xff"[:14],  # value before criticality
        b"\xa0\x0b\x30\x09\x04\x031.2\x04\x00\x04\x00",  # two values
        b"\xa0\x0c\x30\x0a\x04\x031.2\x01\x03\x00\x00\x00",  # a BOOLEAN of three octets
        b"\xa0\x08\x30\x05\x04\x031.2",  # ends too early
    ],
)
def test_anything_else_behind_an_operation_is_refused(element: bytes) -> None:
    with pytest.raises(DecodeError):
        _controls(element)


@pytest.mark.parametrize("oid", ["0.9", "1.3.6.1.4.1.1466.20037", "2.999"])
def test_object_identifiers(oid: str) -> None:
    assert decode_oid(oid.encode()) == oid


@pytest.mark.parametrize(
    "contents",
    [b"", b"1", b"1.", b".1", b"1..2", b"01.2", b"1.02", b"1.2\n", b"1.2 ", b"a.b", b"1.2\x00", b"1.\xb2"],
)
def test_other_spellings_are_no_object_identifiers(contents: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_oid(contents)
