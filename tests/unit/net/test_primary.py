"""One bind's questions: what is written, and what each answer, or none, means."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from ldapproxy.auth.names import SecurityIdentifier
from ldapproxy.auth.outcomes import (
    LookupUnavailable,
    PrimaryAccepted,
    PrimaryOutcome,
    PrimaryRefused,
    PrimaryUnavailable,
)
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.messages import decode_bind_request
from ldapproxy.net.primary import Primary
from ldapproxy.net.servers import Directory, DirectoryUnavailable
from ldapproxy.net.upstream import DirectoryConnection
from ldapproxy.secret import Secret
from tests.support.ldap_bytes import bind, controls, integer, message, octets, tlv
from tests.support.ldap_frames import frame_of
from tests.support.reactor import OnReactor
from tests.unit.net.neighbours import Recorder
from tests.unit.net.scripted_directory import (
    ScriptedDirectory,
    bind_response,
    entry,
    notice,
    password_policy,
    referral,
    result,
    search_done,
    who_am_i_response,
)
from tests.unit.net.usual_settings import ALICE, upstream_settings
from tests.unit.net.wire import Wire
from tests.unit.net.world import REACTOR

CONTROLS = controls(("1.2.3.4", b"unknown"))
REQUEST = message(7, tlv(0x60, integer(3), octets(ALICE), tlv(0x80, b"secret,push")), CONTROLS)


class OneConnection:
    """A bind's connection, made once."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._made: DirectoryConnection | None = None

    async def begin_bind(self) -> DirectoryConnection:
        if self._made is None:
            self._made = await self._directory.connect()
        return self._made

    def close(self) -> None:
        if self._made is not None:
            self._made.abort("the end")


Play = Callable[[Wire], Awaitable[None]]
Asked = Callable[[Primary], Awaitable[object]]


def run(
    on_reactor: OnReactor, asked: Asked, play: Play, *, raw: bytes = REQUEST, timeout: float = 2.0
) -> object:
    """Asks, while the directory does as `play` says."""

    async def scenario() -> object:
        async with ScriptedDirectory() as server:
            directory = Directory(upstream_settings(server.port), REACTOR, Recorder())
            connection = OneConnection(directory)
            request = decode_bind_request(frame_of(raw))
            primary = Primary(connection, request, raw, timeout)

            async def directory_side() -> None:
                await play(await server.accept())

            playing = asyncio.create_task(directory_side())
            try:
                return await asked(primary)
            finally:
                await playing
                connection.close()

    return on_reactor(scenario())


def verify(
    on_reactor: OnReactor,
    play: Play,
    password: Secret | None = None,
    name: DistinguishedName | None = None,
    timeout: float = 2.0,
) -> PrimaryOutcome:
    """The outcome of the bind."""
    outcome = run(on_reactor, lambda primary: primary.verify(password, name), play, timeout=timeout)
    assert isinstance(outcome, PrimaryAccepted | PrimaryRefused | PrimaryUnavailable)
    return outcome


def says(*answer: bytes, bytewise: bool = False) -> Play:
    """A directory that answers the first request with these bytes."""

    async def play(peer: Wire) -> None:
        await peer.receive()
        await (peer.send_bytewise(b"".join(answer)) if bytewise else peer.send(*answer))

    return play


# What is written.


def test_the_request_goes_as_it_came(on_reactor: OnReactor) -> None:
    async def play(peer: Wire) -> None:
        assert (await peer.receive()).raw == REQUEST
        await peer.send(bind_response(7))

    assert verify(on_reactor, play) == PrimaryAccepted(bind_response(7))


def test_another_password_changes_nothing_else(on_reactor: OnReactor) -> None:
    expected = message(7, tlv(0x60, integer(3), octets(ALICE), tlv(0x80, b"secret")), CONTROLS)

    async def play(peer: Wire) -> None:
        assert (await peer.receive()).raw == expected
        await peer.send(bind_response(7))

    assert isinstance(verify(on_reactor, play, Secret("secret")), PrimaryAccepted)


