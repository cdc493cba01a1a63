"""What has become worse: in the right direction, by more than noise, against the run before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import history
from tests.bench.figures import Figure, Goal, Result

RATE = "binds"
COST = "memory"
MACHINE = {
    "date": "2025-01-31T12:00:00+00:00",
    "commit": "0123456789ab",
    "changed": False,
    "machine": {"cores": 2, "load_before": 0.1},
}


def figures(rate: float, cost: float) -> list[Figure]:
    return [
        Figure(RATE, "x", (rate,), Goal(1.0)),
        Figure(COST, "KiB", (cost,), Goal(110, less_is_better=True)),
    ]


@pytest.mark.parametrize(
    ("rate", "cost", "names"),
    [
        (1.0, 100.0, []),
        (0.91, 109.0, []),
        (0.89, 100.0, [RATE]),
        (1.0, 111.0, [COST]),
        (0.5, 200.0, [RATE, COST]),
        (2.0, 50.0, []),
    ],
)
def test_worse_is_less_of_a_rate_and_more_of_a_cost(rate: float, cost: float, names: list[str]) -> None:
    found = history.worse({RATE: 1.0, COST: 100.0}, figures(rate, cost))
    assert [sentence.partition(":")[0] for sentence in found] == names


def test_the_sentence_tells_both_values() -> None:
    [sentence] = history.worse({RATE: 1.2}, figures(0.9, 1.0))
    assert sentence == "binds: 0.90x, before 1.20x (-25%)"


def test_a_cost_without_a_goal_is_a_cost_too() -> None:
    assert history.worse({COST: 1.0}, [Figure(COST, "KiB", (2.0,), less_is_better=True)])
    assert not history.worse({COST: 1.0}, [Figure(COST, "KiB", (2.0,))])


def test_what_is_new_or_was_nothing_is_not_worse() -> None:
    assert history.worse({COST: 0.0}, figures(0.1, 1000.0)) == []


def test_each_run_is_compared_with_the_last_one_kept(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    assert history.last(file) is None
    assert "first run" in history.comparison(None, [])
    for rate in (2.0, 1.0):
        history.append(file, history.line_of(MACHINE, [Result(figures=figures(rate, 100.0))]))
    assert len(file.read_text().splitlines()) == 2
    last = history.last(file)
    assert last is not None
    assert last["figures"] == {RATE: 1.0, COST: 100.0}
    assert "Nothing is worse" in history.comparison(last, [Result(figures=figures(1.0, 100.0))])
    text = history.comparison(last, [Result(figures=figures(0.8, 100.0))])
    assert RATE in text
    assert COST not in text
    assert "0123456789ab" in text


def test_the_lines_of_the_repository_can_be_read() -> None:
    file = Path(history.__file__).with_name("results") / "history.jsonl"
    for line in file.read_text().splitlines() if file.exists() else []:
        assert {"date", "commit", "cores", "figures"} <= json.loads(line).keys()
