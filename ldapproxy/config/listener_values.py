"""Values that only listeners have: factors, the delimiter, extended operations, password attributes.

Owns what each may be. It must not know the listener's other keys.
"""

from __future__ import annotations

from ldapproxy.auth.outcomes import Factor
from ldapproxy.config import names, values
from ldapproxy.config.document import Node
from ldapproxy.config.values import Invalid, Parser

_listed_factor = values.choice([Factor.PUSH, Factor.PHONE, Factor.PASSCODE])


def _factor(node: Node) -> Factor:
    if values.scalar(node, "push, phone or passcode").text == Factor.SMS.value:
        raise Invalid.at(
            node, "is no factor of its own: who types sms is sent passcodes, wherever passcode is listed"
        )
    return _listed_factor(node)


factors: Parser[tuple[Factor, ...]] = values.list_of(
    _factor, if_empty="lets nobody in; name push, phone or passcode"
)
"""What a listener accepts."""

password_attributes: Parser[tuple[str, ...]] = values.list_of(
    names.attribute,
    if_empty="protects nothing; if applications must be able to test passwords, set allow_password_compare",
)

# RFC 4511 section 4.14.
_START_TLS = "1.3.6.1.4.1.1466.20037"

ALWAYS_RELAYED = {
    "1.3.6.1.4.1.4203.1.11.3": '"Who am I?"',  # RFC 4532
    "1.3.6.1.1.8": "Cancel",  # RFC 3909
    "1.3.6.1.4.1.4203.1.11.1": "Password Modify",  # RFC 3062
}
"""Extended operations that need not be listed."""

FAST_BIND = "1.2.840.113556.1.4.1781"
"""Active Directory's LDAP_SERVER_FAST_BIND_OID; each bind behind it is a mere test of a password."""


def delimiter(node: Node) -> str:
    """What stands between password and factor choice."""
    value = values.scalar(node, "a character such as ','").text
    if not value:
        raise Invalid.at(node, "is empty; write null if no credential is to be split")
    if len(value) > 8 or not value.isprintable():
        raise Invalid.at(node, "must be one to eight visible characters")
    if any(character.isalnum() or character == "@" for character in value):
        # The split is at the last one: a letter or digit would cut passcodes and push2, @ would cut @phone.
        raise Invalid.at(node, "must not hold letters, digits or @, of which factors and passcodes are made")
    return value


def _extended_operation(node: Node) -> str:
    value = names.oid(node)
    if value == _START_TLS:
        raise Invalid.at(node, "is StartTLS, which the listener does itself and never relays")
    return value


extended_operations: Parser[tuple[str, ...]] = values.list_of(_extended_operation)
