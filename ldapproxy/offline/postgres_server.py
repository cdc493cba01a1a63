"""A store on a PostgreSQL server.

Owns how the server is reached, how long anything there may take, and what the driver's errors mean. It must
not know the tables.

Each transaction has a connection of its own (some milliseconds). Offline codes are rare and renewals come in
batches, so a pool would be one more thing that remembers a server which is gone.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property

import psycopg
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from ldapproxy.auth.enrolment import StoreUnavailableError
from ldapproxy.offline.place import PATIENCE as OF_TRANSACTION

CONNECT_TIMEOUT = 3
"""Whole seconds, libpq's unit, until a connection is up, login included."""

PATIENCE = 3.0
"""Seconds for one transaction, waiting for locks included. Ours take milliseconds."""

HANG_UP_AFTER = 1.0
"""Seconds more, until we hang up on a server that does not even say that the time is over."""

_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3}


@dataclass(frozen=True)
class PostgresServer:
    """A database on a server (`place.Place`).

    Attributes:
        url: driver name `postgresql+psycopg`; host and sslmode are in it (`address.parse` sees to that).
        patience: seconds for one transaction.
    """

    url: URL
    patience: float = field(default=PATIENCE, compare=False)

    @property
    def shown(self) -> str:
        """Host, port and database."""
        host = self.url.host or self.url.query.get("host", "")
        port = f":{self.url.port}" if self.url.port else ""
        return f"postgresql://{host}{port}/{self.url.database}"

    @cached_property
    def connections(self) -> Engine:
        """Connects anew each time."""
        connections = create_engine(
            self.url,
            poolclass=NullPool,
            hide_parameters=True,
            # A row's lock is waited for, and what is read after it is the newest. A server's default may
            # differ.
            isolation_level="READ COMMITTED",
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT,
                "tcp_user_timeout": int(self.patience * 1000),
                **_KEEPALIVE,
                "application_name": "ldapproxy",
                "prepare_threshold": None,  # PgBouncer, in its transaction mode, knows no prepared statements
            }
            | {name: value for name, value in self.url.query.items() if isinstance(value, str)},
        )

        @event.listens_for(connections, "begin")
        def begin(connection: Connection) -> None:
            milliseconds = int(self._patience(connection) * 1000)
            connection.exec_driver_sql(
                # Sent with each transaction, since PgBouncer refuses them when a connection starts.
                f"SET LOCAL statement_timeout = {milliseconds};"
                f"SET LOCAL lock_timeout = {milliseconds};"
                f"SET LOCAL idle_in_transaction_session_timeout = {2 * milliseconds};"
                # A crash must not forget that a code was used, whatever the server's default is.
                "SET LOCAL synchronous_commit = on"
            )

        return connections

    def prepare(self, may_create: bool) -> None:
        """Nothing to do: an empty database is made by the server's administrator."""

    @contextmanager
    def bounded(self, connection: Connection) -> Iterator[None]:
        """Hangs up when the server has not come to an end in time, even if it says nothing at all."""
        dialled = connection.connection.driver_connection
        assert isinstance(dialled, psycopg.Connection)
        has_hung_up = threading.Event()

        def hang_up() -> None:
            has_hung_up.set()
            with suppress(OSError):  # it is down already
                line.shutdown(socket.SHUT_RDWR)

        # libpq waits for a silent server without end. A descriptor of our own: libpq's may be closed
        # meanwhile, and its number be somebody else's by then.
        with socket.socket(fileno=socket.dup(dialled.fileno())) as line:
            timer = threading.Timer(self._patience(connection) + HANG_UP_AFTER, hang_up)
            timer.daemon = True
            timer.start()
            try:
                yield
            except DBAPIError:
                if has_hung_up.is_set():
                    raise StoreUnavailableError("gives no answer") from None
                raise
            finally:
                timer.cancel()

    def sentence(self, error: BaseException) -> str:
        """What the driver's error means."""
        if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled):
            return "is locked by somebody else for too long"
        if isinstance(error, psycopg.Error) and error.diag.message_primary:
            return f"cannot be used: {error.diag.message_primary}"
        return f"cannot be used: {(str(error).splitlines() or [type(error).__name__])[0]}"

    def warnings(self) -> tuple[str, ...]:
        """Whether the way to the server is in clear text."""
        if self.url.query.get("sslmode") == "disable" and not all(map(is_local, hosts(self.url))):
            return (f"{self.shown} is reached in clear text; use sslmode=verify-full",)
        return ()

    def _patience(self, connection: Connection) -> float:
        given = connection.get_execution_options().get(OF_TRANSACTION)
        return self.patience if given is None else float(given)


def hosts(url: URL) -> list[str]:
    """The hosts that a URL names; libpq tries several in turn."""
    named = url.query.get("host", ())
    listed = [named] if isinstance(named, str) else list(named)
    return [host for text in ([url.host] if url.host else []) + listed for host in text.split(",") if host]


def is_local(host: str) -> bool:
    """Whether it is this machine: a Unix socket's folder, a loopback address, or `localhost`."""
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