def test_another_name_changes_nothing_else(on_reactor: OnReactor) -> None:
    name = DistinguishedName.parse("uid=bob,dc=example,dc=com")
    expected = message(7, tlv(0x60, integer(3), octets(name.text), tlv(0x80, b"secret,push")), CONTROLS)

    async def play(peer: Wire) -> None:
        assert (await peer.receive()).raw == expected
        await peer.send(bind_response(7))

    assert isinstance(verify(on_reactor, play, None, name), PrimaryAccepted)


# What an answer means.


@pytest.mark.parametrize("bytewise", [False, True])
def test_an_acceptance_keeps_its_controls(on_reactor: OnReactor, bytewise: bool) -> None:
    answer = bind_response(7, 0, "grace logins left", password_policy())
    assert verify(on_reactor, says(answer, bytewise=bytewise)) == PrimaryAccepted(answer)


@pytest.mark.parametrize("code", [1, 14, 19, 34, 48, 49, 50, 53, 118, 127])
def test_a_refusal_keeps_what_it_says(on_reactor: OnReactor, code: int) -> None:
    answer = bind_response(7, code, "account locked", password_policy())
    assert verify(on_reactor, says(answer)) == PrimaryRefused(answer, code, is_referral=False)


@pytest.mark.parametrize("code", [10, 0, 49])
def test_a_referral_is_no_acceptance(on_reactor: OnReactor, code: int) -> None:
    """Also one that calls itself a success: whoever follows it might be sent anywhere."""
    outcome = verify(on_reactor, says(referral(7, code)))
    assert isinstance(outcome, PrimaryRefused)
    assert outcome.is_referral


@pytest.mark.parametrize(
    "answer",
    [
        bind_response(8),
        bind_response(0),
        result(7, 0x65),
        result(7, 0x78),
        entry(7),
        notice(52),
        bind(7),
        message(7, tlv(0x61)),
        message(7, tlv(0x61, tlv(0x0A, b"\x00"))),
        message(7, tlv(0x61, tlv(0x02, b"\x00"), octets(""), octets(""))),
        message(7, tlv(0x61, tlv(0x0A, b"\xff"), octets(""), octets(""))),
        message(7, tlv(0x61, tlv(0x0A, b""), octets(""), octets(""))),
        bind_response(7)[:-1] + b"\x05",
        b"\x30\x80\x02\x01\x07\x61\x07\x0a\x01\x00\x04\x00\x04\x00\x00\x00",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        bind_response(7, 0, "x" * 70_000),
        b"\x30\x84\x7f\xff\xff\xff",
    ],
)
def test_an_answer_that_makes_no_sense_is_no_answer(on_reactor: OnReactor, answer: bytes) -> None:
    outcome = verify(on_reactor, says(answer), timeout=0.2)
    assert isinstance(outcome, PrimaryUnavailable)
    assert outcome.detail


@pytest.mark.parametrize("part", [0, 1, 5, len(bind_response(7)) - 1])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_directory_that_goes_before_its_answer_is_complete(
    on_reactor: OnReactor, part: int, how: str
) -> None:
    async def play(peer: Wire) -> None:
        await peer.receive()
        if part:
            await peer.send(bind_response(7)[:part])
            await asyncio.sleep(0.01)
        if how == "reset":
            peer.reset()
        else:
            await peer.close()

    assert isinstance(verify(on_reactor, play), PrimaryUnavailable)


@pytest.mark.parametrize("part", [0, 5])
def test_a_directory_that_hangs(on_reactor: OnReactor, part: int) -> None:
    async def play(peer: Wire) -> None:
        await peer.receive()
        await peer.send(bind_response(7)[:part])
        assert await peer.rest() == b"", "asked once and never again"

    assert verify(on_reactor, play, timeout=0.1) == PrimaryUnavailable("no answer within 0.1 s")


def test_no_directory_at_all() -> None:
    class Nowhere:
        async def begin_bind(self) -> DirectoryConnection:
            raise DirectoryUnavailable("ldap://dc1:389: connection refused")

    primary = Primary(Nowhere(), decode_bind_request(frame_of(REQUEST)), REQUEST, 1.0)
    assert asyncio.run(primary.verify(None, None)) == PrimaryUnavailable(
        "no server answers: ldap://dc1:389: connection refused"
    )
    assert isinstance(asyncio.run(primary.who_is_bound()), LookupUnavailable)
    assert isinstance(asyncio.run(primary.security_identifier()), LookupUnavailable)


# Who is bound?


