"""The event loop: a descriptor has one owner, and is closed once."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import struct
import threading
from collections.abc import Iterator

import pytest

from ldapproxy.net.loop import Loop
from tests.support.reactor import OnReactor

_RESET = struct.pack("ii", 1, 0)


@pytest.fixture
def resetting() -> Iterator[int]:
    """The port of a server that resets each connection as soon as it has taken it."""
    server = socket.create_server(("127.0.0.1", 0), backlog=128)

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return  # the test is over
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            client.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


async def connected(port: int) -> socket.socket:
    """A connection that is reset, now or in a moment."""
    client = socket.socket()
    client.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
    except OSError:
        client.close()
        raise
    return client


@pytest.mark.parametrize("context", [ssl.create_default_context(), None], ids=["tls", "clear"])
def test_a_reset_while_the_connection_begins_closes_nobody_elses_descriptor(
    on_reactor: OnReactor, resetting: int, context: ssl.SSLContext | None
) -> None:
    async def scenario() -> int:
        loop = asyncio.get_running_loop()
        name = None if context is None else "duo.example.com"
        begun = 0
        for _ in range(200):
            try:
                client = await connected(resetting)
            except OSError:
                continue  # it came too early for what is tested here
            begun += 1
            try:
                transport, _ = await loop.create_connection(
                    asyncio.Protocol, sock=client, ssl=context, server_hostname=name
                )
            except OSError:
                pass
            else:
                transport.abort()
            await asyncio.sleep(0.001)
            # Whoever comes next gets the number of the descriptor that has just been closed.
            with socket.socket() as neighbour:
                del client
                gc.collect(0)
                os.fstat(neighbour.fileno())
        return begun

    assert on_reactor(scenario()) > 10


def test_a_connection_of_a_socket_works_and_ends_with_its_transport(on_reactor: OnReactor) -> None:
    async def scenario() -> bytes:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.setblocking(False)
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
            assert ours.fileno() == -1
            transport.write(b"over the socket that was given")
            received = await loop.sock_recv(theirs, 100)
            transport.close()
            assert await loop.sock_recv(theirs, 100) == b""
        return received

    assert on_reactor(scenario()) == b"over the socket that was given"


def test_without_a_socket_it_connects_by_itself(on_reactor: OnReactor) -> None:
    async def scenario(port: int) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
        transport.abort()

    with socket.create_server(("127.0.0.1", 0)) as server:
        on_reactor(scenario(server.getsockname()[1]))
