"""Too much, too large, too slow, too often."""

from __future__ import annotations

from tests.attacks.attack import SOME, Attack
from tests.attacks.steps import (
    Answer,
    Code,
    DirectoryAnswers,
    DirectoryHangs,
    Ended,
    LogIn,
    Notice,
    Send,
    Silence,
    To,
)
from tests.attacks.table.binds import NOBODY, REFUSED
from tests.support.example_directory import PEOPLE, SUFFIX, VPN_SEARCH
from tests.support.ldap_bytes import bind, controls, equal, integer, message, octets, search, start_tls, tlv

SIZE = "CWE-400; design 4.3: 64 KiB before a bind, limits.message_size after it"
BUSY = Answer(To.BIND, Code.BUSY)


def bind_of(size: int) -> bytes:
    """A bind that is a message of so many octets."""
    password = size
    while (sized := _bind(password)) and len(sized) != size:
        password += size - len(sized)
    return sized


def _bind(password: int) -> bytes:
    return message(1, tlv(0x60, integer(3), octets("cn=x"), tlv(0x80, b"p" * password)))


SIZES = (
    Attack(
        "The largest bind that is read",
        SIZE,
        lambda cast: [Send(bind_of(64 * 1024)), Answer(To.BIND, Code.INVALID_CREDENTIALS)],
        on=SOME,
        reaches=("BIND",),
    ),
    Attack(
        "A bind that is one octet larger",
        SIZE,
        lambda cast: [Send(bind_of(64 * 1024 + 1)), Notice(Code.PROTOCOL_ERROR)],
        limit="message_size",
    ),
    Attack(
        "A message of two gigabytes, announced",
        SIZE,
        lambda cast: [Send(b"\x30\x84\x7f\xff\xff\xff"), Notice(Code.PROTOCOL_ERROR)],
        limit="message_size",
    ),
    Attack(
        "A message larger than allowed after a login",
        SIZE,
        lambda cast: [LogIn(), Send(b"\x30\x84\x00\x40\x00\x01"), Notice(Code.PROTOCOL_ERROR)],
        on=SOME,
        limit="message_size",
    ),
    Attack(
        "A large message behind a login that is given up",
        "The large limit goes with the identity",
        lambda cast: [
            LogIn(),
            Send(bind(1, "", "")),
            Answer(To.BIND, Code.SUCCESS),
            Send(bind_of(64 * 1024 + 1)),
            Notice(Code.PROTOCOL_ERROR),
        ],
        on=SOME,
        limit="message_size",
    ),
    Attack(
        "A thousand controls",
        "CWE-400: one message is one message",
        lambda cast: [
            Send(
                search(1, SUFFIX, 2, controls=controls(*((f"1.2.{number}", b"") for number in range(1000))))
            ),
            NOBODY,
        ],
        on=SOME,
    ),
    Attack(
        "A filter with thousands of parts",
        "CWE-400; what is looked at is bounded by the message",
        lambda cast: [
            LogIn(),
            Send(search(1, PEOPLE, 2, tlv(0xA1, *(equal("userPassword", "x") for _ in range(3000))))),
            Answer(To.SEARCH, Code.UNWILLING_TO_PERFORM),
        ],
        on=SOME,
    ),
    Attack(
        "Ten thousand requests without a bind in one piece",
        "CWE-400: each gets its refusal",
        lambda cast: [
            Send(*(search(1 + number, SUFFIX, 2) for number in range(10_000))),
            *(NOBODY for _ in range(10_000)),
            Silence(),
        ],
        on=("ldap",),
    ),
)

TIMES = (
    Attack(
        "A connection that says nothing",
        "CWE-400; design 5, limits.handshake_timeout",
        lambda cast: [Ended()],
        on=("hasty",),
        limit="handshake_timeout",
    ),
    Attack(
        "A message that comes too slowly",
        "Slowloris",
        lambda cast: [Send(bind(1, VPN_SEARCH.dn, "x")[:7]), Ended()],
        on=("hasty",),
        limit="handshake_timeout",
    ),
    Attack(
        "A TLS handshake that comes too slowly",
        "Slowloris",
        lambda cast: [Send(b"\x16\x03\x01\x02\x00\x01"), Ended()],
        on=("hasty_ldaps",),
        in_clear=True,
        limit="handshake_timeout",
    ),
    Attack(
        "StartTLS, and a handshake that never comes",
        "Slowloris",
        lambda cast: [Send(start_tls(1)), Answer(To.EXTENDED, Code.SUCCESS), Ended()],
        on=("hasty_start_tls",),
        in_clear=True,
        limit="handshake_timeout",
    ),
    Attack(
        "A session that nobody uses",
        "Design 5, limits.idle_timeout",
        lambda cast: [Send(search(1, SUFFIX, 2)), NOBODY, Notice(Code.UNAVAILABLE)],
        on=("hasty",),
        limit="idle_timeout",
    ),
)

COUNTS = (
    Attack(
        "More operations in flight than allowed",
        "Design 5, limits.outstanding",
        lambda cast: [
            LogIn(),
            DirectoryHangs(),
            Send(*(search(1 + number, cast.victim.dn, 0) for number in range(4))),
            Answer(To.SEARCH, Code.BUSY, 4),
            DirectoryAnswers(),
        ],
        on=("small",),
        reaches=("SRCH",) * 3,
        limit="outstanding",
    ),
    Attack(
        "More wrong passwords of one user than allowed",
        "Design 5, limits.failed_binds: it is no means to lock people out; one count for all spellings",
        lambda cast: [
            Send(bind(1, cast.victim.dn, "wrong")),
            REFUSED,
            Send(bind(2, cast.victim.dn.upper(), "wrong")),
            REFUSED,
            Send(bind(3, cast.victim.dn.replace(",", " , "), "wrong")),
            REFUSED,
            Send(bind(4, cast.victim.dn, "wrong")),
            BUSY,
            Send(bind(5, cast.victim.dn.replace("uid", "0.9.2342.19200300.100.1.1"), cast.victim.password)),
            BUSY,
            Send(search(6, SUFFIX, 2)),
            NOBODY,
        ],
        on=("guarded",),
        reaches=("BIND",) * 3,
        limit="failed_binds",
    ),
    Attack(
        "More wrong passwords of one user than allowed, in spellings that only the directory takes for a DN",
        "Design 5, limits.failed_binds: endless spellings must not bring endless guesses",
        lambda cast: [
            *(
                Send(
                    bind(
                        number,
                        cast.victim.dn.replace("uid", f"uid;lang-x{number}").replace(",", ";", number),
                        "wrong",
                    )
                )
                for number in range(1, 5)
            ),
            REFUSED,
            REFUSED,
            REFUSED,
            BUSY,
        ],
        on=("guarded",),
        reaches=("BIND",) * 3,
        limit="failed_binds",
    ),
    Attack(
        "A hundred wrong passwords at once, behind each other",
        "Design 5, limits.failed_binds",
        lambda cast: [
            Send(*(bind(1 + number, cast.victim.dn, "wrong") for number in range(100))),
            *(REFUSED for _ in range(3)),
            *(BUSY for _ in range(97)),
        ],
        on=("guarded",),
        reaches=("BIND",) * 3,
        limit="failed_binds",
    ),
)

ATTACKS = (*SIZES, *TIMES, *COUNTS)
