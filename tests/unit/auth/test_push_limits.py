"""How many pushes a person is bothered with; no clock but the one passed in."""

from __future__ import annotations

import pytest

from ldapproxy.auth.outcomes import SecondFactorOutcome, SecondFactorResult
from ldapproxy.auth.push_limits import PushLimitRules, PushLimits

RULES = PushLimitRules(pushes=3, per=600, pause_after_denial=60, pause_after_fraud=1800)
ALLOWED = SecondFactorResult(SecondFactorOutcome.ALLOWED, "push")
DENIED = SecondFactorResult(SecondFactorOutcome.DENIED, "push")
FRAUD = SecondFactorResult(SecondFactorOutcome.DENIED, "push", fraud=True)
TIMED_OUT = SecondFactorResult(SecondFactorOutcome.TIMED_OUT, "push")
INTERRUPTED = SecondFactorResult(SecondFactorOutcome.INTERRUPTED, "push")


def limits(**options: int) -> PushLimits:
    return PushLimits([RULES], **options)


def test_who_was_never_asked_may_be_asked() -> None:
    assert limits().pause("alice", RULES, 0) is None


def test_so_many_in_so_long() -> None:
    one = limits()
    for now in (0, 10, 20):
        assert one.pause("alice", RULES, now) is None
        one.sent("alice", now)
    assert one.pause("alice", RULES, 30) is not None
    assert one.pause("bob", RULES, 30) is None, "a user of their own"
    assert one.pause("alice", RULES, 599) is not None
    assert one.pause("alice", RULES, 600) is None, "the first one is long ago"


def test_pushes_in_flight_count() -> None:
    one = limits()
    for _ in range(3):
        one.sent("alice", 0)
    assert one.pause("alice", RULES, 0) is not None


def test_an_approval_clears_the_count() -> None:
    one = limits()
    for _ in range(3):
        one.sent("alice", 0)
    one.ended("alice", ALLOWED, 1)
    assert one.pause("alice", RULES, 1) is None


def test_a_login_that_sent_no_push_after_all_does_not_count() -> None:
    one = limits()
    for _ in range(10):
        one.sent("alice", 0)
        one.not_sent("alice", 0)
    assert one.pause("alice", RULES, 0) is None


def test_what_was_not_sent_is_that_one_and_no_other() -> None:
    one = limits()
    one.sent("alice", 0)
    one.ended("alice", ALLOWED, 1)
    for now in (2, 3, 4):
        one.sent("alice", now)
    one.not_sent("alice", 0)
    assert one.pause("alice", RULES, 5) is not None, "it was cleared long since"
    one.not_sent("alice", 2)
    assert one.pause("alice", RULES, 5) is None
    one.sent("alice", 5)
    assert one.pause("alice", RULES, 602) is not None, "three and four still count"


@pytest.mark.parametrize(("result", "pause"), [(DENIED, 60), (TIMED_OUT, 60), (FRAUD, 1800)])
def test_a_pause_after_one_that_was_not_wanted(result: SecondFactorResult, pause: int) -> None:
    one = limits()
    one.sent("alice", 0)
    one.ended("alice", result, 10)
    assert one.pause("alice", RULES, 10) is not None
    assert one.pause("alice", RULES, 10 + pause - 1) is not None
    assert one.pause("alice", RULES, 10 + pause) is None


def test_an_outage_is_nobodys_no() -> None:
    one = limits()
    one.sent("alice", 0)
    one.ended("alice", INTERRUPTED, 1)
    assert one.pause("alice", RULES, 1) is None


def test_an_approval_elsewhere_does_not_end_a_pause() -> None:
    one = limits()
    one.sent("alice", 0)
    one.sent("alice", 0)
    one.ended("alice", FRAUD, 1)
    one.ended("alice", ALLOWED, 2)
    assert one.pause("alice", RULES, 3) is not None


def test_rules_can_be_off() -> None:
    off = PushLimitRules(pushes=0, per=600, pause_after_denial=0, pause_after_fraud=0)
    one = PushLimits([off])
    for now in range(100):
        one.sent("alice", now)
        one.ended("alice", FRAUD, now)
        one.ended("alice", DENIED, now)
    assert one.pause("alice", off, 100) is None


def test_a_lenient_listener_does_not_forget_for_a_strict_one() -> None:
    lenient, strict = PushLimitRules(pushes=1, per=1), PushLimitRules(pushes=3, per=600)
    one = PushLimits([lenient, strict])
    for now in (0, 100, 200):
        assert one.pause("alice", lenient, now) is None
        one.sent("alice", now)
    assert one.pause("alice", strict, 300) is not None


def test_memory_is_bounded() -> None:
    one = limits(capacity=10)
    for number in range(1000):
        one.sent(f"user {number}", number)
        one.sent(f"user {number}", number)
        one.sent(f"user {number}", number)
    assert one.pause("user 999", RULES, 999) is not None
    assert one.pause("user 1", RULES, 999) is None
