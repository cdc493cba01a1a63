"""One user, however spelled; and who only looks like somebody who is exempt."""

from __future__ import annotations

from tests.attacks.attack import SOME, SOME_WITH_DUO, Attack
from tests.attacks.people import (
    ALIAS,
    ELSEWHERE,
    EXEMPTED,
    LOOKALIKES,
    ODD_UIDS,
    ROBOT,
    SIGN,
    TWINS,
    TWO_VALUES,
    impostor,
    odd_person,
)
from tests.attacks.steps import Answer, Code, Send, To
from tests.attacks.table.binds import NOBODY, REFUSED, UNWILLING, wide
from tests.support.example_directory import NAMELESS, PEOPLE, SEVERAL, SUFFIX, VPN_SEARCH, Account
from tests.support.ldap_bytes import bind, search

CASE = "CVE-2020-12812: another case of the name let users skip the second factor"
ACCEPTED = Answer(To.BIND, Code.SUCCESS)
NO_NAME = Answer(To.BIND, Code.INVALID_DN_SYNTAX)


def uid_of(account: Account) -> str:
    """The uid in the account's DN."""
    return account.dn.partition("=")[2].partition(",")[0]


def hexadecimal(value: str) -> str:
    """The value as pairs of digits."""
    return "".join(f"\\{octet:02x}" for octet in value.encode())


SPELLINGS = {
    "in capitals": lambda uid: f"UID={uid.upper()},OU=PEOPLE,DC=EXAMPLE,DC=COM",
    "with blanks around everything": lambda uid: f" uid = {uid} , ou = people , {SUFFIX} ",
    "with escaped letters": lambda uid: f"uid={hexadecimal(uid)},ou={hexadecimal('people')},{SUFFIX}",
    "with escaped blanks at the ends": lambda uid: f"uid=\\20{uid}\\20,{PEOPLE}",
    "in quotation marks": lambda uid: f'uid="{uid}",ou="people",{SUFFIX}',
    "with the OID of its type": lambda uid: f"0.9.2342.19200300.100.1.1={uid},2.5.4.11=people,{SUFFIX}",
    "with the long name of its type": lambda uid: f"userid={uid},organizationalUnitName=people,{SUFFIX}",
    "in full-width characters": lambda uid: f"uid={wide(uid)},ou={wide('people')},{SUFFIX}",
    "in full-width capitals": lambda uid: f"uid={wide(uid.upper())},{PEOPLE}",
    "with every type in another case": lambda uid: f"uId={uid},oU=PeOpLe,dC=eXaMpLe,Dc=CoM",
}
"""How the victim's DN may be written; slapd takes each for the same name."""

ASKED_SPELLINGS = {
    "with semicolons": lambda uid: f"uid={uid};ou=people;dc=example;dc=com",
    "with an option in its type": lambda uid: f"uid;lang-en={uid},{PEOPLE}",
}
"""What is no DN for us, and slapd takes for one: it is asked whose the password was."""

REFUSED_SPELLINGS = {
    "with a prefix": lambda uid: f"dn:uid={uid},{PEOPLE}",
    "as a URL": lambda uid: f"ldap:///uid={uid},{PEOPLE}",
    "as a user principal name": lambda uid: f"{uid}@example.com",
    "as a down-level logon name": lambda uid: f"EXAMPLE\\{uid}",
    "as a bare account name": lambda uid: uid,
    "as a filter": lambda uid: f"(uid={uid})",
    "as every account name": lambda _: "*",
    "as a filter that ends ours": lambda uid: f"{uid})(|(uid=*",
    "as a canonical name": lambda uid: f"example.com/people/{uid}",
    "with a trailing separator": lambda uid: f"uid={uid},{PEOPLE},",
    "with an empty part": lambda uid: f"uid={uid},,{PEOPLE}",
    "with its type twice": lambda uid: f"uid={uid}+uid={uid},{PEOPLE}",
}
"""What slapd does not take for a name; others might."""

