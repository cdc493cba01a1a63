"""Binds that prove nothing, or not enough."""

from __future__ import annotations

from tests.attacks.attack import OFFLINE, SOME, SOME_WITH_DUO, WITH_DUO, Attack
from tests.attacks.people import ROBOT
from tests.attacks.steps import Answer, Code, Entry, Identity, Push, Send, Silence, Tap, To
from tests.support.example_directory import SUFFIX, VPN_SEARCH
from tests.support.ldap_bytes import bind, compare, equal, extended, integer, message, octets, search, tlv

WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
NOBODY = Answer(To.SEARCH, Code.INSUFFICIENT_ACCESS_RIGHTS)
REFUSED = Answer(To.BIND, Code.INVALID_CREDENTIALS)
UNWILLING = Answer(To.BIND, Code.UNWILLING_TO_PERFORM)
NO_SUCH_METHOD = Answer(To.BIND, Code.AUTH_METHOD_NOT_SUPPORTED)


def bind_by(number: int, name: str | bytes, authentication: bytes, version: bytes = integer(3)) -> bytes:
    """A BindRequest with any choice of authentication, any version, any name."""
    return message(number, tlv(0x60, version, octets(name), authentication))


def wide(value: str) -> str:
    """The value in full-width letters and digits, which are compatibility forms of the same."""
    return "".join(chr(ord(character) + 0xFEE0) for character in value)


def sasl(mechanism: str, credentials: bytes | None = None) -> bytes:
    """The SASL choice."""
    return tlv(0xA3, octets(mechanism), b"" if credentials is None else octets(credentials))


UNPROVEN = (
    Attack(
        "A name without a password",
        "RFC 4513 section 5.1.2: it succeeds in many directories, and an application that did not look for "
        "an empty field lets everybody in",
        lambda cast: [Send(bind(1, cast.victim.dn, "")), UNWILLING, Send(search(2, SUFFIX, 0)), NOBODY],
    ),
    Attack(
        "The name of an exempt account without a password",
        "RFC 4513 section 5.1.2; an exemption is from the second factor, not from the first",
        lambda cast: [Send(bind(1, VPN_SEARCH.dn, "")), UNWILLING, Send(search(2, SUFFIX, 0)), NOBODY],
    ),
    Attack(
        "A name in an exempt subtree without a password",
        "RFC 4513 section 5.1.2",
        lambda cast: [Send(bind(1, ROBOT.dn, "")), UNWILLING, Send(search(2, SUFFIX, 0)), NOBODY],
    ),
    *(
        Attack(
            f"A password that is empty once {what!r} is split off",
            "RFC 4513 section 5.1.2, by way of the proxy's own syntax",
            lambda cast, what=what: [Send(bind(1, cast.victim.dn, what)), UNWILLING],
        )
        for what in (
            ",123456",
            ",push",
            ",phone2",
            ",sms",
            ",@phone",
            "," + "cbdefghijklnrtuv" * 2 + "cbdefghijkln",
        )
    ),
    Attack(
        "Nothing but a passcode for an exempt account",
        "RFC 4513 section 5.1.2; such a credential is never split, so the directory sees all of it",
        lambda cast: [Send(bind(1, VPN_SEARCH.dn, ",123456")), REFUSED],
        reaches=("BIND",),
    ),
    Attack(
        "A password without a name",
        "RFC 4513 section 5.1.1: anonymous means both are empty",
        lambda cast: [Send(bind(1, "", cast.victim.password)), REFUSED, Send(search(2, SUFFIX, 0)), NOBODY],
    ),
    Attack(
        "A blank for a name",
        "RFC 4513 section 5.1.2: it could be taken for the empty name",
        lambda cast: [
            Send(bind(1, " ", cast.victim.password)),
            Answer(To.BIND, Code.INVALID_DN_SYNTAX),
            Send(search(2, SUFFIX, 0)),
            NOBODY,
        ],
    ),
    Attack(
        "Anonymous, and then a search",
        "RFC 4513 section 5.1.1; design 4.3, anonymous: root_dse",
        lambda cast: [
            Send(bind(1, "", "")),
            Answer(To.BIND, Code.SUCCESS),
            Send(search(2, SUFFIX, 2)),
            NOBODY,
            Send(extended(3, WHO_AM_I)),
            Answer(To.EXTENDED, Code.INSUFFICIENT_ACCESS_RIGHTS),
        ],
    ),
    Attack(
        "Anonymous where that is denied",
        "RFC 4513 section 5.1.1; design 4.3, anonymous: deny",
        lambda cast: [
            Send(bind(1, "", "")),
            Answer(To.BIND, Code.INAPPROPRIATE_AUTHENTICATION),
            Send(search(2, "", 0)),
            NOBODY,
            Send(search(3, SUFFIX, 0)),
            NOBODY,
        ],
        on=("anonymous_deny",),
    ),
    Attack(
        "Anonymous where that is allowed, and then tests of a password",
        "Design 4.3, anonymous: allow",
        lambda cast: [
            Send(bind(1, "", "")),
            Answer(To.BIND, Code.SUCCESS),
            Send(extended(2, WHO_AM_I)),
            Identity(""),
            Send(search(3, cast.victim.dn, 0, equal("userPassword", cast.victim.password))),
            Answer(To.SEARCH, Code.UNWILLING_TO_PERFORM),
            Send(compare(4, "userPassword", cast.victim.password)),
            Answer(To.COMPARE, Code.UNWILLING_TO_PERFORM),
            Send(search(5, cast.victim.dn, 0)),
            Entry("inetOrgPerson"),
            Answer(To.SEARCH, Code.SUCCESS),
        ],
        on=("anonymous_allow",),
        reaches=("EXT", "SRCH"),
    ),
    Attack(
        "A NUL in the name",
        "CWE-158: what is written in C reads a shorter name",
        lambda cast: [Send(bind(1, f"{cast.victim.dn}\0,ou=svc", cast.victim.password)), REFUSED],
    ),
    Attack(
        "A NUL in the password",
        "CWE-158: what is written in C reads a shorter password",
        lambda cast: [Send(bind(1, cast.victim.dn, f"{cast.victim.password}\0,123456")), REFUSED],
    ),
    *(
        Attack(
            f"A name with {what}",
            "RFC 4511 section 4.1.2 (LDAPString is UTF-8); RFC 3629 section 3",
            lambda cast, octets_=octets_: [
                Send(bind_by(1, octets_ + cast.victim.dn.encode(), tlv(0x80, b"pw"))),
                REFUSED,
            ],
            on=SOME,
        )
        for what, octets_ in (
            ("Latin-1 letters", b"\xe9"),
            ("an overlong NUL", b"\xc0\x80"),
            ("an overlong slash", b"\xe0\x80\xaf"),
            ("half a surrogate pair", b"\xed\xa0\x80"),
            ("a cut character", b"\xf0\x9f\x92"),
        )
    ),
)

