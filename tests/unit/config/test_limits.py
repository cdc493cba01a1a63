"""`limits:` of a listener."""

from __future__ import annotations

from typing import Any

import pytest

from ldapproxy.auth.failed_binds import FailedBindRules
from ldapproxy.net.settings import Limits
from tests.unit.config.sample import Sample

DEFAULTS = Limits(
    connections=10_000,
    connections_per_client=0,
    pending_binds=5000,
    outstanding=1000,
    buffered=256 * 1024,
    buffered_total=256 * 1024 * 1024,
    message_size=4 * 1024 * 1024,
    idle_timeout=3600.0,
    handshake_timeout=10.0,
    failed_binds=FailedBindRules(per_user=0, per_client=0, per=600.0),
)


def test_the_defaults(sample: Sample) -> None:
    assert sample.load().listeners[0].limits == DEFAULTS
    sample.listener["limits"] = {}
    assert sample.load().listeners[0].limits == DEFAULTS


def test_every_setting(sample: Sample) -> None:
    sample.listener["limits"] = {
        "connections": 100,
        "connections_per_client": 10,
        "pending_binds": 50,
        "outstanding": 5,
        "buffered": "64KiB",
        "buffered_total": "2GiB",
        "message_size": "1MiB",
        "idle_timeout": "5m",
        "handshake_timeout": "2s",
        "failed_binds": {"per_user": 5, "per_client": 50, "per": "1h"},
    }
    expected = Limits(100, 10, 50, 5, 65536, 2 << 30, 1 << 20, 300.0, 2.0, FailedBindRules(5, 50, 3600.0))
    assert sample.load().listeners[0].limits == expected


def test_a_partial_map_keeps_the_other_defaults(sample: Sample) -> None:
    sample.listener["limits"] = {"outstanding": 7}
    limits = sample.load().listeners[0].limits
    assert limits.outstanding == 7
    assert limits.connections == DEFAULTS.connections


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("connections", 0, "connections: must be at least 1: fewer serve nobody"),
        ("connections", 10_000_000, "connections: must be at most 1000000"),
        ("connections_per_client", -1, "connections_per_client: must be at least 0"),
        ("pending_binds", 0, "pending_binds: must be at least 1"),
        ("outstanding", 0, "outstanding: must be at least 1"),
        ("outstanding", "many", "outstanding: must be a whole number"),
        ("buffered", 262144, "buffered: must be a size"),
        ("buffered", "1KiB", "buffered: must be at least 4KiB: it holds the requests of one session"),
        (
            "buffered_total",
            "0B",
            "buffered_total: must be at least 4MiB: it holds what all sessions wait for",
        ),
        ("buffered_total", "100GiB", "buffered_total: must be at most 64GiB"),
        (
            "message_size",
            "32KiB",
            "message_size: must be at least 64KiB: an anonymous session may send 64KiB",
        ),
        ("message_size", "1GiB", "message_size: must be at most 256MiB"),
        ("idle_timeout", "0s", "idle_timeout: must be at least 1s"),
        ("idle_timeout", "30d", "idle_timeout: must be at most 7d"),
        ("handshake_timeout", "1h", "handshake_timeout: must be at most 5m: a client that says nothing"),
        ("failed_binds", {"per_user": -1}, "failed_binds.per_user: must be at least 0"),
        (
            "failed_binds",
            {"per_client": 1001},
            "failed_binds.per_client: must be at most 1000: more is no limit",
        ),
        ("failed_binds", {"per": "0s"}, "failed_binds.per: must be at least 1s: shorter limits nobody"),
        ("failed_binds", {"pre": "1s"}, "failed_binds.pre: is not a known key; did you mean per?"),
        ("failed_binds", 5, "failed_binds: must be a map"),
        ("conections", 5, "conections: is not a known key; did you mean connections?"),
    ],
)
def test_what_is_refused(sample: Sample, key: str, value: Any, problem: str) -> None:
    sample.listener["limits"] = {key: value}
    (found,) = sample.problems()
    assert f"listeners.vpn.limits.{problem}" in found


@pytest.mark.parametrize("key", ["buffered", "message_size"])
def test_what_one_session_may_hold_fits_into_what_all_may(sample: Sample, key: str) -> None:
    sample.listener["limits"] = {key: "8MiB", "buffered_total": "8MiB"}
    assert getattr(sample.load().listeners[0].limits, key) == 8 << 20
    sample.listener["limits"] = {key: "9MiB", "buffered_total": "8MiB"}
    assert sample.problems() == [
        f"listeners.vpn.limits.buffered_total: must be at least {key}, which is 9MiB"
    ]


def test_limits_must_be_a_map(sample: Sample) -> None:
    sample.listener["limits"] = None
    (found,) = sample.problems()
    assert found == "listeners.vpn.limits: has no value; write a map under it, or leave the line out"


def test_a_limit_above_the_number_of_connections_has_no_effect(sample: Sample) -> None:
    sample.listener["limits"] = {"connections": 100, "connections_per_client": 200, "pending_binds": 101}
    because = "has no effect: there are never more than 100 connections"
    assert sample.warnings() == [
        f"listeners.vpn.limits.connections_per_client: {because}",
        f"listeners.vpn.limits.pending_binds: {because}",
    ]
    # The default of 5000 pending binds is nothing that anybody wrote.
    sample.listener["limits"] = {"connections": 100, "connections_per_client": 100}
    assert sample.warnings() == []


def test_a_time_without_a_limit_on_failed_binds_has_no_effect(sample: Sample) -> None:
    sample.listener["limits"] = {"failed_binds": {"per": "1h"}}
    assert sample.warnings() == [
        "listeners.vpn.limits.failed_binds.per: has no effect: per_user and per_client are 0, which is off"
    ]
    sample.listener["limits"] = {"failed_binds": {"per": "1h", "per_user": 5}}
    assert sample.warnings() == []
