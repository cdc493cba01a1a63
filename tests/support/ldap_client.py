"""A small LDAP client on a socket, for tests that have to see and send single bytes.

Owns the connection and the reading of whole messages. It must not know the product: messages are read by
hand.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import ldap_bytes


@dataclass(frozen=True)
class Message:
    """One message as it came."""

    message_id: int
    tag: int
    raw: bytes
    operation: bytes

    @property
    def result_code(self) -> int:
        """The resultCode, of an operation that has one."""
        tag, start, end = _element(self.operation, 0)
        assert tag == 0x0A
        return int.from_bytes(self.operation[start:end], "big")

    @property
    def diagnostic(self) -> str:
        """The diagnosticMessage."""
        at = 0
        for _ in range(2):
            _, _, at = _element(self.operation, at)
        _, start, end = _element(self.operation, at)
        return self.operation[start:end].decode()


def _element(data: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start and end of the contents of the element at `at`."""
    tag, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    return tag, start, start + length


def _size(data: bytes) -> int | None:
    """The size of the message that `data` begins with, or None while that cannot be told."""
    if len(data) < 2 or (data[1] & 0x80 and len(data) < 2 + (data[1] & 0x7F)):
        return None
    return _element(data, 0)[2]


class LdapClient:
    """A connection to a listener; a context manager.

    Args:
        port: on 127.0.0.1, unless `host` says otherwise.
        ca_file: whom to trust; given, TLS begins at once.
        timeout: seconds for each read.
        source: the address to connect from; any of the loopback range for an IPv4 host.
    """

    def __init__(
        self,
        port: int,
        ca_file: Path | None = None,
        host: str = "127.0.0.1",
        timeout: float = 20,
        source: str | None = None,
    ) -> None:
        self._host = host
        self.socket: socket.socket = socket.create_connection(
            (host, port), timeout, None if source is None else (source, 0)
        )
        self._buffer = b""
        self._last_id = 0
        if ca_file is not None:
            self.wrap(ca_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the socket."""
        self.socket.close()

    def wrap(self, ca_file: Path) -> None:
        """TLS from now on."""
        context = ssl.create_default_context(cafile=str(ca_file))
        self.socket = context.wrap_socket(self.socket, server_hostname=self._host)

    def next_id(self) -> int:
        """A messageID that was not used yet."""
        self._last_id += 1
        return self._last_id

    def send(self, *messages: bytes) -> None:
        """Sends bytes, in one piece."""
        self.socket.sendall(b"".join(messages))

    def receive(self) -> Message:
        """The next message.

        Raises:
            EOFError: the connection was closed.
        """
        while (size := _size(self._buffer)) is None or len(self._buffer) < size:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                raise EOFError("the connection was closed")
            self._buffer += data
        raw, self._buffer = self._buffer[:size], self._buffer[size:]
        _, at, _ = _element(raw, 0)
        _, start, at = _element(raw, at)
        message_id = int.from_bytes(raw[start:at], "big")
        tag, start, end = _element(raw, at)
        return Message(message_id, tag, raw, raw[start:end])

    def receive_end(self) -> list[Message]:
        """Everything until the connection is closed."""
        messages = []
        while True:
            try:
                messages.append(self.receive())
            except EOFError:
                return messages

    def bind(self, name: str, password: str) -> Message:
        """A simple bind, and its answer."""
        self.send(ldap_bytes.bind(self.next_id(), name, password))
        return self.receive()

    def search(self, dn: str, scope: int = 0, where: bytes | None = None) -> list[Message]:
        """A search, and all its answers, the last one being the SearchResultDone."""
        number = self.next_id()
        self.send(ldap_bytes.search(number, dn, scope, where))
        messages = [self.receive()]
        while messages[-1].tag != 0x65:
            messages.append(self.receive())
        assert {message.message_id for message in messages} == {number}
        return messages

    def start_tls(self, ca_file: Path) -> None:
        """StartTLS."""
        self.send(ldap_bytes.start_tls(self.next_id()))
        answer = self.receive()
        assert answer.result_code == 0, answer.diagnostic
        self.wrap(ca_file)
