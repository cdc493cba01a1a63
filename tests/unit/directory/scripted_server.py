"""A server that says what a test wants: real servers do not misbehave on demand."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ldapproxy.directory.settings import LookupServer

SUCCESS = b"\x0a\x01\x00\x04\x00\x04\x00"
"""resultCode success, empty matchedDN and diagnosticMessage."""


def message(message_id: bytes, operation: int, content: bytes) -> bytes:
    """An LDAPMessage. `message_id` is the whole INTEGER, `operation` the tag of the protocolOp."""
    return _tlv(0x30, message_id + _tlv(operation, content))


def result(message_id: bytes, operation: int, code: int, text: bytes = b"") -> bytes:
    """An LDAPMessage with an LDAPResult."""
    number = code.to_bytes(code.bit_length() // 8 + 1, "big")
    return message(message_id, operation, _tlv(0x0A, number) + b"\x04\x00" + _tlv(0x04, text))


def _tlv(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


Script = Callable[[bytes, int, socket.socket], None]
"""Called with the messageID and tag of each request; answers on the socket as it likes."""


class ScriptedServer:
    """Accepts connections on loopback and follows a script on each.

    Args:
        script: what to do with each request.

    Attributes:
        requests: the tags of all requests so far.
        received: the requests themselves.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.requests: list[int] = []
        self.received: list[bytes] = []

    @property
    def server(self) -> LookupServer:
        """Where it listens."""
        return LookupServer("127.0.0.1", self._listening.getsockname()[1], ldaps=False)

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # shutdown() wakes the threads that wait; close() alone would not.
        for each in (self._listening, *self._connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._run(lambda connection=connection: self._serve(connection))  # type: ignore[misc]

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while request := connection.recv(65_536):
                # Requests of ldap3 come whole, and are shorter than 128 octets or give their length in 1 or
                # 2.
                start = 2 + (request[1] & 0x7F if request[1] & 0x80 else 0)
                end = start + 2 + request[start + 1]
                self.requests.append(request[end])
                self.received.append(request)
                self._script(request[start:end], request[end], connection)


BIND_REQUEST, BIND_RESPONSE = 0x60, 0x61
SEARCH_REQUEST, SEARCH_RESULT_ENTRY, SEARCH_RESULT_DONE = 0x63, 0x64, 0x65
SEARCH_RESULT_REFERENCE = 0x73
EXTENDED_REQUEST, EXTENDED_RESPONSE = 0x77, 0x78


def binds_then(on_search: Callable[[bytes, socket.socket], None]) -> Script:
    """A script that lets everybody bind, and does `on_search` with a search."""

    def script(message_id: bytes, operation: int, connection: socket.socket) -> None:
        if operation == BIND_REQUEST:
            connection.sendall(result(message_id, BIND_RESPONSE, 0))
        elif operation == SEARCH_REQUEST:
            on_search(message_id, connection)

    return script
