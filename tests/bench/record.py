"""The results as JSON, every round of them.

Owns the document. It must not know how it is shown. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tests.bench.figures import Figure, Result
from tests.bench.plan import Plan


def document(machine: Mapping[str, object], plan: Plan, results: Mapping[str, Result]) -> dict[str, Any]:
    """What goes into `latest.json`."""
    return {
        **machine,
        "plan": asdict(plan),
        "cases": {
            name: {
                "speeds": [
                    {
                        "case": one.case,
                        "of": one.peer,
                        "unit": one.unit,
                        "median": _rounded(one.value),
                        "rounds": [_rounded(value) for value in one.rounds],
                        "generator": [_rounded(value) for value in one.generator],
                        "processor": [_rounded(value) for value in one.processor],
                    }
                    for one in result.series
                ],
                "figures": [_figure(one) for one in result.figures],
            }
            for name, result in results.items()
        },
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "unit": figure.unit,
        "median": _rounded(figure.value),
        "rounds": [_rounded(value) for value in figure.rounds],
        "goal": None if figure.goal is None else asdict(figure.goal),
        "reached": figure.reached.value,
    }


def _rounded(value: float) -> float:
    """Four digits that count: more is noise."""
    return float(f"{value:.4g}")