OF_A_VICTIM = (
    *(
        Attack(
            f"The victim's name {how}",
            CASE,
            lambda cast, spell=spell: [
                Send(bind(1, spell(uid_of(cast.victim)), f"{cast.victim.password},000000")),
                REFUSED,
            ],
            on=SOME_WITH_DUO,
            reaches=("BIND",),
            asks_duo=1,
        )
        for how, spell in SPELLINGS.items()
    ),
    *(
        Attack(
            f"The victim's name {how}",
            "Design 4.4: who was bound is asked of the directory",
            lambda cast, spell=spell: [
                Send(bind(1, spell(uid_of(cast.victim)), f"{cast.victim.password},000000")),
                REFUSED,
            ],
            on=SOME_WITH_DUO,
            reaches=("BIND", "EXT"),
            asks_duo=1,
        )
        for how, spell in ASKED_SPELLINGS.items()
    ),
    *(
        Attack(
            f"An exempt name {how}",
            "Design 4.4: one account is one account, however it is spelled; the directory says whose it is",
            lambda cast, name=name: [Send(bind(1, name, ROBOT.password)), ACCEPTED],
            on=SOME,
            reaches=("BIND", "EXT"),
            admits=1,
        )
        for how, name in (
            ("with semicolons", "cn=robot;ou=svc;dc=example;dc=com"),
            ("with an option in its type", f"cn;lang-en=robot,ou=svc,{SUFFIX}"),
        )
    ),
    *(
        Attack(
            f"The victim's name {how}",
            "Design 4.4: a name that cannot be resolved is never exempt; nothing typed changes a filter",
            lambda cast, spell=spell: [
                Send(bind(1, spell(uid_of(cast.victim)), cast.victim.password)),
                NO_NAME,
            ],
            on=SOME,
        )
        for how, spell in REFUSED_SPELLINGS.items()
    ),
    *(
        Attack(
            f"The victim's name with {what} behind it",
            "Design 4.4: the entry that is bound counts, not the text",
            lambda cast, tail=tail: [
                Send(bind(1, f"uid={uid_of(cast.victim)}{tail},{PEOPLE}", cast.victim.password)),
                REFUSED,
            ],
            on=SOME,
            reaches=("BIND",),
        )
        for what, tail in (
            ("a dot", "."),
            ("an invisible blank", "\u200b"),
            ("an escaped NUL", "\\00"),
            ("a combining mark", "\u0301"),
        )
    ),
)

EXEMPT_SPELLINGS = (
    "CN=VPN-SEARCH,OU=SERVICES,DC=EXAMPLE,DC=COM",
    "cn = vpn-search , ou = services , dc = example , dc = com",
    "2.5.4.3=vpn-search,2.5.4.11=services,dc=example,dc=com",
    "cn=vpn\\2dsearch,ou=\\73ervices,dc=example,dc=com",
    'cn="vpn-search",ou="services",dc=example,dc=com',
    "commonName=vpn-search,ou=services,domainComponent=example,dc=com",
)

