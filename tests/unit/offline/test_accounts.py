"""ldapproxy/offline/accounts.py, in both databases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text, update

from ldapproxy.auth.enrolment import StoreUnavailableError
from ldapproxy.offline import accounts
from ldapproxy.offline.address import parse
from ldapproxy.offline.authenticators import Account, Authenticator, RecoverySheet, Totp, Usage
from ldapproxy.offline.codes import Algorithm, TotpKey
from ldapproxy.offline.database import Database
from ldapproxy.offline.schema import AUTHENTICATORS
from ldapproxy.offline.vault import Vault
from ldapproxy.secret import Secret
from tests.unit.offline.people import ALICE, BOB, KEYS, NOON

VAULT = Vault(KEYS)
PHONE = Authenticator("1", "phone", Totp(TotpKey(Secret(b"p" * 20))), is_confirmed=False)
TOKEN_KEY = TotpKey(Secret(b"t" * 32), Algorithm.SHA256, 8, 60)
TOKEN = Authenticator("2", "token", Totp(TOKEN_KEY, last_step=7))
PAPER = Authenticator("3", "paper", RecoverySheet(Secret(b"k" * 32), frozenset({"aa", "bb", "cc"})))
ALL = (PHONE, TOKEN, PAPER)


@pytest.fixture
def database(store_url: str) -> Database:
    """Alice with all kinds of authenticators, Bob with none."""
    database = Database(parse(store_url), VAULT)
    with database.write() as connection:
        accounts.add(connection, ALICE, "alice", NOON)
        accounts.add(connection, BOB, "bob", NOON - 1)
        for number, each in enumerate(ALL):
            accounts.add_authenticator(connection, ALICE, each, VAULT, NOON + number)
    return database


def load(database: Database, identity: str = ALICE) -> Account | None:
    with database.read() as connection:
        return accounts.load(connection, identity, VAULT, with_lock=False)


def change(database: Database, **values: Any) -> None:
    with database.write() as connection:
        connection.execute(update(AUTHENTICATORS).where(AUTHENTICATORS.c.id == "2").values(values))


def test_an_account_comes_back_as_it_was(database: Database) -> None:
    assert load(database) == Account(Usage(NOON), ALL)
    assert load(database, BOB) == Account(Usage(NOON - 1))
    assert load(database, "nobody") is None


def test_adding_an_account_that_is_there_changes_its_name_only(database: Database) -> None:
    with database.write() as connection:
        accounts.add(connection, ALICE, "renamed", NOON + 100)
    assert load(database) == Account(Usage(NOON), ALL)
    with database.read() as connection:
        names = connection.scalars(text("SELECT account_name FROM offline_accounts ORDER BY 1")).all()
    assert names == ["bob", "renamed"]


def test_everything_that_a_login_changes_is_kept(database: Database) -> None:
    before = load(database)
    assert before is not None
    token = replace(TOKEN, last_used=NOON + 9, means=Totp(TOKEN_KEY, last_step=8))
    sheet = RecoverySheet(Secret(b"k" * 32), unused=frozenset({"aa"}), used=frozenset({"bb", "cc"}))
    paper = replace(PAPER, last_used=NOON + 9, means=sheet)
    after = Account(Usage(NOON + 1, 2, 3, NOON + 4), (PHONE, token, paper))
    with database.write() as connection:
        accounts.save(connection, ALICE, before, after, NOON + 9)
    assert load(database) == after
    assert load(database, BOB) == Account(Usage(NOON - 1))


def test_a_used_code_keeps_its_first_date(database: Database) -> None:
    used = replace(
        PAPER, means=RecoverySheet(Secret(b"k" * 32), unused=frozenset({"aa", "cc"}), used=frozenset({"bb"}))
    )
    for now in (NOON + 1, NOON + 2):
        with database.write() as connection:
            accounts.save_authenticator(connection, used, now)
    with database.read() as connection:
        dates = connection.execute(text("SELECT digest, used FROM offline_recovery_codes ORDER BY 1")).all()
    assert dates == [("aa", None), ("bb", NOON + 1), ("cc", None)]


def test_removing_an_authenticator_removes_its_codes(database: Database) -> None:
    with database.write() as connection:
        accounts.remove_authenticator(connection, "3")
        assert connection.scalar(text("SELECT count(*) FROM offline_recovery_codes")) == 0
    assert load(database) == Account(Usage(NOON), (PHONE, TOKEN))


def test_no_secret_is_in_the_tables(database: Database) -> None:
    with database.read() as connection:
        rows = connection.execute(text("SELECT secret FROM offline_authenticators")).all()
    assert len(rows) == 3
    assert not [row for row in rows if "pppp" in row[0] or "tttt" in row[0] or "kkkk" in row[0]]


def test_a_secret_that_was_moved_to_somebody_else_is_not_accepted(database: Database) -> None:
    """Whoever can write to the store has no way to put their own authenticator on another account."""
    with database.write() as connection:
        connection.execute(text(f"UPDATE offline_authenticators SET identity = '{BOB}' WHERE id = '2'"))
    sentence = f"for another authenticator .the authenticator 'token' of {BOB}"
    with pytest.raises(StoreUnavailableError, match=sentence):
        load(database, BOB)
    assert load(database) == Account(Usage(NOON), (PHONE, PAPER))


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "hotp"},
        {"algorithm": "md5"},
        {"algorithm": None},
        {"digits": 1},
        {"digits": None},
        {"period": 31},
        {"secret": "\N{SNOWMAN}"},
        {"secret": ""},
    ],
    ids=str,
)
def test_a_row_that_makes_no_sense_is_not_believed(database: Database, values: dict[str, Any]) -> None:
    change(database, **values)
    with pytest.raises(StoreUnavailableError, match=r"is damaged|encryption keys cannot read"):
        load(database)
    assert load(database, BOB) == Account(Usage(NOON - 1))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE offline_authenticators SET last_step = 'x' WHERE id = '2'",
        "UPDATE offline_authenticators SET secret = x'00ff' WHERE id = '2'",
        "UPDATE offline_accounts SET logins = 'x'",
        "UPDATE offline_accounts SET wrong_codes = 0.5",
        "UPDATE offline_accounts SET last_online = 'x'",
        "UPDATE offline_accounts SET last_wrong = x'00'",
    ],
)
def test_a_value_of_another_type_is_not_believed(database: Database, store_url: str, change: str) -> None:
    """SQLite returns what is in the file, whatever the column's type."""
    if store_url.startswith("sqlite"):
        with database.write() as connection:
            connection.exec_driver_sql(change)
        with pytest.raises(StoreUnavailableError, match="is damaged"):
            load(database)


def test_usages_are_those_of_the_accounts_that_there_are(database: Database) -> None:
    with database.write() as connection:
        found = accounts.usages(connection, [BOB, "nobody", ALICE], with_lock=True)
        assert accounts.usages(connection, [], with_lock=False) == {}
    assert list(found.items()) == [(ALICE, Usage(NOON)), (BOB, Usage(NOON - 1))]
