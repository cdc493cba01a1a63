"""One bind at a time: what is sent behind a bind, between binds, and instead of waiting for one."""

from __future__ import annotations

from tests.attacks.attack import SOME, SOME_WITH_DUO, WITH_DUO, Attack
from tests.attacks.steps import (
    Answer,
    Closed,
    Code,
    DirectoryAnswers,
    DirectoryHangs,
    HalfClose,
    Identity,
    LogIn,
    Notice,
    Push,
    Reaches,
    Reset,
    Send,
    Silence,
    Tap,
    To,
)
from tests.attacks.table.binds import NO_SUCH_METHOD, NOBODY, REFUSED, UNWILLING, WHO_AM_I, bind_by, sasl
from tests.support.example_directory import PEOPLE, VPN_SEARCH
from tests.support.ldap_bytes import abandon, bind, compare, extended, integer, message, search, tlv, unbind

RFC = "RFC 4511 section 4.2.1 and RFC 4513 section 4: a session is anonymous from the moment a bind arrives"

BEHIND_A_BIND = (
    Attack(
        "Requests behind a bind that is denied",
        RFC,
        lambda cast: [
            Send(
                bind(1, cast.victim.dn, cast.victim.password),
                search(2, cast.victim.dn, 0),
                extended(3, WHO_AM_I),
            ),
            Push(),
            Tap("deny"),
            REFUSED,
            NOBODY,
            Answer(To.EXTENDED, Code.INSUFFICIENT_ACCESS_RIGHTS, 3),
        ],
        on=WITH_DUO,
        reaches=("BIND",),
        asks_duo=1,
    ),
    Attack(
        "A second bind behind one that is approved",
        "RFC 4511 section 4.2.1: one bind at a time; the last one counts",
        lambda cast: [
            Send(
                bind(1, cast.victim.dn, cast.victim.password),
                bind(2, cast.victim.dn, "wrong"),
                search(3, cast.victim.dn, 0),
            ),
            Push(),
            Tap("approve"),
            Answer(To.BIND, Code.SUCCESS, 1),
            Answer(To.BIND, Code.INVALID_CREDENTIALS, 2),
            Answer(To.SEARCH, Code.INSUFFICIENT_ACCESS_RIGHTS, 3),
        ],
        on=SOME_WITH_DUO,
        reaches=("BIND", "BIND"),
        asks_duo=1,
        admits=1,
    ),
    Attack(
        "A deletion behind a bind, by a service that was bound before",
        RFC,
        lambda cast: [
            Send(bind(1, VPN_SEARCH.dn, VPN_SEARCH.password)),
            Answer(To.BIND, Code.SUCCESS),
            Send(
                bind(2, cast.victim.dn, cast.victim.password), message(3, tlv(0x4A, cast.victim.dn.encode()))
            ),
            Push(),
            Tap("deny"),
            REFUSED,
            Answer(To.DELETE, Code.INSUFFICIENT_ACCESS_RIGHTS, 3),
        ],
        on=WITH_DUO,
        reaches=("BIND", "BIND"),
        asks_duo=1,
        admits=1,
    ),
    Attack(
        "An Abandon of a bind",
        "RFC 4511 section 4.11: a bind cannot be abandoned",
        lambda cast: [
            Send(bind(1, cast.victim.dn, cast.victim.password)),
            Push(),
            Send(abandon(2, 1)),
            Tap("deny"),
            REFUSED,
            Send(search(3, cast.victim.dn, 0)),
            NOBODY,
        ],
        on=SOME_WITH_DUO,
        reaches=("BIND",),
        asks_duo=1,
    ),
    Attack(
        "An Unbind behind a bind",
        "RFC 4511 section 4.3: the session is over, and what the person answers comes to nothing",
        lambda cast: [
            Send(bind(1, cast.victim.dn, cast.victim.password)),
            Push(),
            Send(unbind(2)),
            Closed(),
            Tap("deny"),
        ],
        on=WITH_DUO,
        reaches=("BIND",),
        asks_duo=1,
    ),
    Attack(
        "A connection that is half closed behind a bind",
        "Design 3, the relay: a half-close ends the session",
        lambda cast: [
            Send(bind(1, cast.victim.dn, cast.victim.password)),
            Push(),
            HalfClose(),
            Closed(),
            Tap("deny"),
        ],
        on=WITH_DUO,
        reaches=("BIND",),
        asks_duo=1,
    ),
    Attack(
        "A connection that is reset behind a bind",
        "Design 3, the relay: a reset ends the session",
        lambda cast: [Send(bind(1, cast.victim.dn, cast.victim.password)), Push(), Reset(), Tap("deny")],
        on=WITH_DUO,
        reaches=("BIND",),
        asks_duo=1,
    ),
    Attack(
        "Half a request behind a bind, the other half behind its answer",
        "RFC 4511 section 5.2: where a message ends does not depend on when it comes",
        lambda cast: [
            Send(bind(1, cast.victim.dn, cast.victim.password), search(2, cast.victim.dn, 0)[:20]),
            Push(),
            Tap("deny"),
            REFUSED,
            Send(search(2, cast.victim.dn, 0)[20:]),
            NOBODY,
        ],
        on=SOME_WITH_DUO,
        reaches=("BIND",),
        asks_duo=1,
    ),
    Attack(
        "What cannot be decoded behind a bind",
        "RFC 4511 section 4.1.1: the session ends, and with it the bind",
        lambda cast: [
            Send(bind(1, cast.victim.dn, cast.victim.password)),
            Push(),
            Send(b"\x30\x80\x02\x01\x02"),
            Notice(Code.PROTOCOL_ERROR),
            Tap("deny"),
        ],
        on=SOME_WITH_DUO,
        reaches=("BIND",),
        asks_duo=1,
    ),
    Attack(
        "More behind a bind than is kept",
        "Design 5, limits.buffered",
        lambda cast: [
            Send(bind(1, cast.victim.dn, cast.victim.password)),
            Push(),
            Send(*(search(2 + number, PEOPLE, 2) for number in range(200))),
            Notice(Code.BUSY),
            Tap("deny"),
        ],
        on=("small",),
        reaches=("BIND",),
        asks_duo=1,
        limit="buffered",
    ),
    Attack(
        "A hundred binds in one piece",
        "RFC 4511 section 4.2.1: one bind at a time, each with its answer",
        lambda cast: [
            Send(*(bind(1 + number, cast.victim.dn, "wrong") for number in range(100))),
            *(Answer(To.BIND, Code.INVALID_CREDENTIALS, 1 + number) for number in range(100)),
            Send(search(200, cast.victim.dn, 0)),
            NOBODY,
        ],
        on=SOME,
        reaches=("BIND",) * 100,
    ),
    Attack(
        "A request with the messageID of the bind that waits",
        "RFC 4511 section 4.1.1.1",
        lambda cast: [
            Send(bind(1, cast.victim.dn, cast.victim.password), search(1, cast.victim.dn, 0)),
            Push(),
            Tap("deny"),
            REFUSED,
            NOBODY,
        ],
        on=SOME_WITH_DUO,
        reaches=("BIND",),
        asks_duo=1,
    ),
)


