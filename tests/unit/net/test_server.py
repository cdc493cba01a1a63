"""One client connection: StartTLS, time-outs, limits, and bytes that are no messages."""

from __future__ import annotations

import asyncio
import gc
import ssl
import weakref
from typing import Any

import pytest

from ldapproxy.auth.policy import Anonymous
from ldapproxy.net.settings import StartTls
from tests.support.certificates import Authority
from tests.support.ldap_bytes import bind, compare, root_dse, search, start_tls, tlv
from tests.support.ldap_client import Message
from tests.support.reactor import OnReactor, eventually
from tests.unit.net.scripted_directory import bind_response, entry, search_done
from tests.unit.net.usual_settings import ALLOWED, DENIED, server_tls
from tests.unit.net.wire import Wire, client_context
from tests.unit.net.world import World, unsent


def shown(message: Message) -> tuple[int, int, int]:
    """messageID, operation and result code."""
    return message.message_id, message.tag, message.result_code


async def answers(client: Wire, count: int) -> list[tuple[int, int]]:
    """messageID and result code of the next messages."""
    return [
        (message.message_id, message.result_code)
        for message in [await client.receive() for _ in range(count)]
    ]


async def secured(world: World, authority: Authority) -> Wire:
    """A client that has done StartTLS with messageID 1."""
    client = await world.client()
    await client.send(start_tls(1))
    assert shown(await client.receive()) == (1, 0x78, 0)
    await client.start_tls(client_context(authority.ca_file), "127.0.0.1")
    return client


# StartTLS.


def test_start_tls_then_a_login_and_a_large_result(on_reactor: OnReactor, authority: Authority) -> None:
    """TLS comes between the transport and its producer: a slow client must still slow the directory down."""

    async def scenario() -> None:
        async with World(tls=server_tls(authority.server())) as world:
            client = await secured(world, authority)
            peer = await world.begin_bind(client, 2)
            await peer.send(bind_response(2))
            assert shown(await client.receive()) == (2, 0x61, 0)
            await client.send(search(3))
            await peer.receive()
            result = entry(3, 100_000) * 150 + search_done(3)
            peer.writer.write(result)
            await eventually(lambda: world.session._relay.client_is_slow, "the client to be found slow")
            await asyncio.sleep(0.05)
            protocol = world.session.transport.protocol  # type: ignore[attr-defined]
            assert sum(map(len, protocol._appSendBuffer)) + unsent(world.session.transport) < 300_000
            assert await client.receive_raw(len(result)) == result

    on_reactor(scenario())


def test_required_in_clear_text(on_reactor: OnReactor, authority: Authority) -> None:
    async def scenario() -> None:
        settings: dict[str, Any] = {"tls": server_tls(authority.server()), "start_tls": StartTls.REQUIRED}
        async with World(confidentiality_required=True, anonymous=Anonymous.ALLOW, **settings) as world:
            client = await world.client()
            await client.send(bind(1), bind(2, "", ""), search(3), compare(4, "cn"))
            assert await answers(client, 4) == [(1, 13), (2, 13), (3, 13), (4, 13)]
            assert world.directory.accepted == 0
            client = await secured(world, authority)
            peer = await world.begin_bind(client, 2)
            await peer.send(bind_response(2))
            assert shown(await client.receive()) == (2, 0x61, 0)

    on_reactor(scenario())


def test_a_second_start_tls(on_reactor: OnReactor, authority: Authority) -> None:
    async def scenario() -> None:
        async with World(tls=server_tls(authority.server())) as world:
            client = await secured(world, authority)
            await client.send(start_tls(2))
            assert shown(await client.receive()) == (2, 0x78, 1)
            await client.send(root_dse(3))
            assert (await (await world.directory.accept()).receive()).message_id == 3, "the session goes on"

    on_reactor(scenario())


