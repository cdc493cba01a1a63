"""The HTTPS port of the simulated Duo, which can be closed and opened again, or be there and mute.

Owns sockets, TLS and open connections. It must not know what is asked over them.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web

from ldapproxy.demo.certificate import CertificateFiles
from ldapproxy.demo.duo_faults import Reachability

# Connections that may wait to be accepted: thousands of logins may start in one moment.
_BACKLOG = 4096
# Seconds that an idle connection is kept, about as long as Duo's front end does.
_KEEPALIVE_TIMEOUT = 60.0

Respond = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class DuoListener:
    """One port over TLS.

    Args:
        respond: answers a request.
        certificate: what it presents.
        host: the address to listen on.
        port: the port; 0 takes a free one.

    Raises:
        CertificateError: the certificate cannot be used.
    """

    def __init__(self, respond: Respond, certificate: CertificateFiles, host: str, port: int) -> None:
        self._tls = _presenting(certificate)
        # aiohttp's low-level server: an application with a router costs a third more time a call.
        # Cancellation: a client that hangs up frees what waited for it.
        self._server = web.Server(
            respond, handler_cancellation=True, access_log=None, keepalive_timeout=_KEEPALIVE_TIMEOUT
        )
        self._runner = web.ServerRunner(self._server)
        self.host = host
        self.port = port
        self.reachability = Reachability.REFUSED
        self._observers: list[Callable[[], None]] = []
        # Bound and never listening: it keeps the port ours, and closed to clients, while Duo is off.
        self._placeholder: socket.socket | None = None
        self._site: web.SockSite | None = None
        self._mute: socket.socket | None = None
        self._resetting: asyncio.Server | None = None

    async def start(self) -> None:
        """Opens the port and serves.

        Raises:
            OSError: the address cannot be listened on.
        """
        self._placeholder = self._bind()
        self.port = self._placeholder.getsockname()[1]
        await self._runner.setup()
        await self.set_reachability(Reachability.ON)

    async def stop(self) -> None:
        """Closes the port and all connections."""
        await self.set_reachability(Reachability.REFUSED)
        await self._runner.cleanup()
        if self._placeholder is not None:
            self._placeholder.close()

    def observe(self, changed: Callable[[], None]) -> None:
        """Calls `changed` whenever the reachability changes."""
        self._observers.append(changed)

    async def use_certificate(self, certificate: CertificateFiles) -> None:
        """Presents another certificate from now on; open connections are cut.

        Raises:
            CertificateError: it cannot be used.
        """
        # Not into the context in use: OpenSSL keeps one certificate of each type of key there.
        self._tls = _presenting(certificate)
        before = self._site
        if before is not None:
            # The new socket first: nobody is refused in between.
            await self._open()
            await before.stop()
        self.cut_connections()

    def cut_connections(self) -> None:
        """Ends all open connections without a word."""
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def set_reachability(self, wanted: Reachability) -> None:
        """Opens the port, or makes it useless in one of several ways."""
        if wanted is self.reachability:
            return
        await self._close()
        self.reachability = wanted
        match wanted:
            case Reachability.ON:
                await self._open()
            case Reachability.SILENT:
                self._mute = self._bind()
                self._mute.listen(_BACKLOG)
            case Reachability.RESET:
                loop = asyncio.get_running_loop()
                self._resetting = await loop.create_server(_Reset, sock=self._bind(), backlog=_BACKLOG)
            case Reachability.REFUSED:
                pass
        for changed in self._observers:
            changed()

    async def _open(self) -> None:
        """Serves on a socket of its own, with the certificate of today."""
        self._site = web.SockSite(self._runner, self._bind(), ssl_context=self._tls, backlog=_BACKLOG)
        await self._site.start()

    async def _close(self) -> None:
        """Closes whatever serves the port now, and every connection."""
        if self._site is not None:
            await self._site.stop()
            self._site = None
        if self._mute is not None:
            self._mute.close()
            self._mute = None
        if self._resetting is not None:
            self._resetting.close()
            self._resetting = None
        self.cut_connections()

    def _bind(self) -> socket.socket:
        """A socket on our address; several may be bound, one at most listens."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setblocking(False)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            bound.bind((self.host, self.port))
        except OSError as error:
            bound.close()
            raise OSError(error.errno, f"{self.host}:{self.port}: {error.strerror}") from error
        return bound


def _presenting(certificate: CertificateFiles) -> ssl.SSLContext:
    """A context with this certificate and no other.

    Raises:
        CertificateError: it cannot be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.load_into(context)
    return context


class _Reset(asyncio.Protocol):
    """Resets every connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection: socket.socket = transport.get_extra_info("socket")
        # Lingering for zero seconds makes the kernel send RST instead of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        cast(asyncio.Transport, transport).abort()
