"""What people and administrators see of offline authenticators: closed words, frozen values, two exceptions.

Owns the vocabulary that the portal, the command line and the store share. It must not know how authenticators
are kept, nor how a code is checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

from ldapproxy.secret import Secret


@unique
class AuthenticatorKind(Enum):
    """What an offline authenticator is."""

    TOTP = "totp"
    RECOVERY_CODES = "recovery_codes"


@dataclass(frozen=True, slots=True)
class OfflineAuthenticator:
    """One authenticator of an account, without its secret. Times are seconds since 1970, UTC.

    Attributes:
        label: tells it from the others of the account; on a shared account, the person's name.
        kind: what it is.
        created: when it was added.
        is_confirmed: False until one of its codes was entered; it opens nothing before.
        last_used: its last accepted login; None before the first.
        codes_left: unused codes of a sheet of recovery codes; None for TOTP.
    """

    label: str
    kind: AuthenticatorKind
    created: float
    is_confirmed: bool
    last_used: float | None
    codes_left: int | None


@dataclass(frozen=True, slots=True)
class OfflineAccount:
    """An account that has, or had, offline authenticators.

    Attributes:
        identity: the entry's identity (entryUUID or objectGUID).
        account_name: the name it had when an authenticator was last added.
        authenticators: how many it has, unconfirmed ones included.
    """

    identity: str
    account_name: str
    authenticators: int


@dataclass(frozen=True, slots=True)
class OfflineStanding:
    """What is left of an account's limits.

    Attributes:
        logins_left: offline logins until an online login is needed; 0 or more.
        seconds_left: until an online login is needed; 0 or more.
        last_online: the last online login, seconds since 1970, UTC.
        locked_for: seconds until codes are looked at again after too many wrong ones; 0 when not locked.
    """

    logins_left: int
    seconds_left: float
    last_online: float
    locked_for: float


@dataclass(frozen=True, slots=True)
class Provisioning:
    """What a person puts into an authenticator app, shown once.

    Attributes:
        label: the label of the authenticator.
        secret: the secret as base32 text, for typing.
        uri: the same as an `otpauth://` URI, for a QR code.
    """

    label: str
    secret: Secret
    uri: Secret


class EnrolmentRefusedError(Exception):
    """What was asked cannot be done; the message is a sentence for the person and says what to do."""


class StoreUnavailableError(Exception):
    """The store of offline authenticators cannot be used now; the message is a sentence that says why."""
