"""The SearchRequest (RFC 4511 section 4.5.1).

Owns its decoding, down to what a decision needs: base, scope, and what the filter asserts on. It must not
know which searches are allowed.
"""

from __future__ import annotations

from dataclasses import dataclass

from ldapproxy.ldap import ber
from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.filters import read_filter
from ldapproxy.ldap.framing import Frame
from ldapproxy.ldap.operations import Tag

BASE_OBJECT = 0
"""The scope that covers the base alone."""


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
