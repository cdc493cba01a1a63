"""The URL of a store.

Owns which URLs there are and what each of them means. It must not know the configuration file.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ldapproxy.offline.postgres_server import PostgresServer, hosts, is_local
from ldapproxy.offline.sqlite_file import SqliteFile

_FORMS = "write sqlite:///PATH or postgresql://USER@HOST/DATABASE"
_POSTGRESQL = "postgresql+psycopg"


def parse(url: str) -> SqliteFile | PostgresServer:
    """The place that a URL names.

    `sqlite:///var/lib/x.db` and `sqlite:////var/lib/x.db` are the same absolute path: a store must not depend
    on the folder in which the program was started.

    A server on another machine is reached with TLS, its certificate verified (`sslmode=verify-full`,
    authorities of the system unless `sslrootcert` names others). `sslmode=disable` means clear text, visibly;
    TLS that verifies nothing cannot be chosen.

    Raises:
        ValueError: it is none of them; the message says what to write, and quotes nothing, since a password
            may be in it.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(f"is not a URL; {_FORMS}") from None
    match parsed.drivername:
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql" | "postgresql+psycopg":
            return _postgresql(parsed)
        case _:
            raise ValueError(f"must begin with sqlite:/// or postgresql://; {_FORMS}")


def _sqlite(url: URL) -> SqliteFile:
    if url.host or url.username or url.port:
        raise ValueError("has two slashes where three belong; write sqlite:///PATH")
    if not url.database or url.database == ":memory:":
        raise ValueError(
            "names no file, and a store in memory would forget which codes were used; write sqlite:///PATH"
        )
    if url.query:
        raise ValueError("takes nothing behind a question mark; write sqlite:///PATH")
    return SqliteFile(Path("/" + url.database.lstrip("/")))


def _postgresql(url: URL) -> PostgresServer:
    named = hosts(url)
    if not named or "service" in url.query:
        raise ValueError(
            "names no host; write postgresql://USER@HOST/DATABASE, "
            "or postgresql:///DATABASE?host=/run/postgresql for a Unix socket"
        )
    if not url.database:
        raise ValueError("names no database; write postgresql://USER@HOST/DATABASE")
    sslmode = url.query.get("sslmode")
    if all(map(is_local, named)):
        defaults = {"sslmode": "prefer"}
    elif sslmode not in (None, "verify-full", "disable"):
        raise ValueError(
            "has an sslmode that does not verify the server; write sslmode=verify-full, "
            "or sslmode=disable for clear text on a network that you trust"
        )
    else:
        defaults = {"sslmode": "verify-full"}
        if sslmode != "disable":
            defaults["sslrootcert"] = "system"
    return PostgresServer(url.set(drivername=_POSTGRESQL, query=defaults | dict(url.query)))
