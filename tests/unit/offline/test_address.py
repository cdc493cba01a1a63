"""ldapproxy/offline/address.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from ldapproxy.offline.address import parse
from ldapproxy.offline.postgres_server import PostgresServer
from ldapproxy.offline.sqlite_file import SqliteFile


def server(url: str) -> PostgresServer:
    place = parse(url)
    assert isinstance(place, PostgresServer)
    return place


@pytest.mark.parametrize(
    "url", ["sqlite:///var/lib/ldapproxy/offline.db", "sqlite:////var/lib/ldapproxy/offline.db"]
)
def test_a_file_is_the_same_wherever_the_program_was_started(url: str) -> None:
    assert parse(url) == SqliteFile(Path("/var/lib/ldapproxy/offline.db"))


@pytest.mark.parametrize(
    ("url", "sslmode", "authorities"),
    [
        ("postgresql://u@db.example.com/d", "verify-full", "system"),
        ("postgresql://u@192.0.2.1/d", "verify-full", "system"),
        ("postgresql+psycopg://u@db/d?sslrootcert=/ca.pem", "verify-full", "/ca.pem"),
        ("postgresql://u@db/d?sslmode=disable", "disable", None),
        ("postgresql://u@127.0.0.1:5433/d", "prefer", None),
        ("postgresql://u@[::1]/d", "prefer", None),
        ("postgresql://u@localhost/d?sslmode=verify-full", "verify-full", None),
        ("postgresql:///d?host=/run/postgresql", "prefer", None),
        # libpq tries one after the other; one of them is not this machine
        ("postgresql:///d?host=localhost,db.example.com", "verify-full", "system"),
        ("postgresql://u@localhost/d?host=db.example.com", "verify-full", "system"),
    ],
)
def test_another_machine_is_verified_unless_clear_text_is_chosen(
    url: str, sslmode: str, authorities: str | None
) -> None:
    query = server(url).url.query
    assert (query["sslmode"], query.get("sslrootcert")) == (sslmode, authorities)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "is not a URL"),
        ("/var/lib/offline.db", "is not a URL"),
        ("postgresql://u:hunter2@h:port/d", "is not a URL"),
        ("mysql://u:hunter2@h/d", "must begin with sqlite:/// or postgresql://"),
        ("postgresql+asyncpg://u:hunter2@h/d", "must begin with"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://var/lib/offline.db", "two slashes where three belong"),
        ("sqlite:///x.db?mode=memory", "nothing behind a question mark"),
        ("postgresql:///d", "names no host"),
        ("postgresql:///d?service=x", "names no host"),
        ("postgresql://u:hunter2@h?service=x", "names no host"),
        ("postgresql://u:hunter2@h", "names no database"),
        ("postgresql://u:hunter2@h/d?sslmode=require", "does not verify the server"),
        ("postgresql://u:hunter2@h/d?sslmode=prefer", "does not verify the server"),
        ("postgresql://u@h/d?sslmode=disable&sslmode=require", "does not verify the server"),
    ],
)
def test_what_cannot_be_a_store(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refused:
        parse(url)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_password_is_not_shown() -> None:
    place = server("postgresql://u:hunter2@db:5433/d")
    assert place.shown == "postgresql://db:5433/d"
    assert "hunter2" not in repr(place)
