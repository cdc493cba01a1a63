"""What flows between a client and its directory connection: in order, whole, and bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.certificates import Authority
from tests.support.ldap_bytes import abandon, bind, compare, extended, root_dse, search, unbind
from tests.support.reactor import OnReactor, eventually
from tests.unit.net.random_sessions import run_sessions
from tests.unit.net.scripted_directory import (
    bind_response,
    entry,
    notice,
    search_done,
    server_context,
    start_tls_response,
)
from tests.unit.net.usual_settings import server_tls
from tests.unit.net.wire import Wire
from tests.unit.net.world import World, unsent

# What a client that does not read may make us hold: Twisted's own buffer of 64 KiB, what was read from the
# directory when it got full, and TLS's overhead.
BOUND = 300_000
PASSWORD_TEST = compare(99, "userPassword")


async def bound(world: World) -> tuple[Wire, Wire]:
    """A client that has logged in, and the directory's end."""
    client = await world.client()
    return client, await world.bound(client)


# Unchanged, in order, however cut.


@pytest.mark.parametrize("bytewise", ["client", "directory", "neither"])
def test_bytes_flow_as_they_came(on_reactor: OnReactor, bytewise: str) -> None:
    requests = [search(2), search(3), abandon(4, 2), search(300), search(70_000)]
    answers = [entry(2, 300), entry(3), search_done(3), entry(70_000), search_done(70_000), search_done(300)]

    async def scenario() -> None:
        async with World() as world:
            client, peer = await bound(world)

            async def send(wire: Wire, data: bytes, *, cut: bool) -> None:
                await (wire.send_bytewise(data) if cut else wire.send(data))

            await send(client, b"".join(requests), cut=bytewise == "client")
            for request in requests:
                assert (await peer.receive()).raw == request
            await send(peer, b"".join(answers), cut=bytewise == "directory")
            for answer in answers:
                assert (await client.receive()).raw == answer

    on_reactor(scenario())


