"""Encrypts everything anew with the first key.

Owns which columns are encrypted. It must not know what is in them.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select, update

from ldapproxy.offline.database import Database
from ldapproxy.offline.schema import AUTHENTICATORS, FACTS, KEY_CHECK

BATCH = 200
"""Secrets in one transaction: some milliseconds, so that no login waits for long."""

# What was changed since it was read stays as it is.
_REPLACE = (
    update(AUTHENTICATORS)
    .where(AUTHENTICATORS.c.id == bindparam("of"), AUTHENTICATORS.c.secret == bindparam("old"))
    .values(secret=bindparam("new"))
)


def reencrypt(database: Database) -> int:
    """Encrypts every secret with the first key of the database's vault.

    Returns:
        How many secrets there were.

    Raises:
        StoreUnavailableError: the store cannot be used, or one of its secrets cannot be decrypted. What comes
            before it may be encrypted with the first key by then; everything can still be decrypted with all
            keys.
    """
    with database.read() as connection:
        ids = connection.scalars(select(AUTHENTICATORS.c.id).order_by(AUTHENTICATORS.c.id)).all()
    for start in range(0, len(ids), BATCH):
        with database.write() as connection:
            _reencrypt(connection, database, ids[start : start + BATCH])
    # The last of all: from here on, a process without the first key is turned away.
    with database.write() as connection:
        check = connection.scalars(select(FACTS.c.value).where(FACTS.c.name == KEY_CHECK)).one()
        connection.execute(
            update(FACTS).where(FACTS.c.name == KEY_CHECK).values(value=database.vault.reseal(check))
        )
    return len(ids)


def _reencrypt(connection: Connection, database: Database, ids: Sequence[str]) -> None:
    rows = connection.execute(
        select(AUTHENTICATORS.c.id, AUTHENTICATORS.c.secret).where(AUTHENTICATORS.c.id.in_(ids))
    ).all()
    replaced = [{"of": row.id, "old": row.secret, "new": database.vault.reseal(row.secret)} for row in rows]
    if replaced:
        connection.execute(_REPLACE, replaced)
