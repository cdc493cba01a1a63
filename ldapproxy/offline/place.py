"""What a database needs to know about where it is kept.

Owns the protocol that `sqlite_file` and `postgres_server` fill. It must not know either.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Engine

WRITES = "ldapproxy_writes"
"""Execution option of a connection whose transaction is going to write."""

PATIENCE = "ldapproxy_patience"
"""Execution option: seconds that its transaction may take, when it is more than a place's own limit."""


class Place(Protocol):
    """One place for a store, and its ways of failing. Safe across threads."""

    @property
    def shown(self) -> str:
        """The place as a sentence names it, without a password."""

    @property
    def connections(self) -> Engine:
        """Opens a connection for each transaction and closes it after."""

    def prepare(self, may_create: bool) -> None:
        """What must be true before the tables are looked at.

        Args:
            may_create: True makes an empty place where there is none.

        Raises:
            StoreUnavailableError: it is not; the message completes a sentence that begins with the place.
        """

    def bounded(self, connection: Connection) -> AbstractContextManager[None]:
        """Bounds the time of one transaction, from before its start until after its end."""

    def sentence(self, error: BaseException) -> str:
        """What a driver's exception means and what to do; completes a sentence that begins with the place."""

    def warnings(self) -> tuple[str, ...]:
        """What is not as safe as it could be, a sentence each; found out without opening anything."""
