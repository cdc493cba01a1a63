"""Accounts between the tables and the pure floor's states.

Owns reading an account, and writing what has changed of it. It must not decide anything.

Whoever changes an account or anything that belongs to it first locks its row (`with_lock`), so that changes
of one account follow each other: on PostgreSQL by the row's lock, on SQLite since only one transaction writes
at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any, assert_never

from sqlalchemy import Connection, Row, Select, delete, insert, select, text, update

from ldapproxy.auth.enrolment import AuthenticatorKind
from ldapproxy.offline.authenticators import Account, Authenticator, RecoverySheet, Totp, Usage
from ldapproxy.offline.codes import DIGITS, PERIODS, Algorithm, TotpKey
from ldapproxy.offline.schema import ACCOUNTS, AUTHENTICATORS, RECOVERY_CODES
from ldapproxy.offline.vault import UnreadableSecretError, Vault

_ALGORITHMS = {algorithm.value: algorithm for algorithm in Algorithm}

# In words that both databases know: one account may be added by two processes at once.
_ADD_ACCOUNT = text(
    """INSERT INTO offline_accounts (identity, account_name, last_online, logins, wrong_codes, last_wrong)
    VALUES (:identity, :account_name, :last_online, 0, 0, 0)
    ON CONFLICT (identity) DO NOTHING"""
)


class DamagedRowError(Exception):
    """A row holds what was never written there; the message says where."""


def add(connection: Connection, identity: str, account_name: str, now: float) -> None:
    """Adds the account if there is none, as if it had logged in online now; locks it, and notes its name."""
    connection.execute(_ADD_ACCOUNT, {"identity": identity, "account_name": account_name, "last_online": now})
    connection.execute(
        update(ACCOUNTS).where(ACCOUNTS.c.identity == identity).values(account_name=account_name)
    )


def usages(connection: Connection, identities: Iterable[str], *, with_lock: bool) -> dict[str, Usage]:
    """The usage of those that have an account. Locked in the order of identities, so locks never cross."""
    query = select(ACCOUNTS).where(ACCOUNTS.c.identity.in_(sorted(identities))).order_by(ACCOUNTS.c.identity)
    return {row.identity: _usage(row) for row in connection.execute(_locking(query, with_lock))}


def load(connection: Connection, identity: str, vault: Vault, *, with_lock: bool) -> Account | None:
    """An account with all its authenticators; None when there is none.

    Raises:
        UnreadableSecretError: a secret cannot be decrypted; the message names the authenticator.
        DamagedRowError: a row makes no sense.
    """
    usage = usages(connection, [identity], with_lock=with_lock).get(identity)
    if usage is None:
        return None
    rows = connection.execute(
        select(AUTHENTICATORS)
        .where(AUTHENTICATORS.c.identity == identity)
        .order_by(AUTHENTICATORS.c.created, AUTHENTICATORS.c.id)
    ).all()
    digests = connection.execute(
        select(RECOVERY_CODES)
        .join(AUTHENTICATORS, AUTHENTICATORS.c.id == RECOVERY_CODES.c.authenticator)
        .where(AUTHENTICATORS.c.identity == identity)
    ).all()
    return Account(usage, tuple(_authenticator(row, digests, vault) for row in rows))


def save(connection: Connection, identity: str, before: Account, after: Account, now: float) -> None:
    """Writes what differs between two states of an account with the same authenticators."""
    save_usage(connection, identity, before.usage, after.usage)
    for old, new in zip(before.authenticators, after.authenticators, strict=True):
        if old != new:
            save_authenticator(connection, new, now)


def save_usage(connection: Connection, identity: str, before: Usage, after: Usage) -> None:
    """Writes an account's usage if it has changed."""
    if before != after:
        connection.execute(
            update(ACCOUNTS)
            .where(ACCOUNTS.c.identity == identity)
            .values(
                last_online=after.last_online,
                logins=after.logins,
                wrong_codes=after.wrong_codes,
                last_wrong=after.last_wrong,
            )
        )


