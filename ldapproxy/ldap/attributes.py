"""Attribute types: one name for each, however it is spelled (RFC 4512 section 2.5).

Owns the well-known synonyms. It must not know the directory's schema, nor which attributes are sensitive.

An attribute type may be given by any of its names, in any case, or by its OID, with or without the prefix
"OID." of RFC 1779; options may follow it (";lang-en").
"""

from __future__ import annotations

import re
from typing import Final

from ldapproxy.ldap.errors import DecodeError

# The OID, then all names. Types that name entries, and types that hold passwords: only these are compared.
# Sources: RFC 4519, 4524, 2798, 2307, 3112; Microsoft's MS-ADA1 to 3; the schemas of Samba and OpenLDAP.
_SYNONYMS: Final = """
2.5.4.3                     cn commonName
2.5.4.4                     sn surname
2.5.4.5                     serialNumber
2.5.4.6                     c countryName
2.5.4.7                     l localityName
2.5.4.8                     st stateOrProvinceName
2.5.4.9                     street
2.5.4.10                    o organizationName
2.5.4.11                    ou organizationalUnitName
2.5.4.12                    title
2.5.4.13                    description
2.5.4.15                    businessCategory
2.5.4.17                    postalCode
2.5.4.20                    telephoneNumber
2.5.4.31                    member
2.5.4.35                    userPassword
2.5.4.41                    name
2.5.4.42                    givenName gn
2.5.4.43                    initials
2.5.4.44                    generationQualifier
2.5.4.45                    x500UniqueIdentifier
2.5.4.46                    dnQualifier
2.5.4.51                    houseIdentifier
2.5.4.65                    pseudonym
2.5.4.97                    organizationIdentifier
0.9.2342.19200300.100.1.1   uid userid
0.9.2342.19200300.100.1.3   mail rfc822Mailbox
0.9.2342.19200300.100.1.9   host
0.9.2342.19200300.100.1.11  documentIdentifier
0.9.2342.19200300.100.1.25  dc domainComponent
0.9.2342.19200300.100.1.37  associatedDomain
0.9.2342.19200300.100.1.43  co friendlyCountryName
0.9.2342.19200300.100.1.44  uniqueIdentifier
0.9.2342.19200300.100.1.48  buildingName
1.2.840.113549.1.9.1        email emailAddress pkcs9email
1.3.6.1.1.1.1.0             uidNumber
1.3.6.1.1.1.1.1             gidNumber
1.3.6.1.1.1.1.26            nisMapName
1.3.6.1.1.1.1.33            automountKey
1.3.6.1.1.16.4              entryUUID
1.3.6.1.4.1.250.1.57        labeledURI
2.16.840.1.113730.3.1.3     employeeNumber
2.16.840.1.113730.3.1.241   displayName
1.2.840.113556.1.4.221      sAMAccountName
1.2.840.113556.1.4.656      userPrincipalName
1.2.840.113556.1.4.55       dBCSPwd
1.2.840.113556.1.4.90       unicodePwd
1.2.840.113556.1.4.94       ntPwdHistory
1.2.840.113556.1.4.125      supplementalCredentials
1.2.840.113556.1.4.160      lmPwdHistory
1.3.6.1.4.1.4203.1.3.4      authPassword
1.3.6.1.4.1.7165.2.1.24     sambaLMPassword
1.3.6.1.4.1.7165.2.1.25     sambaNTPassword
1.3.6.1.4.1.7165.2.1.54     sambaPasswordHistory
1.3.6.1.4.1.4203.1.12.2.3.2.0.9  olcRootPW
"""

_CANONICAL: Final[dict[str, str]] = {
    spelling.lower(): names[0].lower()
    for oid, *names in (line.split() for line in _SYNONYMS.split("\n") if line)
    for spelling in (oid, *names)
}

_LEADING_ZEROS: Final = re.compile(r"(?<![0-9])0+(?=[0-9])")
_NUMERIC: Final = re.compile(r"[0-9]++(?:\.[0-9]++)*+")
# RFC 4512 section 2.5 allows less; some directories allow underscores and more. No control characters and no
# blanks: a directory written in C could read "userPassword" NUL "x" as userPassword.
_DESCRIPTION: Final = re.compile(rb"[!-~]++")


def canonical_attribute(description: str) -> str:
    """The one name of the attribute type in an attribute description.

    Args:
        description: a type by any of its names or its OID, in any case, perhaps with options.

    Returns:
        In lower case and without options: the first name of a well-known type; the OID without "OID." and
        needless zeros of any other type that was given as one; otherwise the name itself.
    """
    name = description.partition(";")[0].strip().lower().removeprefix("oid.")
    if _NUMERIC.fullmatch(name):
        name = _LEADING_ZEROS.sub("", name)
    return _CANONICAL.get(name, name)


def spellings(name: str) -> frozenset[str]:
    """Every known name and OID, in lower case and without options, of the type that `name` is one of."""
    canonical = canonical_attribute(name)
    known = {spelling for spelling, of in _CANONICAL.items() if of == canonical}
    return frozenset(known | {canonical})


def decode_description(contents: bytes) -> str:
    """The text of an AttributeDescription (RFC 4511 section 4.1.4).

    Raises:
        DecodeError: it is empty, or holds anything but visible ASCII characters.
    """
    if _DESCRIPTION.fullmatch(contents) is None:
        raise DecodeError("an attribute description is empty, or not of visible ASCII characters")
    return contents.decode("ascii")
