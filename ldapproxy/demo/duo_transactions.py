"""The life of an authentication: it waits, is answered or times out, and is asked after.

Owns the transactions, their timers and those who wait for news. It must not know why one ends as it does.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ldapproxy.demo.duo_model import (
    TIMED_OUT,
    Answer,
    AuthRequest,
    AutomaticAnswer,
    EndedLogin,
    Progress,
    WaitingPush,
    by_person,
)
from ldapproxy.demo.duo_parameters import invalid

# Ended transactions that auth_status still answers for; a client that polls at all does so within seconds.
REMEMBERED = 2000


@dataclass(slots=True, eq=False)
class Transaction:
    """One authentication.

    Attributes:
        txid: the transaction id.
        request: what was asked for.
        progress: how far it has come.
        ends_at: when it times out, on the loop's clock.
        reported: the progress that auth_status told last.
        timers: what will happen to it by itself.
        waiters: calls that wait for the next progress.
    """

    txid: str
    request: AuthRequest
    progress: Progress
    ends_at: float
    reported: Progress | None = None
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    waiters: list[asyncio.Future[None]] = field(default_factory=list)


class Transactions:
    """All transactions that wait, and the last ones that ended.

    Args:
        changed: is called whenever a push starts or ends.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._waiting: dict[str, Transaction] = {}
        self._ended: dict[str, Transaction] = {}
        self._ended_order: deque[str] = deque()

    def add_ended(self, request: AuthRequest, progress: Progress) -> Transaction:
        """A transaction that nobody has to wait for."""
        transaction = Transaction(_new_txid(), request, progress, ends_at=0.0)
        self._remember(transaction)
        return transaction

    def add_waiting(
        self, request: AuthRequest, progress: Progress, timeout: float, automatic: AutomaticAnswer | None
    ) -> Transaction:
        """A transaction that waits for a person, or for an automatic answer, at most `timeout` seconds."""
        loop = asyncio.get_running_loop()
        transaction = Transaction(_new_txid(), request, progress, loop.time() + timeout)
        self._waiting[transaction.txid] = transaction
        transaction.timers.append(loop.call_at(transaction.ends_at, self._advance, transaction, TIMED_OUT))
        if automatic is not None and automatic.answer is not Answer.IGNORE:
            final = by_person(automatic.answer)
            transaction.timers.append(loop.call_later(automatic.after, self._advance, transaction, final))
        self._changed()
        return transaction

    async def news(self, txid: str) -> Progress:
        """What auth_status answers: how far the transaction has come. If that was told already, it waits.

        The end of a transaction is told as often as it is asked for.

        Raises:
            ApiError: there is no such transaction (any more).
        """
        transaction = self._waiting.get(txid) or self._ended.get(txid)
        if transaction is None:
            raise invalid("txid")
        if transaction.progress == transaction.reported and not transaction.progress.is_final:
            await self._next_progress(transaction)
        transaction.reported = transaction.progress
        return transaction.progress

    async def end_of(self, transaction: Transaction) -> Progress:
        """Waits for the end of a transaction."""
        while not transaction.progress.is_final:
            await self._next_progress(transaction)
        return transaction.progress

    def answer(self, txid: str, answer: Answer) -> bool:
        """A person answers; False when the transaction is not waiting (any more)."""
        transaction = self._waiting.get(txid)
        if transaction is None:
            return False
        if answer is not Answer.IGNORE:
            self._advance(transaction, by_person(answer))
        return True

    def answer_all(self, answer: Answer) -> None:
        """Every person who is asked answers the same; to ignore leaves all as it is."""
        for txid in list(self._waiting):
            self.answer(txid, answer)

    def time_out_all(self) -> None:
        """Ends all that waits, and forgets all that ended."""
        for transaction in list(self._waiting.values()):
            self._advance(transaction, TIMED_OUT)
        self._ended.clear()
        self._ended_order.clear()

    def waiting_count(self) -> int:
        """How many transactions wait."""
        return len(self._waiting)

    def waiting(self, most: int | None = None) -> list[WaitingPush]:
        """The transactions that wait, the oldest first, at most so many."""
        now = asyncio.get_running_loop().time()
        oldest = list(self._waiting.values())[:most]
        return [_view(transaction, now) for transaction in oldest]

    def recent(self, most: int) -> list[EndedLogin]:
        """The transactions that ended last, the newest first, at most so many."""
        newest = itertools.islice(reversed(self._ended_order), most)
        return [_ended_view(self._ended[txid]) for txid in newest]

    def _advance(self, transaction: Transaction, progress: Progress) -> None:
        """Brings a waiting transaction a step further and tells those who wait for it."""
        transaction.progress = progress
        if progress.is_final:
            for timer in transaction.timers:
                timer.cancel()
            transaction.timers.clear()
            del self._waiting[transaction.txid]
            self._remember(transaction)
        for waiter in transaction.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._changed()

    async def _next_progress(self, transaction: Transaction) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        transaction.waiters.append(waiter)
        try:
            await waiter
        finally:
            transaction.waiters.remove(waiter)

    def _remember(self, transaction: Transaction) -> None:
        """Keeps an ended transaction for auth_status, and forgets the oldest one."""
        self._ended[transaction.txid] = transaction
        self._ended_order.append(transaction.txid)
        if len(self._ended_order) > REMEMBERED:
            self._ended.pop(self._ended_order.popleft(), None)


def _new_txid() -> str:
    return str(uuid.uuid4())


def _view(transaction: Transaction, now: float) -> WaitingPush:
    request = transaction.request
    device = request.device
    return WaitingPush(
        txid=transaction.txid,
        user=request.user.name,
        device_id=device.device_id if device else "",
        device=device.display_name if device else "",
        factor=request.factor.value,
        type=request.type,
        pushinfo=request.pushinfo,
        ipaddr=request.ipaddr,
        display_username=request.display_username,
        seconds_left=max(0.0, transaction.ends_at - now),
    )


def _ended_view(transaction: Transaction) -> EndedLogin:
    request = transaction.request
    device = request.device
    return EndedLogin(
        txid=transaction.txid,
        user=request.user.name,
        device=device.display_name if device else "",
        factor=request.factor.value,
        type=request.type,
        result=transaction.progress.result,
        status_msg=transaction.progress.status_msg,
    )
