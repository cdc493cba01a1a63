"""Bytes that are no LDAPMessage, or that two readers could read differently, by what is wrong with them.

Owns the samples. It must not know who refuses them.
"""

from __future__ import annotations

from ldapproxy.ldap.ber import sequence
from tests.support.ldap_samples import UNBIND

_BODY = b"\x42\x00"
_ID = b"\x02\x01\x01"

MALFORMED: dict[str, bytes] = {
    "a TLS ClientHello": b"\x16\x03\x01\x02\x00\x01",
    "HTTP": b"GET / HTTP/1.1\r\n",
    "a SET": b"\x31\x05" + _ID + _BODY,
    "indefinite length": b"\x30\x80" + _ID + _BODY + b"\x00\x00",
    "length of five octets": b"\x30\x85\x00\x00\x00\x00\x05" + _ID + _BODY,
    "reserved length": b"\x30\xff" + _ID + _BODY,
    "empty": b"\x30\x00",
    "only a messageID": sequence(_ID),
    "no messageID": sequence(b"\x60\x07\x02\x01\x03\x04\x00\x80\x00"),
    "messageID of another type": sequence(b"\x0a\x01\x01", _BODY),
    "negative messageID": sequence(b"\x02\x01\xff", _BODY),
    "negative messageID of two octets": sequence(b"\x02\x02\x80\x00", _BODY),
    "messageID 2^31": sequence(b"\x02\x05\x00\x80\x00\x00\x00", _BODY),
    "messageID -2^31": sequence(b"\x02\x04\x80\x00\x00\x00", _BODY),
    "padded messageID": sequence(b"\x02\x02\x00\x01", _BODY),
    "padded messageID of three octets": sequence(b"\x02\x03\x00\x00\x80", _BODY),
    "messageID without octets": sequence(b"\x02\x00", _BODY + b"\x00"),
    "messageID with indefinite length": sequence(b"\x02\x80\x01\x00\x00", _BODY),
    "messageID up to the end": sequence(b"\x02\x03\x01\x02\x03"),
    "messageID of two octets, then half an operation": sequence(b"\x02\x02\x01\x00", b"\x42"),
    "messageID beyond the end": sequence(b"\x02\x04\x01\x02\x03"),
    "universal operation": sequence(_ID, b"\x30\x00"),
    "controls instead of an operation": sequence(_ID, b"\xa0\x00"),
    "operation with a long tag": sequence(_ID, b"\x7f\x20\x00"),
    "primitive Bind": sequence(_ID, b"\x40\x00"),
    "constructed Unbind": sequence(_ID, b"\x62\x00"),
    "constructed Abandon": sequence(_ID, b"\x70\x03\x02\x01\x05"),
    "operation with indefinite length": sequence(_ID, b"\x60\x80\x00\x00"),
    "operation with a length of five octets": sequence(_ID, b"\x60\x85\x00\x00\x00\x00\x00"),
    "operation that ends in its length": sequence(_ID, b"\x60\x82\x00"),
    "operation beyond the message": sequence(_ID, b"\x42\x01"),
    "operation beyond the message, into the next one": sequence(_ID, b"\x42\x07") + UNBIND,
    "something behind the operation": sequence(_ID, _BODY, b"\x00"),
    "an octet string behind the operation": sequence(_ID, _BODY, b"\x04\x00"),
    "a second operation": sequence(_ID, _BODY, _BODY),
    "controls twice": sequence(_ID, _BODY, b"\xa0\x00\xa0\x00"),
    "controls, then something": sequence(_ID, _BODY, b"\xa0\x00\x00"),
    "controls beyond the message": sequence(_ID, _BODY, b"\xa0\x01"),
    "broken control": sequence(_ID, _BODY, b"\xa0\x02\x30\x00"),
    "primitive controls": sequence(_ID, _BODY, b"\x80\x00"),
    "messageID 0": sequence(b"\x02\x01\x00", _BODY),
}

# A stream is looked at up to the operation's identifier, and whose messageID it bears is for the caller.
NOT_SEEN_IN_A_STREAM = frozenset(
    {
        "messageID 0",
        "operation with indefinite length",
        "operation with a length of five octets",
        "operation that ends in its length",
        "operation beyond the message",
        "operation beyond the message, into the next one",
        "something behind the operation",
        "an octet string behind the operation",
        "a second operation",
        "controls twice",
        "controls, then something",
        "controls beyond the message",
        "broken control",
        "primitive controls",
    }
)
