"""What goes in clear where it must not, and games with StartTLS."""

from __future__ import annotations

import ssl

from tests.attacks.attack import (
    LDAP,
    LDAPS,
    OFFLINE,
    SOME,
    START_TLS_OPTIONAL,
    START_TLS_REQUIRED,
    Attack,
)
from tests.attacks.steps import (
    Answer,
    Closed,
    Code,
    DirectoryAnswers,
    DirectoryHangs,
    Ended,
    Entry,
    Handshake,
    LogIn,
    Notice,
    OldTls,
    Push,
    Send,
    Silence,
    Tap,
    To,
)
from tests.attacks.table.binds import REFUSED, WHO_AM_I, bind_by, sasl
from tests.support.example_directory import VPN_SEARCH
from tests.support.ldap_bytes import (
    abandon,
    bind,
    compare,
    equal,
    extended,
    integer,
    message,
    modify,
    octets,
    search,
    start_tls,
    tlv,
)

TLS_FIRST = Code.CONFIDENTIALITY_REQUIRED
STARTED = Answer(To.EXTENDED, Code.SUCCESS)
WITH_START_TLS = (*START_TLS_REQUIRED, *START_TLS_OPTIONAL)
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"

# A ClientHello of TLS 1.2, as far as anybody has to look at it.
CLIENT_HELLO = b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03" + bytes(32) + b"\x00\x00\x02\x00\x2f\x01\x00"

IN_CLEAR = (
    *(
        Attack(
            f"{what} in clear text where TLS is required",
            "RFC 4513 section 3.1.1 and RFC 4511 section 4.14: confidentialityRequired",
            lambda cast, send=send, to=to: [
                Send(send(cast.victim.dn, cast.victim.password)),
                Answer(to, TLS_FIRST),
            ],
            on=START_TLS_REQUIRED,
            in_clear=True,
        )
        for what, send, to in (
            ("The right password", lambda dn, password: bind(1, dn, password), To.BIND),
            ("A name without a password", lambda dn, _: bind(1, dn, ""), To.BIND),
            ("The anonymous bind", lambda *_: bind(1, "", ""), To.BIND),
            (
                "The bind of an exempt account",
                lambda *_: bind(1, VPN_SEARCH.dn, VPN_SEARCH.password),
                To.BIND,
            ),
            ("A bind of version 2", lambda dn, _: bind_by(1, dn, tlv(0x80, b"pw"), integer(2)), To.BIND),
            ("SASL EXTERNAL", lambda *_: bind_by(1, "", sasl("EXTERNAL", b"")), To.BIND),
            ("A search", lambda dn, _: search(1, dn, 0), To.SEARCH),
            ("A search below the root DSE", lambda *_: search(1, "", 2), To.SEARCH),
            (
                "A comparison of a password",
                lambda _, password: compare(1, "userPassword", password),
                To.COMPARE,
            ),
            ("A change", lambda *_: modify(1), To.MODIFY),
            ("An addition", lambda dn, _: message(1, tlv(0x68, octets(dn), tlv(0x30))), To.ADD),
            ("A deletion", lambda dn, _: message(1, tlv(0x4A, dn.encode())), To.DELETE),
            ("Who am I?", lambda *_: extended(1, WHO_AM_I), To.EXTENDED),
            (
                "A new password",
                lambda *_: extended(1, PASSWORD_MODIFY, tlv(0x30, tlv(0x82, b"new"))),
                To.EXTENDED,
            ),
        )
    ),
    Attack(
        "An unknown operation in clear text where TLS is required",
        "RFC 4511 section 4.1.1: nothing answers it, so the session ends",
        lambda cast: [Send(message(1, tlv(0x5E, b""))), Notice(TLS_FIRST)],
        on=START_TLS_REQUIRED,
        in_clear=True,
    ),
    Attack(
        "An Abandon in clear text where TLS is required",
        "RFC 4511 section 4.11: it has no answer, and there is nothing to abandon",
        lambda cast: [Send(abandon(1, 1)), Silence()],
        on=START_TLS_REQUIRED,
        in_clear=True,
    ),
    Attack(
        "A password tested by a read of the root DSE in clear text",
        "Design 4.3: root DSE reads are relayed, their filters are not for testing passwords",
        lambda cast: [
            Send(search(1, "", 0, equal("userPassword", cast.victim.password))),
            Answer(To.SEARCH, Code.UNWILLING_TO_PERFORM),
        ],
        on=START_TLS_REQUIRED,
        in_clear=True,
    ),
)

