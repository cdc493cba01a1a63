"""Twisted's TCP transports, which write at once here, and read by the clock what is large.

Owns what happens to a write and to a read. It must not know protocols.

Twisted queues every write and sends it when the event loop says that the socket takes bytes: one more turn of
the loop, and two more system calls for each answer. That is a third of what relaying a search costs. A socket
nearly always takes a message at once, so here it is offered first. And a transport that is to be closed with
nothing left to write is not watched until it can be written.

When to read a large answer is the matter of `large_reads`; here is how.
"""

# mypy: disable-error-code=no-untyped-call
# Twisted has no types for most of what is called here.

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

from twisted.internet import tcp
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import connectionDone

from ldapproxy.net.large_reads import LARGE, PIECE, Came, LargeReads


class LargeReactor(Protocol):
    """What a connection that we made needs of its reactor."""

    large_reads: LargeReads


class _WritesAtOnce(tcp.Connection):
    """Sends what the socket takes; the rest goes the ordinary way, and so does everything behind it."""

    # True while something is queued, while the connection is being made, and after an abort.
    _queues = False
    _is_aborted = False
    _tell_queued: Callable[[int], None] | None = None
    # Octets that came since the last write, where they are counted.
    come = 0

    def write(self, data: bytes) -> None:
        """Sends or queues; never blocks or raises. That a connection is lost is told later, as ever."""
        if self.come:
            self._next_request()
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
        """Hands on what has come: Twisted's own, with fewer calls for each message."""
        data = self._piece()
        if isinstance(data, bytes):
            self.protocol.dataReceived(data)
            return None
        return data

    def _piece(self) -> bytes | Exception | None:
        """What has come, None for nothing, or why nothing will any more."""
        try:
            data = self.socket.recv(PIECE)
        except BlockingIOError:
            return None
        except OSError:
            lost: Exception = CONNECTION_LOST
            return lost
        done: Exception = CONNECTION_DONE
        return data or done

    def _next_request(self) -> None:
        """There is a write behind octets that were counted."""

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
    """A connection that we made.

    Once much has come behind the last request it is not watched, but read by the clock: until a request is
    written, nothing more comes, or reading is paused.

    Attributes:
        come: octets that came since the last request.
        asked: that request's number among all requests.
    """

    reactor: LargeReactor  # type: ignore[assignment]  # Twisted declares less than it gives
    asked = 0
    _is_by_the_clock = False

    def _next_request(self) -> None:
        """What comes from now on is read at once, since it may well be small."""
        if self._is_by_the_clock:
            self.watch_again()
        self.come = 0
        self.asked = self.reactor.large_reads.number()

    def doRead(self) -> Exception | None:  # type: ignore[override]  # noqa: N802 - Twisted's name
        """Hands on what has come."""
        data = self._piece()
        if isinstance(data, bytes):
            self.come += len(data)
            if self.come > LARGE:
                self.stopReading()
                self._is_by_the_clock = True
                self.reactor.large_reads.add(self)
            self.protocol.dataReceived(data)
            return None
        return data

    def read_waiting(self, most: int) -> Came | Exception:
        """See `large_reads.LargeSocket`. It ends early when what it hands on leads to a pause or the end."""
        came = Came.NOTHING
        while most > 0:
            data = self._piece()
            if not isinstance(data, bytes):
                return came if data is None else data
            self.come += len(data)
            most -= len(data)
            self.protocol.dataReceived(data)
            if len(data) < PIECE or not self._is_by_the_clock:
                return Came.ALL
            came = Came.ALL
        return Came.MORE

    def watch_again(self) -> None:
        """See `large_reads.LargeSocket`."""
        self.come = 0
        self.stopReading()
        self.startReading()

    def startReading(self) -> None:  # noqa: N802 - Twisted's name
        """Reads, unless it is read already."""
        if not self._is_by_the_clock:
            super().startReading()

    def stopReading(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing is read any more, in either way."""
        if self._is_by_the_clock:
            self._is_by_the_clock = False
            self.reactor.large_reads.discard(self)
        else:
            super().stopReading()


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
