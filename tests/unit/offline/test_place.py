"""ldapproxy/offline/place.py."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url

from ldapproxy.offline.place import PATIENCE, WRITES, Place
from ldapproxy.offline.postgres_server import PostgresServer
from ldapproxy.offline.sqlite_file import SqliteFile


def test_both_places_keep_to_the_protocol() -> None:
    """The type checker holds them to it here."""
    places: list[Place] = [SqliteFile(Path("/x")), PostgresServer(make_url("postgresql+psycopg://h/d"))]
    assert [place.shown for place in places] == ["/x", "postgresql://h/d"]
    assert all(place.connections.dialect.name in place.connections.url.drivername for place in places)


def test_the_options_are_ours() -> None:
    assert all(name.startswith("ldapproxy_") for name in (WRITES, PATIENCE))
