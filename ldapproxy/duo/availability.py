"""Is Duo there? A pure state machine (design 4.2).

Owns the states `up`, `degraded` and `down` of one Duo application: what leads to them, what ends them, which
logins may ask Duo, and when the next ping is due. Time is passed in. It must not know who makes the calls,
nor what a fail mode makes of a login that may not ask.

How it is used:

    admission = availability.admit(now)          # before each login
    change = availability.call_ended(now, ...)   # after each call, pings included
    change = availability.login_ended(now, ...)  # after each admitted login, cancelled ones included
    availability.next_ping                       # when to ping, unless a ping is under way
    availability.wants_preauth                   # whether to call preauth for nobody's login, behind a ping

A change is worth one line in the log.

`up` becomes `down` when three calls in a row find Duo away. A ping that works does not break a row of failed
preauth calls: Duo may answer the one and not the other. Within a row the next ping comes early, and `doubts`
asks beside a login that hears nothing, so an outage is known when the first login that ran into it ends.

`down` ends with the first ping that says anything but "away", good or bad: a Duo that comes back with a wrong
certificate is not away, and logins then get that outcome. When preauth failed while pings worked, one preauth
has to work as well; it is tried behind each ping that works, so that no login waits for it.

`up` becomes `degraded` when three logins of different users in a row were interrupted: Duo takes pushes and
does not complete them. Then one login at a time tries, and the first one that Duo completes, allow or deny,
ends it. So does a trial that finds a Duo that is not away but untrusted, misconfigured or limiting us: what
opens a listener that fails open stays narrow.

People never count: nobody who does not answer, mistypes a passcode or denies a push makes Duo look away.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, assert_never

from ldapproxy.auth.outcomes import SecondFactorOutcome, SecondFactorResult
from ldapproxy.duo.calls import AWAY, NEVER_SENT, TELLS_NOTHING, CallOutcome, Endpoint

THRESHOLD: Final = 3
"""Failures in a row. One is an accident, two are bad luck; three cost an outage a few seconds more."""

_EARLY_PING: Final = 1.0
# Seconds to the next ping while failures are in a row: soon enough to know, late enough to let a blip pass.

_DOWN_PING: Final = 2.0
# Seconds between pings while Duo is down, so that recovery is noticed within seconds. Never more than the
# interval.

_COMPLETED: Final = {SecondFactorOutcome.ALLOWED, SecondFactorOutcome.BYPASSED, SecondFactorOutcome.DENIED}
_NOT_AWAY: Final = {
    SecondFactorOutcome.UNTRUSTED,
    SecondFactorOutcome.RATE_LIMITED,
    SecondFactorOutcome.MISCONFIGURED,
}


@unique
class State(Enum):
    """How it stands; the `state` label of the metrics."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Change:
    """The state changed; `reason` is a sentence for the log."""

    before: State
    after: State
    reason: str


@dataclass(frozen=True, slots=True)
class Ask:
    """The login may ask Duo. `at` is when it was admitted."""

    at: float


@dataclass(frozen=True, slots=True)
class Probe:
    """The login may ask Duo, the only one for now, and its end will tell whether Duo is well again."""

    at: float


@dataclass(frozen=True, slots=True)
class Away:
    """The login may not ask Duo: it is UNAVAILABLE at once. `reason` is a sentence for the log."""

    reason: str


Admission = Ask | Probe | Away


