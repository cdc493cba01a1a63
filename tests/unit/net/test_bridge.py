"""Where Deferreds and tasks meet: results, failures, cancellation, and what nobody asks for any more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from twisted.internet.defer import CancelledError as DeferredCancelled
from twisted.internet.defer import Deferred, fail, succeed

from ldapproxy.net.bridge import run_soon, wait_for
from tests.support.reactor import OnReactor


class Broken(Exception):
    """What a Deferred fails with here."""


def test_a_result_that_is_there(on_reactor: OnReactor) -> None:
    assert on_reactor(wait_for(succeed("result"))) == "result"


def test_a_result_that_comes(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        deferred: Deferred[str] = Deferred()
        waiting = asyncio.create_task(wait_for(deferred))
        await asyncio.sleep(0)
        assert not waiting.done()
        deferred.callback("result")
        assert await waiting == "result"

    on_reactor(scenario())


@pytest.mark.parametrize("is_there", [True, False])
def test_a_failure(on_reactor: OnReactor, is_there: bool) -> None:
    async def scenario() -> None:
        deferred: Deferred[str] = fail(Broken("why")) if is_there else Deferred()
        waiting = asyncio.create_task(wait_for(deferred))
        await asyncio.sleep(0)
        if not is_there:
            deferred.errback(Broken("why"))
        with pytest.raises(Broken, match="why"):
            await waiting

    on_reactor(scenario())


def test_cancelling_the_task_cancels_the_deferred(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        cancelled: list[Deferred[Any]] = []
        deferred: Deferred[str] = Deferred(cancelled.append)
        waiting = asyncio.create_task(wait_for(deferred))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert cancelled == [deferred]

    on_reactor(scenario())


@pytest.mark.parametrize(
    "canceller",
    [
        None,
        lambda deferred: deferred.errback(Broken("because it was cancelled")),
        lambda deferred: deferred.callback("too late"),
    ],
    ids=["silent", "fails", "succeeds"],
)
def test_what_a_cancelled_deferred_says_concerns_nobody(on_reactor: OnReactor, canceller: Any) -> None:
    """No "Unhandled error in Deferred", no exception that was never retrieved: the fixture looks."""

    async def scenario() -> None:
        deferred: Deferred[str] = Deferred(canceller)
        waiting = asyncio.create_task(wait_for(deferred))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        del deferred

    on_reactor(scenario())


def test_a_time_out(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        cancelled: list[Deferred[Any]] = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await wait_for(Deferred(cancelled.append))
        assert len(cancelled) == 1

    on_reactor(scenario())


@pytest.mark.parametrize("outcome", ["callback", "errback"])
def test_a_deferred_that_ends_just_when_its_task_is_cancelled(on_reactor: OnReactor, outcome: str) -> None:
    async def scenario() -> None:
        deferred: Deferred[str] = Deferred()
        waiting = asyncio.create_task(wait_for(deferred))
        await asyncio.sleep(0)
        if outcome == "callback":
            deferred.callback("result")
        else:
            deferred.errback(Broken())
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    on_reactor(scenario())


def test_a_deferred_that_was_cancelled_by_somebody_else_is_a_failure(on_reactor: OnReactor) -> None:
    """It must not look as if the waiting task had been cancelled."""

    async def scenario() -> None:
        deferred: Deferred[str] = Deferred()
        waiting = asyncio.create_task(wait_for(deferred))
        await asyncio.sleep(0)
        deferred.cancel()
        with pytest.raises(DeferredCancelled):
            await waiting

    on_reactor(scenario())


def test_run_soon_tells_the_end(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        ended: list[asyncio.Task[str]] = []

        async def work() -> str:
            await asyncio.sleep(0)
            return "done"

        task = run_soon(work(), ended.append)
        assert not ended, "it starts later"
        assert await task == "done"
        await asyncio.sleep(0)
        assert ended == [task]

    on_reactor(scenario())


def test_run_soon_tells_a_failure_and_a_cancellation(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        ended: list[str] = []

        def note(task: asyncio.Task[None]) -> None:
            ended.append("cancelled" if task.cancelled() else type(task.exception()).__name__)

        async def breaks() -> None:
            raise Broken

        async def hangs() -> None:
            await asyncio.get_running_loop().create_future()

        run_soon(breaks(), note)
        hanging = run_soon(hangs(), note)
        never_started = run_soon(hangs(), note)
        never_started.cancel()
        await asyncio.sleep(0)
        hanging.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert sorted(ended) == ["Broken", "cancelled", "cancelled"]

    on_reactor(scenario())


def test_a_task_with_httpx_like_cancel_scopes_works_under_the_reactor(on_reactor: OnReactor) -> None:
    """asyncio.timeout needs a current task, which a coroutine that Twisted drives does not have."""

    async def scenario() -> None:
        async def work() -> str:
            assert asyncio.current_task() is not None
            async with asyncio.timeout(1):
                return await wait_for(succeed("inside"))

        ended: list[asyncio.Task[str]] = []
        assert await run_soon(work(), ended.append) == "inside"

    on_reactor(scenario())
