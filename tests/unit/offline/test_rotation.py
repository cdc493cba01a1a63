"""ldapproxy/offline/rotation.py, in both databases."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from ldapproxy.auth.enrolment import StoreUnavailableError
from ldapproxy.offline import accounts, rotation
from ldapproxy.offline.address import parse
from ldapproxy.offline.authenticators import Authenticator, RecoverySheet, Totp
from ldapproxy.offline.codes import TotpKey
from ldapproxy.offline.database import Database
from ldapproxy.offline.rotation import reencrypt
from ldapproxy.offline.vault import Vault
from ldapproxy.secret import Secret
from tests.unit.offline.people import ALICE, BOB, KEYS, NOON

(OLD,) = KEYS
NEW = Secret(Fernet.generate_key())
OF_ALICE = (
    Authenticator("1", "phone", Totp(TotpKey(Secret(b"p" * 20)))),
    Authenticator("2", "paper", RecoverySheet(Secret(b"k" * 32), frozenset({"aa"}))),
)
OF_BOB = (Authenticator("3", "phone", Totp(TotpKey(Secret(b"q" * 20)))),)


def with_people(store_url: str) -> Database:
    database = Database(parse(store_url), Vault([OLD]))
    with database.write() as connection:
        for identity, authenticators in ((ALICE, OF_ALICE), (BOB, OF_BOB)):
            accounts.add(connection, identity, "somebody", NOON)
            for each in authenticators:
                accounts.add_authenticator(connection, identity, each, database.vault, NOON)
    return database


def test_afterwards_the_first_key_is_enough(store_url: str) -> None:
    with_people(store_url)
    both = Database(parse(store_url), Vault([NEW, OLD]))
    assert reencrypt(both) == 3
    new = Database(parse(store_url), Vault([NEW]))
    with new.read() as connection:
        for identity, authenticators in ((ALICE, OF_ALICE), (BOB, OF_BOB)):
            account = accounts.load(connection, identity, new.vault, with_lock=False)
            assert account is not None
            assert account.authenticators == authenticators


def test_in_several_transactions(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    test_afterwards_the_first_key_is_enough(store_url)


def test_a_secret_that_cannot_be_read_stops_it_and_the_old_key_is_still_needed(store_url: str) -> None:
    database = with_people(store_url)
    with database.write() as connection:
        connection.execute(text("UPDATE offline_authenticators SET secret = 'x' WHERE id = '3'"))
    both = Database(parse(store_url), Vault([NEW, OLD]))
    with pytest.raises(StoreUnavailableError, match="none of the encryption keys fits"):
        reencrypt(both)
    for keys in ([OLD], [NEW, OLD]):
        still = Database(parse(store_url), Vault(keys))
        with still.read() as connection:
            assert accounts.load(connection, ALICE, still.vault, with_lock=False) is not None


def test_an_empty_store(store_url: str) -> None:
    assert reencrypt(Database(parse(store_url), Vault([OLD]))) == 0
    assert reencrypt(Database(parse(store_url), Vault([NEW, OLD]))) == 0
    with Database(parse(store_url), Vault([NEW])).read():
        pass
