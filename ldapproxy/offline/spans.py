"""Spans of time as people say them. Pure.

Owns the words. It must not know what lasts that long.
"""

from __future__ import annotations

_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))


def span(seconds: float) -> str:
    """About how long that is, in the largest unit of which it has at least two: `90 minutes`, `7 days`."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds)} seconds"
