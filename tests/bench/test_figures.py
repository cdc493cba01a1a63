"""Medians, ratios and goals: would a missed goal be called one?"""

from __future__ import annotations

import pytest

from tests.bench.figures import Figure, Goal, Reached, ratio

AT_LEAST = Goal(1.0, 1.3)
AT_MOST = Goal(110, less_is_better=True)


@pytest.mark.parametrize(
    ("goal", "value", "reached"),
    [
        (AT_LEAST, 0.99, Reached.MISSED),
        (AT_LEAST, 1.0, Reached.GOAL),
        (AT_LEAST, 1.29, Reached.GOAL),
        (AT_LEAST, 1.3, Reached.AIM),
        (Goal(0.9), 5.0, Reached.GOAL),
        (AT_MOST, 110.1, Reached.MISSED),
        (AT_MOST, 110.0, Reached.GOAL),
        (AT_MOST, 78.8, Reached.GOAL),
    ],
)
def test_a_value_stands_to_its_goal(goal: Goal, value: float, reached: Reached) -> None:
    assert goal.reached(value) is reached
    assert Figure("any", "x", (value,), goal).reached is reached


def test_without_a_goal_nothing_is_reached() -> None:
    assert Figure("any", "x", (2.0,)).reached is Reached.NO_GOAL


def test_the_share_of_a_goal_is_one_when_it_is_just_met() -> None:
    assert AT_LEAST.share(1.0) == AT_MOST.share(110) == 1.0
    assert AT_LEAST.share(1.5) == 1.5
    assert AT_MOST.share(220) == 0.5
    assert AT_MOST.share(55) == 2.0


def test_a_cost_of_nothing_is_no_infinite_success() -> None:
    assert AT_MOST.share(0.0) == AT_MOST.share(-3.0) == pytest.approx(100.0)


def test_a_figure_is_the_median_of_its_rounds() -> None:
    assert Figure("any", "x", (9.0, 1.0, 2.0)).value == 2.0
    assert Figure("any", "x", (1.0, 2.0)).value == 1.5


def test_a_ratio_is_taken_round_by_round() -> None:
    """A slow second round slows both; medians of each side would make 1.0 of it."""
    figure = ratio("any", [100.0, 10.0, 90.0], [50.0, 5.0, 90.0], AT_LEAST)
    assert figure.rounds == (2.0, 2.0, 1.0)
    assert figure.value == 2.0


def test_a_ratio_needs_as_many_rounds_of_both() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio("any", [1.0, 2.0], [1.0])