def drops(what: str, bind_request: bytes, answer: Answer, reaches: tuple[str, ...] = ()) -> Attack:
    """A bind that is not accepted drops the identity before it."""
    return Attack(
        f"A login, and then {what}",
        "RFC 4513 section 4: the identity before a bind is gone, whatever becomes of the bind",
        lambda cast: [
            LogIn(),
            Send(bind_request, search(2, cast.victim.dn, 0), extended(3, WHO_AM_I)),
            answer,
            NOBODY,
            Answer(To.EXTENDED, Code.INSUFFICIENT_ACCESS_RIGHTS),
        ],
        on=SOME,
        reaches=reaches,
    )


BETWEEN_BINDS = (
    drops("a bind with a wrong password", bind(1, VPN_SEARCH.dn, "wrong"), REFUSED, ("BIND",)),
    drops("an anonymous bind", bind(1, "", ""), Answer(To.BIND, Code.SUCCESS)),
    drops("a name without a password", bind(1, VPN_SEARCH.dn, ""), UNWILLING),
    drops("a password that is empty after the split", bind(1, "uid=alice,ou=people", ",push"), UNWILLING),
    drops("a SASL bind", bind_by(1, "", sasl("EXTERNAL", b"")), NO_SUCH_METHOD),
    drops(
        "a bind of version 2",
        bind_by(1, VPN_SEARCH.dn, tlv(0x80, VPN_SEARCH.password.encode()), integer(2)),
        Answer(To.BIND, Code.PROTOCOL_ERROR),
    ),
    drops("a name with a NUL", bind(1, "\0", "pw"), REFUSED),
    drops(
        "a bind that the directory cannot read",
        bind(1, "nobody", "pw"),
        Answer(To.BIND, Code.INVALID_DN_SYNTAX),
    ),
    Attack(
        "A service that is bound, and then a victim's denied bind",
        RFC,
        lambda cast: [
            Send(bind(1, VPN_SEARCH.dn, VPN_SEARCH.password)),
            Answer(To.BIND, Code.SUCCESS),
            Send(bind(2, cast.victim.dn, cast.victim.password)),
            Push(),
            Tap("deny"),
            REFUSED,
            Send(search(3, cast.victim.dn, 0), extended(4, WHO_AM_I)),
            NOBODY,
            Answer(To.EXTENDED, Code.INSUFFICIENT_ACCESS_RIGHTS),
        ],
        on=WITH_DUO,
        reaches=("BIND", "BIND"),
        asks_duo=1,
        admits=1,
    ),
    Attack(
        "A denied bind where anonymous people may search",
        "Design 3: the directory connection that carries a denied identity is gone before anything else",
        lambda cast: [
            Send(bind(1, cast.victim.dn, cast.victim.password), extended(2, WHO_AM_I)),
            Push(),
            Tap("deny"),
            REFUSED,
            Identity(""),
        ],
        on=("anonymous_allow",),
        reaches=("BIND", "EXT"),
        asks_duo=1,
    ),
    Attack(
        "Answers that are under way when another identity comes",
        "RFC 4511 section 4.2.1: operations before a bind are completed or abandoned",
        lambda cast: [
            LogIn(),
            DirectoryHangs(),
            Send(
                search(1, VPN_SEARCH.dn, 0),
                bind(2, VPN_SEARCH.dn, VPN_SEARCH.password),
                extended(3, WHO_AM_I),
            ),
            DirectoryAnswers(),
            Answer(To.BIND, Code.SUCCESS, 2),
            Identity(VPN_SEARCH.dn),
        ],
        on=SOME,
        may_reach=("SRCH", "ABANDON", "SRCH", "CMP"),
        reaches=("BIND", "EXT"),
        admits=1,
    ),
    Attack(
        "Answers that are under way when an anonymous bind comes",
        "RFC 4511 section 4.2.1",
        lambda cast: [
            LogIn(),
            DirectoryHangs(),
            Send(search(1, VPN_SEARCH.dn, 0)),
            Send(bind(2, "", "")),
            Answer(To.BIND, Code.SUCCESS, 2),
            DirectoryAnswers(),
            Send(search(3, VPN_SEARCH.dn, 0)),
            Answer(To.SEARCH, Code.INSUFFICIENT_ACCESS_RIGHTS, 3),
        ],
        on=SOME,
        may_reach=("SRCH",),
    ),
    Attack(
        "One messageID for two operations at a time",
        "RFC 4511 section 4.1.1.1: answers could not be told apart",
        lambda cast: [
            LogIn(),
            DirectoryHangs(),
            Send(search(5, cast.victim.dn, 0), compare(5, "uid", "x")),
            Notice(Code.PROTOCOL_ERROR),
            DirectoryAnswers(),
        ],
        on=SOME,
        may_reach=("SRCH", "ABANDON", "SRCH", "CMP"),
    ),
    Attack(
        "An abandoned operation, its messageID used again, and a bind",
        "RFC 4511 sections 4.11 and 4.1.1.1: an answer that is late must not answer what came after it",
        lambda cast: [
            LogIn(),
            DirectoryHangs(),
            Send(search(5, PEOPLE, 2), abandon(6, 5), search(5, VPN_SEARCH.dn, 0), bind(7, "", "")),
            Answer(To.BIND, Code.SUCCESS, 7),
            DirectoryAnswers(),
            Silence(),
        ],
        on=SOME,
        may_reach=("SRCH", "ABANDON", "SRCH", "CMP"),
    ),
    Attack(
        "A login that is over leaves nothing for the next connection",
        "Design 3, the pool: any doubt closes a directory connection",
        lambda cast: [LogIn(), Send(search(1, PEOPLE, 2)), Reaches("SRCH"), Reset()],
        on=SOME,
        reaches=("SRCH",),
    ),
)

ATTACKS = (*BEHIND_A_BIND, *BETWEEN_BINDS)
