"""The people, service accounts and groups that tests find in a directory, and the LDIF that loads them.

Owns the data; must not know slapd. Passwords follow one rule, so that nobody has to look them up: `pw-` and
the account's name (`uid=u0001` has `pw-u0001`), but for the people below whose passwords hold a delimiter.

entryUUIDs are made from the DN: two servers with this data agree on them, as replicas do.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

SUFFIX = "dc=example,dc=com"
PEOPLE = f"ou=people,{SUFFIX}"
SERVICES = f"ou=services,{SUFFIX}"
GROUPS = f"ou=groups,{SUFFIX}"
POLICIES = f"ou=policies,{SUFFIX}"

ADMIN_DN = f"cn=admin,{SUFFIX}"
ADMIN_PASSWORD = "pw-admin"


@dataclass(frozen=True, slots=True)
class Account:
    """An entry that can bind."""

    dn: str
    password: str

    @property
    def entry_uuid(self) -> str:
        """The entry's entryUUID in every directory with this data."""
        return entry_uuid(self.dn)


def entry_uuid(dn: str) -> str:
    """The entryUUID of the entry that the LDIF writes with this DN (same spelling)."""
    return str(uuid.uuid5(uuid.NAMESPACE_X500, dn))


def person(uid: str) -> Account:
    """The account `uid=...,ou=people` whose password follows the rule."""
    return Account(f"uid={uid},{PEOPLE}", f"pw-{uid}")


def numbered(number: int) -> Account:
    """The n-th of the numbered people, counted from 1: `u0001`, `u0002`, ..."""
    return person(f"u{number:04}")


SERVICE = Account(f"cn=ldapproxy,{SERVICES}", "pw-ldapproxy")
"""The service account of ldapproxy."""
VPN_SEARCH = Account(f"cn=vpn-search,{SERVICES}", "pw-vpn-search")
"""The service account of an application that searches, then binds."""

ALICE = person("alice")
"""A member of every group but `no-second-factor`."""
BOB = person("bob")
"""A member of no group."""
EXEMPT = person("exempt")
"""A member of `no-second-factor`."""
COMMA = Account(f"uid=comma,{PEOPLE}", "pw,with,commas")
"""The password contains the delimiter."""
COMMA_PUSH = Account(f"uid=commapush,{PEOPLE}", "pw,push")
"""The password ends in what looks like a factor."""
COMMA_END = Account(f"uid=commaend,{PEOPLE}", "pw-commaend,")
"""The password ends in the delimiter."""
UNICODE = Account(f"uid=zoë,{PEOPLE}", "pw-zoë")
"""Name and password are not ASCII."""
SEVERAL = Account(f"uid=several,{PEOPLE}", "pw-several")
"""Two values of uid: `several` and `several-too`."""
NAMELESS = Account(f"cn=nameless,{PEOPLE}", "pw-nameless")
"""No uid at all."""
MULTI_RDN = Account(f"cn=Multi Valued+uid=multi,{PEOPLE}", "pw-multi")
"""A multi-valued RDN."""
ODD_NAME = Account(f"cn=Smith\\, John (\\2A),{PEOPLE}", "pw-jsmith")
"""`Smith, John (*)`: what filters and names have to escape; its uid is `jsmith`."""
LOCKED = person("locked")
"""Locked by the password policy (with the ppolicy overlay): the directory refuses the right password."""

VPN_USERS = f"cn=vpn-users,{GROUPS}"
"""groupOfNames with alice and every numbered person."""
UNIQUE_USERS = f"cn=unique-users,{GROUPS}"
"""groupOfUniqueNames with alice."""
POSIX_USERS = f"cn=posix-users,{GROUPS}"
"""posixGroup whose memberUid is `alice`, and `BOB`, which is not bob: memberUid compares case."""
NO_SECOND_FACTOR = f"cn=no-second-factor,{GROUPS}"
"""groupOfNames with exempt, and the service account vpn-search."""
ODD_GROUP = f"cn=odd (\\2A) \\\\ group,{GROUPS}"
"""groupOfNames with `ODD_NAME` alone; its own name needs escapes too."""

_Attributes = list[tuple[str, str]]


def ldif(people: int, *, password_policy: bool, member_of: bool) -> str:
    """The whole directory as LDIF for `slapadd`.

    Args:
        people: how many numbered people there are, besides the named ones.
        password_policy: True adds the policy `cn=default,ou=policies` and the state of `LOCKED`.
        member_of: True writes the memberOf values that the memberof overlay would keep.
    """
    groups = _groups(people)
    memberships: dict[str, list[str]] = {}
    for group, attributes in groups:
        for name, value in attributes:
            if name == "member":
                memberships.setdefault(value, []).append(group)
    entries = [*_skeleton(password_policy), *_services(), *_people(people, password_policy), *groups]
    lines: list[str] = []
    for dn, attributes in entries:
        operational: _Attributes = [("entryUUID", entry_uuid(dn))]
        if member_of:
            operational += [("memberOf", group) for group in memberships.get(dn, ())]
        lines += _entry(dn, [*attributes, *operational])
    return "\n".join(lines)


