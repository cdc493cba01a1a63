"""Numbers that change with every request, counted without a lock.

Owns the counting, and the samples when somebody asks for them. It must not know what is counted.

prometheus_client takes a lock for each change, because it may come from any thread; together with its checks
that was a twentieth of what a bind costs. What changes with every request does so on one thread, the event
loop's, where a dictionary of numbers will do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily


class Tally:
    """One counter or gauge, for one thread alone; a collector of prometheus_client's.

    Args:
        kind: which of the two.
        name: its name.
        documentation: its help text.
        labels: the names of its labels.
    """

    def __init__(
        self,
        kind: type[CounterMetricFamily | GaugeMetricFamily],
        name: str,
        documentation: str,
        labels: tuple[str, ...],
    ) -> None:
        self._kind = kind
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._numbers: defaultdict[tuple[str, ...], int] = defaultdict(int)

    def add(self, amount: int, *labels: str) -> None:
        """Adds to the series with these values of the labels; adding 0 makes it show.

        Args:
            amount: less than 0 only for a gauge.
            labels: the values, in the order of their names.
        """
        self._numbers[labels] += amount

    def collect(self) -> Iterable[Metric]:
        """The samples as they are now."""
        family = self._kind(self._name, self._documentation, labels=self._labels)
        for labels, number in self._numbers.items():
            family.add_metric(labels, number)
        yield family
