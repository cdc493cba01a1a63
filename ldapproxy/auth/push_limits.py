"""How many pushes and calls one person may be bothered with.

Owns the count per user over all listeners, and the pauses (design 4.6). It must not know the clock (`now` is
passed in), nor how a push is sent. Only who has given the right password gets here, so a stranger cannot
pause anybody.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ldapproxy.auth.outcomes import SecondFactorOutcome, SecondFactorResult

# Users whose pushes are counted at a time, about 1 KiB each. The one whose last push is oldest is forgotten
# first.
_CAPACITY = 50_000


@dataclass(frozen=True, slots=True)
class PushLimitRules:
    """What one listener allows. Times are in seconds; 0 turns a rule off.

    Attributes:
        pushes: so many that were not approved ...
        per: ... in so long; the next one is not sent.
        pause_after_denial: how long none is sent after one that was denied or not answered.
        pause_after_fraud: the same after one that was reported as fraud.
    """

    pushes: int = 6
    per: float = 600.0
    pause_after_denial: float = 60.0
    pause_after_fraud: float = 1800.0


@dataclass(slots=True)
class _Record:
    """What is known of one user."""

    sent: deque[float] = field(default_factory=deque)
    denied_at: float | None = None
    reported_at: float | None = None


class PushLimits:
    """The pushes of all users.

    Args:
        rules: those of all listeners; what is kept of a user is enough for each of them.
        capacity: users that are kept.
    """

    def __init__(self, rules: Iterable[PushLimitRules], capacity: int = _CAPACITY) -> None:
        every = list(rules)
        self._longest = max((each.per for each in every), default=0.0)
        self._most = max((each.pushes for each in every), default=0)
        self._capacity = capacity
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def pause(self, identity: str, rules: PushLimitRules, now: float) -> str | None:
        """Why no push may be sent to this user now, as a sentence for the log; None when one may."""
        record = self._records.get(identity)
        if record is None:
            return None
        if record.reported_at is not None and now - record.reported_at < rules.pause_after_fraud:
            return "a push was reported as fraud a while ago"
        if record.denied_at is not None and now - record.denied_at < rules.pause_after_denial:
            return "a push was denied, or not answered, a moment ago"
        if rules.pushes and sum(now - sent < rules.per for sent in record.sent) >= rules.pushes:
            return f"{rules.pushes} pushes were not approved in {rules.per:.0f} s"
        return None

    def sent(self, identity: str, now: float) -> None:
        """A push or call is about to be sent. It counts until one is approved."""
        record = self._records.setdefault(identity, _Record())
        self._records.move_to_end(identity)
        while record.sent and (now - record.sent[0] >= self._longest or len(record.sent) > self._most):
            record.sent.popleft()
        record.sent.append(now)
        if len(self._records) > self._capacity:
            self._records.popitem(last=False)

    def not_sent(self, identity: str, at: float) -> None:
        """The login that `sent` was told of at that time ended without a push or call after all."""
        record = self._records.get(identity)
        if record is not None and at in record.sent:
            # This one and no other: that may be a push that was sent meanwhile.
            record.sent.remove(at)

    def ended(self, identity: str, result: SecondFactorResult, now: float) -> None:
        """A push or call has come to its end."""
        record = self._records.get(identity)
        if record is None:
            return
        match result.outcome:
            case SecondFactorOutcome.ALLOWED:
                record.sent.clear()
            case SecondFactorOutcome.DENIED if result.fraud:
                record.reported_at = now
            case SecondFactorOutcome.DENIED | SecondFactorOutcome.TIMED_OUT:
                record.denied_at = now
            case _:
                pass
