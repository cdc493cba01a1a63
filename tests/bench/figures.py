"""Figures: what was measured, round by round, and what was to be reached.

Owns medians, ratios and goals. It must not know how anything is measured, nor how it is shown. Pure.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, unique


@unique
class Reached(Enum):
    """How a figure stands to its goal."""

    AIM = "aim met"
    GOAL = "met"
    MISSED = "NOT MET"
    NO_GOAL = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached.

    Attributes:
        bound: at least this, or, where less is better, at most.
        aim: better still; None where there is only a bound.
        less_is_better: True for costs.
    """

    bound: float
    aim: float | None = None
    less_is_better: bool = False

    def reached(self, value: float) -> Reached:
        """How a value stands to it."""
        if self.aim is not None and self._is_met(value, self.aim):
            return Reached.AIM
        return Reached.GOAL if self._is_met(value, self.bound) else Reached.MISSED

    def share(self, value: float) -> float:
        """The value in terms of the bound, so that 1 is just enough and more is better, also for costs."""
        if not self.less_is_better:
            return value / self.bound
        # A cost that is nothing, or less than that by the noise of two measurements, is no infinite success.
        return self.bound / max(value, self.bound / 100)

    def _is_met(self, value: float, limit: float) -> bool:
        return value <= limit if self.less_is_better else value >= limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One result.

    Attributes:
        name: what it is, the same in every run: history goes by it.
        unit: `x` for a ratio.
        rounds: the value of each round.
        goal: what is to be reached, if there is a goal.
        less_is_better: of a figure without goal; with one, the goal says so.
    """

    name: str
    unit: str
    rounds: tuple[float, ...]
    goal: Goal | None = None
    less_is_better: bool = False

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)

    @property
    def reached(self) -> Reached:
        """How it stands to its goal."""
        return Reached.NO_GOAL if self.goal is None else self.goal.reached(self.value)

    @property
    def is_cost(self) -> bool:
        """Whether less of it is better."""
        return self.less_is_better if self.goal is None else self.goal.less_is_better


@dataclass(frozen=True, slots=True)
class Series:
    """How fast one peer was in one case.

    Attributes:
        case: such as `bind`.
        peer: such as `back-ldap`.
        unit: `/s` or `MB/s`.
        rounds: the speed in each round.
        generator: how much of one processor the load generator itself needed, in each round.
        processor: microseconds of processor time that each operation cost the peer, in each round.
    """

    case: str
    peer: str
    unit: str
    rounds: tuple[float, ...]
    generator: tuple[float, ...]
    processor: tuple[float, ...]

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)


@dataclass(frozen=True, slots=True)
class Result:
    """What one case found."""

    series: list[Series] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)


def ratio(
    name: str,
    values: Sequence[float],
    others: Sequence[float],
    goal: Goal | None = None,
    *,
    cost: bool = False,
) -> Figure:
    """Values in terms of others, round by round: what disturbs one round disturbs both sides of it.

    Raises:
        ValueError: there are not as many of both.
    """
    rounds = tuple(value / other for value, other in zip(values, others, strict=True))
    return Figure(name, "x", rounds, goal, cost)
