"""The event loop: a descriptor has one owner, and is closed once; an end is no error."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator
from typing import Any

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


# In a process of its own, whose memory nobody else touches. As many TLS buffers as there are waiting logins,
# with small blocks between them that stay.
_CROWDS = """
import ctypes
{begin}

class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd",
        "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
    )]

library = ctypes.CDLL(None)
library.mallinfo2.restype = Mallinfo2
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]
library.free(library.malloc(256 * 1024))
buffers = []
for _ in range(400):
    buffers.append(library.malloc(256 * 1024))
    library.malloc(1000)
for buffer in buffers:
    library.free(buffer)
info = library.mallinfo2()
print((info.arena + info.hblkhd) >> 20)
"""


def _left_behind(begin: str) -> int:
    """MiB of the C library's heap behind a crowd of 400 waiting logins."""
    program = [sys.executable, "-c", _CROWDS.format(begin=begin)]
    return int(subprocess.run(program, check=True, capture_output=True, text=True, timeout=60).stdout)


def test_a_crowd_leaves_no_heap_behind() -> None:
    before = "from ldapproxy.net import loop"
    assert _left_behind(before) > 80, "or the C library has learnt it, and nothing has to be done"
    assert _left_behind("from ldapproxy.net.reactor import install_reactor; install_reactor()") < 20


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Runs on a loop of its own, which reports as it does in production."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(scenario)


def test_that_a_closed_connection_is_closed_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """uvloop's TLS says so when it was about to write: its own error, from the call that it makes."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
            transport.abort()
            await asyncio.sleep(0.01)
            loop.call_soon(transport.write, b"x")
            await asyncio.sleep(0.01)

    with caplog.at_level(logging.DEBUG):
        run(scenario())
    told = [record for record in caplog.records if "the handler is closed" in record.getMessage()]
    assert [record.levelno for record in told] == [logging.DEBUG]


@pytest.mark.parametrize("error", [RuntimeError("out of order"), ValueError("the handler is closed")])
def test_other_errors_in_callbacks_are_reported(caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    async def scenario() -> None:
        def fails() -> None:
            raise error

        asyncio.get_running_loop().call_soon(fails)
        await asyncio.sleep(0.01)

    run(scenario())
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]
