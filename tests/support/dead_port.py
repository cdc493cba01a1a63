"""A port of somebody else's, while they are away: packets are dropped there, or something else lives there.

    duo.power("off")
    with dropping(duo.port): ...

Whose port it is has to leave it bound with SO_REUSEPORT and not listening, as the Duo simulator does.

Owns the sockets and their threads. It must not know whose port it is.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

# The first flight of a TLS server: a record header of the handshake that promises 122 bytes, and two of them.
_BEGINNING_OF_SERVER_HELLO = b"\x16\x03\x03\x00\x7a\x02\x00"
_PLAIN_HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextlib.contextmanager
def dropping(port: int) -> Iterator[None]:
    """Every SYN is dropped, as by a mute firewall: nobody accepts, and the kernel's queue is full."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_bound(port)).listen(0)
        for _ in range(16):
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0.2)
            try:
                filler.connect(("127.0.0.1", port))
            except TimeoutError:
                break
        else:
            raise AssertionError("the kernel goes on taking connections")
        yield


@contextlib.contextmanager
def hanging_in_the_handshake(port: int) -> Iterator[None]:
    """TLS begins, and stops in the middle of the server's first message."""
    with _saying(port, _BEGINNING_OF_SERVER_HELLO, stays=True):
        yield


@contextlib.contextmanager
def speaking_no_tls(port: int) -> Iterator[None]:
    """A web server without TLS answers, as behind a port that was mistaken."""
    with _saying(port, _PLAIN_HTTP, stays=False):
        yield


@contextlib.contextmanager
def _saying(port: int, data: bytes, *, stays: bool) -> Iterator[None]:
    """Answers the first bytes of every connection with `data`."""
    stopped = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(30)
            if connection.recv(65536):
                connection.sendall(data)
            if stays:
                stopped.wait(30)

    def accept(listener: socket.socket) -> None:
        while not stopped.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with _bound(port) as listener:
        listener.settimeout(0.05)
        listener.listen(64)
        thread = threading.Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join(10)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound
