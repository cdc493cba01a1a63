"""The time limit behaves as `asyncio.timeout` does, and that is checked with `asyncio.timeout` itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from ldapproxy.net.time_limit import TimeLimit
from tests.support.reactor import OnReactor

Limited = Callable[[float], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def ours(seconds: float) -> AsyncIterator[None]:
    with TimeLimit(seconds):
        yield


@asynccontextmanager
async def asyncios(seconds: float) -> AsyncIterator[None]:
    async with asyncio.timeout(seconds):
        yield


BOTH = pytest.mark.parametrize("limit", [ours, asyncios])


@BOTH
def test_in_time(on_reactor: OnReactor, limit: Limited) -> None:
    async def scenario() -> None:
        async with limit(5):
            await asyncio.sleep(0.001)

    on_reactor(scenario())


@BOTH
def test_too_late(on_reactor: OnReactor, limit: Limited) -> None:
    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            async with limit(0.001):
                await asyncio.Event().wait()
        await asyncio.sleep(0)  # nothing is left of the cancellation
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    on_reactor(scenario())


@BOTH
def test_another_error_passes(on_reactor: OnReactor, limit: Limited) -> None:
    async def scenario() -> None:
        with pytest.raises(ZeroDivisionError):
            async with limit(5):
                raise ZeroDivisionError

    on_reactor(scenario())


@BOTH
def test_a_cancellation_from_outside_stays_one(on_reactor: OnReactor, limit: Limited) -> None:
    async def waits() -> None:
        async with limit(5):
            await asyncio.Event().wait()

    async def scenario() -> None:
        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    on_reactor(scenario())


@BOTH
def test_both_cancel_in_one_turn(on_reactor: OnReactor, limit: Limited) -> None:
    async def scenario() -> None:
        inside = asyncio.Event()

        async def waits() -> None:
            async with limit(0.005):
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(waits())
        await inside.wait()
        end = asyncio.get_running_loop().time() + 0.02
        while asyncio.get_running_loop().time() < end:
            pass  # the loop is busy: the time is up and nobody has been told yet
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    on_reactor(scenario())


@BOTH
def test_one_within_another(on_reactor: OnReactor, limit: Limited) -> None:
    async def scenario() -> list[str]:
        said = []
        try:
            async with limit(0.001):
                try:
                    async with limit(5):
                        await asyncio.Event().wait()
                except TimeoutError:
                    said.append("inner")
        except TimeoutError:
            said.append("outer")
        return said

    assert on_reactor(scenario()) == ["outer"]
