"""The portal's address: HTTPS, so many connections, and so long a time for each request.

Owns sockets, TLS, and the limits of connections. It must not know what a request says. Parts of
twisted.web carry no types, hence the ignored `no-untyped-call`s.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from twisted.internet import address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IReactorTCP,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http import Request as HTTPRequest
from twisted.web.server import Site

from ldapproxy.web.portal import Portal
from ldapproxy.web.portal_http import Everything, PortalRequest
from ldapproxy.web.settings import PortalSettings

# Seconds for a handshake and a whole request, and between two of them. A browser needs a fraction of one;
# whoever sends a byte now and then holds a connection no longer than that.
_REQUEST_WITHIN: Final = 30.0
# Connections at a time, some 70 KiB each with TLS. A browser opens up to six.
_MOST: Final = 500
# Of one address, behind which may be an office.
_MOST_OF_ONE: Final = 200


class PortalError(Exception):
    """The portal's address cannot be served; the message says why in one sentence."""


class PortalSite:
    """Serves one portal. `portal` is it.

    Args:
        reactor: listens and keeps the time.
        settings: where.
        tls: the portal's certificate.
        portal: answers.
    """

    def __init__(
        self,
        reactor: IReactorTCP,
        settings: PortalSettings,
        tls: IOpenSSLServerConnectionCreator,
        portal: Portal,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self.portal = portal
        self._site = _Site(portal, reactor)
        self._factory = _AlwaysTls(tls, False, self._site)
        self._listening: IListeningPort | None = None

    @property
    def url(self) -> str:
        """Where it listens, as the configuration writes it."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        return f"https://{host}:{self.port}"

    @property
    def port(self) -> int:
        """The TCP port that is listened on; differs from the settings' when that is 0."""
        if self._listening is None:
            return self._settings.port
        host = self._listening.getHost()
        assert isinstance(host, address.IPv4Address | address.IPv6Address)
        return host.port

    def start(self) -> None:
        """Listens.

        Raises:
            PortalError: the address cannot be listened on.
        """
        settings = self._settings
        try:
            self._listening = self._reactor.listenTCP(
                settings.port,
                self._factory,  # type: ignore[arg-type]  # Twisted's own factories do not fit its types
                interface=settings.host,
            )
        except CannotListenError as error:
            why = error.socketError.strerror or error.socketError
            raise PortalError(f"the portal cannot listen on {self.url}: {why}") from None

    def stop(self) -> Deferred[None]:
        """Stops listening and closes all connections; fires when nobody listens any more.

        What the portal itself waits for is ended by `Portal.aclose`.
        """
        listening, self._listening = self._listening, None
        stopped = None if listening is None else listening.stopListening()
        self._site.close()
        return succeed(None) if stopped is None else stopped


class _Channel(HTTPChannel):
    """A connection, closed when a request takes too long to arrive, or an answer to be taken."""

    site: _Site
    transport: Any
    _deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """The handshake is still to come."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self._must_go_on()

    def allContentReceived(self) -> None:  # noqa: N802 (Twisted's own name)
        """A request is here in full; the time until its answer is ours."""
        self._no_hurry()
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def requestDone(self, request: HTTPRequest) -> None:  # noqa: N802 (Twisted's own name)
        """The answer is written; the browser has to take it, and to send the next request or leave."""
        self._must_go_on()
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone."""
        self._no_hurry()
        self.site.closed(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _must_go_on(self) -> None:
        self._no_hurry()
        later = self.callLater(_REQUEST_WITHIN, self.transport.abortConnection)  # type: ignore[no-untyped-call]
        self._deadline = later

    def _no_hurry(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()


class _Site(Site):
    """Every request goes to the portal."""

    # A page that fails answers 500 without showing code.
    displayTracebacks = False  # noqa: N815 (Twisted's own name)
    # Plain HTTP/1.1: of HTTP/2 nothing here makes use.
    protocol = _Channel  # type: ignore[assignment]  # a class is a factory too

    def __init__(self, portal: Portal, reactor: IReactorTCP) -> None:
        self._channels: dict[_Channel, str] = {}
        self._of_one: Counter[str] = Counter()
        # `_Channel` keeps its own, stricter time.
        super().__init__(  # type: ignore[no-untyped-call]
            Everything(portal), requestFactory=PortalRequest, timeout=None, reactor=reactor
        )

    def buildProtocol(  # type: ignore[override]  # Twisted types its switch to HTTP/2, which is not used
        self, addr: IAddress | None
    ) -> _Channel | None:
        """A connection; None when there are too many."""
        host = str(getattr(addr, "host", ""))
        if len(self._channels) >= _MOST or self._of_one[host] >= _MOST_OF_ONE:
            return None
        channel: _Channel = super().buildProtocol(addr)  # type: ignore[no-untyped-call]
        self._channels[channel] = host
        self._of_one[host] += 1
        return channel

    def closed(self, channel: _Channel) -> None:
        """A connection is gone."""
        host = self._channels.pop(channel, None)
        if host is not None:
            self._of_one[host] -= 1
            if not self._of_one[host]:
                del self._of_one[host]

    def close(self) -> None:
        """Closes all connections."""
        for channel in list(self._channels):
            channel.transport.abortConnection()
        self.resource.close()

    def log(self, request: HTTPRequest) -> None:
        """Writes no access log: what counts is in the audit log."""


class _AlwaysTls(TLSMemoryBIOFactory):
    """TLS from the first byte; a connection that is refused is closed, which Twisted's own class forgets."""

    def buildProtocol(  # type: ignore[override]  # any factory may refuse a connection
        self, addr: IAddress | None
    ) -> TLSMemoryBIOProtocol | None:
        """TLS around a channel."""
        channel = self.wrappedFactory.buildProtocol(addr)
        return None if channel is None else self.protocol(self, channel)
