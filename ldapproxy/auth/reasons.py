"""The reason that a verdict has, once it is decided.

Owns the names for acceptances and rejections by the second factor. It must not decide: `fail_mode` does.
"""

from __future__ import annotations

from ldapproxy.auth.outcomes import (
    OfflineResult,
    OfflineVerdict,
    Reason,
    SecondFactorOutcome,
    SecondFactorResult,
)

_REJECT_REASONS = {
    SecondFactorOutcome.DENIED: Reason.DENIED,
    SecondFactorOutcome.NOT_ENROLLED: Reason.NOT_ENROLLED,
    SecondFactorOutcome.NO_FACTOR: Reason.NO_FACTOR,
    SecondFactorOutcome.PAUSED: Reason.PAUSED,
    SecondFactorOutcome.TIMED_OUT: Reason.TIMED_OUT,
    SecondFactorOutcome.UNAVAILABLE: Reason.DUO_UNAVAILABLE,
    SecondFactorOutcome.INTERRUPTED: Reason.DUO_INTERRUPTED,
    SecondFactorOutcome.UNTRUSTED: Reason.DUO_UNTRUSTED,
    SecondFactorOutcome.RATE_LIMITED: Reason.DUO_RATE_LIMITED,
    SecondFactorOutcome.MISCONFIGURED: Reason.DUO_MISCONFIGURED,
}

_OFFLINE_REASONS = {
    OfflineVerdict.NO_CODE: Reason.OFFLINE_NO_CODE,
    OfflineVerdict.WRONG_CODE: Reason.OFFLINE_WRONG_CODE,
    OfflineVerdict.REPLAYED: Reason.OFFLINE_REPLAYED,
    OfflineVerdict.NOT_ENROLLED: Reason.OFFLINE_NOT_ENROLLED,
    OfflineVerdict.LOCKED: Reason.OFFLINE_LOCKED,
    OfflineVerdict.LOGINS_USED_UP: Reason.OFFLINE_LOGINS_USED_UP,
    OfflineVerdict.TOO_LONG_OFFLINE: Reason.OFFLINE_TOO_LONG,
    OfflineVerdict.STORE_UNAVAILABLE: Reason.OFFLINE_STORE_UNAVAILABLE,
    OfflineVerdict.NOT_CONFIGURED: Reason.OFFLINE_STORE_UNAVAILABLE,
}


def accept_reason(outcome: SecondFactorOutcome, offline: OfflineResult | None) -> Reason:
    """Names an acceptance that was decided already; any other outcome here is an error."""
    if offline is not None:
        return Reason.OFFLINE_CODE
    match outcome:
        case SecondFactorOutcome.ALLOWED:
            return Reason.SECOND_FACTOR
        case SecondFactorOutcome.BYPASSED:
            return Reason.BYPASSED
        case SecondFactorOutcome.UNAVAILABLE:
            return Reason.FAIL_MODE_OPEN
        case _:
            raise AssertionError(f"{outcome} is never accepted")


def reject_reason(result: SecondFactorResult, offline: OfflineResult | None) -> Reason:
    """Names a rejection that was decided already."""
    if offline is not None:
        return _OFFLINE_REASONS[offline.verdict]
    if result.fraud:
        return Reason.FRAUD
    return _REJECT_REASONS[result.outcome]
