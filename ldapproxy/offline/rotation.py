"""Encrypts everything anew with the first key.

Owns which columns are encrypted. It must not know what is in them.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from ldapproxy.offline import accounts
from ldapproxy.offline.schema import ACCOUNTS, AUTHENTICATORS, FACTS
from ldapproxy.offline.vault import Vault

KEY_CHECK = "key_check"
"""The fact that shows whether the keys of a process are those of the store."""


def reencrypt(connection: Connection, vault: Vault) -> int:
    """Encrypts every secret with the vault's first key.

    Args:
        connection: in a transaction that writes.
        vault: its keys together decrypt everything.

    Returns:
        How many secrets there were.

    Raises:
        UnreadableSecretError: one of them cannot be decrypted.
    """
    # Nobody adds or changes an authenticator while its account is locked.
    identities = connection.scalars(select(ACCOUNTS.c.identity)).all()
    accounts.usages(connection, identities, with_lock=True)
    sealed = connection.execute(select(AUTHENTICATORS.c.id, AUTHENTICATORS.c.secret)).all()
    for row in sealed:
        connection.execute(
            update(AUTHENTICATORS)
            .where(AUTHENTICATORS.c.id == row.id)
            .values(secret=vault.reseal(row.secret))
        )
    check = connection.scalars(select(FACTS.c.value).where(FACTS.c.name == KEY_CHECK)).one()
    connection.execute(update(FACTS).where(FACTS.c.name == KEY_CHECK).values(value=vault.reseal(check)))
    return len(sealed)
