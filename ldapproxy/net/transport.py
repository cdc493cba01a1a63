"""The transports that Twisted hands us, as types.

Owns one type: what `net` calls on a TCP transport, with or without TLS on it. It must not know more of
Twisted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IPushProducer


class Transport(Protocol):
    """A TCP transport: `ITCPTransport`, `ITLSTransport`, `IConsumer` and `IPushProducer`."""

    def write(self, data: bytes) -> None:
        """Queues bytes; never blocks."""

    def loseConnection(self) -> None:  # noqa: N802 - Twisted's name
        """Closes when everything is written."""

    def abortConnection(self) -> None:  # noqa: N802 - Twisted's name
        """Closes at once."""

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: N802 - Twisted's name
        """Nagle's algorithm off or on."""

    def setTcpKeepAlive(self, enabled: bool) -> None:  # noqa: N802 - Twisted's name
        """TCP keep-alive on or off."""

    def startTLS(self, context: object) -> None:  # noqa: N802 - Twisted's name
        """TLS from now on, in the role that `context` is made for."""

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:  # noqa: N802 - Twisted's name
        """Who is told to produce less or more."""

    def unregisterProducer(self) -> None:  # noqa: N802 - Twisted's name
        """Nobody is told any more."""

    def tell_queued(self, tell: Callable[[int], None] | None) -> None:
        """Who is told how many bytes the peer has not taken, whenever that changes (`sockets`)."""

    def pauseProducing(self) -> None:
        """Stops reading."""

    def resumeProducing(self) -> None:
        """Reads again."""
