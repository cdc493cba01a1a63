"""How much is measured, and in which order.

Owns rounds and their length. It must not know what is measured.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for on the command line.

    Attributes:
        rounds: how often each peer has its turn.
        seconds: how long a turn is.
    """

    rounds: int
    seconds: float


def in_turn(plan: Plan, runs: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Lets each have its turn, in every round; every other round in reverse, since machines warm up and tire.

    Returns:
        What each did, by name, round by round.
    """
    loads: dict[str, list[T]] = {name: [] for name in runs}
    for number in range(plan.rounds):
        for name in ordered(tuple(runs), number):
            loads[name].append(runs[name]())
    return loads


def ordered(names: Sequence[T], number: int) -> Sequence[T]:
    """Whose turn it is in a round, one after the other."""
    return names[::-1] if number % 2 else names


def tell(line: str) -> None:
    """Says what is going on, to those who watch."""
    print(line, file=sys.stderr, flush=True)
