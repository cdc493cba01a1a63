"""Each decided outcome has a reason, and no outcome that was not accepted has an accepting one."""

from __future__ import annotations

import pytest

from ldapproxy.auth.outcomes import (
    OfflineResult,
    OfflineVerdict,
    Reason,
    SecondFactorOutcome,
    SecondFactorResult,
)
from ldapproxy.auth.reasons import accept_reason, reject_reason

ACCEPTED = {
    SecondFactorOutcome.ALLOWED: Reason.SECOND_FACTOR,
    SecondFactorOutcome.BYPASSED: Reason.BYPASSED,
    SecondFactorOutcome.UNAVAILABLE: Reason.FAIL_MODE_OPEN,
}
ADMITTING = {OfflineVerdict.VERIFIED}


@pytest.mark.parametrize("outcome", SecondFactorOutcome)
def test_acceptances(outcome: SecondFactorOutcome) -> None:
    if outcome in ACCEPTED:
        assert accept_reason(outcome, None) is ACCEPTED[outcome]
    else:
        with pytest.raises(AssertionError):
            accept_reason(outcome, None)
    assert accept_reason(outcome, OfflineResult(OfflineVerdict.VERIFIED)) is Reason.OFFLINE_CODE


@pytest.mark.parametrize(
    "outcome", [each for each in SecondFactorOutcome if each.value not in ("allowed", "bypassed")]
)
def test_every_rejection_has_a_reason(outcome: SecondFactorOutcome) -> None:
    assert reject_reason(SecondFactorResult(outcome), None).value.removeprefix("duo_") == outcome.value


@pytest.mark.parametrize("verdict", [each for each in OfflineVerdict if each not in ADMITTING])
def test_an_offline_code_that_was_refused_names_the_reason(verdict: OfflineVerdict) -> None:
    result = SecondFactorResult(SecondFactorOutcome.UNAVAILABLE)
    assert reject_reason(result, OfflineResult(verdict)).value.startswith("offline_")


def test_fraud_has_a_reason_of_its_own() -> None:
    assert reject_reason(SecondFactorResult(SecondFactorOutcome.DENIED, fraud=True), None) is Reason.FRAUD
