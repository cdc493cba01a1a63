"""Operations of people who have not logged in, tests of passwords without a bind, and extended operations."""

from __future__ import annotations

from tests.attacks.attack import SOME, Attack
from tests.attacks.steps import Answer, Code, Identity, LogIn, Notice, Send, Silence, To
from tests.attacks.table.binds import WHO_AM_I
from tests.attacks.table.clear_text import PASSWORD_MODIFY
from tests.support.example_directory import PEOPLE, SUFFIX
from tests.support.ldap_bytes import (
    abandon,
    bind,
    compare,
    controls,
    equal,
    extended,
    extensible,
    message,
    modify,
    octets,
    present,
    search,
    tlv,
)

UNWILLING = Code.UNWILLING_TO_PERFORM
ASSERTION = "1.3.6.1.1.12"
MATCHED_VALUES = "1.2.826.0.1.3344810.2.3"
SORT = "1.2.840.113556.1.4.473"
PROXIED_AUTHORIZATION = "2.16.840.1.113730.3.4.18"


def substrings(attribute: str, beginning: str) -> bytes:
    """The filter (attribute=beginning*)."""
    return tlv(0xA4, octets(attribute), tlv(0x30, tlv(0x80, beginning.encode())))


def ordering(tag: int, attribute: str, value: str) -> bytes:
    """The filters >=, <= and ~=."""
    return tlv(tag, octets(attribute), octets(value))


def nested(where: bytes, depth: int) -> bytes:
    """The filter within so many ANDs."""
    for _ in range(depth):
        where = tlv(0xA0, where)
    return where


def compare_of(dn: str, attribute: str, value: str) -> bytes:
    """A CompareRequest."""
    return message(1, tlv(0x6E, octets(dn), tlv(0x30, octets(attribute), octets(value))))


WITHOUT_A_BIND = (
    *(
        Attack(
            f"{what} without a bind",
            "Design 4.3: operations without an accepted bind",
            lambda cast, send=send, to=to: [
                Send(send(cast.victim.dn)),
                Answer(to, Code.INSUFFICIENT_ACCESS_RIGHTS),
            ],
            on=on,
        )
        for what, send, to, on in (
            ("A search", lambda dn: search(1, dn, 0), To.SEARCH, SOME),
            ("A search below the root DSE", lambda _: search(1, "", 2), To.SEARCH, SOME),
            ("A search one level below the root DSE", lambda _: search(1, "", 1), To.SEARCH, SOME),
            ("A search of the root DSE's children", lambda _: search(1, "", 3), To.SEARCH, SOME),
            ("A search whose base is a blank", lambda _: search(1, " ", 0), To.SEARCH, SOME),
            ("A search of the configuration", lambda _: search(1, "cn=config", 2), To.SEARCH, SOME),
            ("A search of the schema", lambda _: search(1, "cn=subschema", 0), To.SEARCH, SOME),
            ("A search of the monitor", lambda _: search(1, "cn=monitor", 2), To.SEARCH, SOME),
            ("A comparison", lambda dn: compare_of(dn, "uid", "x"), To.COMPARE, SOME),
            ("A comparison of a password", lambda dn: compare_of(dn, "userPassword", "x"), To.COMPARE, SOME),
            ("A change", lambda _: modify(1), To.MODIFY, SOME),
            ("An addition", lambda dn: message(1, tlv(0x68, octets(dn), tlv(0x30))), To.ADD, SOME),
            ("A deletion", lambda dn: message(1, tlv(0x4A, dn.encode())), To.DELETE, SOME),
            (
                "A renaming",
                lambda dn: message(1, tlv(0x6C, octets(dn), octets("uid=x"), tlv(0x01, b"\xff"))),
                To.RENAME,
                SOME,
            ),
            ("Who am I?", lambda _: extended(1, WHO_AM_I), To.EXTENDED, SOME),
            ("Cancel", lambda _: extended(1, "1.3.6.1.1.8", tlv(0x30, tlv(0x02, b"\1"))), To.EXTENDED, SOME),
            (
                "A new password",
                lambda dn: extended(1, PASSWORD_MODIFY, tlv(0x30, tlv(0x80, dn.encode()), tlv(0x82, b"new"))),
                To.EXTENDED,
                SOME,
            ),
            (
                "A search with proxied authorization",
                lambda dn: search(1, dn, 0, controls=controls((PROXIED_AUTHORIZATION, b"dn:" + dn.encode()))),
                To.SEARCH,
                SOME,
            ),
        )
    ),
    *(
        Attack(
            f"{what} as a request without a bind",
            "RFC 4511 section 4.1.1: nothing answers it, so the session ends",
            lambda cast, request=request: [Send(request), Notice(Code.INSUFFICIENT_ACCESS_RIGHTS)],
            on=SOME,
        )
        for what, request in (
            ("A BindResponse", message(1, tlv(0x61, b"\x0a\x01\x00", octets(""), octets("")))),
            ("A SearchResultEntry", message(1, tlv(0x64, octets(SUFFIX), tlv(0x30)))),
            ("An operation that nobody knows", message(1, tlv(0x7E, b""))),
        )
    ),
    Attack(
        "An Abandon of everything without a bind",
        "RFC 4511 section 4.11",
        lambda cast: [Send(*(abandon(100 + number, number) for number in range(100))), Silence()],
        on=SOME,
    ),
)


