"""Back-pressure: several causes hold a client's reading, and the last one to go releases it."""

from __future__ import annotations

import asyncio
import socket
from itertools import permutations
from typing import Any, cast

import pytest
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol
from zope.interface.verify import verifyObject

from ldapproxy.net.pressure import Cause, ClientReading, DirectoryPace
from ldapproxy.net.transport import Transport
from tests.support.reactor import OnReactor, eventually
from tests.unit.net.wire import Wire
from tests.unit.net.world import REACTOR


class Reader(Protocol):
    """Collects what its client sends."""

    def __init__(self) -> None:
        self.data = b""

    def dataReceived(self, data: bytes) -> None:
        self.data += data


class Scene:
    """One real connection: `client` sends, `reader` reads when it may."""

    async def __aenter__(self) -> Scene:
        self._accepted: list[Reader] = []
        factory: Any = Factory()
        factory.noisy = False

        def build(_: object) -> Reader:
            self._accepted.append(Reader())
            return self._accepted[-1]

        factory.buildProtocol = build
        self._port = REACTOR.listenTCP(0, factory, interface="127.0.0.1")
        self.client = Wire(*await asyncio.open_connection("127.0.0.1", self._port.getHost().port))
        await eventually(lambda: self._accepted and self._accepted[0].transport, "the connection")
        self.reader = self._accepted[0]
        self.reading = ClientReading(cast(Transport, self.reader.transport))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        # A transport that is held does not notice.
        transport: Any = self.reader.transport
        transport.abortConnection()
        self._port.stopListening()

    async def hears(self, data: bytes) -> bool:
        """Whether bytes of the client are read now."""
        before = len(self.reader.data)
        await self.client.send(data)
        for _ in range(20):
            await asyncio.sleep(0.001)
            if len(self.reader.data) > before:
                return True
        return False


def test_a_client_is_read_unless_something_holds_it(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with Scene() as scene:
            assert await scene.hears(b"1")
            scene.reading.hold(Cause.ANSWERS_WAIT)
            assert not await scene.hears(b"2")
            scene.reading.release(Cause.ANSWERS_WAIT)
            await eventually(lambda: scene.reader.data == b"12", "what came meanwhile")
            assert await scene.hears(b"3")

    on_reactor(scenario())


@pytest.mark.parametrize("order", list(permutations(Cause)), ids=lambda order: order[-1].value)
def test_only_the_last_cause_releases(on_reactor: OnReactor, order: tuple[Cause, ...]) -> None:
    async def scenario() -> None:
        async with Scene() as scene:
            for cause in Cause:
                scene.reading.hold(cause)
                scene.reading.hold(cause)  # a cause counts once
            for cause in order[:-1]:
                scene.reading.release(cause)
                assert not await scene.hears(b"x")
            scene.reading.release(order[-1])
            assert await scene.hears(b"y")

    on_reactor(scenario())


def test_a_release_without_a_cause_reads_nothing_that_another_holds(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with Scene() as scene:
            scene.reading.release(Cause.DIRECTORY_SLOW)
            scene.reading.hold(Cause.ANSWERS_WAIT)
            scene.reading.release(Cause.DIRECTORY_SLOW)
            assert not await scene.hears(b"x")

    on_reactor(scenario())


@pytest.mark.parametrize("end", ["resumeProducing", "stopProducing"])
def test_a_directory_that_takes_no_more_holds_the_client(on_reactor: OnReactor, end: str) -> None:
    async def scenario() -> None:
        async with Scene() as scene:
            pace = DirectoryPace(scene.reading)
            verifyObject(IPushProducer, pace)
            pace.pauseProducing()
            assert not await scene.hears(b"x")
            getattr(pace, end)()
            assert await scene.hears(b"y")

    on_reactor(scenario())


def test_a_client_that_leaves_while_it_is_held(on_reactor: OnReactor) -> None:
    """Releasing the reading of a transport that is gone is no error."""

    async def scenario() -> None:
        async with Scene() as scene:
            scene.reading.hold(Cause.ANSWERS_WAIT)
            scene.client.reset()
            transport: Any = scene.reader.transport
            transport.abortConnection()
            await eventually(lambda: transport.disconnected, "the end")
            scene.reading.release(Cause.ANSWERS_WAIT)

    on_reactor(scenario())


def test_held_bytes_stay_in_the_kernel(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with Scene() as scene:
            scene.reading.hold(Cause.DIRECTORY_SLOW)
            scene.client._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            scene.client.writer.write(b"x" * 20_000_000)
            await asyncio.sleep(0.05)
            assert scene.reader.data == b""
            assert scene.client.writer.transport.get_write_buffer_size() > 1_000_000, "the sender has to wait"
            scene.client.writer.transport.abort()

    on_reactor(scenario())
