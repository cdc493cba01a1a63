"""TCP transports: what is written at once, what is queued, and what is never sent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from ldapproxy.net.bridge import wait_for
from tests.support.reactor import OnReactor, eventually

# Far more than the buffers of two sockets on loopback hold.
MUCH = bytes(range(256)) * 64 * 1024


class Side(Protocol):
    """One end of a connection; remembers what it is told."""

    transport: Any

    def __init__(self) -> None:
        self.got = b""
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason


@implementer(IPushProducer)
class Producer:
    """Remembers whether it may produce."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class Sides(Factory):
    """Makes ends."""

    noisy = False

    def __init__(self) -> None:
        self.made: list[Side] = []

    def buildProtocol(self, addr: object) -> Side:
        self.made.append(Side())
        return self.made[-1]


@asynccontextmanager
async def accepted(reactor: Any) -> AsyncIterator[tuple[Side, socket.socket]]:
    """An end that a client has connected to, and the client's socket."""
    sides = Sides()
    port: Any = reactor.listenTCP(0, sides, interface="127.0.0.1")
    with socket.create_connection(("127.0.0.1", port.getHost().port)) as client:
        await eventually(lambda: sides.made, "a connection")
        yield sides.made[0], client
    await wait_for(port.stopListening())
    await eventually(lambda: sides.made[0].lost, "the end of the connection")


