"""LDAP requests as bytes, encoded by hand.

Owns an encoder that shares no line, and so no mistake, with the product's own. It must not know the product.
"""

from __future__ import annotations


def tlv(tag: int, *contents: bytes) -> bytes:
    """One element with a definite length."""
    body = b"".join(contents)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + body


def integer(value: int) -> bytes:
    """An INTEGER that is not negative."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value: str | bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(0x04, value.encode() if isinstance(value, str) else value)


def message(message_id: int, operation: bytes, controls: bytes = b"") -> bytes:
    """An LDAPMessage."""
    return tlv(0x30, integer(message_id), operation, controls)


def bind(message_id: int, name: str = "uid=alice", password: str = "secret") -> bytes:
    """A simple BindRequest."""
    return message(message_id, tlv(0x60, integer(3), octets(name), tlv(0x80, password.encode())))


def unbind(message_id: int) -> bytes:
    """An UnbindRequest."""
    return message(message_id, tlv(0x42))


def abandon(message_id: int, abandoned: int) -> bytes:
    """An AbandonRequest."""
    return message(message_id, tlv(0x50, integer(abandoned)[2:]))


def present(attribute: str) -> bytes:
    """The filter (attribute=*)."""
    return tlv(0x87, attribute.encode())


def equal(attribute: str, value: str) -> bytes:
    """The filter (attribute=value)."""
    return tlv(0xA3, octets(attribute), octets(value))


def extensible(value: str, attribute: str | None = None, rule: str | None = None) -> bytes:
    """An extensible match."""
    parts = [
        b"" if rule is None else tlv(0x81, rule.encode()),
        b"" if attribute is None else tlv(0x82, attribute.encode()),
        tlv(0x83, value.encode()),
    ]
    return tlv(0xA9, *parts)


def search(
    message_id: int,
    dn: str = "dc=example,dc=com",
    scope: int = 2,
    where: bytes | None = None,
    attributes: tuple[str, ...] = (),
    controls: bytes = b"",
) -> bytes:
    """A SearchRequest."""
    return message(
        message_id,
        tlv(
            0x63,
            octets(dn),
            tlv(0x0A, bytes([scope])),
            tlv(0x0A, b"\0"),
            integer(0),
            integer(0),
            tlv(0x01, b"\0"),
            present("objectClass") if where is None else where,
            tlv(0x30, *(octets(attribute) for attribute in attributes)),
        ),
        controls,
    )


def root_dse(message_id: int) -> bytes:
    """A base search of the root DSE."""
    return search(message_id, "", 0)


def compare(message_id: int, attribute: str, value: str = "secret") -> bytes:
    """A CompareRequest."""
    return message(message_id, tlv(0x6E, octets("uid=bob"), tlv(0x30, octets(attribute), octets(value))))


def extended(message_id: int, oid: str, value: bytes | None = None) -> bytes:
    """An ExtendedRequest."""
    return message(message_id, tlv(0x77, tlv(0x80, oid.encode()), b"" if value is None else tlv(0x81, value)))


def modify(message_id: int, controls: bytes = b"") -> bytes:
    """A ModifyRequest that sets userPassword, which is not a test of it."""
    change = tlv(0x30, tlv(0x0A, b"\x02"), tlv(0x30, octets("userPassword"), tlv(0x31, octets("new"))))
    return message(message_id, tlv(0x66, octets("uid=alice"), tlv(0x30, change)), controls)


def controls(*pairs: tuple[str, bytes]) -> bytes:
    """A controls element."""
    return tlv(0xA0, *(tlv(0x30, octets(oid), octets(value)) for oid, value in pairs))


def start_tls(message_id: int) -> bytes:
    """A StartTLS request."""
    return extended(message_id, "1.3.6.1.4.1.1466.20037")
