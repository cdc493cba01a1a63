"""Duo transactions in flight: who waits for which, and when one ends.

Owns the tasks that wait for Duo. A bind joins a transaction and leaves it; a transaction ends by itself, also
when nobody waits for it any more, and an approval is then kept for who comes back (design 4.6). It must not
know Duo's protocol, nor what a result means for a bind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from ldapproxy.auth.credentials import Passcode, Sms
from ldapproxy.auth.effects import VerifySecondFactor
from ldapproxy.auth.late_approvals import LateApprovals
from ldapproxy.auth.outcomes import Joined, SecondFactorOutcome, SecondFactorResult
from ldapproxy.auth.push_limits import PushLimits
from ldapproxy.auth.remembered import LoginKey, LoginKeys
from ldapproxy.net.ports import Observer, SecondFactor
from ldapproxy.net.settings import PushSettings

# Factors that bother a person: these are limited, and only these are worth waiting for without a client.
_BOTHERING = frozenset({"push", "phone"})

# Seconds. A transaction keeps its own time and knows best what the end of it means: did nobody answer, or was
# Duo lost? So a bind waits a moment longer than its budget; less than `perform` does.
_GRACE = 0.1


class _Transaction:
    """One question to Duo, and how many binds wait for its answer.

    Attributes:
        is_told: a client, or the log, knows how it ended.
        is_void: a client was refused before that, so an approval is of no use any more.
    """

    __slots__ = ("asked_at", "is_told", "is_void", "key", "may_outlive", "question", "task", "waiting")

    def __init__(
        self,
        key: LoginKey,
        question: VerifySecondFactor,
        task: asyncio.Task[SecondFactorResult],
        asked_at: float,
        *,
        may_outlive: bool,
    ) -> None:
        self.key = key
        self.question = question
        self.task = task
        self.asked_at = asked_at
        self.may_outlive = may_outlive
        self.waiting = 0
        self.is_told = False
        self.is_void = False


class Pushes:
    """The transactions of one listener.

    Args:
        second_factor: asks Duo.
        settings: what binds share.
        limits: the pushes of all users over all listeners.
        keys: tells the same login from another one.
        approvals: keeps those that came late.
        unheard: is told what a transaction ended with that nobody waited for any more.
        capacity: transactions in flight at a time; more are not asked at all.
        observer: counts.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        second_factor: SecondFactor,
        settings: PushSettings,
        limits: PushLimits,
        keys: LoginKeys,
        approvals: LateApprovals,
        unheard: Callable[[VerifySecondFactor, SecondFactorResult], None],
        capacity: int,
        observer: Observer,
        clock: Callable[[], float],
    ) -> None:
        self._second_factor = second_factor
        self._settings = settings
        self._limits = limits
        self._keys = keys
        self._approvals = approvals
        self._unheard = unheard
        self._capacity = capacity
        self._observer = observer
        self._clock = clock
        self._in_flight: set[_Transaction] = set()
        self._by_key: dict[bytes, _Transaction] = {}

    def __len__(self) -> int:
        """How many transactions are in flight."""
        return len(self._in_flight)

    async def verify(self, question: VerifySecondFactor, budget: float) -> SecondFactorResult:
        """Asks for a second factor, or joins a bind that has asked for the same login already.

        Cancelling the waiting (the client has left) ends the transaction, unless a late approval may be
        honoured.
        """
        key = self._keys.of(question.listener, question.client, question.identity, question.credential)
        late = self._approvals.take(key, self._clock())
        if late is not None:
            self._observer.joined(question.listener, Joined.LATE_APPROVAL.value)
            return replace(late, joined=Joined.LATE_APPROVAL)
        transaction = self._by_key.get(key.login) if self._settings.single_flight else None
        if transaction is None:
            begun = self._begin(key, question, budget)
            if isinstance(begun, SecondFactorResult):
                return begun
            return await self._wait_for(begun, budget)
        self._observer.joined(question.listener, Joined.SINGLE_FLIGHT.value)
        return replace(await self._wait_for(transaction, budget), joined=Joined.SINGLE_FLIGHT)

    async def aclose(self) -> None:
        """Ends all transactions."""
        tasks = [transaction.task for transaction in self._in_flight]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(
        self, key: LoginKey, question: VerifySecondFactor, budget: float
    ) -> _Transaction | SecondFactorResult:
        """A new transaction, or why there is none."""
        if len(self._in_flight) >= self._capacity:
            return SecondFactorResult(
                SecondFactorOutcome.PAUSED, detail="too many logins wait for Duo already"
            )
        bothers = not isinstance(question.choice, Passcode | Sms)
        now = self._clock()
        if bothers:
            pause = self._limits.pause(question.identity, self._settings.limits, now)
            if pause is not None:
                return SecondFactorResult(SecondFactorOutcome.PAUSED, detail=pause)
            self._limits.sent(question.identity, now)
        task = asyncio.get_running_loop().create_task(self._second_factor.verify(question, budget))
        may_outlive = bothers and self._settings.late_approval > 0
        transaction = _Transaction(key, question, task, now, may_outlive=may_outlive)
        self._in_flight.add(transaction)
        self._by_key[key.login] = transaction
        task.add_done_callback(lambda _: self._ended(transaction, bothers=bothers))
        return transaction

    async def _wait_for(self, transaction: _Transaction, budget: float) -> SecondFactorResult:
        transaction.waiting += 1
        until = self._clock() + budget
        try:
            async with asyncio.timeout(budget + _GRACE):
                result = await asyncio.shield(transaction.task)
        except TimeoutError:
            transaction.is_void = True
            return SecondFactorResult(SecondFactorOutcome.TIMED_OUT, detail="nobody answered in time")
        except asyncio.CancelledError:
            # The client has left; or, on a machine that lags, whoever bounds the whole bind was first.
            transaction.is_void |= self._clock() >= until
            raise
        else:
            transaction.is_told = True
            return result
        finally:
            transaction.waiting -= 1
            if not transaction.waiting:
                self._left_alone(transaction)

    def _left_alone(self, transaction: _Transaction) -> None:
        """Nobody waits for the transaction any more."""
        if transaction.task.done():
            self._nobody_heard(transaction)
        elif not transaction.may_outlive:
            transaction.task.cancel()

    def _ended(self, transaction: _Transaction, *, bothers: bool) -> None:
        """The transaction has come to its end."""
        self._in_flight.discard(transaction)
        if self._by_key.get(transaction.key.login) is transaction:
            del self._by_key[transaction.key.login]
        task = transaction.task
        if task.cancelled() or task.exception() is not None:
            # Whether a push was sent is not known: it goes on counting.
            return
        result = task.result()
        if bothers:
            if result.factor in _BOTHERING:
                self._limits.ended(transaction.question.identity, result, self._clock())
            else:
                self._limits.not_sent(transaction.question.identity, transaction.asked_at)
        if not transaction.waiting:
            self._nobody_heard(transaction)

    def _nobody_heard(self, transaction: _Transaction) -> None:
        """No client has heard how it ended: tell it, and keep an approval for who comes back."""
        task = transaction.task
        if transaction.is_told or not transaction.may_outlive or task.cancelled() or task.exception():
            return
        # Once and for all: the end of the transaction and the last one who leaves may both come here.
        transaction.is_told = True
        question, result = transaction.question, task.result()
        self._unheard(question, result)
        is_approval = result.outcome is SecondFactorOutcome.ALLOWED and result.factor in _BOTHERING
        if is_approval and not transaction.is_void:
            self._approvals.keep(transaction.key, question.identity, result, self._clock())
