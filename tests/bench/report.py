"""The results as text: a table of speeds, and a table of figures with their goals.

Owns the layout. It must not know how anything is measured. Pure.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from tests.bench.figures import Figure, Goal, Result, Series


def table(results: Iterable[Result]) -> str:
    """All of it."""
    series = [one for result in results for one in result.series]
    figures = [one for result in results for one in result.figures]
    parts = []
    if series:
        head = ("speed (medians)", "of", "", "rounds from .. to", "processor", "generator")
        parts.append(_columns([head, *(_speed(one) for one in series)]))
        parts.append(
            "processor: what an operation cost the process of that name\n"
            "generator: how much of one processor the load generator itself needed"
        )
    if figures:
        rows = [("figure", "measured", "goal", "aim", ""), *(_figure(one) for one in figures)]
        parts.append(_columns(rows))
    return "\n\n".join(parts)


def number(value: float) -> str:
    """A number with three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def with_unit(value: float, unit: str) -> str:
    """`1.16x`, `9.8 KiB`, `803/s`."""
    gap = "" if unit in {"x", "/s"} else " "
    return f"{number(value)}{gap}{unit}"


def goals(goal: Goal | None) -> tuple[str, str]:
    """The bound and the aim."""
    if goal is None:
        return "", ""
    sign = "<=" if goal.less_is_better else ">="
    return f"{sign} {goal.bound:g}", "" if goal.aim is None else f"{sign} {goal.aim:g}"


def _speed(series: Series) -> tuple[str, ...]:
    generator, processor = statistics.median(series.generator), statistics.median(series.processor)
    span = f"{number(min(series.rounds))} .. {number(max(series.rounds))}"
    costs = (f"{processor:,.0f} us", f"{generator:.0%}")
    return (series.case, series.peer, with_unit(series.value, series.unit), span, *costs)


def _figure(figure: Figure) -> tuple[str, ...]:
    bound, aim = goals(figure.goal)
    return (figure.name, with_unit(figure.value, figure.unit), bound, aim, figure.reached.value)


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
