"""A listener in front of a scripted directory, in the test's own process, and the ports behind it as plain
objects.

    async with World() as world:
        client = await world.client()
        peer = await world.begin_bind(client)       # the directory's end
        ...

Owns the wiring that `app.py` does in production, and the recording of what was counted. It must not know what
a scenario expects.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from twisted.internet import reactor as installed  # noqa: TID251 - tests.support.reactor has installed it

from ldapproxy.auth.audit import AuditRecord
from ldapproxy.auth.effects import LookUpEntry, VerifySecondFactor
from ldapproxy.auth.failed_binds import FailedBinds
from ldapproxy.auth.outcomes import (
    Entry,
    Factor,
    FailMode,
    LookupOutcome,
    SecondFactorOutcome,
    SecondFactorResult,
)
from ldapproxy.auth.policy import Anonymous, ListenerPolicy, UsernameSource
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.net.binds import Binds
from ldapproxy.net.listener import Listener
from ldapproxy.net.pushes import Pushes
from ldapproxy.net.servers import Directory
from ldapproxy.net.settings import (
    Limits,
    ListenerSettings,
    ServerTls,
    StartTls,
    TlsVersion,
    UpstreamServer,
    UpstreamSettings,
)
from tests.support.certificates import ServerCertificate
from tests.support.ldap_bytes import bind
from tests.unit.net.scripted_directory import ScriptedDirectory, bind_response
from tests.unit.net.wire import Wire, client_context

REACTOR: Any = installed
ALICE = "uid=alice,ou=people,dc=example,dc=com"
ALLOWED = SecondFactorResult(SecondFactorOutcome.ALLOWED)
DENIED = SecondFactorResult(SecondFactorOutcome.DENIED, text="Login request denied.")

ENTRY = Entry(
    dn=DistinguishedName.parse(ALICE),
    identity="6e5c7a1e-0000-4000-8000-000000000001",
    usernames=("alice",),
    rdn_value="alice",
    groups=frozenset(),
)

POLICY = ListenerPolicy(
    listener="vpn",
    fail_mode=FailMode.CLOSED,
    factors=frozenset({Factor.PUSH, Factor.PHONE, Factor.PASSCODE}),
    delimiter=",",
    bind_timeout=5.0,
    anonymous=Anonymous.ROOT_DSE,
    username=UsernameSource.ATTRIBUTE,
    exempt=(),
    require_group=None,
    client_is_user=False,
    confidentiality_required=False,
)

LIMITS = Limits(
    connections=100,
    connections_per_client=0,
    pending_binds=50,
    outstanding=10,
    buffered=64 * 1024,
    message_size=1024 * 1024,
    idle_timeout=60.0,
    handshake_timeout=5.0,
)

LISTENER = ListenerSettings(
    name="vpn",
    host="127.0.0.1",
    port=0,
    ldaps=False,
    tls=None,
    start_tls=StartTls.OPTIONAL,
    directory="corp",
    duo="prod",
    policy=POLICY,
    limits=LIMITS,
    networks=(ip_network("0.0.0.0/0"), ip_network("::/0")),
    search_after_bind=True,
    allow_password_compare=False,
    password_attributes=("userPassword",),
    extended_operations=(),
)


def listener_settings(**changes: Any) -> ListenerSettings:
    """The usual listener, with changes to its own fields, its policy's or its limits'."""
    limits = {name: changes.pop(name) for name in list(changes) if hasattr(LIMITS, name)}
    policy = {name: changes.pop(name) for name in list(changes) if hasattr(POLICY, name)}
    return replace(LISTENER, policy=replace(POLICY, **policy), limits=replace(LIMITS, **limits), **changes)


def server_tls(certificate: ServerCertificate, version: TlsVersion = TlsVersion.V1_2) -> ServerTls:
    """A listener's certificate."""
    return ServerTls(certificate.certificate_file, certificate.private_key_file, version)


def upstream_settings(*ports: int, ldaps: bool = False, **changes: Any) -> UpstreamSettings:
    """A directory with servers on these ports of 127.0.0.1."""
    fields: dict[str, Any] = {
        "name": "corp",
        "servers": tuple(UpstreamServer("127.0.0.1", port, ldaps) for port in ports),
        "start_tls": False,
        "ca_file": None,
        "connect_timeout": 2.0,
        "response_timeout": 2.0,
    }
    return UpstreamSettings(**(fields | changes))


@dataclass
class ScriptedSecondFactor:
    """Answers with `answer`: a result, an exception to raise, or None for a person who does not answer."""

    answer: SecondFactorResult | BaseException | None = ALLOWED
    asked: list[tuple[VerifySecondFactor, float]] = field(default_factory=list)
    waiting: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def verify(self, question: VerifySecondFactor, budget: float) -> SecondFactorResult:
        """Answers."""
        self.asked.append((question, budget))
        self.waiting += 1
        try:
            if self.answer is None:
                await self.released.wait()
            await asyncio.sleep(0)
        finally:
            self.waiting -= 1
        answer = self.answer
        if isinstance(answer, BaseException):
            raise answer
        assert answer is not None, "a scenario that releases the person says what the answer is"
        return answer

    def release(self, answer: SecondFactorResult | BaseException) -> None:
        """The person answers now, and so does everybody after."""
        self.answer = answer
        self.released.set()


