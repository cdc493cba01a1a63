"""An approval that came late: for whom, for how long, how often, and what makes it void."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ldapproxy.auth.late_approvals import LateApprovals
from ldapproxy.auth.outcomes import SecondFactorOutcome, SecondFactorResult
from ldapproxy.auth.remembered import LoginKey, LoginKeys
from ldapproxy.secret import Secret

KEYS = LoginKeys(Secret(b"k" * 32))
APPROVED = SecondFactorResult(SecondFactorOutcome.ALLOWED, "push", "phone")


def key(
    listener: str = "vpn", client: str = "192.0.2.1", user: str = "alice-id", credential: str = "secret"
) -> LoginKey:
    return KEYS.of(listener, ip_address(client), user, Secret(credential))


def approved(lasts: float = 60, capacity: int = 100) -> LateApprovals:
    approvals = LateApprovals(lasts, capacity)
    approvals.keep(key(), "alice-id", APPROVED, 0)
    return approvals


def test_it_is_good_once() -> None:
    approvals = approved()
    assert approvals.take(key(), 59.9) is APPROVED
    assert approvals.take(key(), 59.9) is None


def test_it_is_over_after_its_time() -> None:
    approvals = approved()
    assert approvals.take(key(), 60) is None
    assert len(approvals) == 0


def test_what_is_over_goes_whoever_asks() -> None:
    approvals = approved()
    approvals.keep(key(user="bob-id"), "bob-id", APPROVED, 30)
    assert approvals.take(key(user="carol-id"), 60) is None
    assert len(approvals) == 1


@pytest.mark.parametrize(
    "other",
    [
        key(credential="other"),
        key(credential="secret,push"),
        key(user="bob-id"),
        key(client="192.0.2.2"),
        key(listener="web"),
        LoginKeys(Secret(b"j" * 32)).of("vpn", ip_address("192.0.2.1"), "alice-id", Secret("secret")),
    ],
)
def test_it_is_of_no_use_to_another_login(other: LoginKey) -> None:
    approvals = approved()
    assert approvals.take(other, 1) is None
    assert approvals.take(key(), 1) is APPROVED


def test_a_new_one_takes_the_place_of_the_old_one() -> None:
    approvals = approved()
    approvals.keep(key(), "alice-id", APPROVED, 50)
    assert len(approvals) == 1
    assert approvals.take(key(), 100) is APPROVED


def test_a_refused_credential_is_forgotten_and_no_other() -> None:
    approvals = approved()
    approvals.keep(key(client="192.0.2.2"), "alice-id", APPROVED, 0)
    approvals.keep(key(credential="new"), "alice-id", APPROVED, 0)
    approvals.forget_credential(KEYS.of_credential("vpn", Secret("secret")))
    assert approvals.take(key(), 1) is None
    assert approvals.take(key(client="192.0.2.2"), 1) is None
    assert approvals.take(key(credential="new"), 1) is APPROVED


def test_a_denial_forgets_all_of_that_user() -> None:
    approvals = approved()
    approvals.keep(key(credential="other"), "alice-id", APPROVED, 0)
    approvals.keep(key(user="bob-id"), "bob-id", APPROVED, 0)
    approvals.forget_user("alice-id")
    assert len(approvals) == 1
    assert approvals.take(key(user="bob-id"), 1) is APPROVED


def test_purge() -> None:
    approvals = approved()
    approvals.forget_all()
    assert approvals.take(key(), 1) is None


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    approvals = approved(capacity=2)
    approvals.keep(key(user="bob-id"), "bob-id", APPROVED, 1)
    approvals.keep(key(user="carol-id"), "carol-id", APPROVED, 2)
    assert len(approvals) == 2
    assert approvals.take(key(), 3) is None
