"""What tests of the offline store share: stores in both databases, a clock, people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ldapproxy.offline.settings import OfflineSettings
from tests.support.postgres import Postgres
from tests.unit.offline.people import KEYS


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of a worker."""
    with Postgres() as server:
        yield server


@pytest.fixture
def emptied(postgres: Postgres, shared_database: str) -> Iterator[str]:
    """A database that is empty before and after; a new one for each test would be slower."""
    yield shared_database
    postgres.execute(
        shared_database.rpartition("/")[2],
        "SET lock_timeout = '10s'; DROP SCHEMA public CASCADE; CREATE SCHEMA public",
    )


@pytest.fixture(scope="session")
def shared_database(postgres: Postgres) -> str:
    """The URL of a database for those tests that change nothing but its tables."""
    return postgres.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that does not exist yet, once in each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/offline.db"
    return str(request.getfixturevalue("emptied"))


@pytest.fixture
def settings(store_url: str) -> OfflineSettings:
    """Settings with limits that no test meets by accident."""
    return OfflineSettings(store_url, KEYS, max_logins=1000, max_age=7 * 86_400.0)


@pytest.fixture
def file_settings(tmp_path: Path) -> OfflineSettings:
    """The same, in an SQLite file only."""
    return OfflineSettings(f"sqlite:///{tmp_path}/offline.db", KEYS, max_logins=1000, max_age=7 * 86_400.0)
