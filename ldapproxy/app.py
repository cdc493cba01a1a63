"""The composition root: builds everything from a configuration, wires the ports, starts and stops.

Owns the order of starting and stopping, and the choice of the event loop. It must not decide anything about a
login.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import uvloop
from twisted.internet import asyncioreactor
from twisted.internet.interfaces import IDelayedCall

from ldapproxy import __version__
from ldapproxy.auth.failed_binds import FailedBinds
from ldapproxy.auth.push_limits import PushLimits
from ldapproxy.auth.remembered import LoginKeys, RememberedLogins
from ldapproxy.config.configuration import Configuration
from ldapproxy.directory.lookup import Lookup
from ldapproxy.duo.watch import WatchedDuo
from ldapproxy.net.binds import Binds
from ldapproxy.net.bridge import run_soon, wait_for
from ldapproxy.net.lessons import Lessons
from ldapproxy.net.listener import Listener, ListenError
from ldapproxy.net.pushes import Pushes
from ldapproxy.net.servers import Directory
from ldapproxy.net.tls import TlsError
from ldapproxy.observe import logs
from ldapproxy.observe.audit_log import AuditLog, open_sink
from ldapproxy.observe.metrics import Metrics
from ldapproxy.offline.store import OfflineStore
from ldapproxy.secret import Secret
from ldapproxy.web.admin import AdminError, AdminServer
from ldapproxy.web.status import (
    DirectoryStatus,
    DuoStatus,
    ListenerStatus,
    ServerStatus,
    StatusReport,
)

_log = logging.getLogger(__name__)

# How often servers that are not known to be up are tried, for readiness and the metrics.
_PROBE_INTERVAL = 10.0
# What a stop may take longer than the longest bind.
_STOP_MARGIN = 2.0
# Descriptors that the process needs beside its sessions: loop, logs, listeners, look-ups, Duo's idle
# connections.
_SPARE_DESCRIPTORS = 200
# Client, directory, Duo.
_DESCRIPTORS_PER_SESSION = 3


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
        self.listeners = [self._listener(settings) for settings in configuration.listeners]
        self._admin = (
            None
            if configuration.admin is None
            else AdminServer(reactor, configuration.admin, self, self.metrics.exposition)
        )
        self.metrics.expect((listener.name for listener in self.listeners), self._directories)

    def start(self) -> None:
        """Starts to listen.

        Raises:
            ListenError: a listener's address cannot be used.
            AdminError: the admin address cannot be used.
        """
        for listener in self.listeners:
            listener.start()
        if self._admin is not None:
            self._admin.start()
        for duo in self._duos.values():
            duo.start()
        self._probe_directories()

    async def stop(self) -> None:
        """Stops accepting, lets pending binds end within their own time-out, then closes everything."""
        self._is_stopping = True
        if self._probing is not None and self._probing.active():
            self._probing.cancel()
        if self._probe is not None:
            self._probe.cancel()
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
        """Every login asks for its second factor again."""
        for lessons in self._lessons:
            lessons.forget_all()
        _log.warning("all remembered logins were forgotten")

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
                DuoStatus(settings.name, settings.api_host, duo.state.value, duo.reason)
                for settings, duo in zip(self._configuration.duo, self._duos.values(), strict=True)
            ),
        )

    def _listener(self, settings: Any) -> Listener:
        directory = self._directories[settings.directory]
        limit = settings.limits.pending_binds
        clock = self._reactor.seconds
        pushes = Pushes(
            second_factor=self._duos[settings.duo],
            settings=settings.pushes,
            limits=self._push_limits,
            keys=self._keys,
            capacity=limit,
            observer=self.metrics,
            clock=clock,
        )
        self._pushes.append(pushes)
        remembered = RememberedLogins(settings.remember.lasts, settings.remember.idle)
        lessons = Lessons(settings.name, self._keys, remembered, self._offline, self.metrics, clock)
        self._lessons.append(lessons)
        binds = Binds(
            policy=settings.policy,
            limit=limit,
            failed=FailedBinds(settings.limits.failed_binds),
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


def install_reactor() -> Any:
    """Installs Twisted's asyncio reactor on uvloop and returns it; once per process."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)  # type: ignore[no-untyped-call]  # untyped in Twisted
    from twisted.internet import reactor  # noqa: TID251 - the one place that may, right after installing it

    return reactor


