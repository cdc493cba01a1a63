"""PostgreSQL, whose databases are each guarded by another listener.

Owns `pg_hba.conf` and the connection attempts; the server is `tests.support.postgres`'s.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from tests.support.applications.attempts import Attempt, People, Place, timed
from tests.support.postgres import Postgres

_RULES = {
    # The name that binds is made from the user's.
    "simple": 'ldapprefix="{attribute}=" ldapsuffix=",{base}"',
    "suffix": 'ldapsuffix="{suffix}"',
    # An account searches, then the user's DN binds, on a connection of its own.
    "search": 'ldapbasedn="{base}" ldapbinddn="{dn}" ldapbindpasswd="{password}" '
    'ldapsearchfilter="({attribute}=$username)"',
}


class PostgresqlLogins:
    """One PostgreSQL server; a context manager. A listener guards database `WAY_LISTENER`, that way.

    Only the first listener's databases are there: to make all of them takes longer than all logins. Who asks
    for another one hears that it does not exist, and only behind the login.

    Args:
        places: the listeners.
        people: where people are.
        users: who has a role in PostgreSQL.
        ca_file: whom StartTLS trusts.
        ways: how people are logged in: `simple`, `suffix`, `search`, each also with `_start_tls` behind it.
        suffix: of the names of `suffix`, such as `@ad.example.com`.
    """

    def __init__(
        self,
        places: Iterable[Place],
        people: People,
        users: Iterable[str],
        ca_file: Path,
        ways: Iterable[str],
        suffix: str = "",
    ) -> None:
        places = list(places)
        self._real = places[0].name
        self._users = list(users)
        self._databases: list[str] = []
        rules = ["host postgres ldapproxy 127.0.0.1/32 trust"]
        for way in ways:
            for place in places:
                name = f"{way}_{place.name}"
                options = _RULES[way.removesuffix("_start_tls")].format(
                    attribute=people.username_attribute,
                    base=people.base_dn,
                    suffix=suffix,
                    dn=people.search_dn,
                    password=people.search_password,
                )
                tls = " ldaptls=1" if way.endswith("_start_tls") else ""
                self._databases.append(name)
                server = f"ldapserver=127.0.0.1 ldapport={place.port}{tls}"
                rules.append(f"host {name} all 127.0.0.1/32 ldap {server} {options}")
        # The server's working directory is its folder's `data`; its own user may not enter the test's folder.
        self._postgres = Postgres(environment={"LDAPCONF": "/dev/null", "LDAPTLS_CACERT": "../ldap-ca.pem"})
        self._ca_file = ca_file
        self._rules = "\n".join([*rules, ""])

    def __enter__(self) -> Self:
        trusted = self._postgres.folder / "ldap-ca.pem"
        shutil.copy(self._ca_file, trusted)
        trusted.chmod(0o644)
        self._postgres.__enter__()
        for database in self._databases:
            if database.endswith(f"_{self._real}"):
                self._postgres.execute("postgres", f"CREATE DATABASE {database}")
        for user in self._users:
            self._postgres.execute("postgres", f'CREATE ROLE "{user}" LOGIN')
        (self._postgres.folder / "data" / "pg_hba.conf").write_text(self._rules)
        self._postgres.execute("postgres", "SELECT pg_reload_conf()")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._postgres.__exit__(kind, error, trace)

    def way(self, way: str, sslmode: str = "require") -> PostgresqlWay:
        """Logins of one way.

        Args:
            way: one of the ways.
            sslmode: libpq's; `prefer`, its own default, logs in once more without TLS when the login with TLS
                was refused.
        """
        return PostgresqlWay(self._postgres, way, sslmode)


class PostgresqlWay:
    """Logins of one way (`attempts.Application`)."""

    def __init__(self, postgres: Postgres, way: str, sslmode: str) -> None:
        self._postgres = postgres
        self._way = way
        self._sslmode = sslmode

    def login(self, listener: str, user: str, credential: str, patience: float = 60.0) -> Attempt:
        """Connects to the listener's database."""

        def connect() -> tuple[bool, str]:
            try:
                with psycopg.connect(
                    host="127.0.0.1",
                    port=self._postgres.port,
                    dbname=f"{self._way}_{listener}",
                    user=user,
                    password=credential,
                    sslmode=self._sslmode,
                    connect_timeout=int(patience),
                ) as connection:
                    row = connection.execute("SELECT current_user").fetchone()
                    return True, f"logged in as {row}"
            except psycopg.OperationalError as error:
                said = str(error)
                return f'FATAL:  database "{self._way}_{listener}" does not exist' in said, said

        return timed(connect)
