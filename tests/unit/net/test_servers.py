"""The servers of a directory: order, memory of who is down, time-outs, connections that nobody waits for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from ldapproxy.ldap.messages import Tag
from ldapproxy.net import servers
from ldapproxy.net.servers import Directory, DirectoryUnavailable
from ldapproxy.net.settings import UpstreamServer
from ldapproxy.net.upstream import DirectoryLost
from tests.support.certificates import Authority
from tests.support.ldap_bytes import bind
from tests.support.ports import free_port
from tests.support.reactor import OnReactor, eventually
from tests.unit.net.neighbours import Recorder
from tests.unit.net.scripted_directory import ScriptedDirectory, bind_response, search_done
from tests.unit.net.usual_settings import upstream_settings
from tests.unit.net.wire import Wire
from tests.unit.net.world import REACTOR


class Clock:
    """The directory's clock, moved by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """A directory with two servers, each of which can be stopped and started."""

    def __init__(self, first: ScriptedDirectory, second: ScriptedDirectory, **settings: Any) -> None:
        self.first, self.second = first, second
        self.recorder = Recorder()
        self.directory = Directory(
            upstream_settings(first.port, second.port, **settings), REACTOR, self.recorder
        )
        self.clock = Clock()
        self.directory._clock = self.clock

    async def used(self) -> str:
        """Connects; returns which server was used."""
        connection = await self.directory.connect()
        names = {self.first.port: "first", self.second.port: "second"}
        name = names[int(connection.server.rpartition(":")[2])]
        connection.abort("the end")
        return name


@asynccontextmanager
async def scene(**settings: Any) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(ScriptedDirectory(port=free_port()))
        second = await stack.enter_async_context(ScriptedDirectory(port=free_port()))
        yield Scene(first, second, **settings)


