"""Who may connect, how many, and how a listener starts and stops."""

from __future__ import annotations

import asyncio
import socket
import ssl
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from ldapproxy.net.listener import ListenError
from ldapproxy.net.server import ClientConnection
from tests.support.certificates import Authority
from tests.support.ldap_bytes import bind, root_dse, search
from tests.support.reactor import OnReactor, eventually
from tests.unit.net.scripted_directory import bind_response, search_done
from tests.unit.net.usual_settings import ALLOWED, server_tls
from tests.unit.net.wire import Wire
from tests.unit.net.world import World, port_of

NOT_LOOPBACK = (ip_network("192.0.2.0/24"),)
NOTICE_TAG = 0x78


async def is_turned_away(world: World, ca_file: object = None) -> bool:
    """Whether a new client is closed without a word."""
    try:
        client = await world.client(ca_file)  # type: ignore[arg-type]
    except (ssl.SSLError, ConnectionError):
        return True
    return await client.rest() == b""


async def is_served(client: Wire) -> bool:
    """Whether a client gets an answer of the proxy itself."""
    await client.send(search(7))
    return (await client.receive()).result_code == 50


# Who may connect.


def test_other_networks(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(networks=NOT_LOOPBACK) as world:
            assert await is_turned_away(world)
            assert world.recorder.sessions_total == 0

    on_reactor(scenario())


def test_other_networks_behind_tls(on_reactor: OnReactor, authority: Authority) -> None:
    async def scenario() -> None:
        async with World(networks=NOT_LOOPBACK, ldaps=True, tls=server_tls(authority.server())) as world:
            assert await is_turned_away(world, authority.ca_file)
            assert await is_turned_away(world, authority.ca_file)
            assert world.recorder.sessions_total == 0

    on_reactor(scenario())


def test_ipv6(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(host="::1", networks=(ip_network("::1/128"),)) as world:
            assert world.listener.url == "ldap://[::1]:0"
            assert await is_served(await world.client(host="::1"))

    on_reactor(scenario())


def test_an_ipv4_client_of_an_ipv6_socket_is_an_ipv4_client(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(host="::", networks=(ip_network("127.0.0.0/8"),)) as world:
            assert await is_served(await world.client(host="127.0.0.1"))
            client = await world.client(host="::1")
            assert await client.rest() == b""

    on_reactor(scenario())


def test_addresses(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(networks=(ip_network("10.0.0.0/8"), ip_network("fe80::/10"))) as world:
            for address, expected in (
                (IPv4Address("TCP", "10.1.2.3", 1), "10.1.2.3"),
                (IPv6Address("TCP", "::ffff:10.1.2.3", 1), "10.1.2.3"),
                (IPv6Address("TCP", "fe80::1%eth0", 1), "fe80::1"),
                (IPv4Address("TCP", "192.0.2.1", 1), None),
                (UNIXAddress("/somewhere"), None),
                (None, None),
            ):
                session = world.listener.buildProtocol(address)
                if expected is None:
                    assert session is None
                    continue
                assert isinstance(session, ClientConnection)
                assert session.client == ip_address(expected)
                world.listener.closed(session)
            assert len(world.listener) == 0

    on_reactor(scenario())


# How many.


@pytest.mark.parametrize("limit", ["connections", "connections_per_client"])
def test_too_many_connections(on_reactor: OnReactor, limit: str) -> None:
    async def scenario() -> None:
        limits: dict[str, Any] = {limit: 2}
        async with World(**limits) as world:
            first, second = await world.client(), await world.client()
            assert await is_served(first)
            assert await is_served(second)
            third = await world.client()
            (notice,) = await third.receive_end()
            assert (notice.message_id, notice.tag, notice.result_code) == (0, NOTICE_TAG, 51)
            assert world.recorder.limits == {limit: 1}
            assert await is_served(first), "those who are there do not feel it"

            await second.close()
            await eventually(lambda: len(world.listener) == 1, "the session to end")
            assert await is_served(await world.client()), "there is room again"
            assert world.recorder.sessions_total == 3

    on_reactor(scenario())


@pytest.mark.parametrize("limit", ["connections", "connections_per_client"])
def test_too_many_connections_behind_tls(on_reactor: OnReactor, authority: Authority, limit: str) -> None:
    async def scenario() -> None:
        limits: dict[str, Any] = {limit: 1}
        async with World(ldaps=True, tls=server_tls(authority.server()), **limits) as world:
            assert await is_served(await world.client(authority.ca_file))
            assert await is_turned_away(world, authority.ca_file)
            assert world.recorder.limits == {limit: 1}
            assert world.recorder.sessions == 1

    on_reactor(scenario())


def test_a_client_that_never_reads_its_refusal_holds_nothing(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(connections=1) as world:
            assert await is_served(await world.client())
            for _ in range(20):
                await world.client()
            await eventually(lambda: world.recorder.limits["connections"] == 20, "all refusals")
            assert world.recorder.sessions == 1

    on_reactor(scenario())


def test_no_limit_for_each_client(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(connections_per_client=0) as world:
            for _ in range(20):
                assert await is_served(await world.client())

    on_reactor(scenario())


# Start.


def test_a_port_that_is_taken(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            world = World(port=port)
            with pytest.raises(ListenError) as refused:
                await world.__aenter__()
            assert str(refused.value) == (
                f"listener vpn cannot listen on ldap://127.0.0.1:{port}: Address already in use"
            )
            assert not world.listener.is_listening
            await world.directory.stop()

    on_reactor(scenario())


def test_an_address_of_another_machine(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        world = World(host="192.0.2.1")
        with pytest.raises(
            ListenError, match=r"^listener vpn cannot listen on ldap://192\.0\.2\.1:0: .*assign"
        ):
            await world.__aenter__()
        await world.directory.stop()

    on_reactor(scenario())


# Stop.


def test_stop_ends_idle_sessions_with_a_notice(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            silent, served = await world.client(), await world.client()
            assert await is_served(served)
            port = port_of(world.listener)
            await world.listener.stop(2)
            for client in (silent, served):
                (notice,) = await client.receive_end()
                assert (notice.message_id, notice.tag, notice.result_code) == (0, NOTICE_TAG, 52)
            assert not world.listener.is_listening
            assert len(world.listener) == 0
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)

    on_reactor(scenario())


def test_stop_ends_sessions_behind_tls(on_reactor: OnReactor, authority: Authority) -> None:
    async def scenario() -> None:
        async with World(ldaps=True, tls=server_tls(authority.server())) as world:
            client = await world.client(authority.ca_file)
            assert await is_served(client)
            _, (notice,) = await asyncio.gather(world.listener.stop(2), client.receive_end())
            assert notice.result_code == 52

    on_reactor(scenario())


def test_stop_ends_a_tls_handshake(
    on_reactor: OnReactor, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ldapproxy.net.server._LINGER", 0.05)

    async def scenario() -> None:
        async with World(ldaps=True, tls=server_tls(authority.server())) as world:
            mute = Wire(*await asyncio.open_connection("127.0.0.1", world.port))
            await eventually(lambda: len(world.listener), "the session")
            await world.listener.stop(5)
            assert await mute.rest() == b""
            await mute.close()

    on_reactor(scenario())


def test_stop_waits_for_a_pending_bind(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            world.second_factor.answer = None
            client = await world.client()
            peer = await world.begin_bind(client)
            await peer.send(bind_response(1))
            await eventually(lambda: world.second_factor.waiting, "the second factor to be asked")
            stopping = asyncio.create_task(world.listener.stop(5))
            await eventually(lambda: not world.listener.is_listening, "the port to be closed")
            world.second_factor.release(ALLOWED)
            await stopping
            answer, notice = await client.receive_end()
            assert (answer.message_id, answer.result_code) == (1, 0)
            assert (notice.message_id, notice.result_code) == (0, 52)
            assert world.recorder.ends == [("second_factor", 0)]

    on_reactor(scenario())


def test_stop_waits_for_a_bind_behind_a_bind(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            world.second_factor.answer = None
            client = await world.client()
            peer = await world.begin_bind(client)
            await client.send(bind(2), root_dse(3))
            await peer.send(bind_response(1))
            await eventually(lambda: world.second_factor.waiting, "the second factor to be asked")
            stopping = asyncio.create_task(world.listener.stop(5))
            world.second_factor.release(ALLOWED)
            assert (await peer.receive()).message_id == 2
            await peer.send(bind_response(2))
            await stopping
            assert [message.message_id for message in await client.receive_end()] == [1, 2, 0]

    on_reactor(scenario())


def test_stop_cuts_off_what_takes_too_long(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            world.second_factor.answer = None
            client = await world.client()
            peer = await world.begin_bind(client)
            await peer.send(bind_response(1))
            await eventually(lambda: world.second_factor.waiting, "the second factor to be asked")
            await world.listener.stop(0.05)
            assert await client.rest() == b""
            await eventually(lambda: not world.second_factor.waiting, "the waiting to end")
            assert len(world.listener) == 0
            assert world.recorder.ends == [("client_left", None)]
            assert world.recorder.pending == 0

    on_reactor(scenario())


def test_stop_does_not_wait_for_operations(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            peer = await world.bound(client)
            await client.send(search(2))
            await peer.receive()
            await world.listener.stop(5)
            (notice,) = await client.receive_end()
            assert notice.result_code == 52
            assert await peer.rest() == b""

    on_reactor(scenario())


def test_nobody_is_served_while_stopping(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            await world.listener.stop(1)
            assert world.listener.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1)) is None
            await world.listener.stop(1)

    on_reactor(scenario())


def test_counts_add_up(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            peer = await world.bound(client)
            await client.send(search(2))
            await peer.receive()
            await peer.send(search_done(2))
            await client.receive()
            await client.close()
            await eventually(lambda: not world.recorder.sessions, "the session to end")
            assert world.recorder.sessions_total == 1
            assert world.recorder.operations == {"bind": 1, "search": 1}
            assert world.recorder.bytes == {
                "to_directory": len(search(2)),
                "to_client": len(search_done(2)),
            }

    on_reactor(scenario())
