"""The operations of LDAP: their identifier octets, answers and object identifiers.

Owns the numbers of RFC 4511 that name an operation. It must not know what an operation carries.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final


@unique
class Tag(IntEnum):
    """The identifier octet of an LDAPMessage's protocolOp (RFC 4511 appendix B)."""

    BIND_REQUEST = 0x60
    BIND_RESPONSE = 0x61
    UNBIND_REQUEST = 0x42
    SEARCH_REQUEST = 0x63
    SEARCH_RESULT_ENTRY = 0x64
    SEARCH_RESULT_DONE = 0x65
    SEARCH_RESULT_REFERENCE = 0x73
    MODIFY_REQUEST = 0x66
    MODIFY_RESPONSE = 0x67
    ADD_REQUEST = 0x68
    ADD_RESPONSE = 0x69
    DELETE_REQUEST = 0x4A
    DELETE_RESPONSE = 0x6B
    MODIFY_DN_REQUEST = 0x6C
    MODIFY_DN_RESPONSE = 0x6D
    COMPARE_REQUEST = 0x6E
    COMPARE_RESPONSE = 0x6F
    ABANDON_REQUEST = 0x50
    EXTENDED_REQUEST = 0x77
    EXTENDED_RESPONSE = 0x78
    INTERMEDIATE_RESPONSE = 0x79


# The response that ends each operation. Unbind and Abandon have none.
_RESPONSES: Final[dict[int, Tag]] = {
    Tag.BIND_REQUEST: Tag.BIND_RESPONSE,
    Tag.SEARCH_REQUEST: Tag.SEARCH_RESULT_DONE,
    Tag.MODIFY_REQUEST: Tag.MODIFY_RESPONSE,
    Tag.ADD_REQUEST: Tag.ADD_RESPONSE,
    Tag.DELETE_REQUEST: Tag.DELETE_RESPONSE,
    Tag.MODIFY_DN_REQUEST: Tag.MODIFY_DN_RESPONSE,
    Tag.COMPARE_REQUEST: Tag.COMPARE_RESPONSE,
    Tag.EXTENDED_REQUEST: Tag.EXTENDED_RESPONSE,
}

FINAL_RESPONSES: Final[frozenset[int]] = frozenset(map(int, _RESPONSES.values()))
"""The tags of responses after which the operation is over."""

_NAMES: Final[dict[int, str]] = {
    Tag.BIND_REQUEST: "bind",
    Tag.UNBIND_REQUEST: "unbind",
    Tag.SEARCH_REQUEST: "search",
    Tag.MODIFY_REQUEST: "modify",
    Tag.ADD_REQUEST: "add",
    Tag.DELETE_REQUEST: "delete",
    Tag.MODIFY_DN_REQUEST: "modify_dn",
    Tag.COMPARE_REQUEST: "compare",
    Tag.ABANDON_REQUEST: "abandon",
    Tag.EXTENDED_REQUEST: "extended",
}

OPERATION_NAMES: Final = (*_NAMES.values(), "other")
"""Everything that `operation_name` can say."""

START_TLS_OID: Final = "1.3.6.1.4.1.1466.20037"  # RFC 4511 section 4.14
NOTICE_OF_DISCONNECTION_OID: Final = "1.3.6.1.4.1.1466.20036"  # RFC 4511 section 4.4.1
WHO_AM_I_OID: Final = "1.3.6.1.4.1.4203.1.11.3"  # RFC 4532
PASSWORD_MODIFY_OID: Final = "1.3.6.1.4.1.4203.1.11.1"  # noqa: S105 - an OID, RFC 3062
CANCEL_OID: Final = "1.3.6.1.1.8"  # RFC 3909
FAST_BIND_OID: Final = "1.2.840.113556.1.4.1781"  # Microsoft, MS-ADTS 3.1.1.3.4.2.1


def response_tag(request_tag: int) -> Tag | None:
    """The tag of the response that ends this request; None for Unbind, Abandon and unknown operations."""
    return _RESPONSES.get(request_tag)


def operation_name(tag: int) -> str:
    """The request's name, one of `OPERATION_NAMES`; "other" for whatever is no known request."""
    return _NAMES.get(tag, "other")


def _is_protocol_op(octet: int) -> bool:
    """Whether this identifier octet may stand at the place of a protocolOp.

    It must be APPLICATION class, of one octet, and a known number must be primitive or constructed as RFC
    4511 says: a lenient directory might take `40` for a Bind, which must not pass as an unknown operation.
    """
    if octet & 0xC0 != 0x40 or octet & 0x1F == 0x1F:
        return False
    known = {tag & 0x1F: int(tag) for tag in Tag}
    return known.get(octet & 0x1F, octet) == octet


PROTOCOL_OPS: Final[frozenset[int]] = frozenset(octet for octet in range(0x100) if _is_protocol_op(octet))
"""The identifier octets that may stand at the place of a protocolOp, unknown operations included."""