def tries(what: str, where: bytes | None = None, request: bytes | None = None, to: To = To.SEARCH) -> Attack:
    """A test of a password by somebody who has logged in."""
    return Attack(
        f"A password tested by {what}",
        "Design 4.3: a test of a password without a bind needs no second factor",
        lambda cast: [LogIn(), Send(request or search(1, PEOPLE, 2, where)), Answer(to, UNWILLING)],
        on=SOME,
    )


def in_control(oid: str, value: bytes) -> bytes:
    """A controls element."""
    return controls((oid, value))


GUESS = "pw-alice"
SPELLINGS = (
    "userPassword",
    "USERPASSWORD",
    "userpassword;lang-en",
    "userPassword;x-anything;binary",
    "2.5.4.35",
    "2.5.4.35;lang-en",
    "OID.2.5.4.35",
    "oid.2.5.4.35;binary",
    "unicodePwd",
    "1.2.840.113556.1.4.90",
    "dBCSPwd",
    "authPassword",
    "sambaNTPassword",
    "sambaLMPassword",
    "1.3.6.1.4.1.7165.2.1.25",
    "olcRootPW",
)

TESTS_OF_PASSWORDS = (
    *(
        tries(
            f"a comparison with {name}", request=compare_of(f"uid=alice,{PEOPLE}", name, GUESS), to=To.COMPARE
        )
        for name in SPELLINGS
    ),
    *(tries(f"a filter on {name}", equal(name, GUESS)) for name in SPELLINGS),
    tries("the beginning of a value", substrings("userPassword", "pw-a")),
    tries("a value that is greater", ordering(0xA5, "userPassword", GUESS)),
    tries("a value that is less", ordering(0xA6, "2.5.4.35", GUESS)),
    tries("a value that sounds alike", ordering(0xA8, "userPassword", GUESS)),
    tries("an extensible match", extensible(GUESS, "userPassword", "octetStringMatch")),
    tries(
        "an extensible match over the DN",
        tlv(0xA9, tlv(0x82, b"userPassword"), tlv(0x83, GUESS.encode()), tlv(0x84, b"\xff")),
    ),
    tries("an extensible match of any attribute", extensible(GUESS, rule="octetStringMatch")),
    tries("an extensible match of any attribute, by number", extensible(GUESS, rule="2.5.13.17")),
    tries("a NOT", tlv(0xA2, equal("userPassword", GUESS))),
    tries(
        "an OR deep in a filter", nested(tlv(0xA1, equal("uid", "alice"), equal("userPassword", GUESS)), 50)
    ),
    tries("presence", present("userPassword")),
    tries(
        "an assertion control on a search",
        request=search(
            1, f"uid=alice,{PEOPLE}", 0, controls=in_control(ASSERTION, equal("userPassword", GUESS))
        ),
    ),
    tries(
        "an assertion control on a comparison",
        request=message(
            1,
            tlv(0x6E, octets(f"uid=alice,{PEOPLE}"), tlv(0x30, octets("uid"), octets("alice"))),
            in_control(ASSERTION, tlv(0xA2, equal("2.5.4.35", GUESS))),
        ),
        to=To.COMPARE,
    ),
    tries(
        "an assertion control on a change",
        request=modify(1, in_control(ASSERTION, equal("userPassword", GUESS))),
        to=To.MODIFY,
    ),
    tries(
        "an assertion control on a deletion",
        request=message(
            1, tlv(0x4A, b"uid=alice," + PEOPLE.encode()), in_control(ASSERTION, equal("userPassword", GUESS))
        ),
        to=To.DELETE,
    ),
    tries(
        "an assertion control of any attribute",
        request=search(
            1, f"uid=alice,{PEOPLE}", 0, controls=in_control(ASSERTION, extensible(GUESS, rule="2.5.13.17"))
        ),
    ),
    tries(
        "the second of two assertion controls",
        request=search(
            1,
            f"uid=alice,{PEOPLE}",
            0,
            controls=controls((ASSERTION, equal("uid", "alice")), (ASSERTION, equal("userPassword", GUESS))),
        ),
    ),
    tries(
        "sorting among known ones (RFC 2891)",
        request=search(
            1,
            PEOPLE,
            2,
            controls=in_control(SORT, tlv(0x30, tlv(0x30, octets("userPassword"), tlv(0x80, b"2.5.13.18")))),
        ),
    ),
    tries(
        "matched values (RFC 3876)",
        request=search(
            1,
            f"uid=alice,{PEOPLE}",
            0,
            controls=in_control(MATCHED_VALUES, tlv(0x30, equal("userPassword", GUESS))),
        ),
    ),
    *(
        Attack(
            f"A password tested by {what}",
            "RFC 4511 section 5.1; a directory may read what the proxy cannot",
            lambda cast, where=where: [
                LogIn(),
                Send(search(1, PEOPLE, 2, where)),
                Notice(Code.PROTOCOL_ERROR),
            ],
            on=SOME,
        )
        for what, where in (
            ("a name with a NUL behind it", equal("userPassword\0x", GUESS)),
            ("a name with blanks around it", equal(" userPassword ", GUESS)),
            ("a name in pieces", tlv(0xA3, tlv(0x24, octets("user"), octets("Password")), octets(GUESS))),
            ("a filter of an unknown kind", tlv(0xAA, octets("userPassword"), octets(GUESS))),
            ("an AND with something behind it", tlv(0xA0, equal("userPassword", GUESS), b"\0\0")),
            ("a NOT with two operands", tlv(0xA2, equal("uid", "x"), equal("userPassword", GUESS))),
        )
    ),
    Attack(
        "A filter nested too deep",
        "CVE-2020-12243: nested filters overflowed slapd's stack",
        lambda cast: [
            LogIn(),
            Send(search(1, PEOPLE, 2, nested(equal("userPassword", GUESS), 101))),
            Notice(Code.PROTOCOL_ERROR),
        ],
        on=SOME,
    ),
    Attack(
        "A filter nested 10,000 deep",
        "CVE-2020-12243: nested filters overflowed slapd's stack",
        lambda cast: [
            LogIn(),
            Send(search(1, PEOPLE, 2, nested(equal("userPassword", GUESS), 10_000))),
            Notice(Code.PROTOCOL_ERROR),
        ],
        on=SOME,
    ),
)

