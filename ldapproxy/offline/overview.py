"""Lists of accounts and authenticators, without their secrets.

Owns the queries. They need no key, so that a list can be had even of what can no longer be decrypted.
"""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, func, select

from ldapproxy.auth.enrolment import AuthenticatorKind, OfflineAccount, OfflineAuthenticator
from ldapproxy.offline.accounts import kind
from ldapproxy.offline.schema import ACCOUNTS, AUTHENTICATORS, RECOVERY_CODES


def accounts(connection: Connection) -> tuple[OfflineAccount, ...]:
    """All accounts with an authenticator, by name."""
    rows = connection.execute(
        select(ACCOUNTS.c.identity, ACCOUNTS.c.account_name, func.count(AUTHENTICATORS.c.id))
        .join(AUTHENTICATORS, AUTHENTICATORS.c.identity == ACCOUNTS.c.identity)
        .group_by(ACCOUNTS.c.identity, ACCOUNTS.c.account_name)
        .order_by(ACCOUNTS.c.account_name, ACCOUNTS.c.identity)
    )
    return tuple(OfflineAccount(*row) for row in rows)


def authenticators(connection: Connection, identity: str) -> tuple[OfflineAuthenticator, ...]:
    """The authenticators of an account, the oldest first."""
    rows = connection.execute(
        select(AUTHENTICATORS)
        .where(AUTHENTICATORS.c.identity == identity)
        .order_by(AUTHENTICATORS.c.created, AUTHENTICATORS.c.label)
    ).all()
    unused = Counter(
        connection.scalars(
            select(RECOVERY_CODES.c.authenticator)
            .where(RECOVERY_CODES.c.authenticator.in_([row.id for row in rows]))
            .where(RECOVERY_CODES.c.used.is_(None))
        )
    )
    return tuple(
        OfflineAuthenticator(
            label=row.label,
            kind=kind(row),
            created=row.created,
            is_confirmed=row.confirmed is not None,
            last_used=row.last_used,
            codes_left=unused[row.id] if kind(row) is AuthenticatorKind.RECOVERY_CODES else None,
        )
        for row in rows
    )
