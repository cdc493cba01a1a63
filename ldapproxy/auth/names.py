r"""The forms of a name in a BindRequest, and what an entry can be found by.

Owns the sorting of a text into a DN, a bare account name, and everything else that directories take
(`alice@example.com`, `EXAMPLE\alice`). It must not know how an entry is found, nor which form a directory
understands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.errors import InvalidName

_LONGEST_ACCOUNT_NAME: Final = 256
"""Characters; sAMAccountName has no more (MS-ADA3), and what strangers type becomes part of a search."""


@dataclass(frozen=True, slots=True)
class AccountName:
    """A bare account name, such as `alice`, for `username_search`."""

    text: str


@dataclass(frozen=True, slots=True)
class SecurityIdentifier:
    """A SID of Active Directory, in its binary form (MS-DTYP section 2.4.2.2)."""

    value: bytes


@dataclass(frozen=True, slots=True)
class LoginName:
    r"""A name that the directory accepted and did not explain: `alice@example.com`, `EXAMPLE\alice`."""

    text: str


def as_dn(name: str) -> DistinguishedName | None:
    """The name as a DN, or None when it is of another form."""
    try:
        return DistinguishedName.parse(name)
    except InvalidName:
        return None


def as_account_name(name: str) -> AccountName | None:
    r"""The name as a bare account name, or None when it is of another form.

    It holds neither `@` nor `\`; no equals sign either, because a text with one may be a DN that only the
    directory can read, and such a text is left to the directory.
    """
    if not name.strip() or len(name) > _LONGEST_ACCOUNT_NAME or set(name) & set("@\\="):
        return None
    return AccountName(name)


def as_login_name(name: str) -> LoginName | None:
    r"""The name as a login name with its domain, or None when it is of another form.

    `alice@example.com` and `EXAMPLE\alice`. One that is longer than any account's is left to the directory.
    """
    if len(name) > 2 * _LONGEST_ACCOUNT_NAME or not set(name) & set("@\\") or as_dn(name) is not None:
        return None
    return LoginName(name)
