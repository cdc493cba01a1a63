"""Twisted's reactor on uvloop: one loop for Twisted's sockets and asyncio's tasks.

Owns how Twisted's file descriptors are watched, and that its TCP transports are those of `sockets`. It must
not know what they are for.

Twisted's own asyncio reactor hands each descriptor to the loop. On uvloop that loses connections: when a peer
resets one while bytes of it are unread, uvloop calls the reader once more, closes its watch for good, and
tells nobody; the reader gets the bytes, hears of no reset, and waits for ever. So Twisted's descriptors are
kept in an epoll of their own, and the loop watches that epoll. It is also cheaper: a descriptor costs one
system call instead of a handle.
"""

from __future__ import annotations

import asyncio
import select
import time
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.main import installReactor
from twisted.internet.protocol import ClientFactory
from twisted.python import log

from ldapproxy.net.large_reads import LargeReads
from ldapproxy.net.loop import Loop, give_large_buffers_back
from ldapproxy.net.sockets import Connector, ListeningSocket

# Milliseconds are not waited here: the loop calls when there is something.
_AT_ONCE = 0
_READABLE = select.EPOLLIN
# Descriptors served in one turn of the loop, so that those that are always ready do not keep others waiting.
_EVENTS = 256


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
        self.large_reads = LargeReads(
            loop,
            lambda ended, why: self._disconnectSelectable(ended, why, True),  # type: ignore[no-untyped-call]
        )
        # Not EPollReactor's own, which would make what is made above again.
        AsyncioSelectorReactor.__init__(self, loop)
        loop.add_reader(self._poller.fileno(), self.doPoll, _AT_ONCE)

    def seconds(self) -> float:
        """A clock that never goes back (Twisted's own is the time of day): set clocks move no time-out."""
        return time.monotonic()

    def doPoll(self, timeout: float) -> None:  # noqa: N802 - Twisted's name
        """Serves the descriptors that are ready.

        Twisted's own wraps each of them into a context that says whose it is, for its log, which nobody reads
        here: a tenth of what relaying a search costs. And where nothing but bytes have come, as nearly
        always, they are read without looking for the other cases first.
        """
        selectables = self._selectables
        ready = [
            (descriptor, event, selectables.get(descriptor))
            for descriptor, event in self._poller.poll(timeout, _EVENTS)
        ]
        for descriptor, event, selectable in ready:
            # One of those before may have closed it, and the number may be a new connection's by now.
            if selectables.get(descriptor) is not selectable or selectable is None:
                continue
            if event != _READABLE:
                self._doReadOrWrite(selectable, descriptor, event)  # type: ignore[no-untyped-call]
                continue
            try:
                ended = selectable.doRead()
            except BaseException as error:  # as in Twisted's own: it ends that connection alone
                ended = error
                log.err()  # type: ignore[no-untyped-call]
            if ended:
                self._disconnectSelectable(selectable, ended, True)  # type: ignore[no-untyped-call]

    def listenTCP(  # noqa: N802 - Twisted's name
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        """Listens; see `IReactorTCP`."""
        listening = ListeningSocket(port, factory, backlog, interface, self)
        listening.startListening()
        return listening

    def connectTCP(  # noqa: N802 - Twisted's name
        self,
        host: str,
        port: int,
        factory: ClientFactory[Any],
        timeout: float = 30.0,
        bindAddress: Any = None,  # noqa: N803 - Twisted's name
    ) -> Connector:
        """Connects; see `IReactorTCP`."""
        connector = Connector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector


def install_reactor() -> LoopReactor:
    """Installs the reactor on a new uvloop and returns it.

    To be called once per process, before anything else of Twisted's is imported that needs a reactor.

    Raises:
        ReactorAlreadyInstalledError: somebody has imported another one.
    """
    give_large_buffers_back()
    loop = Loop()
    asyncio.set_event_loop(loop)
    reactor = LoopReactor(loop)
    installReactor(reactor)  # type: ignore[no-untyped-call]  # untyped in Twisted
    return reactor
