"""Entries that attackers own or aim at, beside those of the example directory.

Owns the LDIF. It must not know the attacks.
"""

from __future__ import annotations

import base64

from tests.support.example_directory import GROUPS, PEOPLE, SUFFIX, Account

EXEMPT_SUBTREE = f"ou=svc,{SUFFIX}"
EXEMPT_GROUP = f"cn=exempted,{GROUPS}"
"""posixGroup; its memberUid is `Exempted` and `service)(1`."""

ROBOT = Account(f"cn=robot,{EXEMPT_SUBTREE}", "pw-robot")
"""Exempt by its subtree."""
SIGN = Account(f"cn=sign+sn=two,ou=services,{SUFFIX}", "pw-sign")
"""Exempt by its own name, which has two values in one RDN."""
ALIAS = Account(f"cn=alias,{EXEMPT_SUBTREE}", "pw-alias")
"""An alias in the exempt subtree that points to alice, with a password of its own."""
ELSEWHERE = f"ou=elsewhere,{SUFFIX}"
"""A referral to another server."""


def _rdn(value: str) -> str:
    """The value as an RDN writes it."""
    return "".join(f"\\{character}" if character in ',+"\\<>;=' else character for character in value)


LOOKALIKES = {
    "svc-fake": f"ou=svc-fake,{SUFFIX}",
    "svc with a dot behind it": f"ou=svc.,{SUFFIX}",
    "svc with an invisible blank": f"ou=s\u200bvc,{SUFFIX}",
    "svc with a soft hyphen": f"ou=s\u00advc,{SUFFIX}",
    "svc with a Cyrillic letter": f"ou=\u0455vc,{SUFFIX}",
    "svc with an accent": f"ou=s\u0301vc,{SUFFIX}",
    "svc with a letter in a circle": f"ou=s\u24cbc,{SUFFIX}",
    "svc with a small capital": f"ou=s\u1d20c,{SUFFIX}",
    "svc as another attribute": f"o=svc,{SUFFIX}",
    "svc one level deeper": f"ou=svc,ou=people,{SUFFIX}",
    "svc as a part of a value": f"ou={_rdn('people,ou=svc')},{SUFFIX}",
}
"""Places that look like the exempt subtree and are not in it; each holds `cn=robot`."""


TWINS = "twin"
"""The uid of two people."""


def impostor(place: str) -> Account:
    """The attacker's own entry in one of the LOOKALIKES."""
    return Account(f"cn=robot,{LOOKALIKES[place]}", "pw-impostor")


TWO_VALUES = Account(f"cn=robot+ou=svc,{SUFFIX}", "pw-impostor")
"""`ou=svc` is in its name, and not a place above it."""

ODD_UIDS = {
    "an asterisk": "*",
    "a filter": "x)(memberUid=*",
    "a closing parenthesis": "exempted)",
    "the name in capitals": "EXEMPTED",
    "an escape": "\\65xempted",
    "a NUL's escape": "exempted\\00",
}
"""uids of the attacker's choice, made to be read as the one that is in the exempt group."""


def odd_person(what: str) -> Account:
    """The attacker's own entry with one of the ODD_UIDS."""
    return Account(f"cn=odd {what},{PEOPLE}", "pw-odd")


def ldif() -> str:
    """All of it, for `ldapmodify -a`."""
    lines: list[str] = []

    def add(dn: str, *attributes: tuple[str, str]) -> None:
        for name, value in (("dn", dn), *attributes):
            lines.append(f"{name}:: {base64.b64encode(value.encode()).decode()}")
        lines.append("")

    def role(account: Account, *more: tuple[str, str]) -> None:
        add(
            account.dn,
            ("objectClass", "person"),
            ("objectClass", "extensibleObject"),
            ("cn", "robot"),
            ("sn", "Robot"),
            ("userPassword", account.password),
            *more,
        )

    add(EXEMPT_SUBTREE, ("objectClass", "organizationalUnit"), ("ou", "svc"))
    role(ROBOT, ("uid", "robot"))
    role(SIGN, ("cn", "sign"), ("sn", "two"), ("uid", "sign"))
    add(
        ALIAS.dn,
        ("objectClass", "alias"),
        ("objectClass", "extensibleObject"),
        ("cn", "alias"),
        ("aliasedObjectName", f"uid=alice,{PEOPLE}"),
        ("userPassword", ALIAS.password),
        ("uid", "alias"),
    )
    add(
        ELSEWHERE,
        ("objectClass", "referral"),
        ("objectClass", "extensibleObject"),
        ("ou", "elsewhere"),
        ("ref", f"ldap://127.0.0.1:9/{ELSEWHERE}"),
    )
    for number, (place, dn) in enumerate(LOOKALIKES.items()):
        kind, _, value = dn.partition(f",{SUFFIX}")[0].partition(",ou=people")[0].partition("=")
        value = value.replace("\\", "")
        add(dn, ("objectClass", "organization" if kind == "o" else "organizationalUnit"), (kind, value))
        role(impostor(place), ("uid", f"impostor-{number}"))
    for number in (1, 2):
        role(Account(f"cn=twin {number},{PEOPLE}", "pw-twin"), ("cn", f"twin {number}"), ("uid", TWINS))
    role(TWO_VALUES, ("ou", "svc"), ("uid", "two-values"))
    for what, uid in ODD_UIDS.items():
        role(odd_person(what), ("cn", f"odd {what}"), ("uid", uid))
    role(Account(f"cn=exempted,{PEOPLE}", "pw-exempted"), ("cn", "exempted"), ("uid", "Exempted"))
    add(
        EXEMPT_GROUP,
        ("objectClass", "posixGroup"),
        ("cn", "exempted"),
        ("gidNumber", "4711"),
        ("memberUid", "Exempted"),
        ("memberUid", "service)(1"),
    )
    return "\n".join(lines)


EXEMPTED = Account(f"cn=exempted,{PEOPLE}", "pw-exempted")
"""A member of the exempt group."""
