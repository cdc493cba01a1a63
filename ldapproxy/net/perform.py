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
from ldapproxy.auth.credentials import Passcode, Sms
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
from ldapproxy.ldap.dn import DistinguishedName
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
class Progress:
    """What is known of a bind so far: also of one that is broken off, which the audit log has to tell.

    Attributes:
        clock: a monotonic clock in seconds.
        dn: the name that is looked up; None before that.
        username: the name that Duo is asked about; None before that.
        identity: the entry's identity; None before Duo is asked.
        waits_for_person: Duo was asked for a push or call, which may go on without the client.
    """

    clock: Callable[[], float]
    dn: DistinguishedName | None = None
    username: str | None = None
    identity: str | None = None
    waits_for_person: bool = False
    started: float = field(init=False)
    _stages: dict[str, float] = field(default_factory=dict)
    _stage: tuple[str, float] | None = None

    def __post_init__(self) -> None:
        self.started = self.clock()

    def begins(self, stage: str, effect: Effect[Any], now: float) -> None:
        """A stage begins with this question."""
        self._stage = stage, now
        match effect:
            case LookUpEntry():
                self.dn = effect.dn
            case VerifySecondFactor():
                self.username, self.identity = effect.username, effect.identity
                self.waits_for_person = not isinstance(effect.choice, Passcode | Sms)
            case _:
                pass

    def ends(self) -> None:
        """The stage that began last has ended."""
        if self._stage is not None:
            stage, began = self._stage
            self._stages[stage] = self._stages.get(stage, 0.0) + self.clock() - began
            self._stage = None

    def durations(self) -> Durations:
        """How long the stages took; one that has not ended counts up to now."""
        self.ends()
        stages = self._stages
        return Durations(
            stages.get("primary"),
            stages.get("lookup"),
            stages.get("second_factor"),
            self.clock() - self.started,
        )

    def broken_off(self, reason: Reason, text: str = "") -> Conclusion:
        """The conclusion of a bind that ends here. Whatever Duo is asked, its answer is not known."""
        return Conclusion(
            Verdict.REJECTED, reason, text=text, dn=self.dn, username=self.username, identity=self.identity
        )


async def perform(
    flow: BindFlow,
    ports: BindPorts,
    budget: float,
    clock: Callable[[], float],
    progress: Progress | None = None,
) -> tuple[Conclusion, Durations]:
    """Drives a flow to its conclusion.

    Args:
        flow: a fresh bind flow.
        ports: whom to ask.
        budget: seconds for all of it (`bind_timeout`).
        clock: a monotonic clock in seconds.
        progress: where to note what becomes known; None when nobody looks.

    Returns:
        The conclusion and how long the stages took. An exception that nobody foresaw is a rejection.

    Raises:
        asyncio.CancelledError: the client has left.
    """
    progress = progress or Progress(clock)
    accepted: PrimaryAccepted | None = None
    try:
        answer: Any = None
        while True:
            try:
                effect = flow.send(answer)
            except StopIteration as stopped:
                conclusion: Conclusion = stopped.value
                return conclusion, progress.durations()
            answer = await _answer(effect, ports, progress, budget)
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
        return conclusion, progress.durations()


async def _answer(effect: Effect[Any], ports: BindPorts, progress: Progress, budget: float) -> Any:
    """Asks whoever can answer the effect, for no longer than what is left of the budget."""
    began = progress.clock()
    reserve = _FOR_THE_ANSWER if isinstance(effect, VerifyOffline) else _RESERVE
    left = budget - reserve - (began - progress.started)
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
    progress.begins(stage, effect, began)
    try:
        # The second factor keeps its own budget and knows best what its end means; it gets a moment more
        # here.
        with TimeLimit(left + (_RESERVE / 2 if stage == "second_factor" else 0.0)):
            return await ask()
    except TimeoutError:
        return late
    finally:
        progress.ends()


def _was_cancelled() -> bool:
    """Whether somebody cancelled this task; otherwise a CancelledError is some port's own, and a failure."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _without_text(error: BaseException) -> tuple[type[BaseException], BaseException, Any]:
    """What to log of an exception: its type and traceback; its text might quote what must not be seen."""
    return RuntimeError, RuntimeError(type(error).__name__), error.__traceback__
