"""ldapproxy/offline/overview.py, in both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from ldapproxy.auth.enrolment import (
    AuthenticatorKind,
    OfflineAccount,
    OfflineAuthenticator,
    StoreUnavailableError,
)
from ldapproxy.offline import accounts, overview
from ldapproxy.offline.address import parse
from ldapproxy.offline.authenticators import Authenticator, RecoverySheet, Totp
from ldapproxy.offline.codes import TotpKey
from ldapproxy.offline.database import Database
from ldapproxy.offline.vault import Vault
from ldapproxy.secret import Secret
from tests.unit.offline.people import ALICE, BOB, KEYS, NOON

VAULT = Vault(KEYS)
SHEET = RecoverySheet(Secret(b"k" * 32), frozenset({"aa", "bb"}))


@pytest.fixture
def database(store_url: str) -> Database:
    database = Database(parse(store_url), VAULT)
    with database.write() as connection:
        accounts.add(connection, ALICE, "zoe", NOON)
        accounts.add(connection, BOB, "bob", NOON)
        accounts.add(connection, "without", "without", NOON)
        for identity, added, now in (
            (BOB, Authenticator("1", "phone", Totp(TotpKey(Secret(b"p" * 20))), is_confirmed=False), NOON),
            (ALICE, Authenticator("2", "paper", SHEET), NOON + 1),
            (ALICE, Authenticator("3", "phone", Totp(TotpKey(Secret(b"q" * 20)))), NOON),
        ):
            accounts.add_authenticator(connection, identity, added, VAULT, now)
        used = replace(SHEET, unused=frozenset({"aa"}), used=frozenset({"bb"}))
        accounts.save_authenticator(connection, Authenticator("2", "paper", used, last_used=NOON + 5), NOON)
    return database


def test_accounts_with_authenticators_by_name(database: Database) -> None:
    with database.read() as connection:
        assert overview.accounts(connection) == (
            OfflineAccount(BOB, "bob", 1),
            OfflineAccount(ALICE, "zoe", 2),
        )


def test_authenticators_of_an_account_by_age(database: Database) -> None:
    with database.read() as connection:
        assert overview.authenticators(connection, ALICE) == (
            OfflineAuthenticator("phone", AuthenticatorKind.TOTP, NOON, True, None, None),
            OfflineAuthenticator("paper", AuthenticatorKind.RECOVERY_CODES, NOON + 1, True, NOON + 5, 1),
        )
        assert overview.authenticators(connection, BOB) == (
            OfflineAuthenticator("phone", AuthenticatorKind.TOTP, NOON, False, None, None),
        )
        assert overview.authenticators(connection, "nobody") == ()


def test_a_kind_that_nobody_knows(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE offline_authenticators SET kind = 'x'"))
    with pytest.raises(StoreUnavailableError, match="is damaged"), database.read() as connection:
        overview.authenticators(connection, ALICE)
