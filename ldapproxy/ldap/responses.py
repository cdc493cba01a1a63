"""The answers: those the proxy writes itself, and those of the directory that it reads (RFC 4511, 4.1.9).

Owns encoding and decoding of LDAPResult. It must not know which answer a request deserves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ldapproxy.ldap import ber
from ldapproxy.ldap.controls import decode_oid
from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.framing import Frame
from ldapproxy.ldap.operations import FINAL_RESPONSES, NOTICE_OF_DISCONNECTION_OID, Tag

_REFERRAL: Final = ber.context(3, constructed=True)
_SERVER_SASL_CREDENTIALS: Final = ber.context(7)
_RESPONSE_NAME: Final = ber.context(10)
_RESPONSE_VALUE: Final = ber.context(11)


@dataclass(frozen=True, slots=True)
class LdapResult:
    """An answer that ends an operation.

    Attributes:
        message_id: the messageID; 0 for an unsolicited notification.
        tag: the identifier octet of the response.
        result_code: as sent; it may be none of `ResultCode`.
        matched_dn: as sent.
        diagnostic: the diagnosticMessage; octets that are no UTF-8 are replaced.
        referral: the URIs of a referral, in their order.
        response_name: responseName of an ExtendedResponse.
        response_value: responseValue of an ExtendedResponse.
    """

    message_id: int
    tag: int
    result_code: int
    matched_dn: bytes
    diagnostic: str
    referral: tuple[str, ...] = ()
    response_name: str | None = None
    response_value: bytes | None = None


def encode_result(
    message_id: int, tag: int, code: int, diagnostic: str = "", oid: str | None = None
) -> bytes:
    """A response that consists of an LDAPResult.

    Args:
        message_id: of the request that it answers; 0 for an unsolicited notification.
        tag: which response, one of FINAL_RESPONSES.
        code: the resultCode, 0 or more.
        diagnostic: the diagnosticMessage.
        oid: responseName of an ExtendedResponse.
    """
    response = ber.element(
        tag,
        ber.integer(code, ber.ENUMERATED),
        ber.octet_string(b""),
        # A lone surrogate cannot be written as UTF-8; nothing must fail for the sake of a diagnostic.
        ber.octet_string(diagnostic.encode("utf-8", "replace")),
        b"" if oid is None else ber.element(_RESPONSE_NAME, oid.encode("ascii")),
    )
    return ber.sequence(ber.integer(message_id), response)


def notice_of_disconnection(code: int, diagnostic: str) -> bytes:
    """The unsolicited notification that the connection is about to be closed (RFC 4511 section 4.4.1)."""
    return encode_result(0, Tag.EXTENDED_RESPONSE, code, diagnostic, NOTICE_OF_DISCONNECTION_OID)


def decode_result(frame: Frame) -> LdapResult:
    """Decodes a frame whose tag is one of FINAL_RESPONSES.

    Elements behind the LDAPResult that this response does not define are ignored, as RFC 4511 section 4
    demands.

    Raises:
        DecodeError: it is malformed.
    """
    if frame.tag not in FINAL_RESPONSES:
        raise DecodeError("the message is no response that ends an operation")
    fields = ber.Reader(frame.raw, frame.op_start, frame.op_end)
    result_code = fields.integer(ber.ENUMERATED)
    if result_code < 0:
        raise DecodeError("a resultCode is negative")
    matched_dn = fields.octets()
    diagnostic = fields.octets().decode("utf-8", "replace")
    referral = _referral(fields) if fields.peek() == _REFERRAL else ()
    name: str | None = None
    value: bytes | None = None
    if frame.tag == Tag.BIND_RESPONSE and fields.peek() == _SERVER_SASL_CREDENTIALS:
        fields.skip()
    elif frame.tag == Tag.EXTENDED_RESPONSE:
        if fields.peek() == _RESPONSE_NAME:
            name = decode_oid(fields.octets(_RESPONSE_NAME))
        if fields.peek() == _RESPONSE_VALUE:
            value = fields.octets(_RESPONSE_VALUE)
    while not fields.at_end:
        fields.skip()
    return LdapResult(frame.message_id, frame.tag, result_code, matched_dn, diagnostic, referral, name, value)


def _referral(fields: ber.Reader) -> tuple[str, ...]:
    uris = fields.inside(_REFERRAL)
    referral = []
    while not uris.at_end:
        referral.append(uris.octets().decode("utf-8", "replace"))
    return tuple(referral)
