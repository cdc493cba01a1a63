"""Whose answer decides for a shared account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.auth.fail_mode import Decision, decide
from ldapproxy.auth.outcomes import FailMode, SecondFactorOutcome, SecondFactorResult
from ldapproxy.duo.everybody import ends_it, verdict

O = SecondFactorOutcome  # noqa: E741 -- it stands in half of the lines below

# What may come of asking one device.
OUTCOMES = [
    O.ALLOWED,
    O.BYPASSED,
    O.DENIED,
    O.TIMED_OUT,
    O.INTERRUPTED,
    O.MISCONFIGURED,
    O.UNTRUSTED,
    O.RATE_LIMITED,
    O.UNAVAILABLE,
]


def of(device: str, outcome: SecondFactorOutcome, *, fraud: bool = False) -> SecondFactorResult:
    """One person's answer."""
    return SecondFactorResult(outcome, "push", device, f"{device} said so", fraud=fraud)


FRAUD = of("Fred's phone", O.DENIED, fraud=True)
NO = of("Dora's phone", O.DENIED)
SILENCE = of("Tom's phone", O.TIMED_OUT)


@pytest.mark.parametrize(
    ("results", "outcome", "device"),
    [
        ([NO, of("Amy's phone", O.ALLOWED), SILENCE], O.ALLOWED, "Amy's phone"),
        ([of("Amy's phone", O.ALLOWED), FRAUD], O.DENIED, "Fred's phone"),
        ([SILENCE, NO, of("Ida's phone", O.INTERRUPTED)], O.DENIED, "Dora's phone"),
        ([NO, of("Nora's phone", O.DENIED)], O.DENIED, "Dora's phone"),
        ([SILENCE, of("Ida's phone", O.INTERRUPTED)], O.TIMED_OUT, "Tom's phone, Ida's phone"),
        ([of("a", O.UNAVAILABLE), of("b", O.INTERRUPTED)], O.INTERRUPTED, "a, b"),
        ([of("a", O.RATE_LIMITED), of("b", O.INTERRUPTED)], O.INTERRUPTED, "a, b"),
        ([of("a", O.UNAVAILABLE), of("b", O.RATE_LIMITED)], O.RATE_LIMITED, "a, b"),
        ([of("a", O.UNAVAILABLE), of("b", O.UNAVAILABLE)], O.UNAVAILABLE, "a, b"),
    ],
)
def test_the_order(results: list[SecondFactorResult], outcome: SecondFactorOutcome, device: str) -> None:
    decisive = verdict(results)
    assert (decisive.outcome, decisive.device, decisive.factor) == (outcome, device, "push")


def test_who_decides_keeps_what_duo_said() -> None:
    assert verdict([SILENCE, FRAUD]) is FRAUD
    assert verdict([SILENCE, NO]).text == "Dora's phone said so"


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_first_approval_and_fraud_end_it(outcome: SecondFactorOutcome) -> None:
    assert ends_it(of("a", outcome)) == (outcome in (O.ALLOWED, O.BYPASSED))
    assert ends_it(FRAUD)


ANSWERS = st.one_of(
    st.just(FRAUD), st.builds(of, st.sampled_from(["a", "b", "c"]), st.sampled_from(OUTCOMES))
)


@given(st.lists(ANSWERS, min_size=1))
def test_nothing_opens_a_door_that_one_device_alone_would_not_have_opened(
    results: list[SecondFactorResult],
) -> None:
    decisive = verdict(results)
    assert decisive.outcome in {result.outcome for result in results}
    assert decisive.fraud == any(result.fraud for result in results)
    if decisive.outcome is O.UNAVAILABLE:
        assert {result.outcome for result in results} == {O.UNAVAILABLE}
    for mode in FailMode:
        if decide(mode, decisive.outcome) is Decision.ACCEPT:
            assert any(decide(mode, result.outcome) is Decision.ACCEPT for result in results)
            assert not any(result.fraud for result in results)
