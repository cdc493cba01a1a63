"""ldapproxy.duo.ports: who is behind the ports keeps to them, and to the words they are called with."""

from __future__ import annotations

import inspect

import pytest

from ldapproxy.duo import ports
from ldapproxy.duo.availability import State
from ldapproxy.duo.calls import CallOutcome, Endpoint
from ldapproxy.observe.metrics import Metrics


@pytest.mark.parametrize("method", ["duo_request", "duo_state"])
def test_the_metrics_take_what_the_port_hands_over(method: str) -> None:
    wanted = inspect.signature(getattr(ports.DuoObserver, method)).parameters
    assert list(inspect.signature(getattr(Metrics, method)).parameters) == list(wanted)


def test_every_word_of_duo_becomes_a_label() -> None:
    metrics = Metrics("0")
    observer: ports.DuoObserver = metrics
    for endpoint in Endpoint:
        for outcome in CallOutcome:
            observer.duo_request("prod", endpoint.value, outcome.value, 0.1)
    for state in State:
        observer.duo_state("prod", state.value)
    text = metrics.exposition().decode()
    for word in (*Endpoint, *CallOutcome, *State):
        assert f'="{word.value}"' in text
