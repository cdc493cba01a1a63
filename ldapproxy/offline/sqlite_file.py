"""A store in an SQLite file.

Owns how the file is made, opened, checked and guarded, and what SQLite's errors mean. It must not know the
tables.

Each transaction opens the file anew (a fraction of a millisecond): a file that was moved away, replaced or
restored is seen at once, where a kept connection would go on with the old one.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import time
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine, event

from ldapproxy.auth.enrolment import StoreUnavailableError
from ldapproxy.offline.place import WRITES

_log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds to wait for another writer. Ours take milliseconds; a longer lock is a fault."""

_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    # A power cut must not forget that a code was used. (WAL's usual NORMAL may lose the last transactions.)
    "PRAGMA synchronous = FULL",
    # Find damage while reading instead of believing it.
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
)

# By SQLite's primary result code, https://sqlite.org/rescode.html
_SENTENCES = {
    sqlite3.SQLITE_BUSY: "is locked by another process for too long",
    sqlite3.SQLITE_LOCKED: "is locked by another process for too long",
    sqlite3.SQLITE_READONLY: "cannot be written; give the user that runs ldapproxy its file and its folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; give the user that runs ldapproxy its file and its folder",
    sqlite3.SQLITE_PERM: "cannot be opened; give the user that runs ldapproxy its file and its folder",
    sqlite3.SQLITE_FULL: "cannot be written because the disk is full",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk failed, or is full",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore it from a backup",
    sqlite3.SQLITE_NOTADB: "is damaged, or no SQLite file at all; restore it from a backup",
}


@dataclass(frozen=True)
class SqliteFile:
    """The file (`place.Place`).

    Attributes:
        path: an absolute path; the folder exists, the file may not.
        patience: seconds to wait for another writer.
    """

    path: Path
    patience: float = field(default=PATIENCE, compare=False)

    @property
    def shown(self) -> str:
        """The file's path."""
        return str(self.path)

    @cached_property
    def connections(self) -> Engine:
        """Opens the file, which must exist."""
        connections = create_engine("sqlite://", creator=self._open, poolclass=NullPool, hide_parameters=True)

        @event.listens_for(connections, "begin")
        def begin(connection: Connection) -> None:
            # A transaction that reads first and then wants to write may find that somebody else has written
            # in between, and fails. One that is going to write says so at once, and waits its turn.
            writes = connection.get_execution_options().get(WRITES, False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return connections

    def prepare(self, may_create: bool) -> None:
        """Makes the file if it may, checks it, and switches it to write-ahead logging."""
        if _is_missing(self.path):
            self._create(may_create)
        try:
            # Readers do not wait for a writer then. The file remembers it.
            self._switch_to_wal()
            with closing(self._open()) as connection:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as error:
            raise StoreUnavailableError(self.sentence(error)) from None
        if found != ("ok",):
            raise StoreUnavailableError(_SENTENCES[sqlite3.SQLITE_CORRUPT])

    def bounded(self, connection: Connection) -> AbstractContextManager[None]:
        """Nothing to do: SQLite waits for nobody but other writers, and `patience` bounds that."""
        return nullcontext()

    def sentence(self, error: BaseException) -> str:
        """What SQLite's error means."""
        code = getattr(error, "sqlite_errorcode", None)
        if isinstance(code, int) and (sentence := _SENTENCES.get(code & 0xFF)):
            if _is_missing(self.path):
                return "is missing; restore it from a backup, or restart ldapproxy to begin with an empty one"
            return sentence
        if isinstance(error, OSError):
            return f"cannot be used: {error.strerror or type(error).__name__}"
        return f"cannot be used: {_first_line(error)}"

    def warnings(self) -> tuple[str, ...]:
        """Who else can read the file, or replace it."""
        found = []
        if _mode(self.path) & (stat.S_IRWXG | stat.S_IRWXO):
            found.append(f"{self.path} can be read or written by others; chmod 600 it")
        folder = _mode(self.path.parent)
        if folder & (stat.S_IWGRP | stat.S_IWOTH) and not folder & stat.S_ISVTX:
            found.append(f"files in {self.path.parent} can be replaced by others; chmod 700 it")
        return tuple(found)

    def _create(self, may_create: bool) -> None:
        if not self.path.parent.is_dir():
            raise StoreUnavailableError(
                f"is missing, and so is its folder; make {self.path.parent}, "
                "with mode 700, for the user that runs ldapproxy"
            )
        if not may_create:
            raise StoreUnavailableError(
                "is missing; restore it from a backup, or restart ldapproxy to begin with an empty one"
            )
        try:
            # SQLite gives its further files (-wal, -shm) the same mode and, as root, the same owner.
            made = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return  # another process was quicker
        except OSError as error:
            raise StoreUnavailableError(
                f"is missing and cannot be made: {error.strerror}; "
                "give its folder to the user that runs ldapproxy"
            ) from None
        try:
            _give_to_owner_of(self.path.parent, made)
        finally:
            os.close(made)
        _log.warning("there was no store of offline authenticators; made an empty one: %s", self.path)

    def _switch_to_wal(self) -> None:
        # SQLite does not wait for other processes here: several that start at once would trip over each
        # other.
        deadline = time.monotonic() + self.patience
        while True:
            try:
                with closing(self._open()) as connection:
                    connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw", uri=True, timeout=self.patience, isolation_level=None
        )
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        return connection


def _give_to_owner_of(folder: Path, made: int) -> None:
    """An administrator's command, run as root, must not make a store that the proxy cannot open."""
    if os.geteuid() == 0:
        owner = folder.stat()
        with suppress(OSError):  # a root without that right; the proxy will say what is wrong
            os.fchown(made, owner.st_uid, owner.st_gid)


def _is_missing(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False  # nobody knows; opening it will say why
    return False


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):  # not there, or no path at all
        return 0


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
