"""The composition root: builds everything from a configuration, wires the ports, starts and stops.

Owns who is wired to whom, and the order of starting and stopping. It must not decide anything about a login,
nor know which reactor it runs on.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from ldapproxy import __version__
from ldapproxy.auth.failed_binds import FailedBinds
from ldapproxy.auth.late_approvals import LateApprovals
from ldapproxy.auth.push_limits import PushLimits
from ldapproxy.auth.remembered import LoginKeys, RememberedLogins
from ldapproxy.config.configuration import Configuration
from ldapproxy.config.configuration import Portal as PortalSection
from ldapproxy.directory.lookup import Lookup
from ldapproxy.duo.watch import WatchedDuo
from ldapproxy.net.binds import Binds
from ldapproxy.net.bridge import run_soon, wait_for
from ldapproxy.net.lessons import Lessons
from ldapproxy.net.listener import Listener
from ldapproxy.net.pushes import Pushes
from ldapproxy.net.servers import Directory
from ldapproxy.net.settings import ListenerSettings
from ldapproxy.net.tls import ServerContext
from ldapproxy.observe.audit_log import AuditLog, open_sink
from ldapproxy.observe.metrics import Metrics
from ldapproxy.offline.store import OfflineStore
from ldapproxy.secret import Secret
from ldapproxy.self_service import SelfService
from ldapproxy.sign_in import ListenerParts, PortalSignIn
from ldapproxy.web.admin import AdminServer
from ldapproxy.web.portal import Portal
from ldapproxy.web.portal_pages import Pages
from ldapproxy.web.portal_site import PortalSite
from ldapproxy.web.status import (
    DirectoryStatus,
    DuoStatus,
    ListenerStatus,
    ServerStatus,
    StatusReport,
)

_log = logging.getLogger(__name__)

# How often the servers are tried, for readiness and the metrics.
_PROBE_INTERVAL = 10.0
# What a stop may take longer than the longest bind.
_STOP_MARGIN = 2.0


class Application:
    """Everything that runs in one process.

    Args:
        configuration: what to run.
        reactor: Twisted's asyncio reactor.

    Raises:
        TlsError: a certificate, key or authority cannot be used.
    """

    def __init__(self, configuration: Configuration, reactor: Any) -> None:
        self._configuration = configuration
        self._reactor = reactor
        self._started_at = reactor.seconds()
        self._is_stopping = False
        self._probing: IDelayedCall | None = None
        self._probe: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[str | None] | None = None
        self.metrics = Metrics(__version__)
        self.audit = AuditLog(open_sink(configuration.log.audit), self.metrics.audit_lost)
        self._directories = {
            settings.name: Directory(settings.upstream, reactor, self.metrics)
            for settings in configuration.directories
        }
        self._lookups = {settings.name: Lookup(settings.lookup) for settings in configuration.directories}
        self._duos = {settings.name: WatchedDuo(settings, self.metrics) for settings in configuration.duo}
        self._offline = None if configuration.offline is None else OfflineStore(configuration.offline)
        self._keys = LoginKeys(Secret(secrets.token_bytes(32)))
        self._push_limits = PushLimits(settings.pushes.limits for settings in configuration.listeners)
        self._pushes: list[Pushes] = []
        self._lessons: list[Lessons] = []
        self._parts: dict[str, ListenerParts] = {}
        self.listeners = [self._listener(settings) for settings in configuration.listeners]
        self._admin = (
            None
            if configuration.admin is None
            else AdminServer(reactor, configuration.admin, self, self.metrics.exposition)
        )
        self.portal = None if configuration.portal is None else self._portal_site(configuration.portal)
        self.metrics.expect((listener.name for listener in self.listeners), self._directories)

    def start(self) -> None:
        """Starts to listen.

        Raises:
            ListenError: a listener's address cannot be used.
            AdminError: the admin address cannot be used.
            PortalError: the portal's address cannot be used.
        """
        for listener in self.listeners:
            listener.start()
        if self._admin is not None:
            self._admin.start()
        if self.portal is not None:
            self.portal.start()
        for duo in self._duos.values():
            duo.start()
        self._probe_directories()
        if self._offline is not None:
            # A store that cannot be used is known now, not only in the outage; its problem is logged.
            self._looking = run_soon(self._offline.check(), self._looked)

    async def stop(self) -> None:
        """Stops accepting, lets pending binds end within their own time-out, then closes everything."""
        self._is_stopping = True
        if self._probing is not None and self._probing.active():
            self._probing.cancel()
        if self._probe is not None:
            self._probe.cancel()
        if self.portal is not None:
            await wait_for(self.portal.stop())
            await self.portal.portal.aclose()
        await asyncio.gather(
            *(
                listener.stop(listener.settings.policy.bind_timeout + _STOP_MARGIN)
                for listener in self.listeners
            )
        )
        if self._admin is not None:
            await wait_for(self._admin.stop())
        await asyncio.gather(*(pushes.aclose() for pushes in self._pushes))
        await asyncio.gather(*(duo.aclose() for duo in self._duos.values()))
        await asyncio.gather(*(lookup.aclose() for lookup in self._lookups.values()))
        for directory in self._directories.values():
            directory.close()
        if self._offline is not None:
            await self._offline.aclose()
        self.audit.close()

    def forget_remembered_logins(self) -> None:
        """Every login asks for its second factor again, and an approval that came late is void."""
        for lessons in self._lessons:
            lessons.forget_all()
        _log.warning("all remembered logins were forgotten")

    def _forget_user(self, identity: str) -> None:
        """Duo has denied a login of this user: on every listener the next one asks for a second factor."""
        for lessons in self._lessons:
            lessons.forget_user(identity)

    def report(self) -> StatusReport:
        """How things are now (`web.status.Status`)."""
        return StatusReport(
            version=__version__,
            uptime=self._reactor.seconds() - self._started_at,
            stopping=self._is_stopping,
            listeners=tuple(
                ListenerStatus(
                    name=listener.name,
                    url=listener.url,
                    bound=listener.is_listening,
                    fail_mode=listener.settings.policy.fail_mode.value,
                    sessions=len(listener),
                    pending_binds=len(listener.binds),
                )
                for listener in self.listeners
            ),
            directories=tuple(
                DirectoryStatus(
                    name, tuple(ServerStatus(url, up) for url, up in directory.servers_up.items())
                )
                for name, directory in self._directories.items()
            ),
            duos=tuple(
                DuoStatus(settings.name, settings.address, duo.state.value, duo.reason)
                for settings, duo in zip(self._configuration.duo, self._duos.values(), strict=True)
            ),
        )

    def _listener(self, settings: ListenerSettings) -> Listener:
        directory = self._directories[settings.directory]
        limit = settings.limits.pending_binds
        clock = self._reactor.seconds
        remembered = RememberedLogins(settings.remember.lasts, settings.remember.idle)
        approvals = LateApprovals(settings.pushes.late_approval, limit)
        lessons = Lessons(
            settings.name,
            self._keys,
            remembered,
            approvals,
            self._forget_user,
            self._offline,
            self.metrics,
            clock,
        )
        self._lessons.append(lessons)
        pushes = Pushes(
            second_factor=self._duos[settings.duo],
            settings=settings.pushes,
            limits=self._push_limits,
            keys=self._keys,
            approvals=approvals,
            unheard=lessons.unheard,
            capacity=limit,
            observer=self.metrics,
            clock=clock,
        )
        self._pushes.append(pushes)
        failed = FailedBinds(settings.limits.failed_binds)
        self._parts[settings.name] = ListenerParts(
            policy=settings.policy,
            directory=directory,
            lookup=self._lookups[settings.directory],
            looked_up=self._configuration.directory_of(settings).lookup,
            failed=failed,
            second_factor=pushes,
            duo=self._duos[settings.duo],
            lessons=lessons,
        )
        binds = Binds(
            policy=settings.policy,
            limit=limit,
            failed=failed,
            lookup=self._lookups[settings.directory],
            second_factor=pushes,
            response_timeout=directory.response_timeout,
            offline=self._offline,
            lessons=lessons,
            answer_before=settings.pushes.answer_before,
            audit=self.audit,
            observer=self.metrics,
            clock=clock,
        )
        return Listener(settings, binds, directory, self._reactor, self.metrics)

    def _portal_site(self, configured: PortalSection) -> PortalSite:
        assert self._offline is not None, "the configuration refuses a portal without a store"
        parts = self._parts[configured.settings.listener]
        door = PortalSignIn(parts, self.audit, self._reactor.seconds)
        portal = Portal(
            door,
            SelfService(
                self._offline.administration, door.duo_is_away, configured.settings.listener, self.audit
            ),
            Pages(parts.policy.delimiter or ",", door.shown_as),
            clock=self._reactor.seconds,
            key=Secret(secrets.token_bytes(32)),
        )
        return PortalSite(self._reactor, configured.settings, ServerContext(configured.tls), portal)

    def _looked(self, task: asyncio.Task[str | None]) -> None:
        """The offline store was looked at; it has logged what is wrong."""
        if not task.cancelled() and task.exception() is not None:
            _log.error("the offline store could not be looked at", exc_info=task.exception())

    def _probe_directories(self) -> None:
        """Keeps readiness and metrics true while nobody logs in."""

        async def probe() -> None:
            await asyncio.gather(*(directory.probe() for directory in self._directories.values()))

        def probed(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and task.exception() is not None:
                _log.error("the directories could not be probed", exc_info=task.exception())
            if not self._is_stopping:
                self._probing = self._reactor.callLater(_PROBE_INTERVAL, self._probe_directories)

        self._probe = run_soon(probe(), probed)
