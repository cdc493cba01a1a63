"""One account, several people, each with a phone: whose answer decides (pure).

Owns the order of the answers when every device of a shared account was asked at once (design 4.6). It must
not know how a device is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ldapproxy.auth.outcomes import SecondFactorOutcome, SecondFactorResult

_APPROVALS: Final = (SecondFactorOutcome.ALLOWED, SecondFactorOutcome.BYPASSED)

# Behind fraud, what an account's people said counts before what they did not say, and that before what went
# wrong. UNAVAILABLE is the last: it may open a listener, so it is the answer only where it is the only one,
# and not one auth call was written.
_ORDER: Final = (
    *_APPROVALS,
    SecondFactorOutcome.DENIED,
    SecondFactorOutcome.TIMED_OUT,
    SecondFactorOutcome.INTERRUPTED,
    SecondFactorOutcome.MISCONFIGURED,
    SecondFactorOutcome.UNTRUSTED,
    SecondFactorOutcome.RATE_LIMITED,
    SecondFactorOutcome.UNAVAILABLE,
)

_SAID_BY_ONE: Final = (*_APPROVALS, SecondFactorOutcome.DENIED)


def ends_it(result: SecondFactorResult) -> bool:
    """Whether this answer decides for all, and the other devices need not be followed any more.

    The first approval does, and a report of fraud. A denial does not: one person's no is not another's.
    """
    return result.fraud or result.outcome in _APPROVALS


def verdict(results: Sequence[SecondFactorResult]) -> SecondFactorResult:
    """What the answers come to.

    Args:
        results: one per device that has answered or failed, in Duo's order of the devices; at least one.

    Returns:
        The answer that decides, with the name of its device. When nobody decided, the devices are all named.
    """
    frauds = [result for result in results if result.fraud]
    if frauds:
        return frauds[0]
    decisive = min(results, key=lambda result: _ORDER.index(result.outcome))
    if decisive.outcome in _SAID_BY_ONE:
        return decisive
    return replace(decisive, device=", ".join(result.device for result in results if result.device) or None)