OTHER_METHODS = (
    *(
        Attack(
            f"LDAP version {what}",
            "RFC 4511 section 4.2; version 2 knows unauthenticated binds and no StartTLS (RFC 3494)",
            lambda cast, version=version: [
                Send(bind_by(1, cast.victim.dn, tlv(0x80, cast.victim.password.encode()), version)),
                Answer(To.BIND, Code.PROTOCOL_ERROR),
                Send(search(2, SUFFIX, 0)),
                NOBODY,
            ],
            on=SOME if what != "2" else WITH_DUO,
        )
        for what, version in (
            ("0", b"\x02\x01\x00"),
            ("1", b"\x02\x01\x01"),
            ("2", b"\x02\x01\x02"),
            ("4", b"\x02\x01\x04"),
            ("127", b"\x02\x01\x7f"),
            ("-1", b"\x02\x01\xff"),
            ("259, which is 3 in its last octet", b"\x02\x02\x01\x03"),
        )
    ),
    Attack(
        "Version 2 and nothing else",
        "RFC 3494: the anonymous bind of LDAPv2",
        lambda cast: [Send(bind_by(1, "", tlv(0x80), integer(2))), Answer(To.BIND, Code.PROTOCOL_ERROR)],
        on=SOME,
    ),
    *(
        Attack(
            f"SASL {mechanism} {how}",
            "RFC 4513 section 5.2: a bind that the second factor does not see",
            lambda cast, mechanism=mechanism, credentials=credentials, named=named: [
                Send(bind_by(1, cast.victim.dn if named else "", sasl(mechanism, credentials))),
                NO_SUCH_METHOD,
                Send(search(2, SUFFIX, 0)),
                NOBODY,
            ],
            on=SOME if named else WITH_DUO,
        )
        for mechanism, credentials in (
            ("PLAIN", b"\0u0001\0pw-u0001"),
            ("EXTERNAL", b""),
            ("GSS-SPNEGO", b"NTLMSSP\0\x01\0\0\0"),
            ("DIGEST-MD5", None),
        )
        for named, how in ((False, "without a name"), (True, "with a name"))
    ),
    Attack(
        "SASL with the name of an exempt account",
        "RFC 4513 section 5.2.1: the name is ignored there, so an exemption must not be",
        lambda cast: [Send(bind_by(1, VPN_SEARCH.dn, sasl("EXTERNAL", b""))), NO_SUCH_METHOD],
    ),
    *(
        Attack(
            f"Active Directory's authentication choice [{number}], {what}",
            "MS-ADTS section 5.1.1.1.3 (sicily): NTLM without SASL",
            lambda cast, number=number: [Send(bind_by(1, "", tlv(0x80 | number, b"NTLM"))), NO_SUCH_METHOD],
            on=SOME,
        )
        for number, what in ((9, "package discovery"), (10, "negotiate"), (11, "response"))
    ),
    *(
        Attack(
            f"An authentication choice that RFC 4511 does not know, {what}",
            "RFC 4511 section 4.2: authMethodNotSupported for an unknown choice",
            lambda cast, tag=tag: [
                Send(bind_by(1, cast.victim.dn, tlv(tag, cast.victim.password.encode()))),
                NO_SUCH_METHOD,
            ],
            on=SOME,
        )
        for tag, what in (
            (0x81, "Kerberos 4 of LDAPv2"),
            (0x82, "Kerberos 4 of LDAPv2, for the directory"),
            (0x85, "[5]"),
            (0xA0, "a simple one in constructed form"),
            (0x83, "a SASL one in primitive form"),
            (0x04, "a bare OCTET STRING"),
        )
    ),
)

