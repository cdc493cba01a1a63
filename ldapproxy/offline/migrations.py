"""How a store gets from any earlier version to today's, and from nothing to the first.

Owns the steps and the version. A step that was released is never changed; a change of `schema` is a new step
at the end, in SQL that SQLite and PostgreSQL both understand.

Why not Alembic: it loads its scripts from files beside an ini file, and leaves to its caller what matters
here: that processes that start at the same time do not get into each other's way, that the version is looked
at in the transaction that changes it, and that a store of a newer version is left alone. For one short line
of steps that is all there is to it. Should SQLite ever need more than ALTER TABLE can, Alembic's batch
operations can be used inside a step.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect, select, text, update

from ldapproxy.auth.enrolment import StoreUnavailableError
from ldapproxy.offline.schema import FACTS, VERSION

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE offline_store (
            name TEXT NOT NULL PRIMARY KEY,
            value TEXT NOT NULL
        )""",
        "INSERT INTO offline_store (name, value) VALUES ('schema', '0')",
        """CREATE TABLE offline_accounts (
            identity TEXT NOT NULL PRIMARY KEY,
            account_name TEXT NOT NULL,
            last_online DOUBLE PRECISION NOT NULL,
            logins BIGINT NOT NULL,
            wrong_codes BIGINT NOT NULL,
            last_wrong DOUBLE PRECISION NOT NULL
        )""",
        """CREATE TABLE offline_authenticators (
            id TEXT NOT NULL PRIMARY KEY,
            identity TEXT NOT NULL REFERENCES offline_accounts (identity),
            label TEXT NOT NULL,
            kind TEXT NOT NULL,
            secret TEXT NOT NULL,
            algorithm TEXT,
            digits BIGINT,
            period BIGINT,
            last_step BIGINT,
            created DOUBLE PRECISION NOT NULL,
            confirmed DOUBLE PRECISION,
            last_used DOUBLE PRECISION,
            UNIQUE (identity, label)
        )""",
        """CREATE TABLE offline_recovery_codes (
            authenticator TEXT NOT NULL,
            digest TEXT NOT NULL,
            used DOUBLE PRECISION,
            PRIMARY KEY (authenticator, digest),
            FOREIGN KEY (authenticator) REFERENCES offline_authenticators (id) ON DELETE CASCADE
        )""",
    ),
)

# Any number that is always the same, and ours: "ldapprox" in ASCII.
_LOCK = int.from_bytes(b"ldapprox", "big")


def version(connection: Connection) -> int:
    """The version of the store, 0 when there is nothing yet.

    Raises:
        StoreUnavailableError: the store's own record of it makes no sense.
    """
    if not inspect(connection).has_table(FACTS.name):
        return 0
    value = connection.scalar(select(FACTS.c.value).where(FACTS.c.name == VERSION))
    if value is None or not value.isdecimal():
        raise StoreUnavailableError("does not say which version it has; restore it from a backup")
    return int(value)


def migrate(connection: Connection, steps: tuple[tuple[str, ...], ...] = STEPS) -> None:
    """Takes every step that is missing, in the connection's transaction.

    Args:
        connection: in a transaction that may write; on SQLite one that keeps other writers out (BEGIN
            IMMEDIATE).
        steps: all steps there are; `steps[n]` makes version n + 1.

    Raises:
        StoreUnavailableError: the store is of a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    present = version(connection)
    check_known(present, len(steps))
    for step in steps[present:]:
        for statement in step:
            connection.exec_driver_sql(statement)
    if present < len(steps):
        connection.execute(update(FACTS).where(FACTS.c.name == VERSION).values(value=str(len(steps))))


def check_known(present: int, latest: int = len(STEPS)) -> None:
    """Refuses a store that a newer program has migrated.

    Raises:
        StoreUnavailableError: it is newer.
    """
    if present > latest:
        raise StoreUnavailableError(
            f"was written by a newer ldapproxy (its tables have version {present}, "
            f"and this ldapproxy knows up to {latest}); run that one"
        )
