"""A Duo that misbehaves: real TCP and TLS servers on loopback, each with one fault.

Owns the faults below TLS, inside it and in HTTP that a network, a middlebox or a broken server may show. It
must not know what ldapproxy makes of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import trustme

HOST = "localhost"


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the test, and what its servers present."""

    ca: trustme.CA

    @classmethod
    def create(cls) -> Authority:
        """A new authority that nobody else trusts."""
        return cls(trustme.CA())

    def write(self, folder: Path) -> Path:
        """Writes the authority's certificate as a PEM file, as `ca_file` wants it."""
        path = folder / "duo-ca.pem"
        self.ca.cert_pem.write_to_path(str(path))
        return path

    def server_context(self, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """TLS for a server that presents `certificate`, by default a good one for `HOST`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (certificate or self.ca.issue_cert(HOST, "127.0.0.1")).configure_cert(context)
        return context


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class FaultyServer:
    """A running server.

    Attributes:
        port: where it listens on 127.0.0.1.
        connections: how many were accepted so far.
        open: the numbers, counted from 1, of those that are open now.
        stop: refuses new connections from now on.
        requests: the requests read so far, head and body, as they came.
    """

    port: int
    connections: int = 0
    open: set[int] = field(default_factory=set)
    requests: list[bytes] = field(default_factory=list)
    stop: Callable[[], None] = lambda: None


@contextlib.asynccontextmanager
async def serve(
    behaviour: Callable[[FaultyServer], Behaviour], tls: ssl.SSLContext | None
) -> AsyncIterator[FaultyServer]:
    """Runs a server whose connections all show the same behaviour, until the block ends."""
    tasks: set[asyncio.Task[None]] = set()
    state = FaultyServer(port=0)
    behave = behaviour(state)

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        state.connections += 1
        number = state.connections
        state.open.add(number)
        try:
            await behave(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the test ended
        finally:
            state.open.discard(number)
            tasks.discard(task)
            with contextlib.suppress(Exception):
                writer.transport.abort()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls, backlog=1024)
    state.port, state.stop = server.sockets[0].getsockname()[1], server.close
    try:
        yield state
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Reads one HTTP/1.1 request with a Content-Length, or without a body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return head + (await reader.readexactly(length) if length else b"")


# Below TLS: use these without a TLS context.


def silent(_: FaultyServer) -> Behaviour:
    """Accepts the connection and never says a word."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client leaves

    return behave


def resets(_: FaultyServer) -> Behaviour:
    """Resets the connection as soon as the client has sent its first bytes."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        reset(writer)

    return behave


def closes(_: FaultyServer) -> Behaviour:
    """Closes the connection in an orderly way as soon as the client has sent its first bytes."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()
        await writer.wait_closed()

    return behave


def says(data: bytes) -> Callable[[FaultyServer], Behaviour]:
    """Answers the client's first bytes with `data`, whatever they are, and closes."""

    def build(_: FaultyServer) -> Behaviour:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(0.2)
            writer.close()

        return behave

    return build


PLAIN_HTTP = says(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
TLS_ALERT = says(b"\x15\x03\x03\x00\x02\x02\x28")  # fatal handshake_failure, RFC 8446 section 6


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with RST instead of FIN (SO_LINGER of zero seconds)."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def http(
    answer: bytes | Callable[[bytes], bytes | None], then: str = "keep"
) -> Callable[[FaultyServer], Behaviour]:
    """Reads requests and answers each with `answer`; `then` is keep, close, reset or hang."""

    def build(state: FaultyServer) -> Behaviour:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                request = await read_request(reader)
                state.requests.append(request)
                data = answer(request) if callable(answer) else answer
                if data:
                    writer.write(data)
                    await writer.drain()
                if then == "close":
                    writer.close()
                    await writer.wait_closed()
                    return
                if then == "reset":
                    reset(writer)
                    return
                if then == "hang":
                    await reader.read()  # until the client leaves
                    return

        return behave

    return build


def garbles(state: FaultyServer) -> Behaviour:
    """Reads one request inside TLS and answers with bytes that are not TLS, past the TLS layer."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.requests.append(await read_request(reader))
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as below_tls:
            below_tls.send(b"this is no TLS record, not even a bit of one")
        await reader.read()

    return behave


def tunnel(state: FaultyServer) -> Behaviour:
    """A good HTTP proxy: CONNECT opens a tunnel to wherever it says (RFC 9110 section 9.3.6)."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        state.requests.append(request)
        host, _, port = request.split(b" ")[1].decode().rpartition(":")
        target_reader, target_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_pump(reader, target_writer), _pump(target_reader, writer))
        finally:
            target_writer.transport.abort()

    return behave


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
