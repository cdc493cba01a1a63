"""Twisted's TCP transports, which write at once here.

Owns what happens to a write. It must not know protocols.

Twisted queues every write and sends it when the event loop says that the socket takes bytes: one more turn of
the loop, and two more system calls for each answer. That is a third of what relaying a search costs. A socket
nearly always takes a message at once, so here it is offered first. And a transport that is to be closed with
nothing left to write is not watched until it can be written.
"""

# mypy: disable-error-code=no-untyped-call
# Twisted has no types for most of what is called here.

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from twisted.internet import tcp
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import connectionDone


class _WritesAtOnce(tcp.Connection):
    """Sends what the socket takes; the rest goes the ordinary way, and so does everything behind it."""

    # True while something is queued, while the connection is being made, and after an abort.
    _queues = False
    _is_aborted = False
    _tell_queued: Callable[[int], None] | None = None

    def write(self, data: bytes) -> None:
        """Sends or queues; never blocks or raises. That a connection is lost is told later, as ever."""
        if not self._queues and not self.TLS and self.connected and data:
            try:
                sent = self.socket.send(data)
            except OSError:
                sent = 0  # full or lost: the ordinary way finds out which
            if sent == len(data):
                return
            data = data[sent:]
        super().write(data)
        self._queue_changed()

    # An abort puts a function in its place that does nothing, as with doWrite below.
    def doRead(self) -> Exception | None:  # type: ignore[override]  # noqa: N802 - Twisted's name
        """Hands on what has come: Twisted's own, with one call less for each message."""
        try:
            data = self.socket.recv(self.bufferSize)
        except BlockingIOError:
            return None
        except OSError:
            lost: Exception = CONNECTION_LOST
            return lost
        if not data:
            done: Exception = CONNECTION_DONE
            return done
        self.protocol.dataReceived(data)
        return None

    def tell_queued(self, tell: Callable[[int], None] | None) -> None:
        """Who is told how many bytes are queued, whenever that changes; None for nobody."""
        self._tell_queued = tell

    def _queue_changed(self) -> None:
        if self._tell_queued is not None:
            self._tell_queued(len(self.dataBuffer) - self.offset + self._tempDataLen)

    def startWriting(self) -> None:  # noqa: N802 - Twisted's name
        """The event loop is to say when the socket takes bytes."""
        self._queues = True
        super().startWriting()

    def stopWriting(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing is queued any more."""
        self._queues = self._is_aborted
        super().stopWriting()

    # An abort puts a function in its place that does nothing, and mypy takes that one's type.
    def doWrite(self) -> Exception | int | None:  # type: ignore[override]  # noqa: N802 - Twisted's name
        """Sends what is queued. A connection that is to be closed is closed when that is done.

        Twisted's own would wait for a producer to take its leave first. TLS closes the transport by itself
        when the peer says farewell, and what is written to TLS goes nowhere from then on: a producer that was
        paused just then would never have a reason to, and nobody would watch the socket any more.
        """
        failed: Exception | int | None = super().doWrite()
        self._queue_changed()
        if failed is None and self.disconnecting and not self._queues:
            closed: Exception = self._postLoseConnection()
            return closed
        return failed

    def loseConnection(self) -> None:  # noqa: N802 - Twisted's name
        """Closes when everything is written: in the next turn of the loop, when nothing is queued."""
        if self._queues or self.TLS or not self.connected or self.disconnecting:
            super().loseConnection()
            return
        self.disconnecting = self._queues = True
        self.stopReading()
        asyncio.get_running_loop().call_soon(self.connectionLost, connectionDone)

    def abortConnection(self) -> None:  # noqa: N802 - Twisted's name
        """Closes at once; nothing may be sent any more."""
        self._queues = self._is_aborted = True
        super().abortConnection()


class AcceptedSocket(_WritesAtOnce, tcp.Server):
    """A connection that a client made to us."""


class ConnectedSocket(_WritesAtOnce, tcp.Client):
    """A connection that we made."""


class ListeningSocket(tcp.Port):
    """Listens; what it accepts writes at once, without Nagle's algorithm, and with TCP keep-alive."""

    transport = AcceptedSocket

    def createInternetSocket(self) -> socket.socket:  # noqa: N802 - Twisted's name
        """The socket; those that it accepts inherit its options, at no cost."""
        listening: socket.socket = super().createInternetSocket()
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, True)
        return listening


class Connector(tcp.Connector):
    """Connects; what it makes writes at once."""

    def _makeTransport(self) -> ConnectedSocket:  # noqa: N802 - Twisted's name
        return ConnectedSocket(self.host, self.port, self.bindAddress, self, self.reactor)
