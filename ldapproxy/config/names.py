"""Names of the directory's world: distinguished names, attributes, OIDs, filters; and our names for sections.

Owns how they are written in the configuration. It must not know what they are used for.
"""

from __future__ import annotations

import re
import warnings

from ldapproxy.config.document import Node
from ldapproxy.config.values import Invalid, text
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.errors import InvalidName

with warnings.catch_warnings():
    # ldap3 2.9.1 uses names that pyasn1 has deprecated; under `-W error` it could not even be imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    from ldap3.operation.search import parse_filter

# RFC 4512 section 1.4: keystring and numericoid.
_KEYSTRING = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_NUMERIC_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
# They become values of the label `listener`, `directory` or `duo`, and are typed into queries of metrics.
_SECTION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
ACCOUNT_NAME = "{name}"
"""Where the account name goes in `username_search`."""

# Enough for any condition a person has written; ldap3's parser recurses for each parenthesis.
_MAX_FILTER = 4096


def distinguished_name(node: Node) -> DistinguishedName:
    """A DN that is not empty."""
    value = text(node)
    try:
        return DistinguishedName.parse(value)
    except InvalidName as invalid:
        raise Invalid.at(
            node, f"must be a distinguished name such as ou=people,dc=example,dc=com: {invalid}"
        ) from None


def nobody(base_dn: DistinguishedName) -> DistinguishedName:
    """A name below `base_dn` that is no entry's. If ever it were one's, that account could not log in."""
    return DistinguishedName.parse(f"cn=no such account (ldapproxy),{base_dn.text}")


def attribute(node: Node) -> str:
    """The name of an attribute, or its OID, without options."""
    value = text(node)
    if not _KEYSTRING.fullmatch(value) and not _NUMERIC_OID.fullmatch(value):
        raise Invalid.at(node, "must be the name of an attribute (letters, digits, hyphens), or its OID")
    return value


def oid(node: Node) -> str:
    """A numeric OID."""
    value = text(node)
    if not _NUMERIC_OID.fullmatch(value):
        raise Invalid.at(node, "must be an OID in numbers and dots, such as 1.3.6.1.4.1.1466.20037")
    return value


def search_filter(node: Node) -> str:
    """An RFC 4515 filter, read by the library that will send it."""
    value = text(node)
    if len(value) > _MAX_FILTER:
        raise Invalid.at(node, f"must be a filter of at most {_MAX_FILTER} characters")
    try:
        parse_filter(value, None, False, True, None, False)  # type: ignore[no-untyped-call]  # ldap3 has no types
    except Exception:  # ldap3 raises whatever it stumbles over; what it cannot read is refused
        raise Invalid.at(node, "must be a filter in parentheses, such as (objectClass=person)") from None
    return value


def account_search(node: Node) -> str:
    """A filter with `{name}` where a bare account name goes; in values only, where it can be escaped."""
    value = search_filter(node)
    *before, _ = value.split(ACCOUNT_NAME)
    if not before:
        raise Invalid.at(node, f"must hold {ACCOUNT_NAME}, as in (sAMAccountName={ACCOUNT_NAME})")
    for place in range(1, len(before) + 1):
        if "=" not in ACCOUNT_NAME.join(before[:place]).rpartition("(")[2]:
            raise Invalid.at(node, f"must hold {ACCOUNT_NAME} behind an equals sign only")
    return value


def is_section_name(name: str) -> bool:
    """True when a listener, a directory or a Duo application may be called that."""
    return _SECTION_NAME.fullmatch(name) is not None
