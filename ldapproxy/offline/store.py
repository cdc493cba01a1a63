"""Offline logins for asyncio: is this code a way in, and who has logged in online.

Owns the threads that use the store, how long anybody waits for them, and what becomes of a store that cannot
be used: a verdict, one line in the log when that begins and one when it ends. It must not decide about a code
(that is `authenticators`), nor know what a database is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar

from ldapproxy.auth.effects import VerifyOffline
from ldapproxy.auth.enrolment import StoreUnavailableError
from ldapproxy.auth.outcomes import OfflineResult, OfflineVerdict
from ldapproxy.offline import accounts
from ldapproxy.offline.address import parse
from ldapproxy.offline.administration import Administration
from ldapproxy.offline.authenticators import Limits, Verification, renewed, verify
from ldapproxy.offline.database import Database
from ldapproxy.offline.renewals import Renewals
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.offline.vault import Vault

_log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

THREADS = 4
"""Transactions at a time. SQLite writes one at a time anyway, and on PostgreSQL each costs a connection: with
some milliseconds each, four serve hundreds of logins a second."""

ANSWER_WITHIN = 5.0
"""Seconds until a store that says nothing counts as unavailable: somewhat more than the store's own limits,
whose sentences say more."""

WORTH_RENEWING = 60.0
"""Seconds by which an account's last online login must be older than the new one to be written anew, unless
there were offline logins. Many applications log in for each of their requests."""


class OfflineStore:
    """Answers `VerifyOffline` and hears of online logins. Build it anywhere; use it on the loop's thread.

    Nothing is opened before the first use. `administration` shares its database.

    Args:
        settings: the store and the limits.
        clock: seconds since 1970.

    Raises:
        ValueError: the URL or a key cannot be used.
    """

    def __init__(self, settings: OfflineSettings, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._limits = Limits(settings.max_logins, settings.max_age)
        self._database = Database(parse(settings.store), Vault(settings.encryption_keys))
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="offline store")
        self._running: set[asyncio.Future[Any]] = set()
        self._renewals = Renewals(self._renew)
        self._is_closed = False
        self.administration = Administration(self._database, self._limits, clock)
        self.problem: str | None = None
        """Why the store could not be used the last time, as a sentence; None when it could."""

    async def check(self) -> str | None:
        """Looks whether the store can be used; makes an empty one where there is none yet.

        Returns:
            None, or a sentence that says what is wrong.
        """
        try:
            await self._in_thread(self._look)
        except StoreUnavailableError as error:
            return str(error)
        return None

    async def verify(self, question: VerifyOffline) -> OfflineResult:
        """Decides about an offline code; never raises for what a store may do."""
        now = self._clock()
        renewal = self._renewals.take(question.identity)
        try:
            verification = await self._in_thread(lambda: self._verify(question, renewal, now))
        except StoreUnavailableError as error:
            if renewal is not None:
                self._renewals.note(question.identity, renewal)
            return OfflineResult(OfflineVerdict.STORE_UNAVAILABLE, detail=str(error))
        if verification is None:
            return OfflineResult(OfflineVerdict.NOT_ENROLLED, detail="no offline authenticator")
        return OfflineResult(verification.verdict, verification.label, verification.detail)

    async def online_login(self, identity: str) -> None:
        """Duo ALLOWED somebody's second factor: the limits begin anew. Returns at once; never raises."""
        if not self._is_closed:
            self._renewals.note(identity, self._clock())

    async def aclose(self) -> None:
        """Writes what is to be written, as far as that works, and ends the threads."""
        if self._is_closed:
            return
        await self._renewals.aclose(within=ANSWER_WITHIN / 2)
        self._is_closed = True
        if self._running:
            await asyncio.wait(self._running, timeout=ANSWER_WITHIN / 2)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _renew(self, logins: Mapping[str, float]) -> bool:
        try:
            await self._in_thread(lambda: self._write_renewals(logins))
        except StoreUnavailableError:
            return False
        return True

    async def _in_thread(self, work: Callable[[], _Answer]) -> _Answer:
        """What `work` returns, on a thread of the store's.

        A thread that is late goes on: what it does to the store is complete or not at all, and its answer is
        dropped.

        Raises:
            StoreUnavailableError: the store cannot be used; also when nobody foresaw why.
        """
        if self._is_closed:
            raise StoreUnavailableError("the offline store was closed")
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                answer = await running
        except TimeoutError:
            sentence = f"the offline store gave no answer within {ANSWER_WITHIN:g} s"
        except StoreUnavailableError as error:
            sentence = str(error)
        except Exception as error:
            # Its text may hold anything, so only its type and place are logged.
            _log.error("the offline store failed in a way that nobody foresaw", exc_info=_without_text(error))
            sentence = f"the offline store failed in a way that nobody foresaw ({type(error).__name__})"
        else:
            self._note(None)
            return answer
        self._note(sentence)
        raise StoreUnavailableError(sentence)

    def _note(self, problem: str | None) -> None:
        """Logs when the store becomes unusable, for another reason too, and when it is usable again."""
        if problem is not None and problem != self.problem:
            _log.warning("%s; offline logins are refused, online logins go on", problem)
        elif problem is None and self.problem is not None:
            _log.info("the offline store can be used again")
        self.problem = problem

    # What follows runs on the store's threads.

    def _look(self) -> None:
        with self._database.read():
            pass

    def _verify(self, question: VerifyOffline, renewal: float | None, now: float) -> Verification | None:
        with self._database.write() as connection:
            found = accounts.load(connection, question.identity, self._database.vault, with_lock=True)
            if found is None:
                return None
            account = found if renewal is None else replace(found, usage=renewed(found.usage, renewal))
            verification = verify(account, question.code, self._limits, now)
            accounts.save(connection, question.identity, found, verification.account, now)
        return verification

    def _write_renewals(self, logins: Mapping[str, float]) -> None:
        # Most users have no offline authenticator: look before anybody else is kept from writing.
        with self._database.read() as connection:
            usages = accounts.usages(connection, logins, with_lock=False)
        worth_it = [
            identity
            for identity, usage in usages.items()
            if usage.logins or abs(logins[identity] - usage.last_online) >= WORTH_RENEWING
        ]
        if not worth_it:
            return
        with self._database.write() as connection:
            for identity, usage in accounts.usages(connection, worth_it, with_lock=True).items():
                accounts.save_usage(connection, identity, usage, renewed(usage, logins[identity]))


def _without_text(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    return RuntimeError, RuntimeError(type(error).__name__), error.__traceback__
