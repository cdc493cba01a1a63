"""Numbers without a lock: they add up, and show as any other metric does."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from ldapproxy.observe.tally import Tally


def exposition(collector: Tally) -> str:
    registry = CollectorRegistry(support_collectors_without_names=True)
    registry.register(collector)
    return generate_latest(registry).decode()


def test_a_counter_looks_like_one_of_prometheus_own() -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library forgot its "-> None"
    tally = Tally(CounterMetricFamily, "things_total", "Things.", ("kind", "place"))
    tally.add(2, "one", "here")
    tally.add(3, "one", "here")
    tally.add(1, 'other "kind"', "there")
    registry = CollectorRegistry()
    counter = Counter("things_total", "Things.", ("kind", "place"), registry=registry)
    counter.labels("one", "here").inc(5)
    counter.labels('other "kind"', "there").inc(1)
    assert exposition(tally) == generate_latest(registry).decode()


def test_a_gauge_goes_up_and_down() -> None:
    tally = Tally(GaugeMetricFamily, "things", "Things.", ("kind",))
    tally.add(2, "one")
    tally.add(-1, "one")
    registry = CollectorRegistry()
    Gauge("things", "Things.", ("kind",), registry=registry).labels("one").set(1)
    assert exposition(tally) == generate_latest(registry).decode()


def test_nothing_shows_as_zero() -> None:
    tally = Tally(CounterMetricFamily, "things_total", "Things.", ("kind",))
    assert "things_total{" not in exposition(tally)
    tally.add(0, "one")
    assert 'things_total{kind="one"} 0.0' in exposition(tally)


@pytest.mark.parametrize("kind", [CounterMetricFamily, GaugeMetricFamily])
def test_asking_twice_tells_the_same(kind: type[CounterMetricFamily | GaugeMetricFamily]) -> None:
    tally = Tally(kind, "things", "Things.", ("kind",))
    tally.add(1, "one")
    assert exposition(tally) == exposition(tally)