def test_a_directory_connection_is_taken_at_the_first_need(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            await client.send(search(1))  # needs a bind
            assert (await client.receive()).result_code == 50
            assert world.directory.accepted == 0
            await client.send(root_dse(2))
            assert (await (await world.directory.accept()).receive()).raw == root_dse(2)

    on_reactor(scenario())


# Answers of our own go between messages.


def test_an_answer_of_our_own_waits_for_the_end_of_a_message(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client, peer = await bound(world)
            await client.send(search(2))
            await peer.receive()
            big = entry(2, 5000)
            await peer.send(big[:-1])
            assert await client.receive_raw(len(big) - 1) == big[:-1]
            await client.send(PASSWORD_TEST)
            await client.silence()
            await peer.send(big[-1:] + search_done(2))
            assert await client.receive_raw(1 + len(search_done(2))) == big[-1:] + search_done(2)
            assert (await client.receive()).result_code == 53

    on_reactor(scenario())


def test_an_incomplete_header_is_no_message_yet(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client, peer = await bound(world)
            await client.send(search(2))
            await peer.receive()
            await peer.send(entry(2)[:3])
            await client.send(PASSWORD_TEST)
            assert (await client.receive()).result_code == 53
            await peer.send(entry(2)[3:])
            assert (await client.receive()).raw == entry(2)

    on_reactor(scenario())


def test_a_client_is_not_read_while_too_many_answers_wait(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client, peer = await bound(world)
            await client.send(search(2))
            await peer.receive()
            big = entry(2, 5000)
            await peer.send(big[:100])
            await client.receive_raw(100)
            sent = 5000
            client.writer.write(b"".join(compare(1000 + number, "userPassword") for number in range(sent)))
            relay = world.session._relay
            await eventually(lambda: len(relay._own_answers) > 100, "answers to pile up")
            await asyncio.sleep(0.05)
            held = len(relay._own_answers)
            assert held < 2500, "one read more at most"
            await peer.send(big[100:])
            await client.receive_raw(len(big) - 100)
            for number in range(sent):
                assert (await client.receive()).message_id == 1000 + number

    on_reactor(scenario())


# A bind while nothing is under way.


def test_a_quiet_connection_carries_the_next_bind(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client, peer = await bound(world)
            await client.send(bind(2))
            assert (await peer.receive()).raw == bind(2)
            await peer.send(bind_response(2))
            assert (await client.receive()).raw == bind_response(2)
            assert world.directory.accepted == 1

    on_reactor(scenario())


# Slow readers, bounded memory.


@pytest.mark.parametrize("ldaps", [False, True])
def test_a_client_that_does_not_read(on_reactor: OnReactor, authority: Authority, ldaps: bool) -> None:
    async def scenario() -> None:
        async with World(ldaps=ldaps, tls=server_tls(authority.server()) if ldaps else None) as world:
            client = await world.client(authority.ca_file if ldaps else None)
            peer = await world.bound(client)
            await client.send(search(2))
            await peer.receive()
            result = entry(2, 100_000) * 200 + search_done(2)
            peer.writer.write(result)
            transport: Any = world.session.transport
            relay = world.session._relay
            await eventually(lambda: relay._client_is_slow, "the client to be found slow")
            await asyncio.sleep(0.1)
            assert unsent(transport) < BOUND
            assert peer.writer.transport.get_write_buffer_size() > 1_000_000, "the directory has to wait"
            assert await client.receive_raw(len(result)) == result

    on_reactor(scenario())


def test_a_directory_that_does_not_read(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(outstanding=100) as world:
            client, peer = await bound(world)
            requests = [search(number, "ou=" + "x" * 900_000) for number in range(2, 27)]
            client.writer.write(b"".join(requests))
            connection = world.session._relay._connection
            assert connection is not None
            transport: Any = connection.transport
            await eventually(lambda: transport.producerPaused, "the directory to be found slow")
            await asyncio.sleep(0.1)
            # One whole request, which may be of message_size, and what came with it.
            assert unsent(transport) < 900_000 + BOUND
            for request in requests:
                assert (await peer.receive()).raw == request

    on_reactor(scenario())


@pytest.mark.parametrize("connection", ["there", "new"])
def test_a_slow_client_whose_bind_is_answered(on_reactor: OnReactor, connection: str) -> None:
    """The directory's BindResponse is not late because the client is slow to read what came before."""

    async def scenario() -> None:
        async with World({"response_timeout": 1.0}) as world:
            client = await world.client()
            peer = await world.bound(client) if connection == "there" else None
            await eventually(lambda: world.listener._sessions, "the session")
            relay = world.session._relay
            relay.pauseProducing()  # as its transport does when the client is slow
            await client.send(bind(2))
            peer = peer or await world.directory.accept()
            await peer.receive()
            await peer.send(bind_response(2))
            assert (await client.receive()).raw == bind_response(2)
            relay.resumeProducing()
            await client.send(search(3))
            await peer.receive()
            relay.pauseProducing()
            await peer.send(search_done(3))
            await client.silence()
            relay.resumeProducing()
            assert (await client.receive()).raw == search_done(3)

    on_reactor(scenario())


# A directory that misbehaves, or goes.


def _closes(_: bytes) -> bytes:
    return b""


MISBEHAVIOURS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("closes", _closes),
    ("garbage", lambda _: b"GET / HTTP/1.1\r\n\r\n"),
    ("indefinite length", lambda _: b"\x30\x80\x02\x01\x02\x64\x00\x00\x00"),
    ("another messageID", lambda _: search_done(77)),
    ("a request", lambda _: b"\x30\x05\x02\x01\x00\x42\x00" + b"\x31"),
]


@pytest.mark.parametrize(("what", "says"), MISBEHAVIOURS, ids=[what for what, _ in MISBEHAVIOURS])
@pytest.mark.parametrize("within", [0, 1000])
def test_the_client_is_told_unless_it_has_half_a_message(
    on_reactor: OnReactor, what: str, says: Callable[[bytes], bytes], within: int
) -> None:
    async def scenario() -> None:
        async with World() as world:
            client, peer = await bound(world)
            await client.send(search(2))
            await peer.receive()
            big = entry(2, 5000)
            if within:
                await peer.send(big[:within])
                assert await client.receive_raw(within) == big[:within]
            if what == "closes":
                await peer.close()
            elif within:
                # The rest of the message, and behind it what must not come: all in one piece.
                await peer.send(big[within:] + says(b""))
            else:
                await peer.send(says(b""))
            if within:
                came = await client.rest()
                # Either the message is whole and the notice follows it, or nothing follows it.
                assert came in (b"", big[within:]) or came.startswith(big[within:] + b"\x30"), came[:80]
            else:
                messages = await client.receive_end()
                told = messages[-1]
                assert (told.message_id, told.tag, told.result_code) == (0, 0x78, 52)
            await peer.rest()

    on_reactor(scenario())


def test_a_notice_of_the_directory(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client, peer = await bound(world)
            await peer.send(notice(51))
            await peer.close()
            first, *_ = await client.receive_end()
            assert first.raw == notice(51)

    on_reactor(scenario())


def test_a_directory_that_closes_an_anonymous_session(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            for message_id in (1, 2):
                await client.send(root_dse(message_id))
                peer = await world.directory.accept()
                await peer.receive()
                await peer.send(search_done(message_id))
                await client.receive()
                await peer.close()
                await eventually(lambda: world.session._relay._connection is None, "the end to be noticed")
            await client.send(root_dse(3))
            peer = await world.directory.accept()
            await peer.receive()
            await peer.close()
            (told,) = await client.receive_end()
            assert told.result_code == 52, "an answer was awaited"

    on_reactor(scenario())


def test_a_directory_whose_tcp_ends_without_a_farewell_of_tls(
    on_reactor: OnReactor, authority: Authority
) -> None:
    async def scenario() -> None:
        async with World({"start_tls": True, "ca_file": authority.ca_file}) as world:
            client = await world.client()
            await client.send(bind(1))
            peer = await world.directory.accept()
            await peer.receive()
            await peer.send(start_tls_response(1))
            await peer.start_tls(server_context(authority.server()))
            await peer.receive()
            await peer.send(bind_response(1))
            assert (await client.receive()).result_code == 0
            await client.send(search(2))
            await peer.receive()
            peer.half_close_below_tls()
            told = await client.receive_end()
            assert [(message.message_id, message.result_code) for message in told] == [(0, 52)]
            await eventually(lambda: not world.listener._sessions, "the session to end")

    on_reactor(scenario())


# No directory connection yet.


async def starting(world: World, client: Wire, *requests: bytes) -> Wire:
    """Sends requests while the directory keeps the proxy waiting for StartTLS."""
    await client.send(*requests)
    peer = await world.directory.accept()
    assert (await peer.receive()).tag == 0x77
    return peer


def test_requests_wait_for_a_connection_and_each_is_answered_when_there_is_none(
    on_reactor: OnReactor, authority: Authority
) -> None:
    async def scenario() -> None:
        upstream = {"start_tls": True, "ca_file": authority.ca_file}
        async with World(upstream) as world:
            client = await world.client()
            peer = await starting(world, client, root_dse(1), root_dse(2), abandon(3, 1))
            await client.silence()
            await peer.send(start_tls_response(1, 2))
            answers = [await client.receive(), await client.receive()]
            assert [(answer.message_id, answer.tag, answer.result_code) for answer in answers] == [
                (1, 0x65, 52),
                (2, 0x65, 52),
            ]
            await starting(world, client, root_dse(1))  # and it is tried again

    on_reactor(scenario())


def test_too_much_waits_for_a_connection(on_reactor: OnReactor, authority: Authority) -> None:
    async def scenario() -> None:
        upstream = {"start_tls": True, "ca_file": authority.ca_file}
        async with World(upstream, buffered=4096) as world:
            client = await world.client()
            attributes = ("x" * 1500,)
            peer = await starting(world, client, search(1, "", 0, attributes=attributes))
            await client.send(*(search(number, "", 0, attributes=attributes) for number in (2, 3)))
            (told,) = await client.receive_end()
            assert (told.message_id, told.result_code) == (0, 51)
            assert world.recorder.limits == {"buffered": 1}
            assert await peer.rest() == b""

    on_reactor(scenario())


# A client that leaves.


@pytest.mark.parametrize("how", ["close", "reset", "half_close", "unbind"])
@pytest.mark.parametrize("state", ["connecting", "idle", "relaying", "half", "leftover", "slow"])
def test_a_client_that_leaves_takes_its_directory_connection_along(
    on_reactor: OnReactor, authority: Authority, state: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ldapproxy.net.server._LINGER", 0.1
    )  # for the slow one, which unbinds and reads no more

    async def scenario() -> None:
        upstream: dict[str, Any] = {}
        if state == "connecting":
            upstream = {"start_tls": True, "ca_file": authority.ca_file}
        async with World(upstream) as world:
            client = await world.client()
            if state == "connecting":
                peer = await starting(world, client, root_dse(1))
            else:
                peer = await world.bound(client)
            if state in ("relaying", "half", "leftover", "slow"):
                await client.send(search(2))
                await peer.receive()
            if state in ("half", "leftover"):
                await peer.send(entry(2, 5000)[:1000])
                await client.receive_raw(1000)
            if state == "leftover":
                await client.send(bind(3))
                await eventually(lambda: world.recorder.pending, "the bind")
            if state == "slow":
                peer.writer.write(entry(2, 10_000_000))
                relay = world.session._relay
                await eventually(lambda: relay._client_is_slow, "the client to be found slow")
            match how:
                case "close":
                    client.writer.close()
                case "reset":
                    client.reset()
                case "half_close":
                    client.half_close()
                case "unbind":
                    await client.send(unbind(9))
            assert await peer.rest() == b""
            await eventually(lambda: not world.listener._sessions, "the session to end")
            assert (world.recorder.sessions, world.recorder.pending) == (0, 0)
            assert len(world.binds) == 0

    on_reactor(scenario())


def test_other_extended_operations_are_not_relayed(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client, peer = await bound(world)
            await client.send(extended(2, "1.2.840.113556.1.4.1781"), extended(3, "1.3.6.1.4.1.4203.1.11.3"))
            assert (await client.receive()).result_code == 53
            assert (await peer.receive()).message_id == 3

    on_reactor(scenario())


# Everything at once.


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_any_interleaving(on_reactor: OnReactor, seed: int, pooled: bool) -> None:
    on_reactor(run_sessions(seed, clients=6, pooled=pooled))
