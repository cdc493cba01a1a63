"""The fail mode: what each outcome of the second factor means under each mode. One table.

Owns the table of design 4.1, and is the only place that branches on a fail mode. It must not know how an
outcome came about; whoever has no outcome (an exception that nobody foresaw) has nothing to ask here, and
rejects.
"""

from __future__ import annotations

from enum import Enum, unique

from ldapproxy.auth.outcomes import FailMode, OfflineVerdict, SecondFactorOutcome


@unique
class Decision(Enum):
    """What to do with a bind whose second factor has ended."""

    ACCEPT = "accept"
    REJECT = "reject"
    ASK_OFFLINE = "ask_offline"


_ACCEPT, _REJECT, _ASK = Decision.ACCEPT, Decision.REJECT, Decision.ASK_OFFLINE
_O = SecondFactorOutcome

# `open` is narrow on purpose: whoever can break TLS, exhaust a rate limit or cut the line after the push must
# not be let in. So it accepts in the one row where Duo was never asked.
_TABLE: dict[SecondFactorOutcome, dict[FailMode, Decision]] = {
    outcome: dict(zip((FailMode.CLOSED, FailMode.OPEN, FailMode.OFFLINE), row, strict=True))
    for outcome, row in {
        # outcome           closed   open     offline
        _O.ALLOWED:        (_ACCEPT, _ACCEPT, _ACCEPT),
        _O.BYPASSED:       (_ACCEPT, _ACCEPT, _ACCEPT),
        _O.DENIED:         (_REJECT, _REJECT, _REJECT),
        _O.NOT_ENROLLED:   (_REJECT, _REJECT, _REJECT),
        _O.NO_FACTOR:      (_REJECT, _REJECT, _REJECT),
        _O.PAUSED:         (_REJECT, _REJECT, _REJECT),
        _O.TIMED_OUT:      (_REJECT, _REJECT, _REJECT),
        _O.UNAVAILABLE:    (_REJECT, _ACCEPT, _ASK),
        _O.INTERRUPTED:    (_REJECT, _REJECT, _ASK),
        _O.UNTRUSTED:      (_REJECT, _REJECT, _ASK),
        _O.RATE_LIMITED:   (_REJECT, _REJECT, _ASK),
        _O.MISCONFIGURED:  (_REJECT, _REJECT, _ASK),
    }.items()
}  # fmt: skip


def decide(mode: FailMode, outcome: SecondFactorOutcome, offline: OfflineVerdict | None = None) -> Decision:
    """Decides what an outcome of the second factor means.

    Args:
        mode: the listener's fail mode.
        outcome: how the second factor ended.
        offline: the verdict on the offline code, once it was asked for; None before.

    Returns:
        ASK_OFFLINE only while `offline` is None; the caller then asks, and calls again with the verdict.
    """
    decision = _TABLE[outcome][mode]
    if decision is Decision.ASK_OFFLINE and offline is not None:
        return Decision.ACCEPT if offline is OfflineVerdict.VERIFIED else Decision.REJECT
    return decision


def is_asked(outcome: SecondFactorOutcome) -> bool:
    """Whether the mode makes a difference for this outcome; these decisions are counted."""
    return len(set(_TABLE[outcome].values())) > 1