def _skeleton(password_policy: bool) -> Iterable[tuple[str, _Attributes]]:
    yield (
        SUFFIX,
        [("objectClass", "dcObject"), ("objectClass", "organization"), ("dc", "example"), ("o", "Example")],
    )
    for unit in (PEOPLE, SERVICES, GROUPS, *((POLICIES,) if password_policy else ())):
        yield unit, [("objectClass", "organizationalUnit"), ("ou", unit.partition(",")[0].partition("=")[2])]
    if password_policy:
        yield (
            f"cn=default,{POLICIES}",
            [
                ("objectClass", "device"),
                ("objectClass", "pwdPolicy"),
                ("cn", "default"),
                ("pwdAttribute", "userPassword"),
                # Failures are counted (pwdFailureTime), so that a test sees how often a password was tried.
                ("pwdLockout", "TRUE"),
                ("pwdMaxFailure", "1000"),
                ("pwdMaxRecordedFailure", "1000"),
            ],
        )


def _services() -> Iterable[tuple[str, _Attributes]]:
    for account in (SERVICE, VPN_SEARCH):
        yield (
            account.dn,
            [
                ("objectClass", "organizationalRole"),
                ("objectClass", "simpleSecurityObject"),
                ("cn", account.dn.partition(",")[0].partition("=")[2]),
                ("userPassword", account.password),
            ],
        )


def _people(count: int, password_policy: bool) -> Iterable[tuple[str, _Attributes]]:
    by_rule = (ALICE, BOB, EXEMPT, COMMA, COMMA_PUSH, COMMA_END, UNICODE, LOCKED)
    for account in (*by_rule, *(numbered(number) for number in range(1, count + 1))):
        uid = account.dn.partition(",")[0].partition("=")[2]
        attributes = _inet_org_person(account, cn=f"Person {uid}", uids=(uid,))
        if account is LOCKED and password_policy:
            attributes.append(("pwdAccountLockedTime", "000001010000Z"))
        yield account.dn, attributes
    yield SEVERAL.dn, _inet_org_person(SEVERAL, cn="Person several", uids=("several", "several-too"))
    yield NAMELESS.dn, _inet_org_person(NAMELESS, cn="nameless", uids=())
    yield MULTI_RDN.dn, _inet_org_person(MULTI_RDN, cn="Multi Valued", uids=("multi",))
    yield ODD_NAME.dn, _inet_org_person(ODD_NAME, cn="Smith, John (*)", uids=("jsmith",))


def _inet_org_person(account: Account, cn: str, uids: tuple[str, ...]) -> _Attributes:
    return [
        ("objectClass", "inetOrgPerson"),
        ("cn", cn),
        ("sn", cn),
        *(("uid", uid) for uid in uids),
        *(("mail", f"{uid}@example.com") for uid in uids if uid.isascii()),
        ("userPassword", account.password),
    ]


def _groups(people: int) -> list[tuple[str, _Attributes]]:
    def group(dn: str, cn: str, kind: str, members: Iterable[tuple[str, str]]) -> tuple[str, _Attributes]:
        return dn, [("objectClass", kind), ("cn", cn), *members]

    everybody = (ALICE, *(numbered(number) for number in range(1, people + 1)))
    return [
        group(VPN_USERS, "vpn-users", "groupOfNames", [("member", account.dn) for account in everybody]),
        group(UNIQUE_USERS, "unique-users", "groupOfUniqueNames", [("uniqueMember", ALICE.dn)]),
        group(
            POSIX_USERS,
            "posix-users",
            "posixGroup",
            [("gidNumber", "1000"), ("memberUid", "alice"), ("memberUid", "BOB")],
        ),
        group(
            NO_SECOND_FACTOR,
            "no-second-factor",
            "groupOfNames",
            [("member", EXEMPT.dn), ("member", VPN_SEARCH.dn)],
        ),
        group(ODD_GROUP, "odd (*) \\ group", "groupOfNames", [("member", ODD_NAME.dn)]),
    ]


def _entry(dn: str, attributes: _Attributes) -> list[str]:
    return [*(_line(name, value) for name, value in (("dn", dn), *attributes)), ""]


def _line(name: str, value: str) -> str:
    """One attribute of RFC 2849; base64, which is always right, unless the value is plainly harmless."""
    if (
        value.isascii()
        and value.replace("-", "").replace("=", "").replace(",", "").replace(" ", "x").isalnum()
    ):
        return f"{name}: {value}"
    return f"{name}:: {base64.b64encode(value.encode()).decode()}"
