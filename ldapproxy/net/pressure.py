"""Back-pressure towards one client: why its bytes are not being read right now.

Owns the reasons and the switch. It must not know what is relayed. Several causes may hold the client at a
time; reading goes on when none is left. (A transport that is not read does not notice that its peer has
closed, so the causes are few and end by themselves: the directory takes bytes again, or the client does.)
"""

from __future__ import annotations

from enum import Enum, unique

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from ldapproxy.net.transport import Transport


@unique
class Cause(Enum):
    """Why a client is not read."""

    DIRECTORY_SLOW = "directory_slow"
    ANSWERS_WAIT = "answers_wait"


class ClientReading:
    """Holds and releases the reading of one client's transport."""

    __slots__ = ("_causes", "_transport")

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._causes: set[Cause] = set()

    def hold(self, cause: Cause) -> None:
        """Stops reading, for this cause."""
        if not self._causes:
            self._transport.pauseProducing()
        self._causes.add(cause)

    def release(self, cause: Cause) -> None:
        """The cause is gone; reading goes on if it was the last."""
        if cause in self._causes:
            self._causes.discard(cause)
            if not self._causes:
                self._transport.resumeProducing()


@implementer(IPushProducer)
class DirectoryPace:
    """The producer that a directory's transport pauses when it cannot take more: it holds the client."""

    def __init__(self, reading: ClientReading) -> None:
        self._reading = reading

    def pauseProducing(self) -> None:
        """The directory takes no more."""
        self._reading.hold(Cause.DIRECTORY_SLOW)

    def resumeProducing(self) -> None:
        """The directory takes bytes again."""
        self._reading.release(Cause.DIRECTORY_SLOW)

    def stopProducing(self) -> None:
        """The directory's transport is gone; nothing of it holds the client any more."""
        self._reading.release(Cause.DIRECTORY_SLOW)