def test_the_first_server_is_used(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with scene() as here:
            assert not here.directory.is_reachable
            for _ in range(3):
                assert await here.used() == "first"
            assert here.second.accepted == 0
            assert here.directory.is_reachable

    on_reactor(scenario())


def test_failover_and_its_memory(on_reactor: OnReactor, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with scene() as here:
            assert await here.used() == "first"
            await here.first.stop()
            assert await here.used() == "second"
            await here.first.start()
            # The first is passed over for a while although it is back ...
            here.clock.now += servers._REST - 0.1
            assert await here.used() == "second"
            assert here.directory.servers_up == {
                f"ldap://127.0.0.1:{here.first.port}": False,
                f"ldap://127.0.0.1:{here.second.port}": True,
            }
            # ... and then used again, without a restart.
            here.clock.now += 0.2
            async with alive(here.first):
                assert await here.used() == "first"
            assert set(here.recorder.up.values()) == {True}

    with caplog.at_level(logging.INFO, "ldapproxy"):
        on_reactor(scenario())
    said = [record.getMessage().partition(" is ")[2][:4].strip() for record in caplog.records]
    assert said == ["up", "down", "up", "up"], "each change once, not at each login"


def test_a_memory_refuses_no_login(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with scene() as here:
            await here.first.stop()
            await here.second.stop()
            with pytest.raises(DirectoryUnavailable) as refused:
                await here.used()
            for server in (here.first, here.second):
                assert f"ldap://127.0.0.1:{server.port}: " in str(refused.value)
            assert not here.directory.is_reachable
            await here.second.start()
            async with alive(here.second):
                assert await here.used() == "second", "although both are resting"
            await here.second.stop()
            await here.first.start()
            async with alive(here.first):
                assert await here.used() == "first", "although it is resting"

    on_reactor(scenario())


def test_a_server_that_hangs_in_the_handshake(on_reactor: OnReactor, authority: Authority) -> None:
    async def scenario() -> None:
        async with ScriptedDirectory() as mute, ScriptedDirectory(authority.server()) as good:
            settings = upstream_settings(
                mute.port, good.port, ldaps=True, ca_file=authority.ca_file, connect_timeout=0.8
            )
            directory = Directory(settings, REACTOR, Recorder())
            loop = asyncio.get_running_loop()
            began = loop.time()
            connection = await directory.connect()
            assert connection.server.endswith(str(good.port))
            assert loop.time() - began > 0.7
            began = loop.time()
            again = await directory.connect()
            assert loop.time() - began < 0.7, "the time-out is not paid by each login"
            connection.abort("the end")
            again.abort("the end")

    on_reactor(scenario())


def test_a_server_that_never_accepts(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        with socket.socket() as full:
            # A backlog that is full leaves further connections without an answer.
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            fillers = []
            for _ in range(3):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
                fillers.append(filler)
            directory = Directory(upstream_settings(port, connect_timeout=0.2), REACTOR, Recorder())
            with pytest.raises(DirectoryUnavailable, match=r"no connection within|time"):
                await directory.connect()
            for filler in fillers:
                filler.close()

    on_reactor(scenario())


@pytest.mark.parametrize(
    ("host", "why"), [("does-not-exist.invalid", r"does-not-exist\.invalid"), ("127.0.0.1", "refused")]
)
def test_the_reason_is_told(on_reactor: OnReactor, host: str, why: str) -> None:
    async def scenario() -> None:
        settings = upstream_settings(servers=(UpstreamServer(host, free_port(), ldaps=False),))
        with pytest.raises(DirectoryUnavailable, match=why):
            await Directory(settings, REACTOR, Recorder()).connect()

    on_reactor(scenario())


def test_ipv6(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "::1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            settings = upstream_settings(servers=(UpstreamServer("::1", port, ldaps=False),))
            connection = await Directory(settings, REACTOR, Recorder()).connect()
            assert connection.server == f"ldap://[::1]:{port}"
            connection.abort("the end")

    on_reactor(scenario())


# Connections that nobody waits for.


@pytest.mark.parametrize("kind", ["ldaps", "start_tls"])
def test_cancelling_closes_what_was_begun(on_reactor: OnReactor, authority: Authority, kind: str) -> None:
    async def scenario() -> None:
        recorder = Recorder()
        async with ScriptedDirectory() as server:
            settings = upstream_settings(
                server.port, ldaps=kind == "ldaps", start_tls=kind == "start_tls", ca_file=authority.ca_file
            )
            directory = Directory(settings, REACTOR, recorder)
            connecting = asyncio.create_task(directory.connect())
            peer = await server.accept()
            await peer.receive_raw(10)
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            await peer.rest()
            assert not recorder.up, "a client that left says nothing about the server"

    on_reactor(scenario())


def test_a_connection_that_is_made_just_when_it_is_cancelled(on_reactor: OnReactor) -> None:
    """At whatever turn of the loop the cancellation comes, nothing stays open."""

    async def scenario() -> None:
        async with ScriptedDirectory() as server:
            directory = Directory(upstream_settings(server.port), REACTOR, Recorder())
            made = 0
            for turns in range(12):
                connecting = asyncio.create_task(directory.connect())
                for _ in range(turns):
                    await asyncio.sleep(0)
                if not connecting.cancel():
                    made += 1
                    connecting.result().abort("the end")
                await asyncio.gather(connecting, return_exceptions=True)
                connected = list(server._peers)
                for peer in connected:
                    assert await peer.rest() == b""
            assert made < 12, "some were cancelled"

    on_reactor(scenario())


# Servers that can be connected to and say nothing.


async def log_in(directory: Directory) -> str:
    """Asks a question on a connection of its own; returns whom, or what went wrong."""
    connection = await directory.take()
    try:
        await connection.ask(bind(1), 1, Tag.BIND_RESPONSE, 0.6)
    except DirectoryLost as error:
        return str(error)
    finally:
        connection.abort("the end")
    return connection.server


async def answering(server: ScriptedDirectory) -> None:
    """Answers binds and searches of the root DSE, on every connection."""

    async def serve(peer: Wire) -> None:
        with contextlib.suppress(EOFError):
            while True:
                request = await peer.receive()
                answer = bind_response if request.tag == 0x60 else search_done
                await peer.send(answer(request.message_id))

    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(serve(await server.accept(patience=60)))


@asynccontextmanager
async def alive(*scripted: ScriptedDirectory) -> AsyncIterator[None]:
    """These servers answer meanwhile."""
    tasks = [asyncio.create_task(answering(server)) for server in scripted]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("how", ["hangs", "closes"])
def test_a_server_that_accepts_and_never_answers(on_reactor: OnReactor, how: str) -> None:
    """A stopped process, or a balancer without a server behind it. One login fails, the next ones do not."""

    async def scenario() -> None:
        async with scene(connect_timeout=0.6) as here:
            second = f"ldap://127.0.0.1:{here.second.port}"
            if how == "closes":
                here.first.greeting = lambda peer: peer.writer.close()
            async with alive(here.second):
                assert await log_in(here.directory) != second
                assert await log_in(here.directory) == second
                # It is tried again after a while, and has to say something before a login is sent there.
                here.clock.now += servers._REST + 0.1
                assert await log_in(here.directory) == second
                assert not here.directory.servers_up[f"ldap://127.0.0.1:{here.first.port}"]
                here.first.greeting = None
                here.clock.now += servers._REST + 0.1
                async with alive(here.first):
                    assert await log_in(here.directory) != second
                    assert all(here.directory.servers_up.values())

    on_reactor(scenario())


def test_a_wrong_answer_to_a_login_is_no_reason_to_change_servers(on_reactor: OnReactor) -> None:
    """Nobody may send the proxy to another server by what they send to it."""

    async def scenario() -> None:
        async with scene() as here:
            connection = await here.directory.take()
            asking = asyncio.create_task(connection.ask(bind(1), 1, Tag.BIND_RESPONSE, 1.0))
            peer = await here.first.accept()
            await peer.receive()
            await peer.send(bind_response(1))
            await asking
            asking = asyncio.create_task(connection.ask(bind(2), 2, Tag.BIND_RESPONSE, 1.0))
            await peer.receive()
            await peer.close()
            with pytest.raises(DirectoryLost):
                await asking
            assert here.directory.servers_up == {f"ldap://127.0.0.1:{here.first.port}": True}

    on_reactor(scenario())


def test_waiting_connections_are_to_the_server_that_is_used(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with scene() as here, alive(here.first, here.second):
            pool = here.directory._pool

            async def use() -> str:
                connection = await here.directory.take()
                here.directory.give_back(connection)
                await eventually(lambda: len(pool), "the connection to wait")
                return connection.server.rpartition(":")[2]

            first, second = str(here.first.port), str(here.second.port)
            assert [await use(), await use()] == [first, first]
            assert here.first.accepted == 1, "the same one"
            here.directory._note(here.directory._settings.servers[0], False, "for a test")
            assert [await use(), await use()] == [second, second]
            here.clock.now += servers._REST + 0.1
            assert await use() == first, "and back"
            here.directory.close()

    on_reactor(scenario())


# Probes and counts.


def test_probe_looks_at_every_server(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with scene() as here, alive(here.first, here.second):
            await here.directory.probe()
            assert list(here.directory.servers_up.values()) == [True, True]
            await here.first.stop()
            await here.second.stop()
            await here.directory.probe()
            assert list(here.directory.servers_up.values()) == [False, False]
            assert not here.directory.is_reachable, "although nobody has logged in meanwhile"
            await here.first.start()
            await here.directory.probe()
            assert here.directory.is_reachable

    on_reactor(scenario())


def test_a_probe_wants_an_answer(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with scene(connect_timeout=0.6) as here, alive(here.second):
            await here.directory.probe()
            assert list(here.directory.servers_up.values()) == [False, True]

    on_reactor(scenario())


@pytest.mark.parametrize("end", ["abort", "close", "give_back"])
def test_active_connections_are_counted(on_reactor: OnReactor, end: str) -> None:
    async def scenario() -> None:
        async with scene() as here:
            here.directory._pool._capacity = 0
            connection = await here.directory.take()
            peer = await here.first.accept()
            assert here.recorder.connections == {"active": 1}
            match end:
                case "abort":
                    connection.abort("the end")
                case "close":
                    await peer.close()
                case "give_back":
                    here.directory.give_back(connection)
            await eventually(lambda: not here.recorder.connections["active"], "the count")
            connection.abort("twice")
            await peer.rest()
            assert here.recorder.connections == {"active": 0}

    on_reactor(scenario())
