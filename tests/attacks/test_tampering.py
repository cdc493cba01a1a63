"""Attacks from the other side: somebody between proxy and directory, or a directory gone bad.

A directory that lies about a password can make the first factor worthless; the second is still asked for.
What must never happen: that a lie admits somebody without it, that an answer reaches whom it does not belong
to, or that a password goes out in clear where the configuration says TLS.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.attacks.tampering import Line, Tamperer, Trick
from tests.e2e.world import directory_settings, duo_settings
from tests.support.example_directory import PEOPLE, VPN_SEARCH, Account, numbered
from tests.support.ldap_bytes import bind, extended, message, octets, search, tlv
from tests.support.proxy import ProxyProcess, Settings
from tests.support.simulator import SimulatorProcess, phone
from tests.support.skips import require_program
from tests.support.slapd import Slapd

BIND_REQUEST = 0x60
START_TLS = b"1.3.6.1.4.1.1466.20037"
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
ELSEWHERE = b"ldap://elsewhere.example.com/"


def answer(tag: int, message_id: int, code: bytes = b"\x0a\x01\x00", *further: bytes) -> bytes:
    """A response that consists of an LDAPResult."""
    return message(message_id, tlv(tag, code, octets(""), octets(""), *further))


def success(message_id: int) -> bytes:
    """A BindResponse that says success."""
    return answer(0x61, message_id)


def code(value: int) -> bytes:
    """A resultCode."""
    return tlv(0x0A, bytes([value]))


REFERRAL = tlv(0xA3, octets(ELSEWHERE))
NOTICE = answer(0x78, 0, code(52), tlv(0x8A, b"1.3.6.1.4.1.1466.20036"))


def number_of(request: bytes) -> int:
    """The messageID of a request with a short one."""
    at = request.index(b"\x02")
    size = request[at + 1]
    return int.from_bytes(request[at + 2 : at + 2 + size], "big")


def says(*answers: Callable[[int], bytes], then_hangs_up: bool = False) -> Trick:
    """Answers a bind of ours in the directory's name, which does not hear of it."""

    def trick(request: bytes, line: Line) -> bool:
        if f",{PEOPLE}".encode() not in request or BIND_REQUEST not in request[:12]:
            return False
        line.say(b"".join(each(number_of(request)) for each in answers))
        if then_hangs_up:
            line.hang_up()
        return True

    return trick


@dataclass(frozen=True)
class Lie:
    """One lie to a bind.

    Attributes:
        name: in a few words.
        against: the rule that it tries to break.
        trick: what is done.
        code: what the client is answered.
        asks_duo: whether the lie is believed, and so the second factor asked for (and denied).
        greeting: what is said as soon as the proxy connects.
    """

    name: str
    against: str
    trick: Trick
    code: int
    asks_duo: bool = False
    greeting: bytes = b""


LIES = (
    Lie("Success for a wrong password", "Whatever it says, Duo is asked", says(success), 49, True),
    Lie("Success for another messageID", "RFC 4511 section 4.1.1.1", says(lambda n: success(n + 1)), 52),
    Lie("Success as the answer to a search", "RFC 4511 section 4.2.2", says(lambda n: answer(0x65, n)), 52),
    Lie(
        "Success as the answer to an extended request",
        "RFC 4511 section 4.2.2",
        says(lambda n: answer(0x78, n)),
        52,
    ),
    Lie("Success in a notification", "RFC 4511 section 4.4", says(lambda _: success(0)), 52),
    Lie(
        "Success with a referral",
        "RFC 4511 section 4.1.10",
        says(lambda n: answer(0x61, n, code(0), REFERRAL)),
        49,
    ),
    Lie("A referral", "RFC 4511 section 4.1.10", says(lambda n: answer(0x61, n, code(10), REFERRAL)), 49),
    Lie("A referral without a URL", "RFC 4511 section 4.1.10", says(lambda n: answer(0x61, n, code(10))), 49),
    Lie(
        "A padded resultCode", "X.690 section 8.3.2", says(lambda n: answer(0x61, n, b"\x0a\x02\x00\x00")), 52
    ),
    Lie("An empty resultCode", "X.690 section 8.3.1", says(lambda n: answer(0x61, n, b"\x0a\x00")), 52),
    Lie(
        "An INTEGER for a resultCode",
        "RFC 4511 section 4.1.9",
        says(lambda n: answer(0x61, n, b"\x02\x01\x00")),
        52,
    ),
    Lie(
        "A resultCode of 256",
        "It is success in its last octet",
        says(lambda n: answer(0x61, n, b"\x0a\x02\x01\x00")),
        256,
    ),
    Lie(
        "A BindResponse without contents", "RFC 4511 section 4.2.2", says(lambda n: message(n, tlv(0x61))), 52
    ),
    Lie("A step of SASL", "RFC 4513 section 5.2.1", says(lambda n: answer(0x61, n, code(14))), 14),
    Lie("Success in two messages", "RFC 4511 section 4.2.2: one answer", says(success, success), 49, True),
    Lie(
        "A refusal, and success behind it",
        "RFC 4511 section 4.2.2: one answer",
        says(lambda n: answer(0x61, n, code(49)), success),
        49,
    ),
    Lie("A Notice of Disconnection", "RFC 4511 section 4.4.1", says(lambda _: NOTICE), 52),
    Lie(
        "A Notice of Disconnection, and success behind it",
        "RFC 4511 section 4.4.1",
        says(lambda _: NOTICE, success),
        52,
    ),
    Lie("Half of a success", "RFC 4511 section 5.2", says(lambda n: success(n)[:-3], then_hangs_up=True), 52),
    Lie("No answer and the end", "A bind that was written is never sent again", says(then_hangs_up=True), 52),
    Lie("No answer", "Design 5, response_timeout", says(), 52),
    Lie(
        "An answer that is announced to have two gigabytes",
        "CWE-400",
        says(lambda _: b"\x30\x84\x7f\xff\xff\xff"),
        52,
    ),
    Lie(
        "An indefinite length",
        "RFC 4511 section 5.1",
        says(lambda n: b"\x30\x80" + success(n)[2:] + b"\0\0"),
        52,
    ),
    Lie("HTTP", "RFC 4511 section 5.2", says(lambda _: b"HTTP/1.1 200 OK\r\n\r\n"), 52),
    Lie("Success before the question", "RFC 4511 section 4.2.2", says(), 52, greeting=success(1)),
)