WITHOUT_THE_PHONE = (
    Attack(
        "The right password, and a person who says no",
        "The promise of the product",
        lambda cast: [
            Send(bind(1, cast.victim.dn, cast.victim.password)),
            Push(),
            Tap("deny"),
            REFUSED,
            Send(search(2, cast.victim.dn, 0)),
            NOBODY,
        ],
        on=WITH_DUO,
        reaches=("BIND",),
        asks_duo=1,
    ),
    Attack(
        "The right password, and a person who reports fraud",
        "The promise of the product",
        lambda cast: [Send(bind(1, cast.victim.dn, cast.victim.password)), Push(), Tap("fraud"), REFUSED],
        on=SOME_WITH_DUO,
        reaches=("BIND",),
        asks_duo=1,
    ),
    *(
        Attack(
            f"The right password, and {what}",
            "The promise of the product",
            lambda cast, typed=typed: [
                Send(bind(1, cast.victim.dn, cast.victim.password + typed)),
                REFUSED,
                Silence(),
            ],
            on=SOME_WITH_DUO,
            reaches=("BIND",),
            asks_duo=1,
        )
        for typed, what in (
            (",000000", "a wrong passcode"),
            (",@nobody's phone", "a device that there is not"),
            (",push9", "the ninth device"),
            (",sms", "a factor that is not allowed here"),
        )
    ),
    *(
        Attack(
            f"The right password, and {what}",
            "Design 4.5: split only before a known form, and at the last delimiter",
            lambda cast, typed=typed: [Send(bind(1, cast.victim.dn, cast.victim.password + typed)), REFUSED],
            on=SOME_WITH_DUO,
            reaches=("BIND",),
        )
        for typed, what in (
            (f",{wide('123456')}", "a passcode in full-width digits"),
            (",12345", "a passcode that is too short"),
            (",1234567890", "a passcode that is too long"),
            (",push,", "a delimiter behind the factor"),
            (",123456 ", "a blank behind the passcode"),
            (",bypass", "a word that is no factor"),
            (",push0", "the device before the first"),
        )
    ),
    *(
        Attack(
            f"The right password while Duo is away, and {what}",
            "Design 4.1, fail mode offline: only the code of an authenticator that was enrolled before",
            lambda cast, typed=typed: [
                Send(bind(1, cast.victim.dn, cast.victim.password + typed)),
                REFUSED,
                Send(search(2, cast.victim.dn, 0)),
                NOBODY,
            ],
            on=OFFLINE,
            reaches=("BIND",),
        )
        for typed, what in (
            ("", "nothing else"),
            (",push", "a push"),
            (",123456", "an invented code"),
            (",000000000", "nine zeros"),
            (",@phone", "a device"),
        )
    ),
    Attack(
        "A wrong password, and a push behind it",
        "Nothing is sent to Duo before the directory has accepted the password: no push bombing by strangers",
        lambda cast: [
            Send(bind(1, cast.victim.dn, "wrong,push")),
            REFUSED,
            Send(bind(2, cast.victim.dn, "wrong")),
            REFUSED,
        ],
        reaches=("BIND", "BIND"),
    ),
)

ATTACKS = (*UNPROVEN, *OTHER_METHODS, *WITHOUT_THE_PHONE)
