"""The words of the outside world are closed sets that fit metrics and the audit log."""

from __future__ import annotations

import re
from enum import Enum

import pytest

from ldapproxy.auth.outcomes import Factor, FailMode, OfflineVerdict, Reason, SecondFactorOutcome, Verdict


@pytest.mark.parametrize("words", [Factor, FailMode, OfflineVerdict, Reason, SecondFactorOutcome, Verdict])
def test_words_are_lower_case_and_told_apart(words: type[Enum]) -> None:
    values = [word.value for word in words]
    assert all(re.fullmatch(r"[a-z][a-z_]*", value) for value in values)
    assert len(set(values)) == len(values)


def test_every_outcome_of_duo_has_its_own_reason_when_it_rejects() -> None:
    reasons = {reason.value.removeprefix("duo_") for reason in Reason}
    admitted_only = {SecondFactorOutcome.ALLOWED}
    assert {outcome.value for outcome in SecondFactorOutcome if outcome not in admitted_only} <= reasons
