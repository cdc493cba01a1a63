"""Directory connections that wait for their next session, so that a login costs no TCP or TLS handshake.

Owns the rule of who may be used again (design, "The pool"): only a connection on which nothing is
outstanding, no message is half through, nothing but known operations has run, and an anonymous bind was
answered with success. Any doubt closes it. It must not know sessions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.messages import Tag, decode_result, encode_bind_request
from ldapproxy.ldap.result_codes import ResultCode
from ldapproxy.net.bridge import run_soon
from ldapproxy.net.upstream import DirectoryConnection, DirectoryLost
from ldapproxy.secret import Secret

_log = logging.getLogger(__name__)

# Connections that wait at a time, about 10 KiB each (70 KiB with TLS). More than the logins that a busy
# minute has at the same moment; few enough not to be felt by the directory.
CAPACITY = 64
# Seconds that one waits. Firewalls forget silent connections after some minutes, directories close them after
# their own idle time; both are far above, so that what is handed out works.
MAX_IDLE = 60.0
# Anonymous binds refused in a row after which it is not tried for a while: the directory does not allow them,
# and each try costs it an operation.
_REFUSALS = 3
_REST = 600.0

_ANONYMOUS_BIND = encode_bind_request(1, b"", Secret(b""), b"")


class Pool:
    """The waiting connections of one directory.

    Args:
        directory: its name, for the log.
        response_timeout: seconds for the answer to the anonymous bind.
        clock: a monotonic clock in seconds.
        waits: is told how many more (+1) or fewer (-1) wait.
        capacity: connections that wait at a time; 0 keeps none.
        max_idle: seconds that one waits.
    """

    def __init__(
        self,
        directory: str,
        response_timeout: float,
        clock: Callable[[], float],
        waits: Callable[[int], None],
        capacity: int = CAPACITY,
        max_idle: float = MAX_IDLE,
    ) -> None:
        self._directory = directory
        self._response_timeout = response_timeout
        self._clock = clock
        self._waits = waits
        self._capacity = capacity
        self._max_idle = max_idle
        # The most recently used last: what is needed stays in use, what is not gets old and goes.
        self._waiting: dict[DirectoryConnection, asyncio.TimerHandle] = {}
        self._resetting: dict[asyncio.Task[None], DirectoryConnection] = {}
        self._refusals = 0
        self._rests_until = 0.0
        self._is_closed = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self) -> DirectoryConnection | None:
        """A connection on which nobody is bound, or None when none waits."""
        while self._waiting:
            connection = next(reversed(self._waiting))
            self._forget(connection)
            if connection.is_open:
                return connection
        return None

    def give_back(self, connection: DirectoryConnection) -> None:
        """Takes a connection left in order; it waits once nobody is bound on it any more."""
        is_wanted = (
            not self._is_closed
            and connection.is_open
            and not connection.is_tainted
            and len(self._waiting) + len(self._resetting) < self._capacity
            and self._clock() >= self._rests_until
        )
        if not is_wanted:
            connection.abort("not needed any more")
            return
        task = run_soon(self._reset(connection), self._reset_ended)
        self._resetting[task] = connection

    def close(self) -> None:
        """Closes all connections and keeps no further ones."""
        self._is_closed = True
        for connection in list(self._waiting):
            self._forget(connection)
            connection.abort("the proxy is stopping")
        for task in list(self._resetting):
            task.cancel()

    async def _reset(self, connection: DirectoryConnection) -> None:
        """Makes a connection nobody's: the directory itself has to say so."""
        frame = await connection.ask(_ANONYMOUS_BIND, 1, Tag.BIND_RESPONSE, self._response_timeout)
        result = decode_result(frame)
        if result.result_code != ResultCode.SUCCESS or result.referral:
            self._refusals += 1
            if self._refusals >= _REFUSALS:
                self._refusals, self._rests_until = 0, self._clock() + _REST
                _log.info(
                    "directory %s does not allow anonymous binds: its connections are not used again",
                    self._directory,
                )
            raise DirectoryLost("the anonymous bind was refused")
        self._refusals = 0

    def _reset_ended(self, task: asyncio.Task[None]) -> None:
        connection = self._resetting.pop(task)
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or error is not None or self._is_closed or not connection.is_idle:
            if error is not None and not isinstance(error, DirectoryLost | DecodeError):
                _log.error("a directory connection could not be reset", exc_info=error)
            connection.abort("it could not be made nobody's")
            return
        timer = asyncio.get_running_loop().call_later(self._max_idle, self._expire, connection)
        self._waiting[connection] = timer
        connection.when_lost = lambda: self._forget(connection)
        self._waits(+1)

    def _expire(self, connection: DirectoryConnection) -> None:
        self._forget(connection)
        connection.abort("it was idle for too long")

    def _forget(self, connection: DirectoryConnection) -> None:
        timer = self._waiting.pop(connection, None)
        if timer is not None:
            timer.cancel()
            connection.when_lost = None
            self._waits(-1)
