"""Duo transactions in flight: who waits for which, and when one ends.

Owns the tasks that wait for Duo. A bind joins a transaction and leaves it; a transaction whose last bind has
left ends. It must not know Duo's protocol, nor what a result means.
"""

from __future__ import annotations

import asyncio

from ldapproxy.auth.effects import VerifySecondFactor
from ldapproxy.auth.outcomes import SecondFactorOutcome, SecondFactorResult
from ldapproxy.net.ports import SecondFactor


class Pushes:
    """The transactions of one listener.

    Args:
        second_factor: asks Duo.
        limit: how many transactions may be in flight; more are not asked at all.
    """

    def __init__(self, second_factor: SecondFactor, limit: int) -> None:
        self._second_factor = second_factor
        self._limit = limit
        self._in_flight: set[asyncio.Task[SecondFactorResult]] = set()

    def __len__(self) -> int:
        return len(self._in_flight)

    async def verify(self, question: VerifySecondFactor, budget: float) -> SecondFactorResult:
        """Asks for a second factor in a transaction of its own, and waits for it.

        Cancelling the waiting (the client has left) ends the transaction.
        """
        if len(self._in_flight) >= self._limit:
            return SecondFactorResult(
                SecondFactorOutcome.PAUSED, detail="too many logins wait for Duo already"
            )
        task = asyncio.get_running_loop().create_task(self._second_factor.verify(question, budget))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)
        try:
            return await asyncio.shield(task)
        finally:
            task.cancel()