START_TLS = (
    Attack(
        "A bind injected behind StartTLS",
        "CVE-2011-0411 and its kin: clear text that is read as if it had come protected",
        lambda cast: [Send(start_tls(1), bind(2, VPN_SEARCH.dn, VPN_SEARCH.password)), Closed()],
        on=WITH_START_TLS,
        in_clear=True,
    ),
    Attack(
        "The beginning of a bind injected behind StartTLS",
        "CVE-2011-0411: what comes protected would complete it",
        lambda cast: [Send(start_tls(1), bind(2, VPN_SEARCH.dn, VPN_SEARCH.password)[:5]), Closed()],
        on=WITH_START_TLS,
        in_clear=True,
    ),
    Attack(
        "StartTLS twice in one piece",
        "CVE-2011-0411",
        lambda cast: [Send(start_tls(1), start_tls(2)), Closed()],
        on=WITH_START_TLS,
        in_clear=True,
    ),
    Attack(
        "Clear text instead of the handshake",
        "RFC 4511 section 4.14.3: after a success nothing but TLS may follow",
        lambda cast: [
            Send(start_tls(1)),
            STARTED,
            Send(bind(2, VPN_SEARCH.dn, VPN_SEARCH.password)),
            Ended(),
        ],
        on=WITH_START_TLS,
        in_clear=True,
    ),
    Attack(
        "StartTLS within TLS",
        "RFC 4511 section 4.14.1: operationsError",
        lambda cast: [Send(start_tls(1)), Answer(To.EXTENDED, Code.OPERATIONS_ERROR), Silence()],
        on=(*WITH_START_TLS, *LDAPS),
    ),
    Attack(
        "StartTLS within TLS, with a bind behind it",
        "CVE-2011-0411",
        lambda cast: [Send(start_tls(1), bind(2, VPN_SEARCH.dn, VPN_SEARCH.password)), Closed()],
        on=(*WITH_START_TLS, *LDAPS),
    ),
    Attack(
        "StartTLS where there is no certificate",
        "RFC 4511 section 4.14.2: refused, and the session stays what it was",
        lambda cast: [Send(start_tls(1)), Answer(To.EXTENDED, Code.PROTOCOL_ERROR), Silence()],
        on=LDAP,
    ),
    Attack(
        "StartTLS with a search in flight",
        "RFC 4511 section 4.14.1: operationsError",
        lambda cast: [
            LogIn(),
            DirectoryHangs(),
            Send(search(1, cast.victim.dn, 0)),
            Send(start_tls(2)),
            Answer(To.EXTENDED, Code.OPERATIONS_ERROR, 2),
            DirectoryAnswers(),
            Entry(cast.victim.dn),
            Answer(To.SEARCH, Code.SUCCESS, 1),
        ],
        on=tuple(name for name in START_TLS_OPTIONAL if name not in OFFLINE),
        in_clear=True,
        reaches=("SRCH",),
    ),
    Attack(
        "StartTLS behind a bind that waits, and a bind behind that",
        "CVE-2011-0411, by way of what waits",
        lambda cast: [
            Send(
                bind(1, cast.victim.dn, cast.victim.password),
                start_tls(2),
                bind(3, VPN_SEARCH.dn, VPN_SEARCH.password),
            ),
            Push(),
            Tap("deny"),
            REFUSED,
            Closed(),
        ],
        on=("start_tls_optional", "start_tls_optional_open"),
        in_clear=True,
        reaches=("BIND",),
        asks_duo=1,
    ),
    Attack(
        "StartTLS behind a bind that waits is no way to keep its identity",
        "RFC 4511 section 4.2.1: what waits runs when the bind has ended",
        lambda cast: [
            Send(bind(1, cast.victim.dn, cast.victim.password), start_tls(2)),
            Push(),
            Tap("deny"),
            REFUSED,
            Answer(To.EXTENDED, Code.SUCCESS, 2),
            Handshake(),
            Send(search(3, cast.victim.dn, 0)),
            Answer(To.SEARCH, Code.INSUFFICIENT_ACCESS_RIGHTS),
        ],
        on=("start_tls_optional", "start_tls_optional_open"),
        in_clear=True,
        reaches=("BIND",),
        asks_duo=1,
    ),
)

THE_WRONG_PROTOCOL = (
    Attack(
        "TLS to a listener that speaks LDAP",
        "RFC 4511 section 5.2: the first octet is no SEQUENCE",
        lambda cast: [Send(CLIENT_HELLO), Notice(Code.PROTOCOL_ERROR)],
        on=(*LDAP, *WITH_START_TLS),
        in_clear=True,
    ),
    Attack(
        "LDAP to a listener that speaks TLS",
        "RFC 8446 section 5.1: no TLS record begins so",
        lambda cast: [Send(bind(1, VPN_SEARCH.dn, VPN_SEARCH.password)), Ended()],
        on=LDAPS,
        in_clear=True,
    ),
    *(
        Attack(
            f"A client that speaks nothing newer than {version.name}",
            "RFC 8996 (TLS 1.0 and 1.1 are deprecated); POODLE, BEAST",
            lambda cast, version=version: [OldTls(version)],
            on=LDAPS,
            in_clear=True,
        )
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    ),
    Attack(
        "HTTP",
        "Cross-protocol requests from a browser within the network",
        lambda cast: [
            Send(b"POST / HTTP/1.1\r\nHost: ldap\r\n\r\n" + bind(1, VPN_SEARCH.dn, VPN_SEARCH.password)),
            Notice(Code.PROTOCOL_ERROR),
        ],
        on=SOME,
    ),
)

ATTACKS = (*IN_CLEAR, *START_TLS, *THE_WRONG_PROTOCOL)
