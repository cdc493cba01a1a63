"""ldapproxy/offline/database.py, in both databases."""

from __future__ import annotations

import threading

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from ldapproxy.auth.enrolment import EnrolmentRefusedError, StoreUnavailableError
from ldapproxy.offline import accounts
from ldapproxy.offline.address import parse
from ldapproxy.offline.database import Database
from ldapproxy.offline.rotation import reencrypt
from ldapproxy.offline.vault import Vault
from ldapproxy.secret import Secret
from tests.unit.offline.people import ALICE, KEYS, NOON

OTHER = Secret(Fernet.generate_key())


def opened(store_url: str, *keys: Secret) -> Database:
    """A process of its own, as far as the store can tell."""
    return Database(parse(store_url), Vault(keys or KEYS))


def add_alice(database: Database) -> None:
    with database.write() as connection:
        accounts.add(connection, ALICE, "alice", NOON)


def knows_alice(database: Database) -> bool:
    with database.read() as connection:
        return ALICE in accounts.usages(connection, [ALICE], with_lock=False)


def test_a_transaction_is_kept_when_the_block_ends_well(store_url: str) -> None:
    add_alice(opened(store_url))
    assert knows_alice(opened(store_url))


def test_an_exception_of_the_block_undoes_it_and_is_no_fault_of_the_store(store_url: str) -> None:
    database = opened(store_url)

    def add_and_refuse() -> None:
        with database.write() as connection:
            accounts.add(connection, ALICE, "alice", NOON)
            raise EnrolmentRefusedError("no")

    with pytest.raises(EnrolmentRefusedError, match="no"):
        add_and_refuse()
    assert not knows_alice(database)


def test_a_statement_that_fails_undoes_the_others(store_url: str) -> None:
    database = opened(store_url)

    def add_and_fail() -> None:
        with database.write() as connection:
            accounts.add(connection, ALICE, "alice", NOON)
            connection.execute(text("INSERT INTO offline_accounts (identity) VALUES ('incomplete')"))

    with pytest.raises(StoreUnavailableError, match="cannot be used: "):
        add_and_fail()
    assert not knows_alice(database)
    add_alice(database)


def test_a_failure_quotes_no_value(store_url: str) -> None:
    database = opened(store_url)
    with pytest.raises(StoreUnavailableError) as failure, database.write() as connection:
        connection.execute(
            text("INSERT INTO offline_accounts (identity) VALUES (:value)"), {"value": "hunter2"}
        )
    assert "hunter2" not in str(failure.value)
    assert failure.value.__suppress_context__


def test_other_keys_are_noticed_before_anything_is_written_with_them(store_url: str) -> None:
    add_alice(opened(store_url))
    other = opened(store_url, OTHER)
    for use in (add_alice, knows_alice):
        with pytest.raises(StoreUnavailableError, match="what these encryption keys cannot read"):
            use(other)
    assert knows_alice(opened(store_url, OTHER, *KEYS))


def test_after_rotation_the_old_key_is_of_no_use(store_url: str) -> None:
    old, both = opened(store_url), opened(store_url, OTHER, *KEYS)
    add_alice(old)
    reencrypt(both)
    assert knows_alice(opened(store_url, OTHER))
    with pytest.raises(StoreUnavailableError, match="what these encryption keys cannot read"):
        add_alice(opened(store_url))


def test_tables_that_are_gone_are_not_made_anew(store_url: str) -> None:
    database = opened(store_url)
    add_alice(database)
    drop_tables(store_url)
    for sentence in ("cannot be used: ", "has lost its tables; restore it from a backup"):
        with pytest.raises(StoreUnavailableError, match=sentence):
            add_alice(database)
    # A new process begins with an empty store, as it would on its first day.
    assert not knows_alice(opened(store_url))
    add_alice(database)


def drop_tables(store_url: str) -> None:
    with opened(store_url).write() as connection:
        for table in ("recovery_codes", "authenticators", "accounts", "store"):
            connection.execute(text(f"DROP TABLE offline_{table}"))


def test_a_key_check_that_is_gone(store_url: str) -> None:
    with opened(store_url).write() as connection:
        connection.execute(text("DELETE FROM offline_store WHERE name = 'key_check'"))
    with pytest.raises(StoreUnavailableError, match="has lost a part of itself"):
        knows_alice(opened(store_url))


def test_a_value_that_was_never_written(store_url: str) -> None:
    database = opened(store_url)
    add_alice(database)
    with database.write() as connection:
        infinite = "9e999" if connection.dialect.name == "sqlite" else "'Infinity'"
        connection.execute(text(f"UPDATE offline_accounts SET last_online = {infinite}"))
    with pytest.raises(StoreUnavailableError, match=f"is damaged .the account {ALICE}.; restore it"):
        knows_alice(database)


def test_many_threads_prepare_it_once_and_all_get_their_turn(store_url: str) -> None:
    database = opened(store_url)
    failures: list[BaseException] = []
    line = threading.Barrier(8)

    def use() -> None:
        try:
            line.wait(10)
            add_alice(database)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert knows_alice(database)
