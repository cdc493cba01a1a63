"""Controls: what may stand behind an operation (RFC 4511 section 4.1.11).

Owns their decoding. It must not know what a control asks for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ldapproxy.ldap import ber
from ldapproxy.ldap.errors import DecodeError

if TYPE_CHECKING:
    from ldapproxy.ldap.framing import Frame

CONTROLS_TAG: Final = ber.context(0, constructed=True)

ASSERTION_OID: Final = "1.3.6.1.1.12"  # RFC 4528
MATCHED_VALUES_OID: Final = "1.2.826.0.1.3344810.2.3"  # RFC 3876
SORT_OID: Final = "1.2.840.113556.1.4.473"  # RFC 2891
PROXIED_AUTHORIZATION_OID: Final = "2.16.840.1.113730.3.4.18"  # RFC 4370

# RFC 4512 section 1.4, numericoid: no leading zeros, so that one OID has one spelling.
_NUMERIC_OID: Final = re.compile(rb"(?:0|[1-9][0-9]*+)(?:\.(?:0|[1-9][0-9]*+))++")


@dataclass(frozen=True, slots=True)
class Control:
    """One control.

    Attributes:
        oid: its controlType.
        critical: whether the operation must fail where the control is not understood.
        value: its controlValue, None when there is none.
    """

    oid: str
    critical: bool
    value: bytes | None


def decode_oid(contents: bytes) -> str:
    """The text of an LDAPOID (RFC 4511 section 4.1.2).

    Raises:
        DecodeError: it is no dotted-decimal OID.
    """
    if _NUMERIC_OID.fullmatch(contents) is None:
        raise DecodeError("an object identifier is not written as numbers and dots")
    return contents.decode("ascii")


def read_controls(data: bytes, start: int, end: int) -> tuple[Control, ...]:
    """The controls that fill `data` from `start` to `end`; none if that is empty.

    Raises:
        DecodeError: anything but exactly one well-formed controls element is there.
    """
    if start == end:
        return ()
    message = ber.Reader(data, start, end)
    if message.peek() != CONTROLS_TAG:
        raise DecodeError("something other than controls stands behind the operation")
    sequence = message.inside(CONTROLS_TAG)
    message.finish()
    controls = []
    while not sequence.at_end:
        fields = sequence.inside()
        oid = decode_oid(fields.octets())
        critical = fields.boolean() if fields.peek() == ber.BOOLEAN else False
        value = fields.octets() if fields.peek() == ber.OCTET_STRING else None
        fields.finish()
        controls.append(Control(oid, critical, value))
    return tuple(controls)


def decode_controls(frame: Frame) -> tuple[Control, ...]:
    """The controls of a message, in their order.

    Raises:
        DecodeError: they are malformed; that never happens to a frame of a MessageFramer, which has checked
            them.
    """
    return read_controls(frame.raw, frame.op_end, len(frame.raw))
