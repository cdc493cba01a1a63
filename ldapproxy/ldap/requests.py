"""The requests that the proxy understands, all but Search (RFC 4511 sections 4.2, 4.3, 4.10 to 4.12).

Owns their decoding, and the encoding of those that the proxy sends itself. It must not know which of them is
allowed.

Decoding is strict: whatever stands behind the last element that belongs to a request is an error, although
RFC 4511 section 4 lets a server ignore it. The proxy and the directory must not read one request in two ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ldapproxy.ldap import ber
from ldapproxy.ldap.attributes import decode_description
from ldapproxy.ldap.controls import decode_oid
from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.framing import Frame
from ldapproxy.ldap.operations import Tag
from ldapproxy.secret import Secret

_SIMPLE: Final = ber.context(0)
_SASL: Final = ber.context(3, constructed=True)
_REQUEST_NAME: Final = ber.context(0)
_REQUEST_VALUE: Final = ber.context(1)


@dataclass(frozen=True, slots=True)
class SimpleAuthentication:
    """A name and a password, or with both of them empty the anonymous bind."""

    credential: Secret


@dataclass(frozen=True, slots=True)
class SaslAuthentication:
    """A SASL mechanism. Its credentials are not kept: the proxy has no use for them."""

    mechanism: bytes


@dataclass(frozen=True, slots=True)
class UnknownAuthentication:
    """Any other choice, such as Active Directory's "sicily" tags 9 to 11.

    Attributes:
        tag: the identifier octet.
    """

    tag: int


Authentication = SimpleAuthentication | SaslAuthentication | UnknownAuthentication


@dataclass(frozen=True, slots=True)
class BindRequest:
    """RFC 4511 section 4.2.

    Attributes:
        message_id: the messageID.
        version: as sent, 3 or not.
        name: as sent; it may be no UTF-8 and no distinguished name.
        authentication: how the client wants to prove who it is.
        controls: the controls element as it came, or nothing.
    """

    message_id: int
    version: int
    name: bytes
    authentication: Authentication
    controls: bytes


@dataclass(frozen=True, slots=True)
class ExtendedRequest:
    """RFC 4511 section 4.12."""

    message_id: int
    oid: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class AbandonRequest:
    """RFC 4511 section 4.11. `abandoned` is the messageID of the operation that is no longer wanted."""

    message_id: int
    abandoned: int


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """RFC 4511 section 4.10, without the asserted value, which may be a password.

    Attributes:
        message_id: the messageID.
        entry: the name of the entry, as sent.
        attribute: the attribute description, as sent.
    """

    message_id: int
    entry: bytes
    attribute: str


def decode_bind_request(frame: Frame) -> BindRequest:
    """Decodes a frame whose tag is BIND_REQUEST.

    Raises:
        DecodeError: it is malformed, or anything stands behind the authentication choice.
    """
    fields = _contents(frame, Tag.BIND_REQUEST)
    version = fields.integer()
    name = fields.octets()
    authentication = _authentication(fields)
    fields.finish()
    return BindRequest(frame.message_id, version, name, authentication, frame.raw[frame.op_end :])


def _authentication(fields: ber.Reader) -> Authentication:
    match fields.peek():
        case 0x80:
            return SimpleAuthentication(Secret(fields.octets(_SIMPLE)))
        case 0xA3:
            sasl = fields.inside(_SASL)
            mechanism = sasl.octets()
            if not sasl.at_end:
                sasl.octets()
            sasl.finish()
            return SaslAuthentication(mechanism)
        case _:
            return UnknownAuthentication(fields.skip())


def encode_bind_request(message_id: int, name: bytes, credential: Secret, controls: bytes) -> bytes:
    """A simple BindRequest of version 3.

    Args:
        message_id: 1 to 2^31-1.
        name: the LDAPDN, or whatever else the directory takes for a name.
        credential: the password.
        controls: a whole controls element, as `BindRequest.controls` holds it, or nothing.
    """
    bind = ber.element(
        Tag.BIND_REQUEST,
        ber.integer(3),
        ber.octet_string(name),
        ber.element(_SIMPLE, credential.reveal()),
    )
    return ber.sequence(ber.integer(message_id), bind, controls)


def decode_extended_request(frame: Frame) -> ExtendedRequest:
    """Decodes a frame whose tag is EXTENDED_REQUEST.

    Raises:
        DecodeError: it is malformed, or its requestName is no OID.
    """
    fields = _contents(frame, Tag.EXTENDED_REQUEST)
    oid = decode_oid(fields.octets(_REQUEST_NAME))
    value = None if fields.at_end else fields.octets(_REQUEST_VALUE)
    fields.finish()
    return ExtendedRequest(frame.message_id, oid, value)


def encode_extended_request(message_id: int, oid: str) -> bytes:
    """An ExtendedRequest without a value, such as StartTLS or "Who am I?"."""
    request = ber.element(Tag.EXTENDED_REQUEST, ber.element(_REQUEST_NAME, oid.encode("ascii")))
    return ber.sequence(ber.integer(message_id), request)


def decode_abandon_request(frame: Frame) -> AbandonRequest:
    """Decodes a frame whose tag is ABANDON_REQUEST.

    Raises:
        DecodeError: its contents are no messageID.
    """
    _expect(frame, Tag.ABANDON_REQUEST)
    abandoned = ber.integer_value(frame.raw[frame.op_start : frame.op_end])
    if abandoned < 0:
        raise DecodeError("an Abandon names a negative messageID")
    return AbandonRequest(frame.message_id, abandoned)


def decode_unbind_request(frame: Frame) -> None:
    """Makes sure that a frame whose tag is UNBIND_REQUEST holds a NULL.

    Raises:
        DecodeError: it has contents.
    """
    _contents(frame, Tag.UNBIND_REQUEST).finish()


def decode_compare_request(frame: Frame) -> CompareRequest:
    """Decodes a frame whose tag is COMPARE_REQUEST.

    Raises:
        DecodeError: it is malformed.
    """
    fields = _contents(frame, Tag.COMPARE_REQUEST)
    entry = fields.octets()
    assertion = fields.inside()
    fields.finish()
    attribute = decode_description(assertion.octets())
    assertion.octets()
    assertion.finish()
    return CompareRequest(frame.message_id, entry, attribute)


def _contents(frame: Frame, tag: Tag) -> ber.Reader:
    _expect(frame, tag)
    return ber.Reader(frame.raw, frame.op_start, frame.op_end)


def _expect(frame: Frame, tag: Tag) -> None:
    if frame.tag != tag:
        raise DecodeError("the message holds another operation than the one to be decoded")
