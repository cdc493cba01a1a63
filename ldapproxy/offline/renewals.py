"""Online logins that the store has not heard of yet.

Owns when they are written: as soon as possible, many at once, and again later when the store could not be
used. Whoever reports one never waits. It must not know the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

_log = logging.getLogger(__name__)

MOST = 10_000
"""Users whose login waits to be written, while the store cannot be used; about 100 bytes each. Of more, the
oldest are forgotten: their limits are then renewed by their next login."""

BATCH = 100
"""Users in one transaction: it stays short, so that an offline login that waits for it does not wait long."""

RETRY_AFTER = 5.0
"""Seconds between two attempts at a store that cannot be used."""

Write = Callable[[Mapping[str, float]], Awaitable[bool]]
"""Writes logins (identity, seconds since 1970) in one transaction; False when the store could not be used."""


class Renewals:
    """Collects online logins and hands them on. On the loop's thread only.

    Args:
        write: writes a batch. Does not raise.
        retry_after: seconds between two attempts at a store that cannot be used.
    """

    def __init__(self, write: Write, retry_after: float = RETRY_AFTER) -> None:
        self._write = write
        self._retry_after = retry_after
        self._waiting: dict[str, float] = {}
        self._writing: asyncio.Task[None] | None = None
        self._is_closing = asyncio.Event()

    def note(self, identity: str, at: float) -> None:
        """Somebody has logged in online. Several logins of one user become one."""
        self._waiting[identity] = max(at, self._waiting.pop(identity, at))  # now the newest
        while len(self._waiting) > MOST:
            del self._waiting[next(iter(self._waiting))]
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_all())

    def take(self, identity: str) -> float | None:
        """The login of a user that was not written yet, for somebody who is going to write it; else None."""
        return self._waiting.pop(identity, None)

    async def aclose(self, within: float) -> None:
        """Writes what still waits, if that works at the first attempt and within so many seconds."""
        self._is_closing.set()
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=within)
            self._writing.cancel()
            with suppress(asyncio.CancelledError):
                await self._writing
        if self._waiting:
            _log.warning("limits of %d offline accounts were not renewed", len(self._waiting))

    async def _write_all(self) -> None:
        while self._waiting:
            batch = dict(list(self._waiting.items())[:BATCH])
            for identity in batch:
                del self._waiting[identity]
            if await self._write(batch):
                continue
            # Those of the batch are older than what came meanwhile.
            self._waiting = {**batch, **self._waiting}
            if self._is_closing.is_set():
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_closing.wait(), self._retry_after)
