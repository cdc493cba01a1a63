"""The tables that people read."""

from __future__ import annotations

import pytest

from tests.bench.figures import Figure, Goal, Result, Series
from tests.bench.report import number, table, with_unit


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.994, "0.99"), (9.96, "9.96"), (36.04, "36.0"), (803.4, "803"), (13600.0, "13,600")],
)
def test_numbers_have_the_digits_that_count(value: float, shown: str) -> None:
    assert number(value) == shown


def test_units_stand_where_people_write_them() -> None:
    assert [with_unit(2.0, unit) for unit in ("x", "/s", "KiB")] == ["2.00x", "2.00/s", "2.00 KiB"]


def test_a_missed_goal_is_shouted() -> None:
    figures = [
        Figure("binds", "x", (0.9,), Goal(1.0, 1.3)),
        Figure("memory", "KiB", (78.0,), Goal(110, less_is_better=True)),
        Figure("more", "x", (1.0,)),
    ]
    lines = table([Result(figures=figures)]).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "figure measured goal aim",
        "binds 0.90x >= 1 >= 1.3 NOT MET",
        "memory 78.0 KiB <= 110 met",
        "more 1.00x",
    ]


def test_speeds_show_their_spread_and_what_the_generator_needed() -> None:
    series = Series("bind", "slapd, direct", "/s", (100.0, 300.0, 200.0), (0.2, 0.3, 0.1), (90.0, 80.0, 70.0))
    line = table([Result(series=[series])]).splitlines()[1]
    assert " ".join(line.split()) == "bind slapd, direct 200/s 100 .. 300 80 us 20%"