@dataclass
class ScriptedLookup:
    """Answers with `answer`: an outcome, an exception to raise, or None to hang."""

    answer: LookupOutcome | BaseException | None = ENTRY
    asked: list[LookUpEntry] = field(default_factory=list)
    waiting: int = 0

    async def entry(self, query: LookUpEntry) -> LookupOutcome:
        """Answers."""
        self.asked.append(query)
        if self.answer is None:
            self.waiting += 1
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.waiting -= 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        assert self.answer is not None
        return self.answer


@dataclass
class Recorder:
    """Observer and audit log: remembers everything."""

    records: list[AuditRecord] = field(default_factory=list)
    audited: list[AuditRecord] = field(default_factory=list)
    sessions: int = 0
    sessions_total: int = 0
    pending: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    limits: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    left: list[float] = field(default_factory=list)
    fail_modes: list[tuple[str, str]] = field(default_factory=list)
    up: dict[str, bool] = field(default_factory=dict)
    connections: Counter[str] = field(default_factory=Counter)
    audit_fails_with: Exception | None = None

    def write(self, record: AuditRecord) -> None:
        """The audit log's."""
        if self.audit_fails_with is not None:
            raise self.audit_fails_with
        self.audited.append(record)

    def session_opened(self, listener: str) -> None:
        self.sessions += 1
        self.sessions_total += 1

    def session_closed(self, listener: str) -> None:
        self.sessions -= 1

    def relayed(self, listener: str, to_directory: int, to_client: int) -> None:
        self.bytes["to_directory"] += to_directory
        self.bytes["to_client"] += to_client

    def operation(self, listener: str, operation: str) -> None:
        self.operations[operation] += 1

    def bind_pending(self, listener: str, change: int) -> None:
        self.pending += change

    def bind_ended(self, record: AuditRecord) -> None:
        self.records.append(record)

    def limit_hit(self, listener: str, limit: str) -> None:
        self.limits[limit] += 1

    def client_left(self, listener: str, waited: float) -> None:
        self.left.append(waited)

    def fail_mode_decided(self, listener: str, mode: str, decision: str) -> None:
        self.fail_modes.append((mode, decision))

    def directory_up(self, directory: str, server: str, up: bool) -> None:
        self.up[server] = up

    def directory_connections(self, directory: str, state: str, change: int) -> None:
        self.connections[state] += change

    @property
    def ends(self) -> list[tuple[str, int | None]]:
        """Reason and result code of each bind."""
        return [(record.reason.value, record.result_code) for record in self.records]


class World:
    """A listener and its neighbours; an asynchronous context manager.

    Args:
        upstream: changes to the settings of the directory.
        directory_certificate: given, the directory speaks TLS from its first byte.
        listener: changes to the usual listener, its policy and its limits.
    """

    def __init__(
        self,
        upstream: dict[str, Any] | None = None,
        directory_certificate: ServerCertificate | None = None,
        **listener: Any,
    ) -> None:
        self._upstream = upstream or {}
        self._certificate = directory_certificate
        self.settings = listener_settings(**listener)
        self.second_factor = ScriptedSecondFactor()
        self.lookup = ScriptedLookup()
        self.recorder = Recorder()
        self._clients: list[Wire] = []

    async def __aenter__(self) -> Self:
        self.directory = ScriptedDirectory(self._certificate)
        await self.directory.start()
        upstream = upstream_settings(
            self.directory.port, ldaps=self._certificate is not None, **self._upstream
        )
        self.servers = Directory(upstream, REACTOR, self.recorder)
        limit = self.settings.limits.pending_binds
        self.pushes = Pushes(self.second_factor, limit)
        self.binds = Binds(
            policy=self.settings.policy,
            limit=limit,
            failed=FailedBinds(self.settings.limits.failed_binds),
            lookup=self.lookup,
            second_factor=self.pushes,
            response_timeout=upstream.response_timeout,
            audit=self.recorder,
            observer=self.recorder,
            clock=REACTOR.seconds,
        )
        self.listener = Listener(self.settings, self.binds, self.servers, REACTOR, self.recorder)
        self.listener.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.writer.transport.abort()
        await self.listener.stop(0.5)
        await self.directory.stop()

    @property
    def port(self) -> int:
        """Where the listener listens."""
        return port_of(self.listener)

    async def client(
        self, ca_file: Path | None = None, host: str = "127.0.0.1", context: ssl.SSLContext | None = None
    ) -> Wire:
        """A client; with TLS from its first byte if there is somebody to trust, or a context of its own."""
        if ca_file is not None:
            context = client_context(ca_file)
        reader, writer = await asyncio.open_connection(host, self.port, ssl=context, limit=4096)
        client = Wire(reader, writer)
        self._clients.append(client)
        return client

    async def begin_bind(
        self, client: Wire, message_id: int = 1, name: str = ALICE, password: str = "secret"
    ) -> Wire:
        """Sends a bind and receives it at the directory, on a connection that is new there."""
        await client.send(bind(message_id, name, password))
        peer = await self.directory.accept()
        assert (await peer.receive()).message_id == message_id
        return peer

    async def bound(self, client: Wire) -> Wire:
        """Logs in with messageID 1 and returns the directory's end of the session's connection."""
        peer = await self.begin_bind(client)
        await peer.send(bind_response(1))
        answer = await client.receive()
        assert (answer.message_id, answer.tag, answer.result_code) == (1, 0x61, 0)
        return peer


def port_of(listener: Listener) -> int:
    """The port that the operating system chose for a listener on port 0."""
    assert listener._port is not None
    port: int = listener._port.getHost().port  # type: ignore[attr-defined]
    return port
