"""A run of the load generator together with what it cost the server that was driven.

Owns that pair. It must not know who is driven.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench.figures import Series
from tests.bench.load import Load
from tests.bench.processes import processor_seconds


@dataclass(frozen=True, slots=True)
class Paid:
    """One run and its price.

    Attributes:
        load: what the generator measured.
        processor: seconds of processor time that the server used from its start to its end.
    """

    load: Load
    processor: float

    @property
    def microseconds(self) -> float:
        """Processor time of one operation. Other people's load disturbs it less than it does a speed."""
        return self.processor / self.load.all * 1e6

    @property
    def per_core_second(self) -> float:
        """Operations in a second of processor time."""
        return self.load.all / self.processor


def pay(pid: int, run: Callable[[], Load]) -> Paid:
    """Runs it, and looks at the server's process before and behind."""
    before = processor_seconds(pid)
    load = run()
    return Paid(load, processor_seconds(pid) - before)


def series(case: str, peer: str, rounds: Sequence[Paid], *, megabytes: bool = False) -> Series:
    """What a peer did in a case, round by round; `megabytes` for large results."""
    return Series(
        case,
        peer,
        "MB/s" if megabytes else "/s",
        tuple(one.load.megabytes if megabytes else one.load.per_second for one in rounds),
        generator=tuple(one.load.share for one in rounds),
        processor=tuple(one.microseconds for one in rounds),
    )
