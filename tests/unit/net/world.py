"""A listener in front of a scripted directory, in the test's own process.

    async with World() as world:
        client = await world.client()
        peer = await world.begin_bind(client)       # the directory's end
        ...

Owns the wiring that `app.py` does in production. It must not know what a scenario expects.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from twisted.internet import reactor as installed  # noqa: TID251 - tests.support.reactor has installed it

from ldapproxy.auth.failed_binds import FailedBinds
from ldapproxy.auth.late_approvals import LateApprovals
from ldapproxy.auth.push_limits import PushLimits
from ldapproxy.auth.remembered import LoginKeys, RememberedLogins
from ldapproxy.net.binds import Binds
from ldapproxy.net.lessons import Lessons
from ldapproxy.net.listener import Listener
from ldapproxy.net.pushes import Pushes
from ldapproxy.net.server import ClientConnection
from ldapproxy.net.servers import Directory
from ldapproxy.secret import Secret
from tests.support.certificates import ServerCertificate
from tests.support.ldap_bytes import bind
from tests.unit.net.neighbours import Recorder, ScriptedLookup, ScriptedSecondFactor
from tests.unit.net.scripted_directory import ScriptedDirectory, bind_response
from tests.unit.net.usual_settings import ALICE, listener_settings, upstream_settings
from tests.unit.net.wire import READ_AHEAD, Wire, client_context

REACTOR: Any = installed


class World:
    """A listener and its neighbours; an asynchronous context manager.

    Args:
        upstream: changes to the settings of the directory.
        directory_certificate: given, the directory speaks TLS from its first byte.
        pooled: True keeps directory connections for the next session; otherwise each is closed.
        listener: changes to the usual listener, its policy and its limits.
    """

    def __init__(
        self,
        upstream: dict[str, Any] | None = None,
        directory_certificate: ServerCertificate | None = None,
        *,
        pooled: bool = False,
        **listener: Any,
    ) -> None:
        self._pooled = pooled
        self._upstream = upstream or {}
        self._certificate = directory_certificate
        self.settings = listener_settings(**listener)
        self.second_factor = ScriptedSecondFactor()
        self.lookup = ScriptedLookup()
        self.recorder = Recorder()
        self._clients: list[Wire] = []

    def use(self, second_factor: ScriptedSecondFactor, lookup: ScriptedLookup) -> None:
        """Replaces the neighbours, while nobody is logging in."""
        self.second_factor = self.pushes._second_factor = second_factor
        self.lookup = self.binds._lookup = lookup

    async def __aenter__(self) -> Self:
        self.directory = ScriptedDirectory(self._certificate)
        await self.directory.start()
        upstream = upstream_settings(
            self.directory.port, ldaps=self._certificate is not None, **self._upstream
        )
        self.servers = Directory(upstream, REACTOR, self.recorder)
        if not self._pooled:
            self.servers._pool._capacity = 0
        settings, recorder, clock = self.settings, self.recorder, REACTOR.seconds
        keys = LoginKeys(Secret("k" * 32))
        remembered = RememberedLogins(settings.remember.lasts, settings.remember.idle)
        approvals = LateApprovals(settings.pushes.late_approval, settings.limits.pending_binds)
        lessons = Lessons(
            settings.name,
            keys,
            remembered,
            approvals,
            lambda identity: lessons.forget_user(identity),
            None,
            recorder,
            clock,
        )
        self.pushes = Pushes(
            second_factor=self.second_factor,
            settings=settings.pushes,
            limits=PushLimits([settings.pushes.limits]),
            keys=keys,
            approvals=approvals,
            unheard=lessons.unheard,
            capacity=settings.limits.pending_binds,
            observer=recorder,
            clock=clock,
        )
        self.binds = Binds(
            policy=settings.policy,
            limit=settings.limits.pending_binds,
            failed=FailedBinds(settings.limits.failed_binds),
            lookup=self.lookup,
            second_factor=self.pushes,
            response_timeout=upstream.response_timeout,
            offline=None,
            lessons=lessons,
            answer_before=settings.pushes.answer_before,
            audit=recorder,
            observer=recorder,
            clock=clock,
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
        self.servers.close()
        await self.directory.stop()

    @property
    def port(self) -> int:
        """Where the listener listens."""
        return port_of(self.listener)

    @property
    def idle(self) -> int:
        """How many directory connections wait for another session."""
        return len(self.servers._pool)

    async def client(
        self, ca_file: Path | None = None, host: str = "127.0.0.1", context: ssl.SSLContext | None = None
    ) -> Wire:
        """A client; with TLS from its first byte if there is somebody to trust, or a context of its own."""
        if ca_file is not None:
            context = client_context(ca_file)
        reader, writer = await asyncio.open_connection(host, self.port, ssl=context, limit=READ_AHEAD)
        client = Wire(reader, writer)
        self._clients.append(client)
        return client

    def change(self, **changes: Any) -> None:
        """Changes the listener's limits or its policy for what begins from now on."""
        changed = self.listener.settings
        limits = {name: changes.pop(name) for name in list(changes) if hasattr(changed.limits, name)}
        policy = replace(changed.policy, **changes)
        self.listener.settings = replace(changed, policy=policy, limits=replace(changed.limits, **limits))
        self.binds.policy = policy

    @property
    def session(self) -> ClientConnection:
        """The proxy's end of the only client's connection."""
        (session,) = self.listener._sessions
        return session

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


def unsent(transport: Any) -> int:
    """How many bytes a Twisted transport holds that its peer has not taken yet."""
    tcp = transport
    waiting: int = 0
    while hasattr(tcp, "_appSendBuffer"):  # TLS
        waiting += sum(map(len, tcp._appSendBuffer))
        if "_aggregator" in vars(tcp):  # as Twisted's own TLS has it
            waiting += sum(map(len, tcp._aggregator._buffer))
        tcp = tcp.transport
    waiting += len(tcp.dataBuffer) - tcp.offset + tcp._tempDataLen
    return waiting
