"""Runs the application: installs the reactor, and listens to signals until the end.

Owns the event loop, the signals, and the process's limit of descriptors. It must not know what the
application is made of.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

from ldapproxy.application import Application
from ldapproxy.config.configuration import Configuration
from ldapproxy.net.bridge import run_soon
from ldapproxy.net.listener import ListenError
from ldapproxy.net.reactor import install_reactor
from ldapproxy.net.tls import TlsError
from ldapproxy.observe import logs
from ldapproxy.web.admin import AdminError
from ldapproxy.web.portal_site import PortalError

_log = logging.getLogger(__name__)

# Descriptors that the process needs beside its sessions: loop, logs, listeners, look-ups, Duo's idle
# connections, the portal's browsers.
_SPARE_DESCRIPTORS = 1000
# Client, directory, Duo.
_DESCRIPTORS_PER_SESSION = 3


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
        application = _start(configuration, reactor)
        # A service manager's word for "read it again", which would end the process. (A demo runs in a
        # terminal, and ends with it.)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _read_nothing_again)
        return application

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
    if application.portal is not None:
        _log.info("the portal listens on %s", application.portal.url)
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
        case [ListenError() | AdminError() | PortalError() | TlsError() as error, *_]:
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


def _read_nothing_again() -> None:
    _log.info(
        "SIGHUP: there is nothing to do: renewed certificates and rotated audit logs are noticed without it; "
        "a changed configuration needs a restart"
    )


def _secrets_of(configuration: Configuration) -> list[Any]:
    offline = configuration.offline
    return [
        *(duo.secret_key for duo in configuration.duo),
        *(directory.lookup.service_password for directory in configuration.directories),
        *(() if offline is None else offline.encryption_keys),
    ]


def _raise_descriptor_limit(configuration: Configuration) -> None:
    """Raises the soft limit of descriptors, and warns when that does not fit `limits`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sessions, needed = _most_descriptors(configuration)
    if hard not in (resource.RLIM_INFINITY, -1) and hard < needed:
        _log.warning(
            "%d descriptors may be open, but limits.connections allow %d sessions, which take up to %d; "
            "raise the limit (LimitNOFILE, ulimit -n) or lower limits.connections",
            hard,
            sessions,
            needed,
        )


def _most_descriptors(configuration: Configuration) -> tuple[int, int]:
    """The sessions that `limits` allow, and the descriptors that these and all the rest take."""
    sessions = sum(listener.limits.connections for listener in configuration.listeners)
    return sessions, sessions * _DESCRIPTORS_PER_SESSION + _SPARE_DESCRIPTORS
