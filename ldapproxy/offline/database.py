"""Transactions on the store, whatever may have become of it.

Owns the state of the store (is it known to be in order?), transactions, and the one table of everything that
can go wrong: each of it becomes `StoreUnavailableError` with a sentence. It must not know what is read or
written.

A store that failed is looked at again before it is used again, by whoever comes next; nothing has to be
restarted.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DBAPIError

from ldapproxy.auth.enrolment import StoreUnavailableError
from ldapproxy.offline import migrations
from ldapproxy.offline.accounts import DamagedRowError
from ldapproxy.offline.place import PATIENCE, WRITES, Place
from ldapproxy.offline.schema import FACTS, KEY_CHECK
from ldapproxy.offline.vault import UnreadableSecretError, Vault
from ldapproxy.secret import Secret

_KEY_CHECK_CONTENT = Secret("these keys fit")

_PREPARED_WITHIN = 5.0
"""Seconds to wait while another thread looks at the store. Longer than it takes to find a server
unreachable."""

MIGRATED_WITHIN = 60.0
"""Seconds for the steps to today's version: once in a while, and some may rewrite every row."""


class Database:
    """The store's tables, in one place, with one vault. Safe across threads. Opens nothing until it is asked.

    Args:
        place: where it is.
        vault: what its secrets are encrypted with.
    """

    def __init__(self, place: Place, vault: Vault) -> None:
        self.vault = vault
        self._place = place
        self._lock = threading.Lock()
        self._is_in_order = False
        self._was_in_order = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads.

        Raises:
            StoreUnavailableError: it cannot be used now.
        """
        self._prepare()
        with self._failures(), self._transaction({WRITES: False}) as connection:
            yield connection

    @contextmanager
    def write(self, patience: float | None = None) -> Iterator[Connection]:
        """A transaction that writes: all of it or nothing. It is over when the block is.

        Args:
            patience: seconds that it may take; None means a few, as those of a login.

        Raises:
            StoreUnavailableError: it cannot be used now. If that comes at the very end, nobody can say
                whether the transaction was kept.
        """
        self._prepare()
        with self._failures(), self._transaction({WRITES: True, PATIENCE: patience}) as connection:
            yield connection

    @contextmanager
    def _transaction(self, options: Mapping[str, object]) -> Iterator[Connection]:
        with self._place.connections.connect() as opened:
            connection = opened.execution_options(**options)
            with self._place.bounded(connection), connection.begin():
                yield connection

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """The table of what can go wrong."""
        try:
            yield
        except DBAPIError as error:
            sentence = self._place.sentence(error.orig or error)
        except OSError as error:
            sentence = self._place.sentence(error)
        except UnreadableSecretError as error:
            sentence = f"holds what these encryption keys cannot read: {error}"
        except DamagedRowError as error:
            sentence = f"is damaged ({error}); restore it from a backup"
        except StoreUnavailableError as error:
            sentence = str(error)
        else:
            return
        self._is_in_order = False
        # The driver's exceptions may quote what was written.
        raise StoreUnavailableError(f"the offline store {self._place.shown} {sentence}") from None

    def _prepare(self) -> None:
        """Sees to it that the store is in order."""
        if self._is_in_order:
            return
        if not self._lock.acquire(timeout=_PREPARED_WITHIN):
            raise StoreUnavailableError(f"the offline store {self._place.shown} takes too long to answer")
        try:
            if not self._is_in_order:
                with self._failures():
                    self._put_in_order()
                self._is_in_order = self._was_in_order = True
        finally:
            self._lock.release()

    def _put_in_order(self) -> None:
        # Once it was there, nothing is made anew: an empty store in place of a lost one would look well.
        may_create = not self._was_in_order
        self._place.prepare(may_create)
        with self._transaction({WRITES: False}) as connection:
            present = migrations.version(connection)
            migrations.check_known(present)
            if present == len(migrations.STEPS):
                self._check_keys(connection)
                return
        if not may_create:
            raise StoreUnavailableError("has lost its tables; restore it from a backup")
        with self._transaction({WRITES: True, PATIENCE: MIGRATED_WITHIN}) as connection:
            migrations.migrate(connection)
            self._leave_key_check(connection)
            self._check_keys(connection)

    def _leave_key_check(self, connection: Connection) -> None:
        if connection.scalar(select(FACTS.c.name).where(FACTS.c.name == KEY_CHECK)) is None:
            sealed = self.vault.seal(_KEY_CHECK_CONTENT, KEY_CHECK)
            connection.execute(insert(FACTS).values(name=KEY_CHECK, value=sealed))

    def _check_keys(self, connection: Connection) -> None:
        """Finds out before anything is written with other keys than the rest."""
        sealed = connection.scalar(select(FACTS.c.value).where(FACTS.c.name == KEY_CHECK))
        if sealed is None:
            raise StoreUnavailableError("has lost a part of itself; restore it from a backup")
        self.vault.unseal(sealed, KEY_CHECK)
