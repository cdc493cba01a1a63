"""The servers of one directory: which to try next, and how a connection to it is made.

Owns failover and the memory of which server is down. It must not know what a connection is used for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import cast

from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLClientConnectionCreator,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory

from ldapproxy.ldap.messages import encode_root_dse_search
from ldapproxy.net.bridge import wait_for
from ldapproxy.net.pool import Pool
from ldapproxy.net.ports import Observer
from ldapproxy.net.settings import UpstreamServer, UpstreamSettings
from ldapproxy.net.tls import client_options
from ldapproxy.net.upstream import DirectoryConnection, DirectoryLost

_log = logging.getLogger(__name__)

# How long a server that failed is passed over while another one works. Short enough that a restarted first
# server is in use again soon, long enough that its connect time-out is paid by one login in this time and not
# by each.
_REST = 10.0
# RFC 4511 section 4.5.1.8: the attribute that asks for none.
_NO_ATTRIBUTES = "1.1"


class DirectoryUnavailable(Exception):
    """No server of the directory could be reached; the message says why for each."""


class _Connections(Factory):
    """Makes the protocol of one connection to one server, and remembers it.

    A connection that is made just when nobody waits for it any more must not stay open.
    """

    noisy = False

    def __init__(self, server: str) -> None:
        self._server = server
        self._made: list[DirectoryConnection] = []

    def buildProtocol(self, addr: IAddress | None) -> DirectoryConnection:
        """A connection that nobody has used."""
        connection = DirectoryConnection(self._server)
        self._made.append(connection)
        return connection

    def discard(self) -> None:
        """Closes what was made."""
        for connection in self._made:
            connection.abort("not needed any more")


class Directory:
    """One directory with its servers.

    Args:
        settings: servers and time-outs.
        reactor: Twisted's reactor.
        observer: is told which servers are up.

    Raises:
        TlsError: `ca_file` cannot be used.
    """

    def __init__(self, settings: UpstreamSettings, reactor: IReactorTime, observer: Observer) -> None:
        self.name = settings.name
        self.response_timeout = settings.response_timeout
        self._settings = settings
        self._reactor = reactor
        self._observer = observer
        self._clock: Callable[[], float] = reactor.seconds
        self._pool = Pool(settings.name, settings.response_timeout, self._clock, self._waits)
        self._down_until: dict[UpstreamServer, float] = {}
        self._up: dict[UpstreamServer, bool] = {}
        self._options: dict[UpstreamServer, IOpenSSLClientConnectionCreator] = {
            server: client_options(server.host, settings.ca_file)
            for server in settings.servers
            if server.ldaps or settings.start_tls
        }

    @property
    def is_reachable(self) -> bool:
        """True when at least one server answered the last time it was tried."""
        return any(self._up.values())

    @property
    def servers_up(self) -> dict[str, bool]:
        """Each server that was tried, in order, by URL, and whether it answered the last time."""
        return {server.url: self._up[server] for server in self._settings.servers if server in self._up}

    async def take(self) -> DirectoryConnection:
        """A connection, TLS up, nobody bound on it: one that waits, else a new one.

        Raises:
            DirectoryUnavailable: no server could be reached.
        """
        connection = self._waiting() or await self.connect()
        self._observer.directory_connections(self.name, "active", +1)
        connection.when_lost = self._one_less
        return connection

    def give_back(self, connection: DirectoryConnection) -> None:
        """Takes a connection on which nothing is outstanding; another session may get it."""
        if connection.is_open:
            connection.when_lost = None
            self._one_less()
        self._pool.give_back(connection)

    def close(self) -> None:
        """Closes the connections that wait."""
        self._pool.close()

    def _waiting(self) -> DirectoryConnection | None:
        """A connection that waits, to the server that a new one would go to first: failover, and back."""
        preferred = self._in_order()[0].url
        while (connection := self._pool.take()) is not None:
            if connection.server == preferred:
                return connection
            connection.abort("another server is to be used now")
        return None

    def _one_less(self) -> None:
        self._observer.directory_connections(self.name, "active", -1)

    def _waits(self, change: int) -> None:
        self._observer.directory_connections(self.name, "idle", change)

    async def connect(self) -> DirectoryConnection:
        """A new connection, TLS up, nobody bound on it.

        Raises:
            DirectoryUnavailable: no server could be reached.
        """
        complaints = []
        for server in self._in_order():
            try:
                # Who hangs can often still be connected to: who was down has to say something first.
                return await self._connect_to(server, must_answer=self._up.get(server) is False)
            except DirectoryLost as error:
                complaints.append(f"{server.url}: {error}")
        raise DirectoryUnavailable("; ".join(complaints))

    async def probe(self) -> None:
        """Tries every server; for readiness and metrics while nobody logs in."""
        await asyncio.gather(*map(self._probe, self._settings.servers))

    async def _probe(self, server: UpstreamServer) -> None:
        with contextlib.suppress(DirectoryLost):
            connection = await self._connect_to(server, must_answer=True)
            connection.abort("only a probe")

    def _in_order(self) -> list[UpstreamServer]:
        """As configured, resting ones last: a memory must not refuse a login."""
        now = self._clock()
        return sorted(self._settings.servers, key=lambda server: self._down_until.get(server, 0.0) > now)

    async def _connect_to(self, server: UpstreamServer, *, must_answer: bool) -> DirectoryConnection:
        try:
            connection = await self._open(server)
            if must_answer:
                question = encode_root_dse_search(1, _NO_ATTRIBUTES)
                await connection.search(question, 1, self._settings.connect_timeout)
        except DirectoryLost as error:
            self._note(server, up=False, why=str(error))
            raise
        self._note(server, up=True)
        connection.when_unanswered = partial(self._note, server, False)
        return connection

    async def _open(self, server: UpstreamServer) -> DirectoryConnection:
        timeout = self._settings.connect_timeout
        endpoint: IStreamClientEndpoint = HostnameEndpoint(
            self._reactor, server.host, server.port, timeout=timeout
        )
        if server.ldaps:
            endpoint = wrapClientTLS(self._options[server], endpoint)
        connections = _Connections(server.url)
        try:
            async with asyncio.timeout(timeout):
                connection = cast(DirectoryConnection, await wait_for(endpoint.connect(connections)))
                if server.ldaps:
                    await connection.wait_secured(timeout)
                elif self._settings.start_tls:
                    await connection.start_tls(self._options[server], timeout)
        except (DirectoryLost, asyncio.CancelledError):
            connections.discard()
            raise
        except TimeoutError:
            connections.discard()
            raise DirectoryLost(f"no connection within {timeout:.3g} s") from None
        except Exception as error:
            # Twisted's many connection errors (refused, unreachable, no such name) all mean the same here.
            connections.discard()
            raise DirectoryLost(str(error) or type(error).__name__) from None
        return connection

    def _note(self, server: UpstreamServer, up: bool, why: str = "") -> None:
        if up:
            self._down_until.pop(server, None)
        else:
            self._down_until[server] = self._clock() + _REST
        if self._up.get(server) is not up:
            if up:
                _log.info("directory %s: %s is up", self.name, server.url)
            else:
                _log.warning("directory %s: %s is down: %s", self.name, server.url, why)
        self._up[server] = up
        self._observer.directory_up(self.name, server.url, up)