EXTENDED = (
    *(
        Attack(
            f"The extended operation {what}",
            against,
            lambda cast, oid=oid: [
                LogIn(),
                Send(extended(1, oid, b"")),
                Answer(To.EXTENDED, UNWILLING),
                Silence(),
            ],
            on=SOME,
        )
        for oid, what, against in (
            (
                "1.2.840.113556.1.4.1781",
                "fast bind",
                "MS-ADTS 3.1.1.3.4.2.1: turns every later bind into a mere check",
            ),
            ("1.3.6.1.4.1.4203.666.6.5", "Verify Credentials", "OpenLDAP's bind without a bind"),
            ("1.3.6.1.4.1.4203.1.11.2", "of an unassigned number", "Design 4.3: an allow-list"),
            ("1.3.6.1.1.21.1", "Start Transaction", "RFC 5805: what it ends with is another operation's"),
            ("1.3.6.1.4.1.1466.101.119.1", "Refresh", "RFC 2589; design 4.3: an allow-list"),
            (
                "1.3.6.1.4.1.1466.20036",
                "that is a Notice of Disconnection",
                "RFC 4511 section 4.4.1: a server's to send",
            ),
            ("2.16.840.1.113719.1.27.100.31", "Get Bind DN", "Design 4.3: an allow-list"),
        )
    ),
    Attack(
        "Verify Credentials without a bind",
        "OpenLDAP's bind without a bind",
        lambda cast: [
            Send(
                extended(
                    1,
                    "1.3.6.1.4.1.4203.666.6.5",
                    tlv(0x30, octets(cast.victim.dn), tlv(0x80, cast.victim.password.encode())),
                )
            ),
            Answer(To.EXTENDED, Code.INSUFFICIENT_ACCESS_RIGHTS),
        ],
    ),
    *(
        Attack(
            f"StartTLS {what}",
            "RFC 4512 section 1.4 (numericoid): a directory that reads it leniently would start TLS",
            lambda cast, oid=oid: [LogIn(), Send(extended(1, oid)), Notice(Code.PROTOCOL_ERROR)],
            on=SOME,
        )
        for oid, what in (
            ("1.3.6.1.4.1.1466.020037", "with a leading zero"),
            ("1.3.6.1.4.1.1466.20037 ", "with a blank behind it"),
            ("1.3.6.1.4.1.1466.20037\0", "with a NUL behind it"),
            ("OID.1.3.6.1.4.1.1466.20037", "with a prefix"),
        )
    ),
    Attack(
        "Who am I? after a login says who logged in, and nobody else",
        "RFC 4532",
        lambda cast: [LogIn(), Send(extended(1, WHO_AM_I)), Identity(cast.insider.dn)],
        on=SOME,
        reaches=("EXT",),
    ),
    Attack(
        "Operations where only binds are served",
        "Design 5, search_after_bind: false",
        lambda cast: [
            LogIn(),
            Send(search(1, SUFFIX, 2), compare(2, "uid", "x"), extended(3, WHO_AM_I), bind(4, "", "")),
            Answer(To.SEARCH, Code.INSUFFICIENT_ACCESS_RIGHTS),
            Answer(To.COMPARE, Code.INSUFFICIENT_ACCESS_RIGHTS),
            Answer(To.EXTENDED, Code.INSUFFICIENT_ACCESS_RIGHTS),
            Answer(To.BIND, Code.SUCCESS),
            Send(search(5, SUFFIX, 2)),
            Answer(To.SEARCH, Code.INSUFFICIENT_ACCESS_RIGHTS),
        ],
        on=("bind_only", "bind_only_anonymous_allow"),
    ),
)

ATTACKS = (*WITHOUT_A_BIND, *TESTS_OF_PASSWORDS, *EXTENDED)