EXEMPT = (
    *(
        Attack(
            f"An exempt account, spelled {name}",
            f"{CASE}; here: no spelling is locked out either",
            lambda cast, name=name: [Send(bind(1, name, VPN_SEARCH.password)), ACCEPTED],
            on=SOME,
            reaches=("BIND",),
            admits=1,
        )
        for name in EXEMPT_SPELLINGS
    ),
    Attack(
        "An exempt name with two values in one RDN, the other way round",
        "RFC 4514 section 2.2: their order means nothing",
        lambda cast: [Send(bind(1, f"SN=Two+CN=Sign,ou=services,{SUFFIX}", SIGN.password)), ACCEPTED],
        on=SOME,
        reaches=("BIND",),
        admits=1,
    ),
    Attack(
        "Half of an exempt name with two values in one RDN",
        "RFC 4514 section 2.2: it is another name",
        lambda cast: [Send(bind(1, f"cn=sign,ou=services,{SUFFIX}", SIGN.password)), REFUSED],
        on=SOME,
        reaches=("BIND",),
    ),
    Attack(
        "A wrong password for an account in an exempt subtree",
        "Design 4.4: an exemption is from the second factor, not from the first",
        lambda cast: [
            Send(bind(1, ROBOT.dn, "wrong"), bind(2, ROBOT.dn.upper(), "pw-impostor")),
            REFUSED,
            REFUSED,
        ],
        on=SOME,
        reaches=("BIND", "BIND"),
    ),
    *(
        Attack(
            f"An account in {place}",
            "Design 4.4: names are compared RDN by RDN; ou=svc is no suffix of ou=svc-fake",
            lambda cast, place=place: [Send(bind(1, impostor(place).dn, "pw-impostor")), REFUSED],
            on=SOME_WITH_DUO,
            reaches=("BIND",),
            asks_duo=1,
        )
        for place in LOOKALIKES
    ),
    Attack(
        "An account with ou=svc in its own name",
        "Design 4.4: a part of a name is no place above it",
        lambda cast: [Send(bind(1, TWO_VALUES.dn, TWO_VALUES.password)), REFUSED],
        on=SOME_WITH_DUO,
        reaches=("BIND",),
        asks_duo=1,
    ),
    Attack(
        "The exempt subtree below another suffix",
        "Design 4.4: the end of a name counts, not its beginning",
        lambda cast: [Send(bind(1, f"cn=robot,ou=svc,{SUFFIX},dc=org", ROBOT.password)), REFUSED],
        on=SOME,
        reaches=("BIND",),
    ),
    Attack(
        "An alias in the exempt subtree that points to a person",
        "RFC 4511 section 4.2.1: a bind follows no alias",
        lambda cast: [
            Send(bind(1, ALIAS.dn, ALIAS.password), bind(2, ALIAS.dn, "pw-alice")),
            REFUSED,
            REFUSED,
        ],
        on=SOME,
        reaches=("BIND", "BIND"),
    ),
    Attack(
        "A member of the exempt group",
        "Design 4.4: memberUid is the user name of the entry",
        lambda cast: [Send(bind(1, EXEMPTED.dn, EXEMPTED.password)), ACCEPTED],
        on=SOME,
        reaches=("BIND",),
        admits=1,
    ),
    *(
        Attack(
            f"A user name that is {what}",
            "RFC 4515 section 3: no name that a person could choose changes the filter that asks for groups",
            lambda cast, what=what: [Send(bind(1, odd_person(what).dn, "pw-odd")), REFUSED],
            on=SOME_WITH_DUO,
            reaches=("BIND",),
            asks_duo=1,
        )
        for what in ODD_UIDS
    ),
    Attack(
        "An account with two user names",
        "Design 4.4: several values are a rejection; Duo must not be asked about the one that suits",
        lambda cast: [Send(bind(1, SEVERAL.dn, SEVERAL.password)), REFUSED],
        reaches=("BIND",),
    ),
    Attack(
        "An account without a user name",
        "Design 4.4: absence of data never admits",
        lambda cast: [Send(bind(1, NAMELESS.dn, NAMELESS.password)), REFUSED],
        reaches=("BIND",),
    ),
    Attack(
        "A name below a referral",
        "RFC 4511 section 4.1.10: credentials do not follow it; design 4.3: a failed bind, without the URL",
        lambda cast: [Send(bind(1, f"cn=anybody,{ELSEWHERE}", "pw")), REFUSED],
        on=SOME,
        reaches=("BIND",),
    ),
    Attack(
        "The rootdn of the directory, with a wrong password",
        "Its password is in the configuration, not in an entry; nobody is exempt but who is said to be",
        lambda cast: [Send(bind(1, f"cn=admin,{SUFFIX}", "wrong")), REFUSED],
        on=SOME,
        reaches=("BIND",),
    ),
    Attack(
        "The rootdn of the directory",
        "Design 4.4: there is no entry, hence no user name; absence of data never admits",
        lambda cast: [Send(bind(1, f"cn=admin,{SUFFIX}", "pw-admin")), REFUSED],
        on=SOME,
        reaches=("BIND",),
    ),
)

