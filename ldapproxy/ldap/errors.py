"""What can be wrong with bytes or text that claim to be LDAP.

Owns the exceptions of this floor. They must not carry the bytes that were refused: those may hold a password,
and an exception ends up in a log.
"""

from __future__ import annotations


class LdapError(Exception):
    """Anything that this floor refuses. The message is one plain sentence, without the refused bytes."""


class DecodeError(LdapError):
    """The bytes are no well-formed LDAPMessage, or one that two readers could understand differently."""


class MessageTooLarge(DecodeError):
    """The message is, or says that it will be, larger than the limit in force."""


class InvalidName(LdapError):
    """The text is no distinguished name, or one that two directories could understand differently."""
