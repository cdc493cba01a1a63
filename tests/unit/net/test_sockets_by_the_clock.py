"""Connections that we made, while a large answer comes: by the clock, whole, and under control."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost

from ldapproxy.net.large_reads import LARGE
from tests.support.reactor import OnReactor, eventually
from tests.unit.net.test_sockets import MUCH, Side, made


def is_watched(reactor: Any, side: Side) -> bool:
    """Whether the event loop watches for bytes of it."""
    return side.transport in reactor.getReaders()


async def sent(peer: socket.socket, data: bytes) -> None:
    peer.setblocking(False)
    await asyncio.get_running_loop().sock_sendall(peer, data)


async def got(side: Side, size: int) -> None:
    await eventually(lambda: len(side.got) >= size, f"{size} octets")


async def by_the_clock(side: Side, peer: socket.socket, reactor: Any, then: Callable[[], None]) -> None:
    """A large answer has begun; does something as soon as it is read by the clock."""
    took = side.dataReceived
    done: list[bool] = []

    def take(data: bytes) -> None:
        took(data)
        if not done and not is_watched(reactor, side):
            done.append(True)
            then()

    side.dataReceived = take  # type: ignore[method-assign]  # to be there in that very moment
    await sent(peer, bytes(LARGE + 1))
    await eventually(lambda: done, "the clock")


def test_a_large_answer_comes_whole_and_in_order(on_reactor: OnReactor, reactor: Any) -> None:
    async def scenario() -> None:
        chance = random.Random(1)
        async with made(reactor) as (side, peer):

            def send() -> None:
                left = memoryview(MUCH)
                while left:
                    size = chance.choice([1, 100, 5_000, 70_000, 1_000_000])
                    peer.sendall(left[:size])
                    left = left[size:]

            sending = threading.Thread(target=send)
            sending.start()
            await got(side, len(MUCH))
            sending.join()
            assert side.got == MUCH
            await eventually(lambda: is_watched(reactor, side), "to be watched again")

    on_reactor(scenario())


def test_a_small_answer_is_watched_throughout(on_reactor: OnReactor, reactor: Any) -> None:
    async def scenario() -> None:
        async with made(reactor) as (side, peer):
            for number in range(1, 5):
                side.transport.write(b"request")
                await sent(peer, bytes(LARGE // 2))
                await got(side, number * (LARGE // 2))
                assert is_watched(reactor, side)

    on_reactor(scenario())


def test_what_comes_behind_a_request_is_watched(on_reactor: OnReactor, reactor: Any) -> None:
    async def scenario() -> None:
        async with made(reactor) as (side, peer):

            def ask() -> None:
                side.transport.write(b"request")
                assert is_watched(reactor, side)

            await by_the_clock(side, peer, reactor, ask)
            await sent(peer, b"small")
            await eventually(lambda: side.got.endswith(b"small"), "the answer")
            assert is_watched(reactor, side)

    on_reactor(scenario())


def test_a_pause_ends_reading_until_it_goes_on(on_reactor: OnReactor, reactor: Any) -> None:
    async def scenario() -> None:
        async with made(reactor) as (side, peer):
            await by_the_clock(side, peer, reactor, side.transport.pauseProducing)
            before = len(side.got)
            await sent(peer, b"behind")
            await asyncio.sleep(0.02)  # time for many readings, if there were any
            assert len(side.got) == before
            assert not is_watched(reactor, side)
            side.transport.resumeProducing()
            await eventually(lambda: side.got.endswith(b"behind"), "the rest")

    on_reactor(scenario())


def test_a_pause_within_what_is_handed_on_ends_that_reading(
    on_reactor: OnReactor, reactor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with made(reactor) as (side, peer):
            sizes: list[int] = []

            def take(data: bytes) -> None:
                sizes.append(len(data))
                side.got += data
                side.transport.pauseProducing()

            monkeypatch.setattr(side, "dataReceived", take)
            sending = asyncio.ensure_future(sent(peer, MUCH))
            while len(side.got) < len(MUCH):
                await eventually(lambda: sizes, "a piece")
                await asyncio.sleep(0.002 if len(side.got) < 20 * LARGE else 0)
                assert len(sizes) == 1, "nothing comes in a pause"
                sizes.clear()
                side.transport.resumeProducing()
            await sending
            assert side.got == MUCH

    on_reactor(scenario())


@pytest.mark.parametrize("is_reset", [False, True])
def test_the_end_of_the_connection_is_noticed(on_reactor: OnReactor, reactor: Any, is_reset: bool) -> None:
    async def scenario() -> None:
        async with made(reactor) as (side, peer):

            def end() -> None:
                if is_reset:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    peer.send(b"farewell")
                peer.close()

            await by_the_clock(side, peer, reactor, end)
            await eventually(lambda: side.lost, "the end")
            lost: Any = side.lost
            assert lost.check(ConnectionLost if is_reset else ConnectionDone)
            assert side.got.endswith(b"farewell") is not is_reset

    on_reactor(scenario())


def test_nothing_comes_behind_an_abort(on_reactor: OnReactor, reactor: Any) -> None:
    async def scenario() -> None:
        async with made(reactor) as (side, peer):

            def abort() -> None:
                peer.send(b"behind")
                side.transport.abortConnection()

            await by_the_clock(side, peer, reactor, abort)
            before = side.got
            await eventually(lambda: side.lost, "the end")
            assert side.got == before

    on_reactor(scenario())
