"""What the sessions of one listener hold in memory together, and who has to go when it is too much.

Owns the sum behind `limits.buffered_total`. It must not know what is held, nor how a session ends.

Every session has bounds of its own, but ten thousand of them at once are more than a process has: so many
clients that begin a large request and never end it, that send on behind a bind, or that ask and do not read.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, unique
from typing import Final

SPARED: Final = 4 * 1024
"""Bytes in one place for which no session has to go, whatever the others hold: nearly every bind and search
is smaller. So who fills the memory with halves of requests does not keep others from logging in, even if
theirs come in two pieces."""


@unique
class Place(IntEnum):
    """Where a session holds bytes."""

    REQUESTS = 0
    """Of the client: not whole yet, or behind a pending bind."""
    TO_DIRECTORY = 1
    """Requests that wait for a directory connection, or that the directory does not take."""
    TO_CLIENT = 2
    """Answers that the client does not read."""


class HeldTotal:
    """All sessions of a listener.

    Args:
        limit: bytes that they may hold together; see `SPARED`.

    Attributes:
        size: bytes that they hold now.
    """

    __slots__ = ("limit", "size")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0


class Held:
    """What one session holds.

    Args:
        total: that of its listener.
        too_much: is called whenever the session holds more than before and the limit is passed. It must not
            end the session before it returns: whoever holds is in the middle of something.
    """

    __slots__ = ("_places", "_too_much", "_total")

    def __init__(self, total: HeldTotal, too_much: Callable[[Place], None]) -> None:
        self._total = total
        self._too_much = too_much
        # By `Place`: every message passes here, and a dictionary takes three times as long.
        self._places = [0] * len(Place)

    def now(self, place: Place, size: int) -> None:
        """So many bytes are held in a place now, instead of what was there before."""
        before = self._places[place]
        if size == before:
            return
        self._places[place] = size
        total = self._total
        total.size += size - before
        if size > before and size > SPARED and total.size > total.limit:
            self._too_much(place)

    def nothing(self) -> None:
        """The session is gone, and everything with it: nobody is told any more.

        What it had told us to call holds the session, which holds us. Without that circle both go at once,
        and not when a collector of garbage finds them.
        """
        self._total.size -= sum(self._places)
        self._places = [0] * len(Place)
        self._too_much = _tell_nobody


def _tell_nobody(place: Place) -> None:
    """The session is gone."""
