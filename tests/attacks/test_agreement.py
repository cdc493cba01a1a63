"""The proxy's view of a message and the directory's: where it ends, which bind it is, what it answers.

Every odd encoding of a request is sent to slapd directly and through the proxy, with "Who am I?" behind it.
The two may differ in one way only: the proxy may refuse what slapd takes. Whom the proxy takes for bound,
slapd does too; whomever slapd takes for a victim has been asked for the second factor under that very name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.attacks.encodings import Element, odd_encodings
from tests.attacks.scene import VICTIMS, Scene
from tests.support.example_directory import PEOPLE, VPN_SEARCH, Account
from tests.support.ldap_bytes import bind, extended
from tests.support.ldap_client import LdapClient, Message
from tests.support.simulator import SimulatorProcess
from tests.support.skips import require_program
from tests.support.slapd import Slapd

WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
WHO_AM_I_ID = 0x55
# Long enough for an answer of either; what has not come by then is not coming.
PATIENCE = 0.4
# slapd works at the requests of one connection side by side, so an earlier one may be answered later. Where
# that makes a difference, both are asked again and given this long.
GRACE = 0.2
BIND_RESPONSE, EXTENDED_RESPONSE, ENTRY = 0x61, 0x78, 0x64


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    require_program("slapd")
    folder = tmp_path_factory.mktemp("agreement")
    with (
        Slapd(folder, people=VICTIMS, allow_unauthenticated=True, log_operations=True) as slapd,
        SimulatorProcess(folder) as duo,
        Scene(folder / "proxy", slapd, duo) as running,
    ):
        yield running


@dataclass(frozen=True)
class View:
    """What one of the two made of a stream.

    Attributes:
        answers: messageID, tag and result code (or None) of each answer, whatever their order and number.
        identity: whom "Who am I?" named; "" for nobody, None if it was not answered, or refused.
    """

    answers: frozenset[tuple[int, int, int | None]]
    identity: str | None

    @property
    def is_bound(self) -> bool:
        """Whether a bind with a name was answered with success."""
        return any(tag == BIND_RESPONSE and code == 0 for _, tag, code in self.answers)


def look(client: LdapClient, stream: bytes, grace: float) -> View:
    """Sends the stream, and reads until "Who am I?" is answered, or nothing comes any more."""
    client.socket.settimeout(PATIENCE)
    answers: list[Message] = []
    try:
        client.send(stream)
        while not answers or answers[-1].message_id != WHO_AM_I_ID:
            answers.append(client.receive())
        client.socket.settimeout(grace)
        while grace:
            answers.append(client.receive())
    except (EOFError, OSError):
        pass
    identity = None
    for answer in answers:
        if answer.message_id == WHO_AM_I_ID and answer.tag == EXTENDED_RESPONSE and answer.result_code == 0:
            _, _, said = answer.raw.partition(b"dn:")
            identity = said.decode()
    # Notices of Disconnection (messageID 0) answer nothing.
    codes = frozenset(
        (each.message_id, each.tag, None if each.tag == ENTRY else each.result_code)
        for each in answers
        if each.message_id
    )
    return View(codes, identity)


def octets(text: str) -> Element:
    return Element(0x04, text.encode())


def number(value: int, tag: int = 0x02) -> Element:
    return Element(tag, bytes([value]))


CONTROLS = Element(
    0xA0, (Element(0x30, (octets("1.3.6.1.4.1.42.2.27.8.5.1"), Element(0x01, b"\0"))),)
)  # the password policy control, which slapd knows


def a_bind(account: Account) -> Element:
    operation = Element(0x60, (number(3), octets(account.dn), Element(0x80, account.password.encode())))
    return Element(0x30, (number(1), operation, CONTROLS))


def a_search(account: Account) -> Element:
    """With a whole bind in the value that it looks for."""
    inner = bind(9, account.dn, account.password)
    equality = Element(0xA3, (octets("description"), Element(0x04, inner)))
    operation = Element(
        0x63,
        (
            octets(PEOPLE),
            number(0, 0x0A),
            number(0, 0x0A),
            number(0),
            number(0),
            Element(0x01, b"\0"),
            equality,
            Element(0x30, (octets("uid"),)),
        ),
    )
    return Element(0x30, (number(7), operation, CONTROLS))


def a_comparison(account: Account) -> Element:
    """With a whole bind in the value."""
    inner = bind(9, account.dn, account.password)
    assertion = Element(0x30, (octets("description"), Element(0x04, inner)))
    return Element(0x30, (number(7), Element(0x6E, (octets(account.dn), assertion)), CONTROLS))


def an_extended_request(account: Account) -> Element:
    return Element(0x30, (number(7), Element(0x77, (Element(0x80, WHO_AM_I.encode()),)), CONTROLS))


def an_abandon(account: Account) -> Element:
    return Element(0x30, (number(7), number(5, 0x50)))


REQUESTS = {
    "search": a_search,
    "comparison": a_comparison,
    "extended request": an_extended_request,
    "abandon": an_abandon,
}


def _stream(encoding: bytes) -> bytes:
    return encoding + extended(WHO_AM_I_ID, WHO_AM_I)


def _direct(scene: Scene, encoding: bytes, login: Account | None = None, grace: float = 0) -> View:
    with LdapClient(scene.slapd.port) as client:
        if login is not None:
            assert client.bind(login.dn, login.password).result_code == 0
        return look(client, _stream(encoding), grace)


def _proxied(scene: Scene, encoding: bytes, login: Account | None = None, grace: float = 0) -> View:
    scene.audit()
    scene.operations()
    with scene.proxy.client("ldap") as client:
        if login is not None:
            assert client.bind(login.dn, login.password).result_code == 0
        return look(client, _stream(encoding), grace)


def _both(scene: Scene, encoding: bytes, login: Account | None = None) -> tuple[View, View]:
    """What slapd makes of it directly, and through the proxy."""
    direct, proxied = _direct(scene, encoding, login), _proxied(scene, encoding, login)
    if direct != proxied and proxied.identity is not None:
        direct, proxied = _direct(scene, encoding, login, GRACE), _proxied(scene, encoding, login, GRACE)
    return direct, proxied


def test_the_requests_are_taken_as_they_are(scene: Scene) -> None:
    """Or nothing below would show anything."""
    direct, proxied = _both(scene, a_bind(VPN_SEARCH).encode())
    assert direct == proxied
    assert proxied.identity == VPN_SEARCH.dn
    for request in REQUESTS.values():
        direct, proxied = _both(scene, request(VPN_SEARCH).encode(), scene.insider)
        assert direct == proxied
        assert proxied.identity == scene.insider.dn


def test_binds_of_an_exempt_account(scene: Scene) -> None:
    """Whom the proxy lets in is who slapd would have let in, from the same bytes."""
    accepted = 0
    for what, encoding in odd_encodings(a_bind(VPN_SEARCH)):
        direct, proxied = _both(scene, encoding)
        if proxied.is_bound or proxied.identity:
            assert proxied == direct, what
            assert direct.identity == VPN_SEARCH.dn, what
            accepted += 1
    assert accepted > 10


def test_binds_of_a_victim(scene: Scene) -> None:
    """No encoding of a right password is let in; where slapd would, the victim is asked, or it is refused."""
    asked = 0
    for at in range(len(list(odd_encodings(a_bind(VPN_SEARCH))))):
        victim = scene.next_victim()  # each time another one: nobody is asked again soon after a denial
        what, encoding = list(odd_encodings(a_bind(victim)))[at]
        uid = victim.dn[4:9]
        scene.duo.answer_always("deny", user=uid)
        scene.duo.forget_calls()
        direct, proxied = _direct(scene, encoding), _proxied(scene, encoding)
        assert not proxied.is_bound, what
        assert not proxied.identity, what
        about = [call.username for call in scene.duo.calls("preauth")]
        assert set(about) <= {uid}, what
        if about:
            assert direct.identity == victim.dn, what
            asked += 1
        elif direct.identity:
            # slapd takes it for a login; the proxy did not pass it on.
            assert "BIND" not in scene.operations(), what
    assert asked > 10


@pytest.mark.parametrize("request_", REQUESTS)
def test_other_requests_never_change_who_is_bound(scene: Scene, request_: str) -> None:
    """Bytes in which the proxy sees something harmless must not hold a bind for slapd."""
    alike = 0
    for what, encoding in odd_encodings(REQUESTS[request_](VPN_SEARCH)):
        direct, proxied = _both(scene, encoding, scene.insider)
        assert proxied.identity in (None, scene.insider.dn), what
        assert [line["dn"] for line in scene.audit() if line["verdict"] == "accepted"] in (
            [],
            [scene.insider.dn],
        ), what
        if proxied.identity is not None and direct.identity is not None:
            assert proxied.answers == direct.answers, what
            alike += 1
    assert alike > 10


def test_nothing_unforeseen_happened(scene: Scene) -> None:
    assert "Traceback" not in scene.proxy.errors()
    assert "nobody foresaw" not in scene.proxy.errors()