class Scene(Protocol):
    """What surrounds the proxy in a demo (`demo.scene`)."""

    async def start(self) -> Path:
        """Starts everything and returns the proxy's configuration file."""

    async def stop(self) -> None:
        """Stops everything."""

    def instructions(self) -> str:
        """What to print once the proxy listens."""


def run(configuration: Configuration) -> int:
    """Runs until SIGTERM or SIGINT.

    Returns:
        The exit code: 0 after an orderly stop, 1 when it could not start.
    """
    reactor = install_reactor()

    async def start() -> Application:
        return _start(configuration, reactor)

    async def stop(application: Application) -> None:
        await application.stop()

    return _serve(reactor, start, stop)


def run_scene(make_scene: Callable[[Any], Scene], load: Callable[[Path], Configuration]) -> int:
    """Runs the proxy in the middle of a scene, until SIGTERM or SIGINT.

    Args:
        make_scene: makes the scene on the reactor.
        load: reads the configuration that the scene has written.

    Returns:
        The exit code, as `run` does.

    Raises:
        Exception: what kept the scene from starting.
    """
    reactor = install_reactor()
    scene = make_scene(reactor)

    async def start() -> Application:
        path = await scene.start()
        try:
            application = _start(load(path), reactor)
        except BaseException:
            await scene.stop()
            raise
        sys.stdout.write(scene.instructions())
        sys.stdout.flush()
        return application

    async def stop(application: Application) -> None:
        await application.stop()
        await scene.stop()

    return _serve(reactor, start, stop)


def _start(configuration: Configuration, reactor: Any) -> Application:
    logs.set_up(configuration.log, secrets=_secrets_of(configuration))
    _raise_descriptor_limit(configuration)
    for warning in configuration.warnings:
        _log.warning("%s", warning)
    application = Application(configuration, reactor)
    application.start()
    for listener in application.listeners:
        _log.info("listener %s listens on %s", listener.name, listener.url)
    return application


def _serve(
    reactor: Any,
    start: Callable[[], Coroutine[Any, Any, Application]],
    stop: Callable[[Application], Coroutine[Any, Any, None]],
) -> int:
    """Runs the reactor from `start` to the end of `stop`, which the first signal calls for."""
    failures: list[BaseException] = []

    def started(task: asyncio.Task[Application]) -> None:
        error = task.exception()
        if error is not None:
            failures.append(error)
            reactor.stop()
            return
        stopper = _stopper(lambda: stop(task.result()), reactor)
        loop = asyncio.get_event_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopper)
        loop.add_signal_handler(signal.SIGUSR1, task.result().forget_remembered_logins)

    starting: list[asyncio.Task[Application]] = []
    reactor.callWhenRunning(lambda: starting.append(run_soon(start(), started)))
    reactor.run(installSignalHandlers=False)
    match failures:
        case []:
            return 0
        case [ListenError() | AdminError() | TlsError() as error, *_]:
            sys.stderr.write(f"ldapproxy: {error}\n")
            return 1
        case [error, *_]:
            raise error
        case _:
            raise AssertionError


def _stopper(end: Callable[[], Coroutine[Any, Any, None]], reactor: Any) -> Callable[[], None]:
    """What a signal calls: the first one stops in order, a second one at once."""
    stopping: list[asyncio.Task[None]] = []

    def stopped(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            _log.error("the stop was not clean", exc_info=task.exception())
        reactor.stop()

    def stop() -> None:
        if stopping:
            _log.warning("stopping at once")
            stopping[0].cancel()
            return
        _log.info("stopping: no new connections; pending binds may end")
        stopping.append(run_soon(end(), stopped))

    return stop


def _secrets_of(configuration: Configuration) -> list[Any]:
    return [duo.secret_key for duo in configuration.duo] + [
        directory.lookup.service_password for directory in configuration.directories
    ]


def _raise_descriptor_limit(configuration: Configuration) -> None:
    """Raises the soft limit of descriptors, and warns when that does not fit `limits`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sessions = sum(listener.limits.connections for listener in configuration.listeners)
    needed = sessions * _DESCRIPTORS_PER_SESSION + _SPARE_DESCRIPTORS
    if hard not in (resource.RLIM_INFINITY, -1) and hard < needed:
        _log.warning(
            "%d descriptors may be open, but limits.connections allow %d sessions, which take up to %d; "
            "raise the limit (LimitNOFILE, ulimit -n) or lower limits.connections",
            hard,
            sessions,
            needed,
        )
