"""TLS around a listener's connections, from their first byte.

Owns Twisted's transport for it, without what is paid for by every connection and needed by none here. It must
not know certificates (`tls` does), nor what the connections are for.
"""

# mypy: disable-error-code=no-untyped-call
# Twisted has no types for most of what is called here.

from __future__ import annotations

from twisted.internet.interfaces import IAddress, ITransport
from twisted.internet.protocol import Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol


class _ServerTls(TLSMemoryBIOProtocol):
    """A connection's TLS, which writes at once as the transport below it does.

    Twisted's usual one keeps what is written until the next turn of the loop, for protocols that write in
    crumbs; here whole messages are written.
    """

    def makeConnection(self, transport: ITransport) -> None:  # noqa: N802 - Twisted's name
        """TCP is up.

        Twisted's own also takes on the interfaces of `transport`, for which nobody here asks, and begins the
        handshake before the client has said anything: a twentieth of what a login with TLS costs.
        """
        self._tlsConnection = self.factory._creatorCallable(self)
        self._appSendBuffer: list[bytes] = []
        Protocol.makeConnection(self, transport)
        self.factory.registerProtocol(self)
        self.wrappedProtocol.makeConnection(self)


class TlsFromTheStart(TLSMemoryBIOFactory):
    """TLS around a listener; a client that it refuses is closed, which Twisted's own class forgets to do."""

    protocol = _ServerTls

    def buildProtocol(  # type: ignore[override]  # Twisted's own declares less than IProtocolFactory allows
        self, addr: IAddress | None
    ) -> TLSMemoryBIOProtocol | None:
        """TLS around the listener's protocol, or None to close the connection."""
        session = self.wrappedFactory.buildProtocol(addr)
        return None if session is None else self.protocol(self, session)
