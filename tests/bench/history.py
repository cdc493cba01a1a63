"""One line a run, and what has become worse since the run before.

Owns the file and the comparison. It must not know how anything is measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, Result
from tests.bench.report import with_unit

# Two runs on a machine at rest differ by less than this.
_NOISE = 0.10


def line_of(machine: Mapping[str, Any], results: Iterable[Result]) -> dict[str, Any]:
    """What is kept of a run: when, of which commit, on how many processors, and the median of each figure."""
    return {
        "date": machine["date"],
        "commit": machine["commit"],
        "changed": machine["changed"],
        "cores": machine["machine"]["cores"],
        "load_before": machine["machine"]["load_before"],  # a run on a busy machine is no measure
        "figures": {figure.name: round(figure.value, 4) for result in results for figure in result.figures},
    }


def last(file: Path) -> dict[str, Any] | None:
    """The line of the last run; None when there was none."""
    if not file.exists():
        return None
    lines = file.read_text().splitlines()
    return dict(json.loads(lines[-1])) if lines else None


def append(file: Path, line: Mapping[str, Any]) -> None:
    """Adds a run."""
    with file.open("a") as history:
        history.write(json.dumps(line) + "\n")


def worse(before: Mapping[str, float], figures: Iterable[Figure]) -> list[str]:
    """A sentence for each figure that is worse than before by more than a tenth.

    Args:
        before: the medians of the run before, by name.
        figures: those of this run; what is new has nothing to be worse than.
    """
    found = []
    for figure in figures:
        former = before.get(figure.name)
        if former is None or former <= 0:
            continue
        change = figure.value / former - 1
        if (change if figure.is_cost else -change) > _NOISE:
            now, then = with_unit(figure.value, figure.unit), with_unit(former, figure.unit)
            found.append(f"{figure.name}: {now}, before {then} ({change:+.0%})")
    return found


def comparison(before: Mapping[str, Any] | None, results: Iterable[Result]) -> str:
    """How this run stands to the one before, as text."""
    if before is None:
        return "This is the first run that is kept."
    found = worse(before["figures"], [figure for result in results for figure in result.figures])
    since = f"the run of {before['date']} ({before['commit']})"
    if not found:
        return f"Nothing is worse by more than {_NOISE:.0%} than in {since}."
    return "\n".join([f"Worse by more than {_NOISE:.0%} than in {since}:", *(f"  {one}" for one in found)])
