"""Where Twisted's Deferreds and asyncio's tasks meet; the only file that knows both.

Owns the crossing in both directions, cancellation included. It must not know what is being waited for.

Everything runs on one loop: Twisted's asyncio reactor drives it. Coroutines run as asyncio tasks (httpx fails
inside a coroutine that Twisted drives), and a Deferred is awaited by turning it into a future.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")


def run_soon(coroutine: Coroutine[Any, Any, T], ended: Callable[[asyncio.Task[T]], None]) -> asyncio.Task[T]:
    """Starts a coroutine as a task of its own and calls `ended` with the finished task.

    The caller keeps the task: asyncio itself holds tasks only weakly.
    """
    task = asyncio.get_event_loop().create_task(coroutine)
    task.add_done_callback(ended)
    return task


async def wait_for(deferred: Deferred[T]) -> T:
    """Waits for a Deferred inside a task. Cancelling the task cancels the Deferred.

    Raises:
        asyncio.CancelledError: the waiting task was cancelled.
        Exception: whatever the Deferred failed with.
    """
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def succeeded(value: T) -> None:
        if not future.done():
            future.set_result(value)

    def failed(failure: Any) -> None:
        if not future.done():
            future.set_exception(failure.value)

    deferred.addCallbacks(succeeded, failed)
    try:
        return await future
    except asyncio.CancelledError:
        # The Deferred's own complaint about having been cancelled has nobody left to hear it.
        deferred.addErrback(_ignore)
        deferred.cancel()
        raise


def _ignore(_: object) -> None:
    return None
