"""Pushes with a Duo that the test answers for, and a clock that it moves.

Owns the scene. It must not know what a test expects.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, cast

import pytest
import uvloop

from ldapproxy.auth.credentials import Auto
from ldapproxy.auth.effects import VerifySecondFactor
from ldapproxy.auth.late_approvals import LateApprovals
from ldapproxy.auth.outcomes import Factor, SecondFactorOutcome, SecondFactorResult
from ldapproxy.auth.push_limits import PushLimitRules, PushLimits
from ldapproxy.auth.remembered import LoginKeys
from ldapproxy.net.ports import Observer
from ldapproxy.net.pushes import Pushes
from ldapproxy.net.settings import PushSettings
from ldapproxy.secret import Secret

OFF = PushLimitRules(pushes=0, pause_after_denial=0, pause_after_fraud=0)
ALLOWED = SecondFactorResult(SecondFactorOutcome.ALLOWED, factor="push", device="phone")
DENIED = SecondFactorResult(SecondFactorOutcome.DENIED, factor="push", device="phone")
LOGIN = VerifySecondFactor(
    username="alice",
    identity="alice-id",
    credential=Secret("secret"),
    choice=Auto(),
    factors=frozenset(Factor),
    listener="vpn",
    client=ip_address("192.0.2.1"),
    client_is_user=False,
)


class Duo:
    """A second factor whose answers are given by the test."""

    def __init__(self) -> None:
        self.asked: list[VerifySecondFactor] = []
        self.answers: list[asyncio.Future[SecondFactorResult]] = []
        self.cancelled = 0

    async def verify(self, question: VerifySecondFactor, budget: float) -> SecondFactorResult:
        self.asked.append(question)
        answer: asyncio.Future[SecondFactorResult] = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


class Counts:
    """The only part of the observer that pushes use."""

    def __init__(self) -> None:
        self.joins: Counter[str] = Counter()

    def joined(self, listener: str, kind: str) -> None:
        self.joins[kind] += 1


class Scene:
    """Pushes with a clock that the test moves."""

    def __init__(self, capacity: int = 100, **settings: Any) -> None:
        self.now = 0.0
        self.duo = Duo()
        self.counts = Counts()
        self.unheard: list[tuple[str, SecondFactorResult]] = []
        given = PushSettings(**{"limits": OFF, **settings})
        self.approvals = LateApprovals(given.late_approval, capacity)
        self.pushes = Pushes(
            second_factor=self.duo,
            settings=given,
            limits=PushLimits([given.limits]),
            keys=LoginKeys(Secret(b"k" * 32)),
            approvals=self.approvals,
            unheard=lambda question, result: self.unheard.append((question.identity, result)),
            capacity=capacity,
            observer=cast(Observer, self.counts),
            clock=lambda: self.now,
        )

    def bind(self, budget: float = 60.0, **changes: Any) -> asyncio.Task[SecondFactorResult]:
        question = replace(LOGIN, **changes)
        return asyncio.get_running_loop().create_task(self.pushes.verify(question, budget))

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def leave(self, bind: asyncio.Task[SecondFactorResult]) -> None:
        bind.cancel()
        with pytest.raises(asyncio.CancelledError):
            await bind
        await self.settle()


def run(scene: Coroutine[Any, Any, None]) -> None:
    async def and_look() -> None:
        await scene
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a task was left behind"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(and_look())
