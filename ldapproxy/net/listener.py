"""One listener: who may connect, how many, and how it starts and stops.

Owns the sessions of one listener and their number. It must not know what a session does.
"""

from __future__ import annotations

import asyncio
import ipaddress
from functools import lru_cache
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IReactorTCP,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, ServerFactory

from ldapproxy.auth.policy import Address
from ldapproxy.ldap.admission import AdmissionRules, PasswordAttributes
from ldapproxy.ldap.messages import notice_of_disconnection
from ldapproxy.ldap.result_codes import ResultCode
from ldapproxy.ldap.session import SessionRules
from ldapproxy.net.binds import Binds
from ldapproxy.net.bridge import wait_for
from ldapproxy.net.held import HeldTotal
from ldapproxy.net.ports import Observer
from ldapproxy.net.server import ClientConnection
from ldapproxy.net.servers import Directory
from ldapproxy.net.settings import ListenerSettings
from ldapproxy.net.tls import ServerContext
from ldapproxy.net.tls_transport import TlsFromTheStart
from ldapproxy.net.transport import Transport

# Connections that the kernel completes before we accept them. An application that opens all its connections
# at once (a restart of a busy mail server) must not see resets; 1,024 costs the kernel nothing while unused.
_BACKLOG = 1024


class ListenError(Exception):
    """A listener cannot listen; the message says why in one sentence."""


class Reactor(IReactorTCP, IReactorTime):
    """What a listener needs of Twisted's reactor."""


class Listener(ServerFactory):
    """One listener.

    Args:
        settings: of the configuration.
        binds: how its binds are performed.
        directory: where its sessions' operations go.
        reactor: Twisted's reactor.
        observer: counts.

    Raises:
        TlsError: certificate or key cannot be used.
    """

    noisy = False

    def __init__(
        self,
        settings: ListenerSettings,
        binds: Binds,
        directory: Directory,
        reactor: Reactor,
        observer: Observer,
    ) -> None:
        self.name = settings.name
        self.settings = settings
        self.binds = binds
        self.directory = directory
        self.reactor = reactor
        self._observer = observer
        self._tls = None if settings.tls is None else ServerContext(settings.tls)
        self._port: IListeningPort | None = None
        self._sessions: set[ClientConnection] = set()
        self._per_client: dict[Address, int] = {}
        self._is_stopping = False
        self._drained: asyncio.Future[None] | None = None
        self.session_rules = _session_rules(settings)
        self.held = HeldTotal(settings.limits.buffered_total)

    @property
    def is_listening(self) -> bool:
        """True between `start` and `stop`."""
        return self._port is not None

    def __len__(self) -> int:
        """How many sessions there are."""
        return len(self._sessions)

    @property
    def url(self) -> str:
        """Where it listens, as the configuration writes it."""
        settings = self.settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return f"{'ldaps' if settings.ldaps else 'ldap'}://{host}:{settings.port}"

    def start(self) -> None:
        """Starts to listen.

        Raises:
            ListenError: the address cannot be used.
        """
        settings = self.settings
        factory: Any = self
        if settings.ldaps:
            factory = TlsFromTheStart(self.tls_context(), False, self)
        try:
            self._port = self.reactor.listenTCP(settings.port, factory, _BACKLOG, settings.host)
        except CannotListenError as error:
            why = error.socketError.strerror or error.socketError
            raise ListenError(f"listener {self.name} cannot listen on {self.url}: {why}") from None

    async def stop(self, timeout: float) -> None:
        """Stops accepting, ends idle sessions at once and the others with their pending bind.

        Args:
            timeout: seconds after which sessions that are left are cut off.
        """
        self._is_stopping = True
        port, self._port = self._port, None
        if port is not None:
            await wait_for(maybeDeferred(port.stopListening))
        self._drained = asyncio.get_running_loop().create_future()
        for session in list(self._sessions):
            session.stop()
        try:
            async with asyncio.timeout(timeout):
                while self._sessions:
                    await asyncio.shield(self._drained)
        except TimeoutError:
            for session in list(self._sessions):
                session.transport.abortConnection()

    # Twisted's factory.

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """A session for a client, or None to close its connection."""
        client = _address_of(addr)
        limits = self.settings.limits
        if (
            self._is_stopping
            or client is None
            or not any(client in network for network in self.settings.networks)
        ):
            return None
        limit = None
        if limits.connections and len(self._sessions) >= limits.connections:
            limit = "connections"
        elif (
            limits.connections_per_client and self._per_client.get(client, 0) >= limits.connections_per_client
        ):
            limit = "connections_per_client"
        if limit is not None:
            self.limit_hit(limit)
            # Behind TLS the refusal would cost a handshake, which is what the limit is to save.
            return None if self.settings.ldaps else _Turnaway()
        session = ClientConnection(self, client)
        session.factory = self
        self._sessions.add(session)
        self._per_client[client] = self._per_client.get(client, 0) + 1
        return session

    # What sessions tell.

    def opened(self, session: ClientConnection) -> None:
        """A session began."""
        self._observer.session_opened(self.name)

    def closed(self, session: ClientConnection) -> None:
        """A session is gone."""
        self._sessions.discard(session)
        left = self._per_client.get(session.client, 0) - 1
        if left > 0:
            self._per_client[session.client] = left
        else:
            self._per_client.pop(session.client, None)
        self._observer.session_closed(self.name)
        if not self._sessions and self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def tls_context(self) -> IOpenSSLServerConnectionCreator:
        """The listener's certificate."""
        assert self._tls is not None
        return self._tls

    def count_operation(self, operation: str) -> None:
        """A request arrived."""
        self._observer.operation(self.name, operation)

    def count_to_directory(self, size: int) -> None:
        """So many bytes went to the directory."""
        self._observer.relayed(self.name, size, 0)

    def count_to_client(self, size: int) -> None:
        """So many bytes of the directory went to the client."""
        self._observer.relayed(self.name, 0, size)

    def limit_hit(self, limit: str) -> None:
        """A limit refused something."""
        self._observer.limit_hit(self.name, limit)


class _Turnaway(Protocol):
    """Tells a client that there are too many, and closes."""

    transport: Transport  # type: ignore[assignment]  # Twisted declares less than it gives

    def connectionMade(self) -> None:
        self.transport.write(notice_of_disconnection(ResultCode.BUSY, "too many connections"))
        self.transport.loseConnection()


def _address_of(address: IAddress | None) -> Address | None:
    """The client's IP address; an IPv4 client of an IPv6 socket counts as the IPv4 client that it is."""
    return _parsed(str(getattr(address, "host", None)))


@lru_cache(maxsize=1024)  # applications connect again and again from the same few hosts
def _parsed(host: str) -> Address | None:
    try:
        client = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(client, ipaddress.IPv6Address) and client.ipv4_mapped is not None:
        return client.ipv4_mapped
    return client


def _session_rules(settings: ListenerSettings) -> SessionRules:
    passwords = None if settings.allow_password_compare else PasswordAttributes(settings.password_attributes)
    return SessionRules(
        admission=AdmissionRules(
            anonymous=settings.policy.anonymous,
            search_after_bind=settings.search_after_bind,
            password_attributes=passwords,
            extended_operations=frozenset(settings.extended_operations),
        ),
        start_tls_offered=settings.tls is not None and not settings.ldaps,
        confidentiality_required=settings.policy.confidentiality_required,
        outstanding=settings.limits.outstanding,
        buffered=settings.limits.buffered,
        message_size=settings.limits.message_size,
    )
