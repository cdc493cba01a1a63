"""The fail-mode table, enumerated against the design's own."""

from __future__ import annotations

import itertools

import pytest

from ldapproxy.auth.fail_mode import Decision, decide, is_asked
from ldapproxy.auth.outcomes import FailMode, OfflineVerdict, SecondFactorOutcome

# The table as the design prints it: closed, open, offline.
DESIGN = """
ALLOWED        accept  accept  accept
BYPASSED       accept  accept  accept
DENIED         reject  reject  reject
NOT_ENROLLED   reject  reject  reject
NO_FACTOR      reject  reject  reject
PAUSED         reject  reject  reject
TIMED_OUT      reject  reject  reject
UNAVAILABLE    reject  accept  code
INTERRUPTED    reject  reject  code
UNTRUSTED      reject  reject  code
RATE_LIMITED   reject  reject  code
MISCONFIGURED  reject  reject  code
"""
MODES = (FailMode.CLOSED, FailMode.OPEN, FailMode.OFFLINE)
ROWS = {
    SecondFactorOutcome[name]: dict(zip(MODES, cells, strict=True))
    for name, *cells in (line.split() for line in DESIGN.strip().splitlines())
}


def test_every_outcome_has_its_row() -> None:
    assert set(ROWS) == set(SecondFactorOutcome)


@pytest.mark.parametrize(
    ("mode", "outcome", "offline"),
    list(itertools.product(FailMode, SecondFactorOutcome, [None, *OfflineVerdict])),
)
def test_every_cell(mode: FailMode, outcome: SecondFactorOutcome, offline: OfflineVerdict | None) -> None:
    decision = decide(mode, outcome, offline)
    match ROWS[outcome][mode]:
        case "accept":
            assert decision is Decision.ACCEPT
        case "reject":
            assert decision is Decision.REJECT
        case "code" if offline is None:
            assert decision is Decision.ASK_OFFLINE
        case "code":
            verified = offline is OfflineVerdict.VERIFIED
            assert decision is (Decision.ACCEPT if verified else Decision.REJECT)


def test_open_accepts_without_duo_in_one_row_only() -> None:
    alone = [
        outcome
        for outcome in SecondFactorOutcome
        if decide(FailMode.OPEN, outcome) is Decision.ACCEPT
        and decide(FailMode.CLOSED, outcome) is not Decision.ACCEPT
    ]
    assert alone == [SecondFactorOutcome.UNAVAILABLE]


def test_the_mode_is_asked_where_it_makes_a_difference() -> None:
    assert {outcome for outcome in SecondFactorOutcome if is_asked(outcome)} == {
        outcome for outcome, row in ROWS.items() if len(set(row.values())) > 1
    }
