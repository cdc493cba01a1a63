"""One end of an LDAP connection in a scenario: whole messages, single bytes, every way to go.

Owns reading and writing. It must not know the product: messages are read by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from pathlib import Path

from tests.support.ldap_client import Message

# Longer than a busy machine may stall; only a test that fails waits for it.
_PATIENCE = 15.0

# What an end that does not read takes in nevertheless is twice as much.
READ_AHEAD = 16 * 1024


def element(data: bytes | bytearray, at: int) -> tuple[int, int, int]:
    """Tag, start and end of the contents of the element at `at`.

    Raises:
        IndexError: its header is incomplete.
    """
    tag, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if start + count > len(data):
            raise IndexError
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    return tag, start, start + length


class Wire:
    """The client's end of a connection to the proxy, or a directory's end of one from it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._buffer = bytearray()

    async def send(self, *messages: bytes) -> None:
        """Sends bytes, in one piece, and waits until the operating system has them."""
        self.writer.write(b"".join(messages))
        async with asyncio.timeout(_PATIENCE):
            await self.writer.drain()

    async def send_bytewise(self, data: bytes) -> None:
        """Sends bytes so that each arrives alone, as long as somebody takes them."""
        with contextlib.suppress(ConnectionError):
            for at in range(len(data)):
                await self.send(data[at : at + 1])
                await asyncio.sleep(0.001)

    async def receive(self, patience: float = _PATIENCE) -> Message:
        """The next message.

        Raises:
            EOFError: the connection was closed.
        """
        while (raw := self._take()) is None:
            await self._fill(patience)
        _, at, _ = element(raw, 0)
        _, start, at = element(raw, at)
        message_id = int.from_bytes(raw[start:at], "big")
        tag, start, end = element(raw, at)
        return Message(message_id, tag, raw, raw[start:end])

    async def receive_raw(self, size: int) -> bytes:
        """Exactly so many bytes."""
        while len(self._buffer) < size:
            await self._fill()
        return self._cut(size)

    async def receive_end(self) -> list[Message]:
        """Every message until the connection is closed; behind the last one there must be nothing."""
        messages = []
        while True:
            try:
                messages.append(await self.receive())
            except EOFError:
                assert not self._buffer, f"cut off: {bytes(self._buffer)!r}"
                return messages

    async def rest(self) -> bytes:
        """Every byte until the connection is closed."""
        while more := await self._read():
            self._buffer += more
        return self._cut(len(self._buffer))

    async def silence(self, seconds: float = 0.05) -> None:
        """Asserts that nothing comes for a while; the one wait that cannot be a poll."""
        try:
            async with asyncio.timeout(seconds):
                data = bytes(self._buffer) or await self._reader.read(65536)
        except TimeoutError:
            return
        raise AssertionError(f"something came: {data!r}")

    async def start_tls(self, context: ssl.SSLContext, host: str | None = None) -> None:
        """TLS from now on."""
        async with asyncio.timeout(_PATIENCE):
            await self.writer.start_tls(context, server_hostname=host)

    def half_close(self) -> None:
        """Says that nothing more will be sent."""
        self.writer.write_eof()

    def half_close_below_tls(self) -> None:
        """Ends TCP without TLS's own end, as a process that is killed does."""
        with socket.socket(fileno=os.dup(self._socket.fileno())) as same:  # the loop's own cannot do it
            same.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Closes with a reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        """Closes."""
        self.writer.close()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self.writer.wait_closed()
        except (OSError, ssl.SSLError, TimeoutError):
            self.writer.transport.abort()

    @property
    def _socket(self) -> socket.socket:
        found: socket.socket = self.writer.get_extra_info("socket")
        return found

    def _take(self) -> bytes | None:
        """The next message as it came, if all of it is there."""
        try:
            _, _, end = element(self._buffer, 0)
        except IndexError:
            return None
        if end > len(self._buffer):
            return None
        return self._cut(end)

    def _cut(self, size: int) -> bytes:
        cut = bytes(self._buffer[:size])
        del self._buffer[:size]
        return cut

    async def _fill(self, patience: float = _PATIENCE) -> None:
        data = await self._read(patience)
        if not data:
            raise EOFError(f"the connection was closed behind {bytes(self._buffer[:200])!r}")
        self._buffer += data

    async def _read(self, patience: float = _PATIENCE) -> bytes:
        try:
            async with asyncio.timeout(patience):
                return await self._reader.read(65536)
        except (ConnectionError, ssl.SSLError):
            return b""


def client_context(ca_file: Path) -> ssl.SSLContext:
    """What a client that trusts this authority asks of a server."""
    return ssl.create_default_context(cafile=str(ca_file))
