"""Twisted's asyncio reactor on uvloop, once for the whole test process, as in production.

A pytest plugin, loaded by `tests/conftest.py` so that no test module can install another reactor before.

    def test_something(on_reactor: OnReactor) -> None:
        async def scenario() -> None:
            ...
        on_reactor(scenario())

Owns the reactor, its loop, and the rule that a test leaves nothing behind: no task, no delayed call, no
socket, and no exception that nobody saw. It must not know what is tested.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import pytest
from twisted.internet.error import ConnectionDone
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure

from ldapproxy.net.reactor import install_reactor

Result = TypeVar("Result")

# A scenario that takes longer hangs; the slowest one waits for about a second.
_PATIENCE = 60.0
# For what ends by itself just behind a scenario: the other side of a closed connection, say.
_AFTERMATH = 15.0

_reactor: Any = install_reactor()
_loop = asyncio.get_event_loop_policy().get_event_loop()


class OnReactor(Protocol):
    """Runs a coroutine on the reactor's loop and fails when it leaves something behind."""

    def __call__(self, scenario: Coroutine[Any, Any, Result]) -> Result:
        """Runs it and returns its result."""


@pytest.fixture
def reactor() -> Any:
    """Twisted's reactor, started."""
    if not _reactor.running:
        _reactor.startRunning(installSignalHandlers=False)
    return _reactor


@pytest.fixture
def on_reactor(reactor: Any) -> OnReactor:
    """Runs scenarios on the reactor's loop."""

    def run(scenario: Coroutine[Any, Any, Result]) -> Result:
        unseen: list[str] = []

        def of_asyncio(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            unseen.append(f"asyncio: {context['message']}: {context.get('exception')!r}")

        def of_twisted(event: LogEvent) -> None:
            failure = event.get("log_failure") or event.get(
                "failure"
            )  # the latter is log.err's, still in use
            if failure is not None:
                unseen.append(f"Twisted: {failure.getTraceback()}")

        observer = cast(ILogObserver, of_twisted)

        async def and_look() -> tuple[Result, list[str]]:
            before = open_sockets()
            # What was there before is not looked through: collecting takes a millisecond, not a hundred.
            gc.freeze()
            try:
                async with asyncio.timeout(_PATIENCE):
                    result = await scenario
                left = await _left_behind(before)
                # Exceptions of futures that nobody asked show when the future is collected.
                gc.collect()
                await asyncio.sleep(0)
            finally:
                gc.unfreeze()
                # A test that fails must not make the next one fail.
                await _sweep()
            return result, left

        _loop.set_exception_handler(of_asyncio)
        globalLogPublisher.addObserver(observer)
        try:
            result, left = _loop.run_until_complete(and_look())
        finally:
            globalLogPublisher.removeObserver(observer)
            _loop.set_exception_handler(None)
        assert not unseen, "exceptions that nobody saw:\n" + "\n".join(unseen)
        assert not left, "left behind:\n" + "\n".join(left)
        return result

    return run


def pytest_unconfigure() -> None:
    """Ends the reactor's threads, which the process would wait for at its exit."""
    if _reactor.running:
        _reactor.fireSystemEvent("shutdown")


async def eventually(condition: Callable[[], object], what: str, patience: float = 15.0) -> None:
    """Polls until a condition is true.

    Raises:
        AssertionError: it never became true.
    """
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.002)


async def _left_behind(sockets: set[str]) -> list[str]:
    """What is there that was not before the scenario, after a moment of patience."""
    deadline = time.monotonic() + _AFTERMATH
    while True:
        left = [f"task {task!r}" for task in asyncio.all_tasks() - {asyncio.current_task()}]
        left += [f"delayed call {call}" for call in _reactor.getDelayedCalls()]
        left += [f"socket {name}" for name in open_sockets() - sockets]
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.005)


async def _sweep() -> None:
    """Ends whatever a scenario has left."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_AFTERMATH)
    for descriptor in {*_reactor.getReaders(), *_reactor.getWriters()}:
        if hasattr(descriptor, "protocol") or hasattr(descriptor, "factory"):  # a connection or a port
            descriptor.connectionLost(Failure(ConnectionDone()))  # type: ignore[no-untyped-call]  # untyped in Twisted
    for call in _reactor.getDelayedCalls():
        call.cancel()


def open_sockets() -> set[str]:
    """The sockets of this process, by inode."""
    names = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            name = str(descriptor.readlink())
        except OSError:  # the one that listed the folder
            continue
        if name.startswith("socket:"):
            names.add(name)
    return names
