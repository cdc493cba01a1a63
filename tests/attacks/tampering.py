"""Somebody between the proxy and the directory who changes what goes through, on a line without TLS.

Owns the listening socket and the passing on of bytes, message by message. It must not know the product, nor
what should come of it. Look-ups of the service account pass through untouched.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Trick = Callable[[bytes, "Line"], bool]
"""Gets each message that the proxy sends. False passes it on; True means that the trick was done instead."""


class Line:
    """One connection of the proxy, and ours to the directory that it believes to speak to."""

    def __init__(self, proxy: socket.socket, directory: socket.socket) -> None:
        self._proxy = proxy
        self._directory = directory
        self._instead: bytes | None = None
        self._carried = 0
        self._lock = threading.Lock()

    def say(self, data: bytes) -> None:
        """Says something to the proxy in the directory's name."""
        with contextlib.suppress(OSError):
            self._proxy.sendall(data)

    def pass_on(self, data: bytes) -> None:
        """Says something to the directory in the proxy's name."""
        with contextlib.suppress(OSError):
            self._directory.sendall(data)

    def say_instead(self, data: bytes) -> None:
        """Says something to the proxy in the place of what the directory says next."""
        self._instead = data

    def hang_up(self) -> None:
        """Ends the connection."""
        for end in (self._proxy, self._directory):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def carry_answers(self) -> None:
        """Passes on what the directory says until it says no more."""
        with contextlib.suppress(OSError):
            while data := self._directory.recv(65536):
                instead, self._instead = self._instead, None
                self._proxy.sendall(data if instead is None else instead)
        self._end()

    def carry_requests(self, trick: Callable[[bytes], bool]) -> None:
        """Passes on what the proxy says, message by message, unless the trick is done instead."""
        buffer = b""
        with contextlib.suppress(OSError):
            while data := self._proxy.recv(65536):
                buffer += data
                while (size := _size(buffer)) is not None and len(buffer) >= size:
                    message, buffer = buffer[:size], buffer[size:]
                    if not trick(message):
                        self._directory.sendall(message)
        self._end()

    def _end(self) -> None:
        """One direction is at its end; the second one to get here closes."""
        self.hang_up()
        with self._lock:
            self._carried += 1
            if self._carried == 2:
                self._proxy.close()
                self._directory.close()


class Tamperer:
    """Listens on 127.0.0.1 and passes on to a directory; a context manager.

    Args:
        port: the directory's.

    Attributes:
        port: where it listens.
        overheard: everything that the proxy said, as one piece.
    """

    def __init__(self, port: int) -> None:
        self._directory_port = port
        self._trick: Trick = _nothing
        self._greeting = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._lines: list[Line] = []
        self.port: int = self._socket.getsockname()[1]
        self.overheard = b""

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def do(self, trick: Trick, greeting: bytes = b"") -> None:
        """What is done from now on: to each message of the proxy, and when it connects."""
        self._trick = trick
        self._greeting = greeting
        self.overheard = b""

    def cut(self) -> None:
        """Hangs up on everybody."""
        for line in self._lines:
            line.hang_up()
        self._lines.clear()

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                proxy, _ = self._socket.accept()
                directory = socket.create_connection(("127.0.0.1", self._directory_port))
                line = Line(proxy, directory)
                self._lines.append(line)
                if self._greeting:
                    line.say(self._greeting)
                self._start(lambda line=line: line.carry_requests(lambda data: self._tamper(data, line)))  # type: ignore[misc]
                self._start(line.carry_answers)

    def _tamper(self, message: bytes, line: Line) -> bool:
        self.overheard += message
        return self._trick(message, line)


def _nothing(message: bytes, line: Line) -> bool:
    return False


def _size(data: bytes) -> int | None:
    """The size of the message that `data` begins with, or None while that cannot be told."""
    if len(data) < 2:
        return None
    if data[0] != 0x30:
        return len(data)  # TLS: passed on as it comes
    if data[1] < 0x80:
        return 2 + data[1]
    count = data[1] & 0x7F
    return None if len(data) < 2 + count else 2 + count + int.from_bytes(data[2 : 2 + count], "big")
