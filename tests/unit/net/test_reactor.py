"""The reactor on uvloop: no reset is lost, whatever a connection was doing."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from typing import Any

import pytest
from twisted.internet.interfaces import IAddress, IReactorCore, IReactorTCP, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.support.reactor import OnReactor


class Peers(Factory):
    """Counts connections that were made and lost."""

    noisy = False

    def __init__(self, answer: int, paused: bool) -> None:
        self.made = self.lost = 0
        self.answer = answer
        self.paused = paused

    def buildProtocol(self, addr: IAddress | None) -> Peer:
        return Peer(self)


class Peer(Protocol):
    """Answers whatever comes with so many bytes."""

    transport: Any

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    def connectionMade(self) -> None:
        self._peers.made += 1

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"x" * self._peers.answer)
        if self._peers.paused:
            self.transport.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._peers.lost += 1


# Far more than a socket takes at once: some of it is queued.
MUCH = 10_000_000


@pytest.mark.parametrize(("answer", "paused"), [(0, False), (10, False), (MUCH, False), (MUCH, True)])
def test_every_reset_is_noticed(on_reactor: OnReactor, reactor: Any, answer: int, paused: bool) -> None:
    """Also one that comes behind bytes that nobody has read yet, where uvloop's own watch goes blind."""

    async def scenario() -> None:
        chance = random.Random(1)
        peers = Peers(answer, paused)
        port = reactor.listenTCP(0, peers, interface="127.0.0.1")
        for number in range(200):
            client = socket.create_connection(("127.0.0.1", port.getHost().port))
            if number % 4:
                client.sendall(b"request" * 10)
            for _ in range(chance.randint(0, 3)):
                await asyncio.sleep(0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            while peers.lost < peers.made or peers.made < 200:
                await asyncio.sleep(0.01)
        await asyncio.wrap_future(_stopped(port))

    on_reactor(scenario())


def _stopped(port: Any) -> Any:
    """A future for the end of listening."""
    from concurrent.futures import Future

    future: Future[None] = Future()
    stopping = port.stopListening()
    if stopping is None:
        future.set_result(None)
    else:
        stopping.addBoth(lambda _: future.set_result(None))
    return future


class Watched:
    """A socket as the reactor sees it."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.fileno = end.fileno
        self.heard: list[str] = []

    def logPrefix(self) -> str:  # noqa: N802 - Twisted's name
        return "watched"

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        self.end.recv(1)

    def doWrite(self) -> None:  # noqa: N802 - Twisted's name
        self.heard.append("may be written to")

    def connectionLost(self, reason: Failure) -> None:
        self.heard.append("lost")


def test_news_of_a_closed_connection_are_not_told_to_its_successor(
    on_reactor: OnReactor, reactor: Any
) -> None:
    """Two have news; hearing of the first closes the second, and a new one gets the number of that."""

    async def scenario() -> list[str]:
        ours, theirs = socket.socketpair()
        old, its_peer = socket.socketpair()
        first, second = Watched(ours), Watched(old)
        successor: list[Watched] = []

        def replace_the_second() -> None:
            reactor.removeReader(first)
            reactor.removeWriter(second)
            number = old.fileno()
            old.close()
            new, peer = socket.socketpair()
            assert new.fileno() == number
            successor.append(Watched(new))
            reactor.addWriter(successor[0])
            peers.append(peer)

        peers = [theirs]
        first.doRead = replace_the_second  # type: ignore[method-assign]  # so that it hears of both
        reactor.addReader(first)
        reactor.addWriter(second)
        theirs.send(b"x")
        its_peer.close()
        reactor.doPoll(0)
        reactor.removeWriter(successor[0])
        for end in (ours, successor[0].end, *peers):
            end.close()
        return successor[0].heard

    assert on_reactor(scenario()) == []


def test_it_is_what_the_rest_of_twisted_expects(reactor: Any) -> None:
    for interface in (IReactorCore, IReactorTCP, IReactorTime):
        assert interface.providedBy(reactor)


def test_its_clock_is_not_the_time_of_day(reactor: Any) -> None:
    """Set clocks must not move time-outs, pauses, or what is remembered."""
    assert abs(reactor.seconds() - time.monotonic()) < 1
