"""Runs a bind flow: each effect becomes a call, under one deadline.

Owns the interpretation of effects, the time budget, and the one catch-all, which rejects and never consults
the fail mode. It must not decide anything that the flow decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ldapproxy.auth.audit import Durations
from ldapproxy.auth.bind_flow import BindFlow, Conclusion
from ldapproxy.auth.effects import (
    AskIdentifierOf,
    AskSecurityIdentifier,
    AskWhoIsBound,
    Effect,
    FindEntry,
    LookUpEntry,
    RecallLogin,
    VerifyOffline,
    VerifyPrimary,
    VerifySecondFactor,
)
from ldapproxy.auth.outcomes import (
    LookupUnavailable,
    OfflineResult,
    OfflineVerdict,
    PrimaryAccepted,
    PrimaryUnavailable,
    Reason,
    SecondFactorOutcome,
    SecondFactorResult,
    Verdict,
)
from ldapproxy.net.ports import EntryLookup, OfflineCodes, PrimaryQuestions, SecondFactor
from ldapproxy.net.time_limit import TimeLimit

_log = logging.getLogger(__name__)

# Seconds kept of the budget for what follows the second factor: an offline code, the verdict, the answer on
# the wire. So the application hears from us before its own time-out, if that is the same as `bind_timeout`.
_RESERVE = 0.5
_FOR_THE_ANSWER = 0.05  # the part of it that an offline code leaves

_NO_LOOKUP = LookupUnavailable("no answer within bind_timeout")


@dataclass(frozen=True, slots=True)
class BindPorts:
    """Whom one bind asks."""

    primary: PrimaryQuestions
    lookup: EntryLookup
    second_factor: SecondFactor
    recall: Callable[[RecallLogin], bool]
    offline: OfflineCodes | None


@dataclass(slots=True)
class _Stopwatch:
    """How long the stages took."""

    clock: Callable[[], float]
    started: float = field(init=False)
    stages: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def durations(self) -> Durations:
        stages = self.stages
        return Durations(
            stages.get("primary"),
            stages.get("lookup"),
            stages.get("second_factor"),
            self.clock() - self.started,
        )


async def perform(
    flow: BindFlow, ports: BindPorts, budget: float, clock: Callable[[], float]
) -> tuple[Conclusion, Durations]:
    """Drives a flow to its conclusion.

    Args:
        flow: a fresh bind flow.
        ports: whom to ask.
        budget: seconds for all of it (`bind_timeout`).
        clock: a monotonic clock in seconds.

    Returns:
        The conclusion and how long the stages took. An exception that nobody foresaw is a rejection.

    Raises:
        asyncio.CancelledError: the client has left.
    """
    stopwatch = _Stopwatch(clock)
    accepted: PrimaryAccepted | None = None
    try:
        answer: Any = None
        while True:
            try:
                effect = flow.send(answer)
            except StopIteration as stopped:
                conclusion: Conclusion = stopped.value
                return conclusion, stopwatch.durations()
            answer = await _answer(effect, ports, stopwatch, budget)
            if isinstance(answer, PrimaryAccepted):
                accepted = answer
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _was_cancelled():
            raise
        # The message of an exception that nobody foresaw might hold anything, so only its type and place are
        # logged.
        _log.error(
            "a bind failed in a way that nobody foresaw; it is rejected", exc_info=_without_text(error)
        )
        conclusion = Conclusion(
            Verdict.REJECTED,
            Reason.INTERNAL_ERROR,
            None if accepted is None else accepted.response,
            detail=f"internal error: {type(error).__name__}",
        )
        return conclusion, stopwatch.durations()


async def _answer(effect: Effect[Any], ports: BindPorts, stopwatch: _Stopwatch, budget: float) -> Any:
    """Asks whoever can answer the effect, for no longer than what is left of the budget."""
    clock = stopwatch.clock
    began = clock()
    reserve = _FOR_THE_ANSWER if isinstance(effect, VerifyOffline) else _RESERVE
    left = budget - reserve - (began - stopwatch.started)
    match effect:
        case VerifyPrimary(password, name):
            stage = "primary"
            late: Any = PrimaryUnavailable("no answer within bind_timeout")
            ask: Callable[[], Awaitable[Any]] = partial(ports.primary.verify, password, name)
        case AskWhoIsBound():
            stage, late, ask = "lookup", _NO_LOOKUP, ports.primary.who_is_bound
        case AskSecurityIdentifier():
            stage, late, ask = "lookup", _NO_LOOKUP, ports.primary.security_identifier
        case AskIdentifierOf(entry):
            stage, late, ask = "lookup", _NO_LOOKUP, partial(ports.primary.identifier_of, entry)
        case FindEntry():
            stage, late, ask = "lookup", _NO_LOOKUP, partial(ports.lookup.find, effect)
        case LookUpEntry():
            stage, late, ask = "lookup", _NO_LOOKUP, partial(ports.lookup.entry, effect)
        case VerifySecondFactor():
            stage = "second_factor"
            late = SecondFactorResult(SecondFactorOutcome.TIMED_OUT, detail="no answer within bind_timeout")
            ask = partial(ports.second_factor.verify, effect, left)
        case RecallLogin():
            return ports.recall(effect)
        case VerifyOffline():
            if ports.offline is None:
                return OfflineResult(OfflineVerdict.NOT_CONFIGURED)
            stage = "offline"
            late = OfflineResult(OfflineVerdict.STORE_UNAVAILABLE, detail="no answer within bind_timeout")
            ask = partial(ports.offline.verify, effect)
        case _:
            raise TypeError(f"nobody answers {type(effect).__name__}")
    if left <= 0:
        # Not even asked: nobody would hear the answer, and a push for it would only bother somebody.
        return late
    try:
        # The second factor keeps its own budget and knows best what its end means; it gets a moment more
        # here.
        with TimeLimit(left + (_RESERVE / 2 if stage == "second_factor" else 0.0)):
            return await ask()
    except TimeoutError:
        return late
    finally:
        stopwatch.stages[stage] = stopwatch.stages.get(stage, 0.0) + clock() - began


def _was_cancelled() -> bool:
    """Whether somebody cancelled this task; otherwise a CancelledError is some port's own, and a failure."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _without_text(error: BaseException) -> tuple[type[BaseException], BaseException, Any]:
    """What to log of an exception: its type and traceback; its text might quote what must not be seen."""
    return RuntimeError, RuntimeError(type(error).__name__), error.__traceback__