@asynccontextmanager
async def made(reactor: Any) -> AsyncIterator[tuple[Side, socket.socket]]:
    """An end that has connected to a server, and the server's socket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", listening.getsockname()[1])
        side = await wait_for(endpoint.connect(Sides()))
        assert isinstance(side, Side)
        server, _ = listening.accept()
        with server:
            yield side, server
        await eventually(lambda: side.lost, "the end of the connection")


ENDS = pytest.mark.parametrize("end", [accepted, made])


@ENDS
def test_a_message_is_sent_before_write_returns(on_reactor: OnReactor, reactor: Any, end: Any) -> None:
    async def scenario() -> None:
        async with end(reactor) as (side, peer):
            peer.setblocking(False)
            side.transport.write(b"first")
            assert peer.recv(100) == b"first"
            assert not reactor.getWriters()

    on_reactor(scenario())


@ENDS
def test_what_the_socket_does_not_take_follows_in_order(
    on_reactor: OnReactor, reactor: Any, end: Any
) -> None:
    async def scenario() -> None:
        async with end(reactor) as (side, peer):
            side.transport.write(MUCH)
            side.transport.write(b"second")
            side.transport.writeSequence([b"th", b"ird"])
            assert reactor.getWriters() == [side.transport]
            peer.setblocking(False)
            size = len(MUCH) + len(b"secondthird")
            got = bytearray()
            while len(got) < size:
                got += await asyncio.get_running_loop().sock_recv(peer, 1 << 20)
            assert got == MUCH + b"secondthird"
            await eventually(lambda: not reactor.getWriters(), "the transport to be empty")
            side.transport.write(b"last")
            assert peer.recv(100) == b"last"

    on_reactor(scenario())


@ENDS
def test_a_producer_is_paused_by_what_is_queued_alone(on_reactor: OnReactor, reactor: Any, end: Any) -> None:
    async def scenario() -> None:
        async with end(reactor) as (side, peer):
            producer = Producer()
            side.transport.registerProducer(producer, True)
            side.transport.write(b"small")
            assert producer.told == []
            side.transport.write(MUCH)
            assert producer.told == ["pause"]
            peer.setblocking(False)
            left = len(b"small") + len(MUCH)
            while left:
                left -= len(await asyncio.get_running_loop().sock_recv(peer, 1 << 20))
            await eventually(lambda: producer.told == ["pause", "resume"], "the producer to go on")
            side.transport.unregisterProducer()

    on_reactor(scenario())


@ENDS
def test_what_is_queued_is_told(on_reactor: OnReactor, reactor: Any, end: Any) -> None:
    async def scenario() -> None:
        async with end(reactor) as (side, peer):
            queued: list[int] = []
            side.transport.tell_queued(queued.append)
            side.transport.write(b"small")
            assert queued == []
            side.transport.write(MUCH)
            side.transport.write(b"behind")
            first, second = queued
            assert 0 < first < len(MUCH)
            assert second == first + len(b"behind")
            peer.setblocking(False)
            left = len(b"smallbehind") + len(MUCH)
            while left:
                left -= len(await asyncio.get_running_loop().sock_recv(peer, 1 << 20))
            await eventually(lambda: queued[-1] == 0, "the transport to be empty")
            assert queued[2:] == sorted(queued[2:], reverse=True)
            side.transport.tell_queued(None)
            told = len(queued)
            side.transport.write(MUCH)
            assert len(queued) == told

    on_reactor(scenario())


@ENDS
def test_nothing_is_sent_after_an_abort(on_reactor: OnReactor, reactor: Any, end: Any) -> None:
    async def scenario() -> None:
        async with end(reactor) as (side, peer):
            side.transport.abortConnection()
            side.transport.write(b"too late")
            peer.setblocking(False)
            with pytest.raises(ConnectionResetError):
                await asyncio.get_running_loop().sock_recv(peer, 100)
            await eventually(lambda: side.lost, "the end")

    on_reactor(scenario())


@ENDS
def test_a_close_lets_what_is_queued_through(on_reactor: OnReactor, reactor: Any, end: Any) -> None:
    async def scenario() -> None:
        async with end(reactor) as (side, peer):
            side.transport.write(MUCH)
            side.transport.write(b"end")
            side.transport.loseConnection()
            peer.setblocking(False)
            got = bytearray()
            while data := await asyncio.get_running_loop().sock_recv(peer, 1 << 20):
                got += data
            assert got == MUCH + b"end"
            await eventually(lambda: side.lost, "the end")
            assert side.lost is not None
            assert side.lost.check(ConnectionDone)

    on_reactor(scenario())


@ENDS
def test_a_close_does_not_wait_for_a_producer(on_reactor: OnReactor, reactor: Any, end: Any) -> None:
    """TLS closes by itself when the peer says farewell; the producer behind it has no part in that."""

    async def scenario() -> None:
        async with end(reactor) as (side, peer):
            producer = Producer()
            side.transport.registerProducer(producer, True)
            side.transport.write(MUCH)
            side.transport.loseConnection()
            assert producer.told == ["pause"]
            peer.setblocking(False)
            got = bytearray()
            async with asyncio.timeout(10):
                while data := await asyncio.get_running_loop().sock_recv(peer, 1 << 20):
                    got += data
            assert got == MUCH
            await eventually(lambda: side.lost, "the end")

    on_reactor(scenario())


@ENDS
def test_a_close_with_nothing_queued_needs_no_turn_of_the_loop_to_write(
    on_reactor: OnReactor, reactor: Any, end: Any
) -> None:
    async def scenario() -> None:
        async with end(reactor) as (side, peer):
            side.transport.write(b"last words")
            side.transport.loseConnection()
            assert side.lost is None, "a protocol hears of its end later"
            assert not reactor.getWriters()
            side.transport.loseConnection()
            await asyncio.sleep(0)
            assert side.lost is not None
            assert side.lost.check(ConnectionDone)
            assert peer.recv(100) == b"last words"
            assert peer.recv(100) == b""
            side.lost = None
            await asyncio.sleep(0.01)
            assert side.lost is None, "told once"
            side.lost = connectionDone

    on_reactor(scenario())


def test_accepted_sockets_have_no_nagle_and_keep_alive(on_reactor: OnReactor, reactor: Any) -> None:
    async def scenario() -> None:
        async with accepted(reactor) as (side, _):
            assert side.transport.getTcpNoDelay()
            assert side.transport.getTcpKeepAlive()

    on_reactor(scenario())


@ENDS
def test_a_lost_connection_is_told_later_and_never_raised(
    on_reactor: OnReactor, reactor: Any, end: Any
) -> None:
    async def scenario() -> None:
        async with end(reactor) as (side, peer):
            side.transport.pauseProducing()  # so that reading does not find out first
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.close()
            side.transport.write(b"to nobody")
            side.transport.write(b"to nobody")
            assert side.lost is None
            await eventually(lambda: side.lost, "the loss")
            assert side.lost is not None
            assert side.lost.check(ConnectionLost)
            side.transport.write(b"still nobody")

    on_reactor(scenario())


@ENDS
def test_an_exception_of_a_protocol_ends_its_connection_alone(
    on_reactor: OnReactor, reactor: Any, end: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twisted logs it; `on_reactor` would take the log for a failure of the test."""

    def fails(_: bytes) -> None:
        raise ZeroDivisionError

    logged: list[LogEvent] = []
    observer = cast(ILogObserver, logged.append)

    async def scenario() -> None:
        others = list(globalLogPublisher._observers)
        for other in others:
            globalLogPublisher.removeObserver(other)
        globalLogPublisher.addObserver(observer)
        try:
            async with end(reactor) as (side, peer):
                monkeypatch.setattr(side, "dataReceived", fails)
                peer.sendall(b"x")
                await eventually(lambda: side.lost, "the end")
        finally:
            globalLogPublisher.removeObserver(observer)
            for other in others:
                globalLogPublisher.addObserver(other)
        assert any("log_failure" in event or "failure" in event for event in logged)

    on_reactor(scenario())