class Scene:
    """The proxy with somebody in between."""

    def __init__(self, proxy: ProxyProcess, duo: SimulatorProcess, tamperer: Tamperer) -> None:
        self.proxy = proxy
        self.duo = duo
        self.tamperer = tamperer
        self._numbers = itertools.count(1)
        self._audited = 0

    def victim(self) -> Account:
        """A new person, who denies every push."""
        account = numbered(next(self._numbers))
        name = account.dn[4:9]
        self.duo.add_user(name, [phone("phone")])
        self.duo.answer_always("deny", user=name)
        self.duo.forget_calls()
        return account

    def accepted(self) -> list[str]:
        """The DNs of accepted binds since the last call."""
        lines = self.proxy.audit()
        new, self._audited = lines[self._audited :], len(lines)
        return [line["dn"] for line in new if line["verdict"] == "accepted"]

    def honest_login(self, listener: str) -> None:
        """It must work when the tampering is over."""
        self.tamperer.do(lambda *_: False)
        self.tamperer.cut()
        with self.proxy.client(listener) as client:
            assert client.bind(VPN_SEARCH.dn, VPN_SEARCH.password).result_code == 0
            client.send(extended(client.next_id(), WHO_AM_I))
            assert VPN_SEARCH.dn.encode() in client.receive().raw
        assert self.accepted() == [VPN_SEARCH.dn]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    require_program("slapd")
    folder = tmp_path_factory.mktemp("tampering")
    with (
        Slapd(folder, people=100) as slapd,
        SimulatorProcess(folder) as duo,
        Tamperer(slapd.port) as tamperer,
    ):
        settings = directory_settings(
            slapd, urls=[f"ldap://127.0.0.1:{tamperer.port}"], response_timeout="2s", connect_timeout="2s"
        )
        exempt = {"exempt": [{"dn": VPN_SEARCH.dn}]}
        extra: Settings = {
            "directories": {"strict": {**settings, "start_tls": True}},
            "listeners": {"strict": {"directory": "strict"}},
        }
        listeners: dict[str, Settings] = {
            "closed": exempt,
            "open": {**exempt, "fail_mode": "open"},
            "strict": exempt,
        }
        with ProxyProcess(folder / "proxy", settings, duo_settings(duo), listeners, extra) as proxy:
            yield Scene(proxy, duo, tamperer)


@pytest.mark.parametrize("listener", ["closed", "open"])
@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
def test_lie(scene: Scene, lie: Lie, listener: str) -> None:
    victim = scene.victim()
    scene.tamperer.cut()  # none of the pool's connections is from before
    scene.tamperer.do(lie.trick, lie.greeting)
    with scene.proxy.client(listener) as client:
        response = client.bind(victim.dn, "guessed")
        assert response.result_code == lie.code
        assert ELSEWHERE not in response.raw
        client.send(search(client.next_id(), victim.dn, 0))
        assert client.receive().result_code == 50, "nobody is bound"
    assert scene.duo.logins() > 0 if lie.asks_duo else scene.duo.logins() == 0
    assert scene.accepted() == []
    scene.honest_login(listener)


@pytest.mark.parametrize("name", [" ", "alice@example.com"])
def test_a_success_for_nobody_is_none(scene: Scene, name: str) -> None:
    """RFC 4513 section 5.1.1: the directory says yes, and when asked, that nobody is bound."""

    def trick(request: bytes, line: Line) -> bool:
        if name.encode() not in request or b"guessed" not in request:
            return False
        line.say(success(number_of(request)))
        return True

    scene.victim()
    scene.tamperer.cut()
    scene.tamperer.do(trick)
    with scene.proxy.client("open") as client:
        assert client.bind(name, "guessed").result_code == 49
    assert scene.duo.logins() == 0
    assert scene.accepted() == []
    scene.honest_login("open")