BARE_NAMES = (
    *(
        Attack(
            f"The victim's bare account name {how}",
            CASE,
            lambda cast, spell=spell: [
                Send(bind(1, spell(uid_of(cast.victim)), f"{cast.victim.password},000000")),
                REFUSED,
            ],
            on=("bare_names",),
            reaches=("BIND",),
            asks_duo=1,
        )
        for how, spell in (
            ("as it is", str),
            ("in capitals", str.upper),
            ("with blanks around it", lambda uid: f" {uid} "),
            ("in full-width characters", wide),
        )
    ),
    *(
        Attack(
            f"A bare account name that is {what}",
            "RFC 4515 section 3: nothing typed changes the filter; nobody is like a wrong password",
            lambda cast, spell=spell: [
                Send(bind(1, spell(uid_of(cast.victim)), cast.victim.password)),
                REFUSED,
                Send(search(2, SUFFIX, 2)),
                NOBODY,
            ],
            on=("bare_names",),
            may_reach=("BIND",),
        )
        for what, spell in (
            ("an asterisk", lambda _: "*"),
            ("the beginning of one, and an asterisk", lambda uid: f"{uid[:-1]}*"),
            ("the rest of a filter", lambda uid: f"x)(uid~{uid}"),
            ("a filter that is always true", lambda uid: f"{uid})(|(objectClass~*)"),
            ("a closing parenthesis", lambda uid: f"{uid})"),
            ("the placeholder", lambda _: "{name}"),
            ("a NUL", lambda uid: f"{uid}%00"),
            ("that of nobody", lambda _: "nobody"),
            ("that of two people", lambda _: TWINS),
        )
    ),
    Attack(
        "The bare account name of an account in an exempt subtree, and a wrong password",
        "Design 4.4: an exemption is from the second factor, not from the first",
        lambda cast: [Send(bind(1, "robot", "wrong")), REFUSED],
        on=("bare_names",),
        reaches=("BIND",),
    ),
    Attack(
        "A bare account name without a password",
        "RFC 4513 section 5.1.2",
        lambda cast: [Send(bind(1, uid_of(cast.victim), "")), UNWILLING],
        on=("bare_names",),
    ),
    Attack(
        "A bare account name with nothing but a passcode",
        "RFC 4513 section 5.1.2",
        lambda cast: [Send(bind(1, uid_of(cast.victim), ",123456")), UNWILLING],
        on=("bare_names",),
    ),
    Attack(
        "The bare account name of nobody with nothing but a passcode",
        "RFC 4513 section 5.1.2, and no telling who exists",
        lambda cast: [Send(bind(1, "nobody", ",123456")), UNWILLING],
        on=("bare_names",),
    ),
)

LONG = (
    Attack(
        "A name with more parts than any directory has",
        "CWE-400; a name that is not parsed is exempt from nothing",
        lambda cast: [Send(bind(1, ",".join(["ou=a"] * 1000) + f",{ROBOT.dn}", ROBOT.password)), REFUSED],
        on=SOME,
        reaches=("BIND",),
    ),
    Attack(
        "A name of 60,000 octets",
        "CWE-400",
        lambda cast: [Send(bind(1, f"cn={'a' * 60_000},{ROBOT.dn}", ROBOT.password)), NO_NAME],
        on=SOME,
    ),
)

ATTACKS = (*OF_A_VICTIM, *EXEMPT, *BARE_NAMES, *LONG)
