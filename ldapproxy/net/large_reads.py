"""Large results: read by the clock, and giving way to others.

Owns when a socket is read from which much comes. It must not know what comes, nor how it is read.

A directory writes a large result entry by entry, and each entry would wake us: for a few KiB at a time. Read
once a millisecond, the same result costs a third less of our processor time, and less of the directory's,
which wakes nobody then. And whoever looks up one entry, or logs in, need not stand behind a hundred megabytes
for somebody else: once a result is very large, and as long as there is anything else to do, it gets one piece
each time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum, unique
from typing import Final, Protocol

from twisted.python import log

PIECE: Final = 64 * 1024
"""Octets that are read at once, which is what Twisted reads."""

LARGE: Final = PIECE
"""Octets of an answer from which on it is read by the clock; what a login or a look-up needs never is."""

# Seconds. uvloop's clock has no finer ones, and no result should get later by more where nobody else asks.
_TICK = 0.001
# Octets that are read for all of them before others have their turn: about a millisecond's work.
_TURN = 16 * PIECE
# Octets of an answer from which on it gives way. What is below is over in a few milliseconds.
_VERY_LARGE = 2 * 1024 * 1024
# What it gets each time then, which makes 64 MB/s: half of what a network of 1 Gb/s carries.
_SHARE = PIECE
# Seconds for which somebody's request means that there is something else to do.
_BUSY = 1.0


@unique
class Came(Enum):
    """What was there when a socket was read."""

    NOTHING = "nothing"
    ALL = "all"  # and nothing is left
    MORE = "more"  # than was to be read


class LargeSocket(Protocol):
    """A socket from which much comes."""

    come: int
    """Octets that came since the last request."""
    asked: int
    """The number of the last request on it."""

    def read_waiting(self, most: int) -> Came | Exception:
        """Reads and hands on what is there, about `most` octets of it.

        Returns:
            What was there; or why nothing will come any more.
        """

    def watch_again(self) -> None:
        """Nothing comes for now: the event loop is to say when."""


class LargeReads:
    """The sockets that are read by the clock.

    Args:
        loop: whose clock.
        lost: is told of a socket that has ended, and why.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        lost: Callable[[LargeSocket, Exception], None],
    ) -> None:
        self._loop = loop
        self._lost = lost
        self._sockets: dict[LargeSocket, None] = {}
        self._due: deque[LargeSocket] = deque()
        self._is_running = False
        self._asked = self._seen = 0
        self._busy_until = 0.0

    def add(self, socket: LargeSocket) -> None:
        """From now on it is read here, until it is discarded."""
        self._sockets[socket] = None
        if not self._is_running:
            self._is_running = True
            self._loop.call_later(_TICK, self._tick)

    def discard(self, socket: LargeSocket) -> None:
        """It is no longer read here, if it ever was."""
        self._sockets.pop(socket, None)

    def number(self) -> int:
        """The number of a request that is being written, on whichever socket."""
        self._asked += 1
        return self._asked

    def _tick(self) -> None:
        self._due.extend(self._sockets)
        self._turn()

    def _turn(self) -> None:
        """Reads those that are due, as far as a turn goes, and goes on when others have had theirs."""
        due, left = self._due, _TURN
        is_busy = self._is_busy()
        while due and left > 0:
            socket = due.popleft()
            if socket not in self._sockets:
                continue  # it was discarded in the meantime
            before = socket.come
            gives_way = is_busy and before > _VERY_LARGE and socket.asked != self._asked
            try:
                came = socket.read_waiting(_SHARE if gives_way else left)
            except Exception as error:  # as where they are watched: it ends that connection alone
                came = error
                log.err()  # type: ignore[no-untyped-call]  # untyped in Twisted
            if isinstance(came, Exception):
                self.discard(socket)
                self._lost(socket, came)
            elif socket not in self._sockets:
                continue
            elif came is Came.NOTHING:
                socket.watch_again()
            else:
                left -= socket.come - before
                if came is Came.MORE and not gives_way:
                    due.append(socket)
        if due:
            self._loop.call_soon(self._turn)
        elif self._sockets:
            self._loop.call_later(_TICK, self._tick)
        else:
            self._is_running = False

    def _is_busy(self) -> bool:
        """Whether anything has been asked lately, on whichever socket."""
        now = self._loop.time()
        if self._asked != self._seen:
            self._seen = self._asked
            self._busy_until = now + _BUSY
        return now < self._busy_until
