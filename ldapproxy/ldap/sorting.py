"""Server-side sorting: which attributes a search is sorted by (RFC 2891).

Owns the decoding of the control's value. It must not know which attributes hold a password.
"""

from __future__ import annotations

from typing import Final

from ldapproxy.ldap import ber
from ldapproxy.ldap.attributes import decode_description

_ORDERING_RULE: Final = ber.context(0)
_REVERSE_ORDER: Final = ber.context(1)


def decode_sort_keys(value: bytes) -> tuple[str, ...]:
    """The attribute descriptions of a SortKeyList, as sent.

    Raises:
        DecodeError: it is malformed.
    """
    reader = ber.Reader(value)
    keys = reader.inside()
    reader.finish()
    attributes = []
    while not keys.at_end:
        key = keys.inside()
        attributes.append(decode_description(key.octets()))
        if key.peek() == _ORDERING_RULE:
            key.octets(_ORDERING_RULE)
        if key.peek() == _REVERSE_ORDER:
            key.boolean(_REVERSE_ORDER)
        key.finish()
    return tuple(attributes)
