"""Metrics, audit log and health pages of a running process: every name of the design."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.e2e.world import World
from tests.support.example_directory import ALICE
from tests.support.ldap_bytes import bind
from tests.support.simulator import SimulatorProcess
from tests.support.skips import require_program

LISTENERS = {"vpn": {}, "open": {"fail_mode": "open"}, "impatient": {"bind_timeout": "1s"}}

# Design 7, without those of features that come later.
METRICS = {
    "ldapproxy_binds_total": {"listener", "verdict", "reason"},
    "ldapproxy_bind_duration_seconds": {"listener", "stage"},
    "ldapproxy_binds_pending": {"listener"},
    "ldapproxy_fail_mode_decisions_total": {"listener", "mode", "decision"},
    "ldapproxy_sessions": {"listener"},
    "ldapproxy_sessions_total": {"listener"},
    "ldapproxy_relayed_bytes_total": {"listener", "direction"},
    "ldapproxy_operations_total": {"listener", "operation"},
    "ldapproxy_duo_state": {"duo", "state"},
    "ldapproxy_duo_requests_total": {"duo", "endpoint", "outcome"},
    "ldapproxy_duo_request_duration_seconds": {"duo", "endpoint"},
    "ldapproxy_directory_up": {"directory", "server"},
    "ldapproxy_directory_connections": {"directory", "state"},
    "ldapproxy_client_patience_seconds": {"listener"},
    "ldapproxy_build_info": {"version"},
    "ldapproxy_audit_lost_total": set(),
}

AUDIT_FIELDS = {
    "timestamp", "event", "id", "listener", "client_address", "name", "dn", "username", "verdict", "reason",
    "factor", "device", "second_factor", "fail_mode", "offline_authenticator", "result_code", "durations_ms",
}  # fmt: skip


@pytest.fixture
def used(world: World, duo: SimulatorProcess) -> World:
    """A world in which something of everything has happened."""
    duo.answer_always("approve")
    world.enroll(ALICE)
    # The test before has switched Duo off and on.
    world.proxy.wait_for(
        lambda: world.proxy.metrics()['ldapproxy_duo_state{duo="prod",state="up"}'] == 1, "Duo"
    )
    with world.proxy.client("vpn") as client:
        assert client.bind(ALICE.dn, ALICE.password).result_code == 0
        assert client.search(ALICE.dn)
        assert client.bind(ALICE.dn, "wrong").result_code == 49
    duo.power("off")
    with world.proxy.client("open") as client:
        assert client.bind(ALICE.dn, ALICE.password).result_code == 0
    with world.proxy.client("vpn") as client:
        assert client.bind(ALICE.dn, ALICE.password).result_code == 49
    duo.power("on")
    return world


def test_every_metric_with_its_labels(used: World, duo: SimulatorProcess) -> None:
    duo.answer_always(None)
    with used.proxy.client("vpn") as client:
        client.send(bind(1, ALICE.dn, ALICE.password))
        duo.wait_for_push("alice")
    used.proxy.wait_for(
        lambda: used.proxy.metrics().get('ldapproxy_client_patience_seconds_count{listener="vpn"}'),
        "patience",
    )
    samples = used.proxy.metrics()
    found: dict[str, set[str]] = {}
    for sample in samples:
        name, _, labels = sample.partition("{")
        name = re.sub(r"_(bucket|sum|count)$", "", name) if name not in METRICS else name
        if name.startswith("ldapproxy_"):
            found.setdefault(name, set()).update(re.findall(r"(\w+)=", labels))
    for name, expected in METRICS.items():
        assert name in found, name
        assert found[name] - {"le"} == expected, name


def test_promtool_finds_nothing_to_mend(used: World) -> None:
    promtool = require_program("promtool")
    result = subprocess.run(
        [promtool, "check", "metrics"],
        input=used.proxy.get("/metrics"),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_counts_add_up(used: World) -> None:
    samples = used.proxy.metrics()
    binds = sum(value for name, value in samples.items() if name.startswith("ldapproxy_binds_total"))
    assert binds == len(used.proxy.audit())
    assert samples['ldapproxy_fail_mode_decisions_total{decision="accept",listener="open",mode="open"}'] >= 1
    assert samples['ldapproxy_fail_mode_decisions_total{decision="reject",listener="vpn",mode="closed"}'] >= 1


def test_audit_lines(used: World) -> None:
    for line in used.proxy.audit():
        assert set(line) - {"detail", "joined"} == AUDIT_FIELDS
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"])
        assert line["event"] == "bind"
        assert set(line["durations_ms"]) == {"primary", "lookup", "second_factor", "total"}
    ids = [line["id"] for line in used.proxy.audit()]
    assert len(set(ids)) == len(ids)


def test_an_accept_by_fail_mode_is_loud(used: World) -> None:
    [line] = [line for line in used.proxy.audit() if line["reason"] == "fail_mode_open"][:1]
    assert (line["verdict"], line["second_factor"], line["fail_mode"]) == ("accepted", "unavailable", "open")
    warnings = [
        entry for entry in map(json.loads, used.proxy.errors().splitlines()) if entry["level"] == "warning"
    ]
    assert any("fail mode open" in entry["message"] and ALICE.dn in entry["message"] for entry in warnings)


def test_no_password_is_written_anywhere(used: World) -> None:
    written = used.proxy.errors() + used.proxy.audit_file.read_text() + used.proxy.get("/metrics").decode()
    for secret in (ALICE.password, used.duo.secret_key, "pw-ldapproxy"):
        assert secret not in written


def test_health_and_readiness(used: World) -> None:
    assert used.proxy.get("/healthz")
    detail = json.loads(used.proxy.get("/readyz"))
    assert detail["ready"] is True
    page = used.proxy.get("/").decode()
    assert "vpn" in page
