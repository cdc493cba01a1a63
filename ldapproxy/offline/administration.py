"""Enrolment and revocation, for the portal and the command line.

Owns what may be added to an account and when, labels, and every random choice. It must not know who asks:
that the person has logged in online before, or is an administrator, is the caller's to see to.

Blocking and safe across threads; from asyncio call it with `asyncio.to_thread`. Each call takes some
milliseconds, and some seconds at most when the store cannot be used.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update

from ldapproxy.auth.enrolment import (
    AuthenticatorKind,
    EnrolmentRefusedError,
    OfflineAccount,
    OfflineAuthenticator,
    OfflineStanding,
    Provisioning,
)
from ldapproxy.offline import accounts, overview, rotation
from ldapproxy.offline.address import parse
from ldapproxy.offline.authenticators import (
    Authenticator,
    Limits,
    RecoverySheet,
    Totp,
    confirmed_at,
    standing,
)
from ldapproxy.offline.codes import NEW_SECRET, RECOVERY_DIGITS, TotpKey, recovery_digest
from ldapproxy.offline.database import Database
from ldapproxy.offline.room import clean_label, make_room
from ldapproxy.offline.schema import AUTHENTICATORS
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.offline.vault import Vault
from ldapproxy.secret import Secret

_log = logging.getLogger(__name__)

ISSUER = "ldapproxy"
"""What an authenticator app shows above the account's name."""

RECOVERY_LABEL = "recovery codes"

SHEET = 10
"""Codes on a sheet of recovery codes: some outages' worth, and still short enough to be kept with care."""

IMPORTED_WITHIN = 60.0
"""Seconds for all tokens of a file together: some statements for each, on a server that may be far away."""


@dataclass(frozen=True, slots=True)
class ImportedToken:
    """A hardware token for an account, from its vendor's list.

    Attributes:
        identity: the entry's identity.
        account_name: the account's name, for lists.
        label: of the token, its serial number for example.
        key: what makes its codes.
    """

    identity: str
    account_name: str
    label: str
    key: TotpKey