def save_authenticator(connection: Connection, authenticator: Authenticator, now: float) -> None:
    """Writes what a login may change of an authenticator: its last use, its last step, its used codes."""
    values: dict[str, Any] = {"last_used": authenticator.last_used}
    match authenticator.means:
        case Totp(last_step=last_step):
            values["last_step"] = last_step
        case RecoverySheet(used=used):
            connection.execute(
                update(RECOVERY_CODES)
                .where(RECOVERY_CODES.c.authenticator == authenticator.id)
                .where(RECOVERY_CODES.c.digest.in_(sorted(used)))
                .where(RECOVERY_CODES.c.used.is_(None))
                .values(used=now)
            )
        case _:
            assert_never(authenticator.means)
    connection.execute(update(AUTHENTICATORS).where(AUTHENTICATORS.c.id == authenticator.id).values(values))


def add_authenticator(
    connection: Connection, identity: str, authenticator: Authenticator, vault: Vault, now: float
) -> None:
    """Adds an authenticator to an account that is locked."""
    values: dict[str, Any] = {
        "id": authenticator.id,
        "identity": identity,
        "label": authenticator.label,
        "created": now,
        "confirmed": now if authenticator.is_confirmed else None,
    }
    owner = _owner(identity, authenticator.id)
    match authenticator.means:
        case Totp(key, last_step):
            values |= {
                "kind": AuthenticatorKind.TOTP.value,
                "secret": vault.seal(key.secret, owner),
                "algorithm": key.algorithm.value,
                "digits": key.digits,
                "period": key.period,
                "last_step": last_step,
            }
            connection.execute(insert(AUTHENTICATORS).values(values))
        case RecoverySheet(key, unused):
            values |= {"kind": AuthenticatorKind.RECOVERY_CODES.value, "secret": vault.seal(key, owner)}
            connection.execute(insert(AUTHENTICATORS).values(values))
            connection.execute(
                insert(RECOVERY_CODES),
                [{"authenticator": authenticator.id, "digest": digest} for digest in sorted(unused)],
            )
        case _:
            assert_never(authenticator.means)


def remove_authenticator(connection: Connection, authenticator_id: str) -> None:
    """Removes an authenticator, recovery codes included."""
    connection.execute(delete(AUTHENTICATORS).where(AUTHENTICATORS.c.id == authenticator_id))


def _locking(query: Select[Any], with_lock: bool) -> Select[Any]:
    return query.with_for_update() if with_lock else query  # SQLite leaves it out


def kind(row: Row[Any]) -> AuthenticatorKind:
    """The kind of an authenticator.

    Raises:
        DamagedRowError: it is none.
    """
    try:
        return AuthenticatorKind(row.kind)
    except ValueError:
        raise DamagedRowError(f"an authenticator of {row.identity}") from None


def _usage(row: Row[Any]) -> Usage:
    # SQLite finds damage to its own structure, not to a value, and may return any type from any column.
    counts, times = (row.logins, row.wrong_codes), (row.last_online, row.last_wrong)
    if not all(isinstance(each, int) for each in counts) or not all(
        isinstance(each, float) and isfinite(each) for each in times
    ):
        raise DamagedRowError(f"the account {row.identity}")
    return Usage(row.last_online, row.logins, row.wrong_codes, row.last_wrong)


def _authenticator(row: Row[Any], digests: Iterable[Row[Any]], vault: Vault) -> Authenticator:
    name = f"the authenticator {row.label!r} of {row.identity}"
    if not isinstance(row.secret, str) or not isinstance(row.last_step, int | None):
        raise DamagedRowError(name)
    try:
        secret = vault.unseal(row.secret, _owner(row.identity, row.id))
    except UnreadableSecretError as error:
        raise UnreadableSecretError(f"{error} ({name})") from None
    means: Totp | RecoverySheet
    match kind(row):
        case AuthenticatorKind.TOTP:
            if row.digits not in DIGITS or row.period not in PERIODS or row.algorithm not in _ALGORITHMS:
                raise DamagedRowError(name)
            key = TotpKey(secret, _ALGORITHMS[row.algorithm], row.digits, row.period)
            means = Totp(key, row.last_step)
        case AuthenticatorKind.RECOVERY_CODES:
            mine = [each for each in digests if each.authenticator == row.id]
            means = RecoverySheet(
                secret,
                unused=frozenset(each.digest for each in mine if each.used is None),
                used=frozenset(each.digest for each in mine if each.used is not None),
            )
        case _:
            assert_never(kind(row))
    return Authenticator(row.id, row.label, means, row.confirmed is not None, row.last_used)


def _owner(identity: str, authenticator_id: str) -> str:
    return f"{identity}/{authenticator_id}"
