"""Twisted's reactor on uvloop: one loop for Twisted's sockets and asyncio's tasks.

Owns how Twisted's file descriptors are watched. It must not know what they are for.

Twisted's own asyncio reactor hands each descriptor to the loop. On uvloop that loses connections: when a peer
resets one while bytes of it are unread, uvloop calls the reader once more, closes its watch for good, and
tells nobody; the reader gets the bytes, hears of no reset, and waits for ever. So Twisted's descriptors are
kept in an epoll of their own, and the loop watches that epoll. It is also cheaper: a descriptor costs one
system call instead of a handle.
"""

from __future__ import annotations

import asyncio
import select
from typing import Any

import uvloop
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor

# Milliseconds are not waited here: the loop calls when there is something.
_AT_ONCE = 0


class LoopReactor(EPollReactor, AsyncioSelectorReactor):
    """Sockets as Twisted's epoll reactor watches them, all else as its asyncio reactor does it.

    Args:
        loop: the loop that runs everything.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._poller = select.epoll()
        self._reads: set[int] = set()
        self._writes: set[int] = set()
        self._selectables: dict[int, Any] = {}
        # Not EPollReactor's own, which would make what is made above again.
        AsyncioSelectorReactor.__init__(self, loop)
        loop.add_reader(self._poller.fileno(), self.doPoll, _AT_ONCE)


def install_reactor() -> LoopReactor:
    """Installs the reactor on a new uvloop and returns it.

    To be called once per process, before anything else of Twisted's is imported that needs a reactor.

    Raises:
        ReactorAlreadyInstalledError: somebody has imported another one.
    """
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    reactor = LoopReactor(loop)
    installReactor(reactor)  # type: ignore[no-untyped-call]  # untyped in Twisted
    return reactor