class Administration:
    """Adds, lists and removes offline authenticators.

    Every method raises StoreUnavailableError when the store cannot be used, and leaves it as it was then.

    Args:
        database: the store.
        limits: what is allowed without an online login.
        clock: seconds since 1970.
    """

    def __init__(self, database: Database, limits: Limits, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock

    def enroll_totp(self, identity: str, account_name: str, label: str) -> Provisioning:
        """Adds a TOTP authenticator that opens nothing until it is confirmed.

        One of the same label that was never confirmed is replaced. An account's first authenticator counts as
        an online login, since enrolment follows one; later ones change nothing about its limits.

        Args:
            identity: the entry's identity.
            account_name: the account's name, which the app shows.
            label: 1 to 64 printable characters, unlike those of the account's other authenticators.

        Raises:
            EnrolmentRefusedError: the label cannot be used, or the account has too many authenticators.
        """
        label = clean_label(label)
        key = TotpKey(Secret(secrets.token_bytes(NEW_SECRET)))
        now = self._clock()
        with self._database.write() as connection:
            accounts.add(connection, identity, account_name, now)
            make_room(connection, identity, label, now)
            added = Authenticator(_new_id(), label, Totp(key), is_confirmed=False)
            accounts.add_authenticator(connection, identity, added, self._database.vault, now)
        _log.info("offline authenticator %r of %s: added, not confirmed yet", label, identity)
        return Provisioning(label, key.text(), key.uri(account_name, ISSUER))

    def confirm(self, identity: str, label: str, code: Secret) -> None:
        """Makes an authenticator usable, once a code shows that it is set up well. That uses the code up.

        Raises:
            EnrolmentRefusedError: there is no such authenticator, it is confirmed already, or the code is
                wrong.
        """
        label = label.strip()
        now = self._clock()
        with self._database.write() as connection:
            account = accounts.load(connection, identity, self._database.vault, with_lock=True)
            found = [each for each in account.authenticators if each.label == label] if account else []
            if not found:
                raise _unknown(label)
            if found[0].is_confirmed:
                raise EnrolmentRefusedError(f"{label!r} is confirmed already; there is nothing more to do")
            confirmed = confirmed_at(found[0], code, now)
            if confirmed is None:
                raise EnrolmentRefusedError(
                    "the code is wrong; enter the one that the app shows now, and check its clock"
                )
            accounts.save_authenticator(connection, confirmed, now)
            connection.execute(
                update(AUTHENTICATORS).where(AUTHENTICATORS.c.id == confirmed.id).values(confirmed=now)
            )
        _log.info("offline authenticator %r of %s: confirmed", label, identity)

    def new_recovery_codes(
        self, identity: str, account_name: str, label: str = RECOVERY_LABEL
    ) -> tuple[Secret, ...]:
        """Makes a sheet of recovery codes, usable at once. This is the only time that anybody sees them.

        The codes of an earlier sheet with the same label are void.

        Args:
            identity: the entry's identity.
            account_name: the account's name, for lists.
            label: on a shared account, whose sheet it is.

        Raises:
            EnrolmentRefusedError: the label cannot be used, or the account has too many authenticators.
        """
        label = clean_label(label)
        codes = _new_codes()
        key = Secret(secrets.token_bytes(32))
        sheet = RecoverySheet(key, frozenset(recovery_digest(key, code) for code in codes))
        now = self._clock()
        with self._database.write() as connection:
            accounts.add(connection, identity, account_name, now)
            earlier = _row(connection, identity, label)
            if earlier is not None and earlier.kind == AuthenticatorKind.RECOVERY_CODES.value:
                accounts.remove_authenticator(connection, earlier.id)
            make_room(connection, identity, label, now)
            added = Authenticator(_new_id(), label, sheet)
            accounts.add_authenticator(connection, identity, added, self._database.vault, now)
        _log.info("offline authenticator %r of %s: new recovery codes", label, identity)
        return codes

    def import_tokens(self, tokens: Sequence[ImportedToken]) -> None:
        """Adds hardware tokens, all or none. They are usable at once: the vendor's list vouches for them.

        Raises:
            EnrolmentRefusedError: a label cannot be used, or an account has too many authenticators.
        """
        now = self._clock()
        with self._database.write(patience=IMPORTED_WITHIN) as connection:
            for token in sorted(tokens, key=lambda each: each.identity):  # locks never cross
                label = clean_label(token.label)
                accounts.add(connection, token.identity, token.account_name, now)
                try:
                    make_room(connection, token.identity, label, now)
                except EnrolmentRefusedError as error:
                    raise EnrolmentRefusedError(f"{token.account_name}: {error}") from None
                added = Authenticator(_new_id(), label, Totp(token.key))
                accounts.add_authenticator(connection, token.identity, added, self._database.vault, now)
        for token in tokens:
            _log.info("offline authenticator %r of %s: imported", token.label, token.identity)

    def authenticators(self, identity: str) -> tuple[OfflineAuthenticator, ...]:
        """The authenticators of an account, the oldest first; none for an account that is not known."""
        with self._database.read() as connection:
            return overview.authenticators(connection, identity)

    def accounts(self) -> tuple[OfflineAccount, ...]:
        """All accounts with an authenticator, by name."""
        with self._database.read() as connection:
            return overview.accounts(connection)

    def standing(self, identity: str) -> OfflineStanding | None:
        """What is left of an account's limits; None for an account that is not known."""
        with self._database.read() as connection:
            usage = accounts.usages(connection, [identity], with_lock=False).get(identity)
        return None if usage is None else standing(usage, self._limits, self._clock())

    def revoke(self, identity: str, label: str) -> None:
        """Removes an authenticator; none of its codes is accepted from now on.

        Raises:
            EnrolmentRefusedError: there is no such authenticator.
        """
        label = label.strip()
        with self._database.write() as connection:
            accounts.usages(connection, [identity], with_lock=True)
            found = _row(connection, identity, label)
            if found is None:
                raise _unknown(label)
            accounts.remove_authenticator(connection, found.id)
        _log.info("offline authenticator %r of %s: revoked", label, identity)

    def revoke_all(self, identity: str) -> int:
        """Removes all authenticators of an account, and returns how many there were.

        The account's count of wrong codes stays, or enrolling again would be a way around a lock.
        """
        with self._database.write() as connection:
            accounts.usages(connection, [identity], with_lock=True)
            ids = connection.scalars(
                select(AUTHENTICATORS.c.id).where(AUTHENTICATORS.c.identity == identity)
            ).all()
            for each in ids:
                accounts.remove_authenticator(connection, each)
        if ids:
            _log.info("all %d offline authenticators of %s: revoked", len(ids), identity)
        return len(ids)

    def reencrypt(self) -> int:
        """Encrypts every secret with the first key, and returns how many there were.

        Afterwards the other keys may be removed, in every proxy that shares the store. When it fails
        half-way, all keys are still needed; call it again.
        """
        count = rotation.reencrypt(self._database)
        _log.info("encrypted %d offline secrets with the first key", count)
        return count


def open_administration(settings: OfflineSettings, clock: Callable[[], float] = time.time) -> Administration:
    """The administration of a store, for a program that is not the proxy.

    Raises:
        ValueError: the URL or a key cannot be used.
    """
    database = Database(parse(settings.store), Vault(settings.encryption_keys))
    return Administration(database, Limits(settings.max_logins, settings.max_age), clock)


def _row(connection: Connection, identity: str, label: str) -> Row[Any] | None:
    return connection.execute(
        select(AUTHENTICATORS).where(AUTHENTICATORS.c.identity == identity, AUTHENTICATORS.c.label == label)
    ).one_or_none()


def _unknown(label: str) -> EnrolmentRefusedError:
    return EnrolmentRefusedError(f"there is no authenticator {label!r}; list those of the account")


def _new_id() -> str:
    return secrets.token_hex(16)


def _new_codes() -> tuple[Secret, ...]:
    """Different codes of nine digits, in the order of a list that is easy to search."""
    numbers: set[int] = set()
    while len(numbers) < SHEET:
        numbers.add(secrets.randbelow(10**RECOVERY_DIGITS))
    return tuple(Secret(f"{number:0{RECOVERY_DIGITS}}") for number in sorted(numbers))
