"""Twisted's TCP transports, which write at once here.

Owns what happens to a write. It must not know protocols.

Twisted queues every write and sends it when the event loop says that the socket takes bytes: one more turn of
the loop, and two more system calls for each answer. That is a third of what relaying a search costs. A socket
nearly always takes a message at once, so here it is offered first.
"""

# mypy: disable-error-code=no-untyped-call
# Twisted has no types for most of what is called here.

from __future__ import annotations

from twisted.internet import tcp


class _WritesAtOnce(tcp.Connection):
    """Sends what the socket takes; the rest goes the ordinary way, and so does everything behind it."""

    # True while something is queued, while the connection is being made, and after an abort.
    _queues = False
    _is_aborted = False

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

    def startWriting(self) -> None:  # noqa: N802 - Twisted's name
        """The event loop is to say when the socket takes bytes."""
        self._queues = True
        super().startWriting()

    def stopWriting(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing is queued any more."""
        self._queues = self._is_aborted
        super().stopWriting()

    def abortConnection(self) -> None:  # noqa: N802 - Twisted's name
        """Closes at once; nothing may be sent any more."""
        self._queues = self._is_aborted = True
        super().abortConnection()


class AcceptedSocket(_WritesAtOnce, tcp.Server):
    """A connection that a client made to us."""


class ConnectedSocket(_WritesAtOnce, tcp.Client):
    """A connection that we made."""


class ListeningSocket(tcp.Port):
    """Listens; what it accepts writes at once."""

    transport = AcceptedSocket


class Connector(tcp.Connector):
    """Connects; what it makes writes at once."""

    def _makeTransport(self) -> ConnectedSocket:  # noqa: N802 - Twisted's name
        return ConnectedSocket(self.host, self.port, self.bindAddress, self, self.reactor)
