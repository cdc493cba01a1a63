"""Kept connections to the servers of one directory, and failover from one server to the next.

Owns which connection a question travels on. It must not know what is asked, nor asyncio: it is used from
several threads, one question on each.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from ldapproxy.directory.connection import DirectoryConnection
from ldapproxy.directory.failures import ConnectionLostError, RequestRefusedError, ServerFailedError
from ldapproxy.directory.servers import Servers
from ldapproxy.directory.settings import LookupServer, LookupSettings

_Answer = TypeVar("_Answer")

KEEP = 30.0
"""Seconds that an unused connection is kept. Firewalls forget idle connections after some minutes and then
swallow
what is sent on them; a look-up would wait its whole time-out for that."""


class DirectoryUnavailableError(Exception):
    """No server could be used. The message says of each one why."""


@dataclass(frozen=True, slots=True)
class _Kept:
    connection: DirectoryConnection
    until: float


class Pool:
    """Asks questions of whichever server answers.

    Args:
        settings: the servers and how to reach them.
    """

    def __init__(self, settings: LookupSettings) -> None:
        self._settings = settings
        self._servers = Servers(settings.servers)
        self._lock = threading.Lock()
        self._kept: list[_Kept] = []
        self._in_use: set[DirectoryConnection] = set()
        self._is_closed = False

    def ask(self, question: Callable[[DirectoryConnection], _Answer]) -> _Answer:
        """The answer of the first server that gives one.

        The question may be asked more than once: of the next server when one fails, and once more of the same
        when a kept connection turns out to be dead.

        Args:
            question: asks on the connection that it is given.

        Raises:
            DirectoryUnavailableError: no server gave an answer.
            RequestRefusedError: a server refuses; another one would, too.
        """
        failures: list[str] = []
        for server in self._servers.in_order(time.monotonic()):
            try:
                answer = self._ask_server(server, question)
            except ServerFailedError as error:
                self._servers.failed(server, time.monotonic())
                failures.append(f"{server.url}: {error}")
            except RequestRefusedError as error:
                self._servers.answered(server)
                raise RequestRefusedError(f"{server.url}: {error}") from None
            else:
                self._servers.answered(server)
                return answer
        raise DirectoryUnavailableError("; ".join(failures))

    def close(self) -> None:
        """Closes kept connections, and makes questions that wait for an answer fail at once."""
        with self._lock:
            self._is_closed = True
            kept, self._kept = self._kept, []
            in_use = list(self._in_use)
        for each in kept:
            each.connection.close()
        for connection in in_use:
            connection.interrupt()

    def _ask_server(
        self, server: LookupServer, question: Callable[[DirectoryConnection], _Answer]
    ) -> _Answer:
        while (kept := self._take(server)) is not None:
            # It may have died while nobody used it, as all connections do when a server is restarted.
            with suppress(ConnectionLostError), self._used(kept):
                return question(kept)
        with self._used(DirectoryConnection(server, self._settings)) as connection:
            connection.open()
            return question(connection)

    @contextmanager
    def _used(self, connection: DirectoryConnection) -> Iterator[DirectoryConnection]:
        """Notes that a connection is in use; afterwards it is kept, or closed when anything went wrong."""
        with self._lock:
            if self._is_closed:
                connection.close()
                raise ServerFailedError("look-ups have been stopped")
            self._in_use.add(connection)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        else:
            self._keep(connection)
        finally:
            with self._lock:
                self._in_use.discard(connection)

    def _take(self, server: LookupServer) -> DirectoryConnection | None:
        """The connection to the server that was used last, if one is kept. Too old ones are closed."""
        now = time.monotonic()
        with self._lock:
            old = [each for each in self._kept if each.until <= now]
            self._kept = [each for each in self._kept if each.until > now]
            found = next((each for each in reversed(self._kept) if each.connection.server == server), None)
            if found is not None:
                self._kept.remove(found)
        for each in old:
            each.connection.close()
        return None if found is None else found.connection

    def _keep(self, connection: DirectoryConnection) -> None:
        with self._lock:
            if not self._is_closed:
                self._kept.append(_Kept(connection, time.monotonic() + KEEP))
                return
        connection.close()