def ask_who(on_reactor: OnReactor, *answer: bytes, raw: bytes = REQUEST) -> object:
    return run(on_reactor, lambda primary: primary.who_is_bound(), says(*answer), raw=raw, timeout=1.0)


def test_who_am_i(on_reactor: OnReactor) -> None:
    assert ask_who(on_reactor, who_am_i_response(1, f"dn:{ALICE}")) == DistinguishedName.parse(ALICE)


def test_the_question_has_a_number_of_its_own(on_reactor: OnReactor) -> None:
    assert ask_who(on_reactor, who_am_i_response(2, f"dn:{ALICE}"), raw=bind(1)) is not None
    assert isinstance(
        ask_who(on_reactor, who_am_i_response(1, f"dn:{ALICE}"), raw=bind(1)), LookupUnavailable
    )


@pytest.mark.parametrize(
    "said", [None, "", "u:alice", "DN:" + ALICE, ALICE, "dn:no name", "u:EXAMPLE\\alice"]
)
def test_an_answer_that_is_no_name(on_reactor: OnReactor, said: str | None) -> None:
    assert ask_who(on_reactor, who_am_i_response(1, said)) is None


@pytest.mark.parametrize("said", ["dn:", "dn"])
def test_an_empty_name_is_nobody_s(on_reactor: OnReactor, said: str) -> None:
    """The flow rejects it; here it must only not become somebody."""
    found = ask_who(on_reactor, who_am_i_response(1, said))
    assert isinstance(found, DistinguishedName)
    assert found.is_empty


@pytest.mark.parametrize("code", [2, 50, 53])
def test_a_directory_that_does_not_say(on_reactor: OnReactor, code: int) -> None:
    assert ask_who(on_reactor, who_am_i_response(1, f"dn:{ALICE}", code)) is None


@pytest.mark.parametrize("answer", [b"", b"garbage", bind_response(1), notice()])
def test_no_answer_is_not_the_same_as_no_name(on_reactor: OnReactor, answer: bytes) -> None:
    assert isinstance(ask_who(on_reactor, answer), LookupUnavailable)


def test_an_answer_that_came_before_the_question(on_reactor: OnReactor) -> None:
    """Behind the BindResponse nothing may come; it must not be taken for what is asked next."""

    async def asked(primary: Primary) -> object:
        assert isinstance(await primary.verify(None, None), PrimaryAccepted)
        return await primary.who_is_bound()

    async def play(peer: Wire) -> None:
        await peer.receive()
        await peer.send(bind_response(7) + who_am_i_response(1, "dn:uid=mallory"))
        with contextlib.suppress(EOFError):
            await peer.receive()
            await peer.send(who_am_i_response(1, f"dn:{ALICE}"))

    assert isinstance(run(on_reactor, asked, play), LookupUnavailable)


# Active Directory's SID.


def token_groups(*values: bytes) -> bytes:
    """A root DSE with tokenGroups."""
    attribute = tlv(0x30, octets("tokenGroups"), tlv(0x31, *(octets(value) for value in values)))
    return message(1, tlv(0x64, octets(""), tlv(0x30, attribute)))


def ask_sid(on_reactor: OnReactor, *answer: bytes) -> object:
    return run(on_reactor, lambda primary: primary.security_identifier(), says(*answer), timeout=1.0)


def test_the_first_sid_is_the_user_s(on_reactor: OnReactor) -> None:
    mine, group = b"\x01\x05" + b"u" * 26, b"\x01\x05" + b"g" * 26
    assert ask_sid(on_reactor, token_groups(mine, group), search_done(1)) == SecurityIdentifier(mine)


@pytest.mark.parametrize(
    "answer", [search_done(1), entry(1) + search_done(1), token_groups() + search_done(1), search_done(1, 50)]
)
def test_a_directory_without_sids(on_reactor: OnReactor, answer: bytes) -> None:
    assert ask_sid(on_reactor, answer) is None


@pytest.mark.parametrize(
    "answer", [b"", entry(1), entry(1) + entry(1) + search_done(1), entry(2) + search_done(1), b"garbage"]
)
def test_an_answer_about_sids_that_makes_no_sense(on_reactor: OnReactor, answer: bytes) -> None:
    assert isinstance(ask_sid(on_reactor, answer), LookupUnavailable)
