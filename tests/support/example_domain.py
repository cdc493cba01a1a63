"""The accounts and groups that tests find in an Active Directory domain, and the LDIF that makes them.

Owns the data; must not know Samba. Passwords follow one rule: `Pw-`, the account name, `-1`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

REALM = "AD.EXAMPLE.COM"
DNS_DOMAIN = REALM.lower()
NETBIOS_DOMAIN = "EXAMPLE"
SUFFIX = "DC=ad,DC=example,DC=com"
PEOPLE = f"OU=people,{SUFFIX}"
SERVICES = f"OU=services,{SUFFIX}"
GROUPS = f"OU=groups,{SUFFIX}"

ADMINISTRATOR = f"Administrator@{REALM}"
ADMINISTRATOR_PASSWORD = "Adm1n-Passw0rd"

# userAccountControl (MS-ADTS section 2.2.16): NORMAL_ACCOUNT, ACCOUNTDISABLE.
_NORMAL = 0x200
_DISABLED = 0x202
# A time of the year 2868, in tenths of microseconds since 1601.
_FAR_AWAY = 400_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class DomainAccount:
    """An account of the domain.

    Attributes:
        dn: its DN; the first RDN is not the account name, as usual in Active Directory.
        account_name: its sAMAccountName.
        principal: its explicit userPrincipalName; None when it has only the implicit one.
    """

    dn: str
    account_name: str
    principal: str | None = None

    @property
    def password(self) -> str:
        """Its password."""
        return f"Pw-{self.account_name}-1"

    @property
    def implicit_principal(self) -> str:
        """What the directory takes for a userPrincipalName without one being there."""
        return f"{self.account_name}@{DNS_DOMAIN}"

    @property
    def netbios_name(self) -> str:
        r"""`DOMAIN\name`."""
        return f"{NETBIOS_DOMAIN}\\{self.account_name}"

    @property
    def canonical_name(self) -> str:
        """`domain/path/name`."""
        path = [part.partition("=")[2] for part in self.dn.removesuffix(f",{SUFFIX}").split(",")]
        return "/".join([DNS_DOMAIN, *reversed(path)])


SERVICE = DomainAccount(f"CN=LDAP Proxy,{SERVICES}", "ldapproxy")
"""The service account of ldapproxy."""
ALICE = DomainAccount(f"CN=Alice Adams,{PEOPLE}", "alice")
"""A member of `staff`, which is a member of `vpn-users`."""
BOB = DomainAccount(f"CN=Bob Brown,{PEOPLE}", "bob", "robert@example.org")
"""A member of no group; an explicit userPrincipalName of another domain."""
CAROL = DomainAccount(f"CN=Carol Clark,{PEOPLE}", "carol")
"""Her account name is what the userPrincipalName of `MALLORY` looks like."""
DAVE = DomainAccount(f"CN=Dave Dunn,{PEOPLE}", "dave")
"""A member of `staff`, too."""
MALLORY = DomainAccount(f"CN=Mallory Moore,{PEOPLE}", "mallory", CAROL.implicit_principal)
"""Has what looks like carol's name."""
DISABLED = DomainAccount(f"CN=Dora Disabled,{PEOPLE}", "disabled")
EXPIRED = DomainAccount(f"CN=Egon Expired,{PEOPLE}", "expired")
LOCKED = DomainAccount(f"CN=Leo Locked,{PEOPLE}", "locked")

VPN_USERS = f"CN=vpn-users,{GROUPS}"
STAFF = f"CN=staff,{GROUPS}"
DOMAIN_USERS = f"CN=Domain Users,CN=Users,{SUFFIX}"
"""Everybody's primary group."""


def ldif() -> str:
    """What an administrator adds over LDAP."""
    entries = [
        *(_entry(unit, "organizationalUnit") for unit in (PEOPLE, SERVICES, GROUPS)),
        *(_account(each) for each in (SERVICE, ALICE, BOB, CAROL, DAVE, LOCKED)),
        _account(MALLORY, principal="mallory@example.org"),
        _account(DISABLED, control=_DISABLED),
        # accountExpires counts from 1601 (MS-ADA1 section 2.2).
        _account(EXPIRED, ("accountExpires", "1")),
        _entry(STAFF, "group", ("sAMAccountName", "staff"), ("member", ALICE.dn), ("member", DAVE.dn)),
        _entry(VPN_USERS, "group", ("sAMAccountName", "vpn-users"), ("member", STAFF)),
    ]
    return "\n".join(entries)


def forced_ldif() -> str:
    """What today's Samba does not let an administrator write over LDAP, but which domains hold.

    Until CVE-2020-25722 was mended (Samba 4.15.2; Windows KB5008382) a userPrincipalName could be what
    another account's name implies, and those that were there stayed.
    """
    return "\n".join(
        [
            f"dn: {MALLORY.dn}\nchangetype: modify\nreplace: userPrincipalName",
            f"userPrincipalName: {MALLORY.principal}\n-\n",
            f"dn: {LOCKED.dn}\nchangetype: modify\nreplace: lockoutTime\nlockoutTime: {_FAR_AWAY}\n-\n",
        ]
    )


def _account(
    account: DomainAccount, *attributes: tuple[str, str], principal: str | None = None, control: int = _NORMAL
) -> str:
    quoted = f'"{account.password}"'.encode("utf-16-le")
    named = principal or account.principal
    return _entry(
        account.dn,
        "user",
        ("sAMAccountName", account.account_name),
        *([("userPrincipalName", named)] if named else []),
        *attributes,
        ("userAccountControl", str(control)),
        binary=[("unicodePwd", quoted)],
    )


def _entry(
    dn: str,
    object_class: str,
    *attributes: tuple[str, str],
    binary: Iterable[tuple[str, bytes]] = (),
) -> str:
    return "\n".join(
        [
            f"dn: {dn}",
            "changetype: add",
            f"objectClass: {object_class}",
            *(f"{name}: {value}" for name, value in attributes),
            *(f"{name}:: {base64.b64encode(value).decode()}" for name, value in binary),
            "",
        ]
    )
