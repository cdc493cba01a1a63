"""When clients that hang up show a time-out that is too short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.auth.patience import Patience, Waits

HOUR = 3600.0


def told(*leavings: tuple[float, float]) -> list[Patience | None]:
    """What each client that leaves brings about; a leaving is a time and a wait."""
    waits = Waits()
    return [waits.left(now, waited) for now, waited in leavings]


def every_ten_seconds(*waited: float) -> list[Patience | None]:
    """The same, one every ten seconds."""
    return told(*((10.0 * number, each) for number, each in enumerate(waited)))


def test_the_advice_is_one_sentence_with_the_numbers() -> None:
    assert Patience(8.04).advice("vpn", 60.0) == (
        "clients of listener vpn give up after about 8 s: raise the application's time-out to 65 s, "
        "or use passcodes / late_approval"
    )
    assert "time-out to 13 s" in Patience(5.0).advice("vpn", 7.5)


def test_the_fifth_that_leaves_at_about_the_same_time_is_the_sign() -> None:
    *before, fifth = every_ten_seconds(8.0, 8.1, 8.02, 8.3, 7.9)
    assert before == [None] * 4
    assert fifth == Patience(8.02)


def test_long_waits_may_differ_more() -> None:
    assert every_ten_seconds(30.0, 31.0, 32.0, 33.0, 30.5)[-1] == Patience(31.0)
    assert every_ten_seconds(5.0, 6.5, 8.0, 9.5, 11.0)[-1] is None


def test_people_who_interrupt_a_login_by_hand_do_not_hide_it() -> None:
    answers = every_ten_seconds(8.0, 3.0, 8.1, 21.0, 8.0, 13.0, 8.1, 5.5, 8.0)
    assert answers == [None] * 8 + [Patience(8.0)]


@pytest.mark.parametrize(
    "waited",
    [
        [3.0, 9.0, 15.0, 21.0, 27.0, 33.0, 39.0, 45.0],
        [0.01] * 50,
        [8.0] * 4,
        [8.0] * 4 + [15.0] * 4,
    ],
    ids=["all different", "cut at once", "too few", "too few of each"],
)
def test_what_is_no_sign(waited: list[float]) -> None:
    assert set(every_ten_seconds(*waited)) == {None}


def test_once_an_hour_is_enough() -> None:
    answers = told(*((60.0 * minute, 8.0) for minute in range(150)))
    assert [minute for minute, answer in enumerate(answers) if answer is not None] == [4, 64, 124]


def test_what_was_long_ago_does_not_count() -> None:
    assert set(told(*((HOUR / 4 * number, 8.0) for number in range(20)))) == {None}


def test_each_listener_has_its_own() -> None:
    here, there = Waits(), Waits()
    for number in range(4):
        assert here.left(number, 8.0) is None
        assert there.left(number, 8.0) is None
    assert here.left(5.0, 8.0) is not None


@given(st.lists(st.tuples(st.floats(0, 600), st.floats(0, 120)), max_size=60))
def test_the_number_is_one_that_clients_waited(leavings: list[tuple[float, float]]) -> None:
    leavings.sort()
    found = [answer for answer in told(*leavings) if answer is not None]
    assert len(found) <= 1, "all of it is within an hour"
    for answer in found:
        alike = [waited for _, waited in leavings if abs(waited - answer.seconds) <= max(1.0, waited / 10)]
        assert len(alike) >= 5
