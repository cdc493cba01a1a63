"""Which of a directory's servers to ask first, and which are down.

Owns the memory of failures. It must not know how a server is asked; the time is handed in.
"""

from __future__ import annotations

import threading

from ldapproxy.directory.settings import LookupServer

RETRY_AFTER = 30.0
"""Seconds until a server that failed is tried first again. Until then it is tried only when the others fail,
so an
outage costs one look-up in this time the connect time-out, and a server that is back is used again soon."""


class Servers:
    """The servers of one directory in the order in which to ask them. Safe to use from several threads.

    Args:
        servers: in the order of preference.
    """

    def __init__(self, servers: tuple[LookupServer, ...]) -> None:
        self._servers = servers
        self._lock = threading.Lock()
        # Servers that are down, with the time from which on they may be tried first again.
        self._retry_at: dict[LookupServer, float] = {}

    def in_order(self, now: float) -> tuple[LookupServer, ...]:
        """All servers: first those that are not known to be down, in their order, then the others.

        A server whose time has come is put in its old place for this one caller only; the others pass it by
        until it has answered.

        Args:
            now: seconds of a clock that never jumps.
        """
        with self._lock:
            first: list[LookupServer] = []
            last: list[LookupServer] = []
            for server in self._servers:
                retry_at = self._retry_at.get(server)
                if retry_at is None:
                    first.append(server)
                elif retry_at <= now:
                    self._retry_at[server] = now + RETRY_AFTER
                    first.append(server)
                else:
                    last.append(server)
            return (*first, *last)

    def answered(self, server: LookupServer) -> None:
        """The server answered: it is not down."""
        with self._lock:
            self._retry_at.pop(server, None)

    def failed(self, server: LookupServer, now: float) -> None:
        """The server did not answer: it is down for a while."""
        with self._lock:
            self._retry_at[server] = now + RETRY_AFTER