class Availability:
    """The state of one Duo application.

    Args:
        now: the time, in seconds on a clock that never goes back.
        ping_interval: seconds between two pings while all is well, and between two probes by logins.
    """

    def __init__(self, now: float, ping_interval: float) -> None:
        self._interval = ping_interval
        self._state = State.UP
        self._reason = ""
        self._changed_at = now
        self._pinged_at = now - ping_interval  # the first ping is due at once
        self._failures = 0
        self._preauth_failures = 0
        self._interrupted: set[str] = set()
        self._preauth_must_work = False
        self._ping_works = True
        self._preauth_was_tried = False
        self._probing = False
        self._probed_at = now

    @property
    def state(self) -> State:
        """The state."""
        return self._state

    @property
    def reason(self) -> str:
        """Why the state is not `up`, as a sentence; empty while it is."""
        return self._reason

    @property
    def next_ping(self) -> float:
        """When the next ping is due; any call that ends may change it."""
        if self._state is State.DOWN:
            return self._pinged_at + min(_DOWN_PING, self._interval)
        if self._failures:
            return self._pinged_at + min(_EARLY_PING, self._interval)
        return self._pinged_at + self._interval

    @property
    def wants_preauth(self) -> bool:
        """Whether preauth is to be tried now: once behind each ping that works, while it keeps Duo `down`."""
        return (
            self._state is State.DOWN
            and self._preauth_must_work
            and self._ping_works
            and not self._preauth_was_tried
        )

    def admit(self, now: float) -> Admission:
        """Whether a login may ask Duo now.

        Whoever gets `Ask` or `Probe` owes a `login_ended`, also when the login is cancelled.
        """
        match self._state:
            case State.UP:
                return Ask(now)
            case State.DEGRADED if not self._probing and now >= self._probed_at + self._interval:
                self._probing = True
                return Probe(now)
            case State.DEGRADED | State.DOWN:
                return Away(self._reason)
            case _:
                assert_never(self._state)

    def call_ended(
        self, now: float, endpoint: Endpoint, outcome: CallOutcome, detail: str = ""
    ) -> Change | None:
        """A call of Duo's API ended.

        Args:
            now: the time.
            endpoint: what was called.
            outcome: what came of it.
            detail: the failure's sentence, for the reason of a change.
        """
        if endpoint is Endpoint.PING:
            self._pinged_at, self._preauth_was_tried = now, False
        elif endpoint is Endpoint.PREAUTH:
            self._preauth_was_tried = True
        if outcome in TELLS_NOTHING:
            return None
        is_away = outcome in AWAY
        match endpoint:
            case Endpoint.PING | Endpoint.CHECK:
                self._ping_works = not is_away
            case Endpoint.PREAUTH:
                self._preauth_failures = self._preauth_failures + 1 if is_away else 0
            case Endpoint.AUTH | Endpoint.AUTH_STATUS:
                # What is lost from here on is the login's story, unless no connection could be made at all.
                if not (is_away and outcome in NEVER_SENT):
                    return None
            case _:
                assert_never(endpoint)
        self._failures = self._failures + 1 if is_away else 0
        if self._state is State.DOWN:
            return self._while_down(now, endpoint, is_away)
        if self._failures >= THRESHOLD:
            return self._go_down(now, f"{self._failures} calls in a row found Duo away", detail)
        if self._preauth_failures >= THRESHOLD:
            return self._go_down(
                now, f"{self._preauth_failures} preauth calls in a row found Duo away", detail
            )
        return None

    def login_ended(
        self, now: float, admission: Ask | Probe, identity: str, result: SecondFactorResult | None
    ) -> Change | None:
        """A login that was admitted ended.

        Args:
            now: the time.
            admission: what `admit` said.
            identity: whose login it was; the same user counts once.
            result: how it ended; None when it was cancelled.
        """
        if isinstance(admission, Probe):
            self._probing, self._probed_at = False, now
        if result is None or self._state is State.DOWN:
            return None
        outcome = result.outcome
        was_asked = result.factor is not None  # else preauth had decided alone
        if (outcome in _COMPLETED and was_asked) or outcome in _NOT_AWAY:
            self._interrupted.clear()
            if self._state is State.DEGRADED:
                return self._change(now, State.UP, f"a login ended with {outcome.value}")
        elif outcome is SecondFactorOutcome.INTERRUPTED and admission.at >= self._changed_at:
            # Logins from before the last change tell about the time before it.
            self._interrupted.add(identity)
            if self._state is State.UP and len(self._interrupted) >= THRESHOLD:
                reason = f"logins of {len(self._interrupted)} users in a row were interrupted"
                return self._change(now, State.DEGRADED, _because(reason, result.detail))
        return None

    def _go_down(self, now: float, reason: str, detail: str) -> Change:
        self._preauth_must_work = self._ping_works
        return self._change(now, State.DOWN, _because(reason, detail))

    def _while_down(self, now: float, endpoint: Endpoint, is_away: bool) -> Change | None:
        if is_away:
            # When pings fail as well, it is not preauth's fault, and a ping that works will do.
            self._preauth_must_work = self._preauth_must_work and self._ping_works
            return None
        if self._preauth_must_work and endpoint is not Endpoint.PREAUTH:
            return None
        return self._change(now, State.UP, f"{endpoint.value} was answered")

    def _change(self, now: float, after: State, reason: str) -> Change:
        change = Change(self._state, after, reason)
        self._state, self._changed_at = after, now
        self._reason = "" if after is State.UP else reason
        self._interrupted.clear()
        self._probed_at = now
        if after is State.UP:
            self._failures = self._preauth_failures = 0
            self._preauth_must_work = False
        return change


def _because(reason: str, detail: str) -> str:
    return f"{reason}: {detail}" if detail else reason
