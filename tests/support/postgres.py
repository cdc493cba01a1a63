"""A real PostgreSQL server for one test or many.

Owns the server's cluster and its processes. It must not know what is kept in it.

    with Postgres() as postgres:
        postgres.new_database()     # postgresql://ldapproxy@127.0.0.1:PORT/database_1, empty
        postgres.ca_file            # what signed its certificate; TLS works, and is not demanded

PostgreSQL refuses to run as root; there it runs as the user `postgres`, whom its Debian package brings.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import trustme

from tests.support.ports import free_port
from tests.support.skips import require_program

_USER = "postgres"
_ROLE = "ldapproxy"
# It is ready in about 0.1 s; a machine under load may take far longer.
_READY_WITHIN = 30.0


class Postgres:
    """One server on loopback and on a Unix socket, without passwords. Entering the context starts it.

    In between it can be stopped, killed, suspended and started again on the same port, with the same data.

    Args:
        settings: further settings of postgresql.conf.
        environment: further variables of the server's environment.
    """

    def __init__(
        self, settings: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._initdb = require_program("initdb")
        self._postgres = require_program("postgres")
        self._settings = dict(settings or {})
        self._environment = {**os.environ, **(environment or {})}
        # Not pytest's folder: only root may enter that.
        self.folder = Path(tempfile.mkdtemp(prefix="ldapproxy-postgres-"))
        self.port = 0
        self.ca_file = self.folder / "ca.pem"
        self._data = self.folder / "data"
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._identity: dict[str, Any] = {}
        if os.getuid() == 0:
            user = pwd.getpwnam(_USER)
            self._identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    @property
    def pid(self) -> int:
        """The process id of the running server's first process."""
        return self._running().pid

    def url(self, database: str, *, socket: bool = False, **query: str) -> str:
        """The URL of a database, over TCP or the Unix socket, with libpq's parameters."""
        parameters = "&".join(f"{name}={value}" for name, value in query.items())
        if socket:
            further = f"&{parameters}" if parameters else ""
            return f"postgresql:///{database}?host={self.folder}&port={self.port}&user={_ROLE}{further}"
        return f"postgresql://{_ROLE}@127.0.0.1:{self.port}/{database}" + (
            f"?{parameters}" if parameters else ""
        )

    def new_database(self) -> str:
        """Makes an empty database and returns its URL."""
        name = f"database_{next(self._numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, database: str, statement: str) -> None:
        """Executes a statement as the superuser, outside of a transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def __enter__(self) -> Self:
        try:
            self._make_cluster()
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def start(self) -> None:
        """Starts the server, on a free port the first time, on the same later. Returns when it answers."""
        self.port = self.port or free_port()
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "ssl": "on",
            "ssl_cert_file": str(self.folder / "server.pem"),
            "ssl_key_file": str(self.folder / "server.key"),
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": "50",
            **self._settings,
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._postgres,
                    *("-D", str(self._data)),
                    *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment,
                **self._identity,
            )
        deadline = time.monotonic() + _READY_WITHIN
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start: {self.log()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stops the server; its connections are closed (SIGINT, a fast shutdown)."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Ends the server without a word, as a crash does."""
        self._end(signal.SIGQUIT)

    def suspend(self) -> None:
        """Makes the server hang: the kernel still accepts connections, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Ends `suspend`."""
        os.kill(self.pid, signal.SIGCONT)

    def log(self) -> str:
        """What the server has written so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _make_cluster(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        leaf = authority.issue_cert("127.0.0.1", "localhost")
        (self.folder / "server.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        key = self.folder / "server.key"
        leaf.private_key_pem.write_to_path(str(key))
        key.chmod(0o600)
        if self._identity:
            for path in (self.folder, key):
                os.chown(path, self._identity["user"], self._identity["group"])
        done = subprocess.run(
            [
                self._initdb,
                *("-D", str(self._data), "-U", _ROLE, "--auth=trust", "--no-sync"),
                *("--encoding=UTF8", "--locale=C"),
            ],
            capture_output=True,
            check=False,
            cwd=self.folder,
            **self._identity,
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed: {done.stderr.decode(errors='replace')}")

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("PostgreSQL does not run")
        return self._process

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)  # a suspended process takes no other signal
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