# StartTLS towards the directory

INJECTED = answer(0x78, 1) + success(1)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("a refusal", answer(0x78, 1, code(2))),
        ("unavailable", answer(0x78, 1, code(52))),
        ("success, and the answer to the bind injected behind it", INJECTED),
        ("success, and the beginning of something injected behind it", INJECTED[:-10]),
        ("success for another messageID", answer(0x78, 2)),
        ("the answer to another operation", answer(0x61, 1)),
        ("a referral", answer(0x78, 1, code(10), REFERRAL)),
        ("success, and LDAP instead of TLS", answer(0x78, 1)),
        ("nothing", b""),
        ("garbage", b"\x00"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_start_tls_towards_the_directory_is_never_given_up(scene: Scene, what: str, said: bytes) -> None:
    """CVE-2011-0411 from the other side, and the plain downgrade (RFC 4513 section 3.1.1)."""

    def trick(request: bytes, line: Line) -> bool:
        if START_TLS not in request and request[:1] == b"\x30":
            return False
        line.say(said if START_TLS in request else success(1))
        return True

    victim = scene.victim()
    scene.tamperer.cut()
    scene.tamperer.do(trick)
    with scene.proxy.client("strict") as client:
        assert client.bind(victim.dn, victim.password).result_code == 52, what
        assert client.bind(VPN_SEARCH.dn, VPN_SEARCH.password).result_code == 52, what
    assert victim.password.encode() not in scene.tamperer.overheard
    assert VPN_SEARCH.password.encode() not in scene.tamperer.overheard
    assert scene.duo.logins() == 0
    assert scene.accepted() == []
    scene.honest_login("strict")


def test_what_is_injected_before_tls_is_never_read_behind_it(scene: Scene) -> None:
    """CVE-2011-0411 from the other side: TLS itself works, so a wrong password would have been right."""

    def trick(request: bytes, line: Line) -> bool:
        if START_TLS in request:
            line.say_instead(INJECTED)
        return False

    victim = scene.victim()
    scene.tamperer.cut()
    scene.tamperer.do(trick)
    with scene.proxy.client("strict") as client:
        assert client.bind(victim.dn, "guessed").result_code == 52
    assert scene.duo.logins() == 0
    assert scene.accepted() == []
    scene.honest_login("strict")


# After a login

ENTRY = tlv(0x64, octets("cn=forged"), tlv(0x30))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("an answer that nobody asked for", answer(0x65, 77)),
        ("an entry that nobody asked for", message(77, ENTRY)),
        ("the answer to the bind once more", success(1)),
        ("something that is no LDAP", b"\x05\x00\x05\x00\x05\x00"),
        ("a message of four gigabytes", b"\x30\x84\xff\xff\xff\xff\x02\x01\x02"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_answers_that_nobody_asked_for_end_the_session(scene: Scene, what: str, said: bytes) -> None:
    def trick(request: bytes, line: Line) -> bool:
        if WHO_AM_I.encode() in request:
            line.say(said)
        return False

    scene.tamperer.cut()
    scene.tamperer.do(trick)
    with scene.proxy.client("closed") as client:
        assert client.bind(VPN_SEARCH.dn, VPN_SEARCH.password).result_code == 0
        client.send(extended(2, WHO_AM_I))
        came = client.receive_end()
        assert [each.message_id for each in came] in ([0], [2, 0], []), what
        assert all(b"forged" not in each.raw for each in came)
    assert scene.accepted() == [VPN_SEARCH.dn]
    scene.honest_login("closed")


def test_answers_to_the_identity_before_never_reach_the_next(scene: Scene) -> None:
    """The answers of a search are kept back until another identity is bound, and told then."""
    kept: list[tuple[Line, bytes]] = []

    def trick(request: bytes, line: Line) -> bool:
        if b"cn=secret" in request:
            number = number_of(request)
            kept.append((line, message(number, ENTRY) + answer(0x65, number)))
            return True
        if WHO_AM_I.encode() in request:
            for old, answers in kept:
                old.say(answers)
        return False

    scene.tamperer.cut()
    scene.tamperer.do(trick)
    with scene.proxy.client("closed") as client:
        assert client.bind(VPN_SEARCH.dn, VPN_SEARCH.password).result_code == 0
        client.send(search(5, "cn=secret", 0))
        scene.proxy.wait_for(lambda: kept, "the search to be kept back")
        client.send(bind(6, VPN_SEARCH.dn, VPN_SEARCH.password), extended(7, WHO_AM_I))
        assert [(client.receive().message_id) for _ in range(2)] == [6, 7]
        client.send(search(5, "", 0))
        assert b"forged" not in client.receive().raw
    assert scene.accepted() == [VPN_SEARCH.dn, VPN_SEARCH.dn]
    scene.honest_login("closed")


def test_nothing_unforeseen_happened(scene: Scene) -> None:
    assert "Traceback" not in scene.proxy.errors()
    assert "nobody foresaw" not in scene.proxy.errors()
