"""ldapproxy/offline/postgres_server.py: a real server, and what happens to it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import trustme
from sqlalchemy import make_url, text

from ldapproxy.auth.enrolment import StoreUnavailableError
from ldapproxy.offline import accounts
from ldapproxy.offline.address import parse
from ldapproxy.offline.database import Database
from ldapproxy.offline.postgres_server import CONNECT_TIMEOUT, HANG_UP_AFTER, PostgresServer, hosts, is_local
from ldapproxy.offline.vault import Vault
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.unit.offline.people import ALICE, KEYS, NOON

PATIENCE = 1.0


def opened(url: str) -> Database:
    place = parse(url)
    assert isinstance(place, PostgresServer)
    return Database(replace(place, patience=PATIENCE), Vault(KEYS))


def use(database: Database) -> None:
    with database.write() as connection:
        accounts.add(connection, ALICE, "alice", NOON)


@contextmanager
def unavailable(sentence: str, within: float) -> Iterator[None]:
    """Says so, and in time; a machine under load gets some seconds more."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError, match=sentence):
        yield
    assert time.monotonic() - began < within + 5


def test_over_a_unix_socket(postgres: Postgres) -> None:
    name = make_url(postgres.new_database()).database
    assert name is not None
    use(opened(postgres.url(name, socket=True)))


def test_a_server_whose_certificate_verifies(postgres: Postgres, tmp_path: Path) -> None:
    name = make_url(postgres.new_database()).database
    assert name is not None
    use(opened(postgres.url(name, sslmode="verify-full", sslrootcert=str(postgres.ca_file))))
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    other = postgres.url(name, sslmode="verify-full", sslrootcert=str(tmp_path / "other.pem"))
    with unavailable("certificate verify failed", within=CONNECT_TIMEOUT):
        use(opened(other))


def test_nobody_listens() -> None:
    port = free_port()
    with unavailable(f"postgresql://127.0.0.1:{port}/d cannot be used: .*refused", within=CONNECT_TIMEOUT):
        use(opened(f"postgresql://u@127.0.0.1:{port}/d"))


def test_no_such_database(postgres: Postgres) -> None:
    with unavailable('database "missing" does not exist', within=CONNECT_TIMEOUT):
        use(opened(postgres.url("missing")))


def test_a_server_that_comes_back(postgres: Postgres) -> None:
    database = opened(postgres.new_database())
    use(database)
    postgres.kill()
    try:
        with unavailable("cannot be used: ", within=CONNECT_TIMEOUT):
            use(database)
    finally:
        postgres.start()
    use(database)


def test_a_server_that_hangs_before_it_answers(postgres: Postgres) -> None:
    database = opened(postgres.new_database())
    use(database)
    postgres.suspend()
    try:
        with unavailable("cannot be used: .*timeout", within=CONNECT_TIMEOUT):
            use(database)
    finally:
        postgres.resume()
    use(database)


@pytest.mark.parametrize("when", ["in the middle", "at the end"])
def test_a_server_that_hangs_in_a_transaction(postgres: Postgres, when: str) -> None:
    database = opened(postgres.new_database())
    use(database)
    with unavailable("gives no answer", within=PATIENCE + HANG_UP_AFTER), database.write() as connection:
        backend = connection.scalar(text("SELECT pg_backend_pid()"))
        os.kill(backend, signal.SIGSTOP)
        try:
            if when == "in the middle":
                accounts.usages(connection, [ALICE], with_lock=True)
        finally:
            if when == "in the middle":
                os.kill(backend, signal.SIGCONT)
    if when == "at the end":
        os.kill(backend, signal.SIGCONT)
    use(database)


def test_a_row_that_somebody_keeps_locked(postgres: Postgres) -> None:
    url = postgres.new_database()
    database = opened(url)
    use(database)
    with psycopg.connect(url) as other:
        other.execute("SELECT * FROM offline_accounts FOR UPDATE")
        with unavailable("is locked by somebody else for too long", within=PATIENCE):
            use(database)
    use(database)


def test_a_server_that_only_reads(postgres: Postgres) -> None:
    """As a standby does."""
    url = postgres.new_database()
    database = opened(url)
    use(database)
    name = make_url(url).database
    postgres.execute("postgres", f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with unavailable("cannot be used: cannot execute INSERT in a read-only transaction", within=PATIENCE):
        use(database)
    postgres.execute("postgres", f"ALTER DATABASE {name} RESET default_transaction_read_only")
    use(database)


def test_what_is_written_is_on_the_disk_whatever_the_servers_default_is(postgres: Postgres) -> None:
    url = postgres.new_database()
    name = make_url(url).database
    postgres.execute("postgres", f"ALTER DATABASE {name} SET synchronous_commit = off")
    postgres.execute("postgres", f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    with opened(url).write() as connection:
        assert connection.scalar(text("SHOW synchronous_commit")) == "on"
        assert connection.scalar(text("SHOW transaction_isolation")) == "read committed"
        assert connection.scalar(text("SHOW statement_timeout")) == "1s"


def test_a_transaction_that_may_take_longer(postgres: Postgres) -> None:
    database = opened(postgres.new_database())
    with database.write(patience=30.0) as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "30s"
        connection.execute(text(f"SELECT pg_sleep({PATIENCE + HANG_UP_AFTER + 0.2})"))
    with database.write() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "1s"


def test_no_connection_is_kept(postgres: Postgres) -> None:
    url = postgres.new_database()
    use(opened(url))
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as other:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        deadline = time.monotonic() + 10
        while other.execute(query, [make_url(url).database]).fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_clear_text_to_another_machine_is_a_warning() -> None:
    clear, safe, near = (
        parse(f"postgresql://u@{rest}")
        for rest in ("db/d?sslmode=disable", "db/d", "localhost/d?sslmode=disable")
    )
    assert clear.warnings() == ("postgresql://db/d is reached in clear text; use sslmode=verify-full",)
    assert safe.warnings() == near.warnings() == ()


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://a/d", ["a"]),
        ("postgresql://a/d?host=b,c", ["a", "b", "c"]),
        ("postgresql:///d?host=b&host=/run", ["b", "/run"]),
        ("postgresql:///d", []),
    ],
)
def test_every_host_that_a_url_names(url: str, named: list[str]) -> None:
    assert hosts(make_url(url)) == named


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("/run/postgresql", True),
        ("@abstract", True),
        ("localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("192.0.2.1", False),
        ("localhost.example.com", False),
    ],
)
def test_this_machine(host: str, local: bool) -> None:
    assert is_local(host) is local