def test_start_tls_where_there_is_no_certificate(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            await client.send(start_tls(1))
            assert shown(await client.receive()) == (1, 0x78, 2)

    on_reactor(scenario())


def test_start_tls_inside_ldaps(on_reactor: OnReactor, authority: Authority) -> None:
    async def scenario() -> None:
        async with World(ldaps=True, tls=server_tls(authority.server())) as world:
            client = await world.client(authority.ca_file)
            await client.send(start_tls(1))
            assert shown(await client.receive()) == (1, 0x78, 1)

    on_reactor(scenario())


def test_start_tls_while_an_operation_is_outstanding(on_reactor: OnReactor, authority: Authority) -> None:
    async def scenario() -> None:
        async with World(tls=server_tls(authority.server())) as world:
            client = await world.client()
            await client.send(root_dse(1))
            peer = await world.directory.accept()
            await peer.receive()
            await client.send(start_tls(2))
            assert shown(await client.receive()) == (2, 0x78, 1)
            await peer.send(search_done(1))
            await client.receive()
            await client.send(start_tls(3))
            assert shown(await client.receive()) == (3, 0x78, 0)

    on_reactor(scenario())


@pytest.mark.parametrize("pieces", ["together", "apart"])
def test_clear_text_behind_start_tls_closes(on_reactor: OnReactor, authority: Authority, pieces: str) -> None:
    """RFC 4513 section 3.1.1, CVE-2011-0411: what came in clear must not be read as if it were protected."""

    async def scenario() -> None:
        async with World(tls=server_tls(authority.server())) as world:
            client = await world.client()
            if pieces == "together":
                await client.send(start_tls(1), bind(2))
                assert await client.rest() == b""
            else:
                await client.send(start_tls(1))
                assert shown(await client.receive()) == (1, 0x78, 0)
                await client.send(bind(2))
                rest = await client.rest()
                assert rest[:1] in (b"", b"\x15"), "nothing, or a TLS alert"
            assert world.directory.accepted == 0
            assert not world.recorder.records

    on_reactor(scenario())


@pytest.mark.parametrize("accepted", [True, False])
def test_start_tls_behind_a_pending_bind(on_reactor: OnReactor, authority: Authority, accepted: bool) -> None:
    async def scenario() -> None:
        async with World(tls=server_tls(authority.server())) as world:
            world.second_factor.answer = None
            client = await world.client()
            peer = await world.begin_bind(client)
            await peer.send(bind_response(1))
            await eventually(lambda: world.second_factor.waiting, "the second factor")
            await client.send(start_tls(2))
            await client.silence()
            world.second_factor.release(ALLOWED if accepted else DENIED)
            assert shown(await client.receive()) == (1, 0x61, 0 if accepted else 49)
            assert shown(await client.receive()) == (2, 0x78, 0)
            await client.start_tls(client_context(authority.ca_file), "127.0.0.1")
            await client.send(search(3))
            if accepted:
                assert (await peer.receive()).raw == search(3)
            else:
                assert shown(await client.receive()) == (3, 0x65, 50)

    on_reactor(scenario())


# Time-outs.


@pytest.mark.parametrize("start", ["nothing", "a part", "bytes that trickle"])
def test_a_client_that_never_completes_a_message(on_reactor: OnReactor, start: str) -> None:
    async def scenario() -> None:
        async with World(handshake_timeout=0.2) as world:
            client = await world.client()
            if start == "a part":
                await client.send_bytewise(bind(1)[:1])
            elif start == "bytes that trickle":
                await client.send_bytewise(bind(1)[:20])
            assert await client.rest() == b""
            assert world.recorder.limits == {"handshake_timeout": 1}

    on_reactor(scenario())


@pytest.mark.parametrize("says", [b"", b"\x16\x03\x01"])
def test_a_client_that_never_shakes_hands(on_reactor: OnReactor, authority: Authority, says: bytes) -> None:
    async def scenario() -> None:
        async with World(handshake_timeout=0.2, ldaps=True, tls=server_tls(authority.server())) as world:
            client = Wire(*await asyncio.open_connection("127.0.0.1", world.port))
            await client.send_bytewise(says)
            await client.rest()
            await client.close()
            await eventually(lambda: not world.recorder.sessions, "the session to end")
            assert world.recorder.limits == {"handshake_timeout": 1}

    on_reactor(scenario())


def test_a_client_that_never_shakes_hands_behind_start_tls(
    on_reactor: OnReactor, authority: Authority
) -> None:
    async def scenario() -> None:
        async with World(tls=server_tls(authority.server())) as world:
            client = await world.client()
            await eventually(lambda: world.recorder.sessions, "the session")
            world.change(handshake_timeout=0.2)
            await client.send(start_tls(1))
            assert shown(await client.receive()) == (1, 0x78, 0)
            assert await client.rest() == b""
            assert world.recorder.limits == {"handshake_timeout": 1}

    on_reactor(scenario())


def test_after_start_tls_silence_is_idleness(on_reactor: OnReactor, authority: Authority) -> None:
    async def scenario() -> None:
        async with World(handshake_timeout=1.0, tls=server_tls(authority.server())) as world:
            client = await secured(world, authority)
            await client.silence(1.1)
            await client.send(search(2))
            assert shown(await client.receive()) == (2, 0x65, 50)

    on_reactor(scenario())


def test_an_idle_session_ends_with_a_notice(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(idle_timeout=0.2) as world:
            client = await world.client()
            peer = await world.bound(client)
            (told,) = await client.receive_end()
            assert shown(told) == (0, 0x78, 52)
            assert await peer.rest() == b""
            assert world.recorder.limits == {"idle_timeout": 1}

    on_reactor(scenario())


def test_a_pending_bind_is_not_idle(on_reactor: OnReactor) -> None:
    """It has its own time-out, and a person may take their time."""

    async def scenario() -> None:
        async with World(idle_timeout=0.1) as world:
            client = await world.client()
            peer = await world.begin_bind(client)
            await client.silence(1.3)  # a session is looked at once a second
            await peer.send(bind_response(1))
            assert (await client.receive()).raw == bind_response(1)
            assert not world.recorder.limits

    on_reactor(scenario())


def test_a_directory_that_hangs_holds_nobody(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(idle_timeout=0.1) as world:
            client = await world.client()
            peer = await world.bound(client)
            await client.send(search(2))
            await peer.receive()
            assert [message.message_id for message in await client.receive_end()] == [0]
            assert world.recorder.limits == {"idle_timeout": 1}

    on_reactor(scenario())


def test_a_client_that_does_not_take_its_notice(
    on_reactor: OnReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ldapproxy.net.server._LINGER", 0.1)

    async def scenario() -> None:
        async with World(idle_timeout=60) as world:
            client = await world.client()
            peer = await world.bound(client)
            await client.send(search(2))
            await peer.receive()
            peer.writer.write(entry(2, 20_000_000))
            await eventually(lambda: world.session._relay.client_is_slow, "the client to be found slow")
            await client.send(b"garbage")
            await eventually(lambda: not world.recorder.sessions, "the session to end", 4.0)
            await peer.rest()

    on_reactor(scenario())


# Limits and bytes that are no messages.


def test_outstanding_operations(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(outstanding=2) as world:
            client = await world.client()
            peer = await world.bound(client)
            await client.send(search(2), search(3), search(4))
            assert shown(await client.receive()) == (4, 0x65, 51)
            await peer.send(search_done(2))
            await client.receive()
            await client.send(search(5))
            assert [(await peer.receive()).message_id for _ in range(3)] == [2, 3, 5]
            assert world.recorder.limits == {"outstanding": 1}

    on_reactor(scenario())


@pytest.mark.parametrize(
    ("bytes_sent", "limit"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", None),
        (b"\x30\x84\x00\x01\x00\x00", "message_size"),  # 64 KiB and its header
        (b"\x30\x84\xff\xff\xff\xff", "message_size"),
        (b"\x30\x80\x02\x01\x01\x42\x00\x00\x00", None),
        (tlv(0x30, b"\x02\x01\x00", tlv(0x42)), None),  # messageID 0
        (bind(1)[:-1] + b"\xff\xff", None),
        (search(1) + search(1), None),
    ],
)
def test_bytes_that_end_a_session(on_reactor: OnReactor, bytes_sent: bytes, limit: str | None) -> None:
    async def scenario() -> None:
        async with World(anonymous=Anonymous.ALLOW) as world:
            client = await world.client()
            await client.send(bytes_sent)
            (told,) = await client.receive_end()
            assert shown(told) == (0, 0x78, 2)
            assert world.recorder.limits == ({limit: 1} if limit else {})

    on_reactor(scenario())


def test_what_came_before_a_bad_message_is_not_lost_for_the_limits(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(message_size=200_000) as world:
            client = await world.client()
            peer = await world.bound(client)
            large = search(2, "ou=" + "x" * 190_000)
            await client.send(large)
            assert (await peer.receive()).raw == large
            await client.send(search(3, "ou=" + "x" * 201_000)[:20])
            (told,) = await client.receive_end()
            assert shown(told) == (0, 0x78, 2)
            assert world.recorder.limits == {"message_size": 1}

    on_reactor(scenario())


def test_clear_text_on_a_tls_port(on_reactor: OnReactor, authority: Authority) -> None:
    async def scenario() -> None:
        async with World(ldaps=True, tls=server_tls(authority.server())) as world:
            client = Wire(*await asyncio.open_connection("127.0.0.1", world.port))
            await client.send(bind(1))
            assert (await client.rest())[:1] in (b"", b"\x15")
            await client.close()
            assert not world.recorder.records
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await world.client(context=ssl.create_default_context())  # does not trust us

    on_reactor(scenario())


def test_a_session_that_is_over_leaves_memory_at_once(on_reactor: OnReactor) -> None:
    """Not only when a collector of circles comes by: thousands of short sessions would wait for it."""

    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            await world.bound(client)
            session = weakref.ref(world.session)
            gc.disable()
            try:
                client.writer.transport.abort()
                await eventually(lambda: session() is None, "the session to leave memory")
            finally:
                gc.enable()

    on_reactor(scenario())
