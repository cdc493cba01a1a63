"""The SearchRequest and the SearchResultEntry (RFC 4511 sections 4.5.1 and 4.5.2).

Owns the decoding of requests, down to what a decision needs: base, scope, and what the filter asserts on; the
searches that the proxy writes itself; and the reading of their answers. It must not know which searches are
allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ldapproxy.ldap import ber
from ldapproxy.ldap.attributes import canonical_attribute, decode_description
from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.filters import read_filter
from ldapproxy.ldap.framing import Frame
from ldapproxy.ldap.operations import Tag

BASE_OBJECT = 0
"""The scope that covers the base alone."""


# (objectClass=*), which every entry meets.
_ANY_ENTRY: Final = ber.element(ber.context(7), b"objectClass")


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search, without the values of its filter.

    Attributes:
        message_id: the messageID.
        base: the baseObject, as sent.
        scope: as sent; 0 is baseObject, 1 singleLevel, 2 wholeSubtree; some directories know more.
        filter_attributes: every attribute description that the filter asserts on, as sent, at any depth.
        extensible_without_attribute: the filter holds an extensible match without a type.
        is_presence_only: the filter is a single presence test, such as (objectClass=*).
    """

    message_id: int
    base: bytes
    scope: int
    filter_attributes: tuple[str, ...]
    extensible_without_attribute: bool
    is_presence_only: bool


def decode_search_request(frame: Frame) -> SearchRequest:
    """Decodes a frame whose tag is SEARCH_REQUEST.

    Raises:
        DecodeError: it is malformed, anything stands behind its attributes, or its filter is nested too deep.
    """
    if frame.tag != Tag.SEARCH_REQUEST:
        raise DecodeError("the message holds another operation than the one to be decoded")
    fields = ber.Reader(frame.raw, frame.op_start, frame.op_end)
    base = fields.octets()
    scope = fields.integer(ber.ENUMERATED)
    fields.integer(ber.ENUMERATED)  # derefAliases
    fields.integer()  # sizeLimit
    fields.integer()  # timeLimit
    fields.boolean()  # typesOnly
    facts = read_filter(fields)
    attributes = fields.inside()
    fields.finish()
    while not attributes.at_end:
        attributes.skip_octets()
    return SearchRequest(
        frame.message_id,
        base,
        scope,
        facts.attributes,
        facts.extensible_without_attribute,
        facts.is_presence_only,
    )


def encode_root_dse_search(message_id: int, attribute: str) -> bytes:
    """A search for one attribute of the root DSE (RFC 4512 section 5.1).

    Args:
        message_id: its messageID.
        attribute: the attribute's name.
    """
    return encode_entry_search(message_id, b"", attribute)


def encode_entry_search(message_id: int, base: bytes, attribute: str) -> bytes:
    """A search for one attribute of one entry.

    Args:
        message_id: its messageID.
        base: the entry's name.
        attribute: the attribute's name.
    """
    request = ber.element(
        Tag.SEARCH_REQUEST,
        ber.octet_string(base),
        ber.integer(BASE_OBJECT, ber.ENUMERATED),
        ber.integer(0, ber.ENUMERATED),  # neverDerefAliases
        ber.integer(0),  # no sizeLimit: there is one entry
        ber.integer(0),  # no timeLimit: the asker has one
        ber.element(ber.BOOLEAN, b"\0"),  # values, not only types
        _ANY_ENTRY,
        ber.sequence(ber.octet_string(attribute.encode("ascii"))),
    )
    return ber.sequence(ber.integer(message_id), request)


def decode_entry_values(frame: Frame, attribute: str) -> tuple[bytes, ...]:
    """The values of one attribute in a frame whose tag is SEARCH_RESULT_ENTRY, in their order.

    Args:
        frame: the SearchResultEntry.
        attribute: the attribute, by any of its names; options do not count as the same.

    Raises:
        DecodeError: the entry is malformed.
    """
    if frame.tag != Tag.SEARCH_RESULT_ENTRY:
        raise DecodeError("the message holds no entry")
    fields = ber.Reader(frame.raw, frame.op_start, frame.op_end)
    fields.skip_octets()  # objectName
    attributes = fields.inside()
    found: tuple[bytes, ...] = ()
    while not attributes.at_end:
        partial = attributes.inside()
        description = decode_description(partial.octets())
        values = partial.inside(ber.SET)
        if ";" not in description and canonical_attribute(description) == canonical_attribute(attribute):
            while not values.at_end:
                found += (values.octets(),)
    return found
