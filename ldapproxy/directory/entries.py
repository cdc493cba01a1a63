"""What an entry's attributes say about a person, and the filters that ask about groups.

Owns the reading of attribute values and the making of filters. Pure: it must not know how a directory is
reached.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from ldapproxy.ldap.attributes import canonical_attribute
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.errors import InvalidName

# RFC 4530; MS-ADA3 section 2.44.
_ENTRY_UUID = "entryUUID"
_OBJECT_GUID = "objectGUID"

# LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS section 3.1.1.3.4.4.3): walks nested groups in the directory.
_IN_CHAIN = "1.2.840.113556.1.4.1941"

ANY_ENTRY = "(objectClass=*)"
"""The filter that every entry meets."""


class UnusableEntryError(Exception):
    """The entry is there, but a login cannot stand on it. The message says why, without values."""


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry as it came: the bytes of its name and of its attributes' values, by attribute description."""

    dn: bytes
    attributes: Mapping[str, tuple[bytes, ...]]


@dataclass(frozen=True, slots=True)
class Person:
    """What an entry says about a person, without groups.

    Attributes:
        dn: the entry's name as the directory returned it.
        identity: entryUUID or objectGUID in lower-case text form.
        usernames: the values of the user name's attribute as the directory returned them, in its order.
        rdn_value: the value of the first RDN as the directory returned it.
        in_active_directory: True when the directory is Active Directory, which has its own way to tell
            groups.
    """

    dn: DistinguishedName
    identity: str
    usernames: tuple[str, ...]
    rdn_value: str
    in_active_directory: bool


def attributes_of_a_person(username_attribute: str) -> tuple[str, ...]:
    """The attributes that `person` needs."""
    return (_ENTRY_UUID, _OBJECT_GUID, username_attribute)


def person(entry: RawEntry, username_attribute: str) -> Person:
    """Reads a person's entry.

    Args:
        entry: the entry with the attributes of `attributes_of_a_person`.
        username_attribute: the attribute whose value is sent to Duo, by name or OID.

    Raises:
        UnusableEntryError: it has no identity, or its name or user name cannot be read.
    """
    dn = name_of(entry)
    identity, in_active_directory = _identity(entry)
    try:
        usernames = tuple(value.decode() for value in _values(entry, username_attribute))
    except UnicodeDecodeError:
        raise UnusableEntryError(f"a value of {username_attribute} is not UTF-8") from None
    return Person(dn, identity, usernames, dn.first_value, in_active_directory)


def name_of(entry: RawEntry) -> DistinguishedName:
    """The entry's name.

    Raises:
        UnusableEntryError: it cannot be read.
    """
    try:
        return DistinguishedName.parse(entry.dn.decode())
    except (UnicodeDecodeError, InvalidName):
        raise UnusableEntryError("the directory returned a name that is no distinguished name") from None


def username_filter(username_attribute: str, username: str, condition: str | None) -> str:
    """The filter that the entry of the person with this user name meets.

    Args:
        username_attribute: the attribute that holds user names.
        username: as somebody typed it.
        condition: a further condition that a person's entry must meet; None for none.
    """
    named = equal(username_attribute, username)
    return named if condition is None else f"(&{named}{condition})"


def account_filter(template: str, account_name: str, condition: str | None) -> str:
    """The filter that the entry of the person with this account name meets (`username_search`).

    Args:
        template: a filter in which `{name}` stands for the account name, in values only.
        account_name: as somebody typed it.
        condition: a further condition that a person's entry must meet; None for none.
    """
    filled = template.replace("{name}", _escaped(account_name.encode()))
    return filled if condition is None else f"(&{filled}{condition})"


def identifier_filter(identifier: bytes) -> str:
    """The filter that the account in Active Directory with this SID meets. Groups have SIDs, too."""
    return f"(&(objectClass=user)(objectSid={_escaped(identifier)}))"


def membership_filter(member: Person) -> str:
    """The filter that a group's entry meets when it names the person.

    It fits groupOfNames, groupOfUniqueNames (RFC 4519) and posixGroup (RFC 2307). memberUid holds account
    names, so it counts for a person with exactly one user name.
    """
    alternatives = [equal("member", member.dn.text), equal("uniqueMember", member.dn.text)]
    if len(member.usernames) == 1 and member.usernames[0]:
        alternatives.append(equal("memberUid", member.usernames[0]))
    return f"(|{''.join(alternatives)})"


def nested_membership_filter(group: DistinguishedName) -> str:
    """The filter that a person's entry in Active Directory meets when it is in the group.

    Nested groups count. The primary group does not count: it is not in memberOf.
    """
    return f"(memberOf:{_IN_CHAIN}:={_escaped(group.text.encode())})"


def equal(attribute: str, value: str) -> str:
    """The filter that an entry meets which has this value."""
    return f"({attribute}={_escaped(value.encode())})"


def _escaped(value: bytes) -> str:
    r"""A value for a filter (RFC 4515 section 3): every octet that is no ASCII letter or digit as `\xx`.

    That is more than must be escaped, so no parser's own idea of blanks, backslashes or Unicode matters.
    """
    return "".join(
        chr(octet) if chr(octet).isascii() and chr(octet).isalnum() else f"\\{octet:02x}" for octet in value
    )


def _identity(entry: RawEntry) -> tuple[str, bool]:
    """The entry's identity in text form, and whether it is Active Directory's kind.

    entryUUID comes first: where a directory keeps it itself, objectGUID would be an attribute that somebody
    may write.
    """
    match _values(entry, _ENTRY_UUID):
        case (value,):
            try:
                return str(uuid.UUID(value.decode("ascii"))), False
            except ValueError:
                raise UnusableEntryError("its entryUUID is no UUID") from None
    match _values(entry, _OBJECT_GUID):
        case (value,) if len(value) == 16:
            # Its first three fields are little-endian (MS-DTYP section 2.3.4.2).
            return str(uuid.UUID(bytes_le=value)), True
    raise UnusableEntryError(
        "it has neither entryUUID nor objectGUID that the service account may read; one of them is needed"
    )


def _values(entry: RawEntry, attribute: str) -> tuple[bytes, ...]:
    """The values of an attribute, by whichever of its names; those with options do not count."""
    wanted = canonical_attribute(attribute)
    return tuple(
        value
        for description, values in entry.attributes.items()
        if ";" not in description and canonical_attribute(description) == wanted
        for value in values
    )
