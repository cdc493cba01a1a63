"""A TCP relay that breaks connections when it is told to.

    with FaultProxy(slapd.port) as leg:
        leg.port                      # to connect to instead of the target
        leg.cut()                     # resets every connection
        leg.hang(True)                # takes bytes and passes nothing on
    leg.lose(True)                # packets get lost, on connections that are there and on new ones
        leg.cut_after(100)            # resets each new connection behind so many bytes of answers

Owns one leg of a path. It must not know what is said on it.
"""

from __future__ import annotations

import contextlib
import queue
import selectors
import socket
import struct
import threading
from types import TracebackType
from typing import Self

from tests.support.packet_loss import find_packets, lose_packets

_CHUNK = 65536
_RESET = struct.pack("ii", 1, 0)


class FaultProxy:
    """One leg; a context manager that runs a thread.

    Args:
        target: the port on 127.0.0.1 behind it.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._orders: queue.SimpleQueue[tuple[int | None, queue.SimpleQueue[int]]] = queue.SimpleQueue()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._left: dict[socket.socket, int] = {}
        self._limit: int | None = None
        self._hangs = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fault proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(10)
        self._listener.close()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._pairs) // 2

    def cut(self, count: int | None = None) -> int:
        """Resets every connection, or the `count` oldest; returns how many."""
        done: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._orders.put((count, done))
        return done.get(timeout=30)

    def hang(self, hangs: bool) -> None:
        """Whether bytes are kept back."""
        self._hangs = hangs

    def lose(self, loses: bool) -> None:
        """Whether every packet that clients send is lost. The other direction lives on."""
        for towards_client in (self._listener, *list(self._pairs)[::2]):
            (lose_packets if loses else find_packets)(towards_client)

    def cut_after(self, answered: int | None) -> None:
        """New connections are reset behind so many bytes from the target; None ends that."""
        self._limit = answered

    def _run(self) -> None:
        with self._selector:
            self._selector.register(self._listener, selectors.EVENT_READ)
            while not self._stop.is_set():
                for key, _ in self._selector.select(0.005):
                    end = key.fileobj
                    assert isinstance(end, socket.socket)
                    if end is self._listener:
                        self._accept()
                    elif not self._hangs and end in self._pairs:
                        self._pass_on(end)
                while not self._orders.empty():
                    self._carry_out(*self._orders.get())
            self._carry_out(None, queue.SimpleQueue())

    def _carry_out(self, count: int | None, done: queue.SimpleQueue[int]) -> None:
        pairs = list(self._pairs.items())[::2][:count]
        for one, other in pairs:
            self._close(one, other)
        done.put(len(pairs))

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            client.close()
            return
        self._pairs |= {client: server, server: client}
        if self._limit is not None:
            self._left[server] = self._limit
        for end in (client, server):
            self._selector.register(end, selectors.EVENT_READ)

    def _pass_on(self, end: socket.socket) -> None:
        other = self._pairs[end]
        left = self._left.get(end)
        try:
            data = end.recv(_CHUNK if left is None else max(left, 1))
            if not data:
                self._close(end, other, reset=False)
                return
            if left is not None:
                data, self._left[end] = data[:left], left - len(data)
            other.sendall(data)
        except OSError:
            self._close(end, other)
            return
        if self._left.get(end, 1) <= 0:
            self._close(end, other)

    def _close(self, *ends: socket.socket, reset: bool = True) -> None:
        for end in ends:
            if self._pairs.pop(end, None) is None:
                continue
            self._left.pop(end, None)
            # Before it is closed: its number may be another connection's at once.
            self._selector.unregister(end)
            with contextlib.suppress(OSError):
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.close()
