"""A short run of the wire fuzzer; `make fuzz` runs a long one with other seeds."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.fuzz.mutations import session
from tests.fuzz.wire import fuzz, growth, running
from tests.support.example_directory import numbered
from tests.support.skips import require_program

MESSAGES = 4000


def test_mutated_sessions_let_nobody_in_and_break_nothing(tmp_path: Path) -> None:
    require_program("slapd")
    with running(tmp_path) as target:
        figures = fuzz(target, MESSAGES, parallel=16, seed=1)
    assert figures.problems == []
    assert growth(figures) == []
    assert figures.messages >= MESSAGES
    # Or the sessions would not come far enough to show anything.
    assert figures.binds["accepted second_factor"] > 100
    assert figures.binds["rejected denied"] > 50


def test_a_number_brings_a_session_back() -> None:
    victims, insider = [numbered(1), numbered(2)], numbered(3)
    for number in range(50):
        once, again = (session(Random(f"1/{number}"), victims, insider) for _ in range(2))
        assert once == again
