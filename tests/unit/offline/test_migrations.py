"""ldapproxy/offline/migrations.py, in both databases."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from ldapproxy.auth.enrolment import StoreUnavailableError
from ldapproxy.offline.address import parse
from ldapproxy.offline.migrations import STEPS, check_known, migrate, version
from ldapproxy.offline.place import WRITES

LATER = (
    "ALTER TABLE offline_accounts ADD COLUMN note TEXT",
    "UPDATE offline_accounts SET note = 'migrated'",
)


@pytest.fixture
def connections(store_url: str) -> Engine:
    place = parse(store_url)
    place.prepare(may_create=True)
    return place.connections.execution_options(**{WRITES: True})


def test_from_nothing_to_today(connections: Engine) -> None:
    with connections.begin() as connection:
        assert version(connection) == 0
        migrate(connection)
        assert version(connection) == len(STEPS)
    with connections.begin() as connection:
        migrate(connection)
        assert version(connection) == len(STEPS)


def test_from_the_first_version_to_a_later_one_with_its_data(connections: Engine) -> None:
    with connections.begin() as connection:
        migrate(connection, STEPS[:1])
        connection.execute(text("INSERT INTO offline_accounts VALUES ('id', 'alice', 1.5, 2, 3, 4.5)"))
    with connections.begin() as connection:
        migrate(connection, (*STEPS[:1], LATER))
        assert version(connection) == 2
        assert connection.execute(text("SELECT * FROM offline_accounts")).one() == (
            *("id", "alice", 1.5, 2, 3, 4.5),
            "migrated",
        )


def test_a_step_that_fails_leaves_everything_as_it_was(connections: Engine) -> None:
    with connections.begin() as connection:
        migrate(connection, STEPS[:1])
    with pytest.raises(DBAPIError), connections.begin() as connection:
        migrate(connection, (*STEPS[:1], (*LATER, "THIS IS NO SQL")))
    with connections.begin() as connection:
        assert version(connection) == 1
        assert "note" not in [each["name"] for each in inspect(connection).get_columns("offline_accounts")]


def test_a_newer_store_is_left_alone(connections: Engine) -> None:
    with connections.begin() as connection:
        migrate(connection, (*STEPS, LATER))
    sentence = "written by a newer ldapproxy .* run that one"
    with pytest.raises(StoreUnavailableError, match=sentence), connections.begin() as connection:
        migrate(connection)
    with pytest.raises(StoreUnavailableError, match=sentence):
        check_known(len(STEPS) + 1)


def test_a_version_that_makes_no_sense(connections: Engine) -> None:
    with connections.begin() as connection:
        migrate(connection)
        connection.execute(text("UPDATE offline_store SET value = '-1' WHERE name = 'schema'"))
    with (
        pytest.raises(StoreUnavailableError, match="does not say which version"),
        connections.begin() as connection,
    ):
        migrate(connection)


def test_programs_that_start_at_once_do_not_get_in_each_others_way(store_url: str) -> None:
    """Each with connections of its own, as in several processes."""
    places = [parse(store_url) for _ in range(6)]
    failures: list[BaseException] = []
    line = threading.Barrier(len(places))

    def start(number: int) -> None:
        try:
            line.wait(10)
            places[number].prepare(may_create=True)
            with places[number].connections.connect() as opened:
                connection = opened.execution_options(**{WRITES: True})
                with connection.begin():
                    migrate(connection)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=(number,)) for number in range(len(places))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with places[0].connections.connect() as connection:
        assert version(connection) == len(STEPS)
