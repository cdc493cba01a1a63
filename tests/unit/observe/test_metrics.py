"""What is counted, under which names, and that Prometheus accepts it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ldapproxy.auth.audit import Durations
from ldapproxy.auth.outcomes import Reason, Verdict
from ldapproxy.observe.metrics import Metrics
from tests.unit.observe.records import RECORD


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """The value of one series in the exposition, None when it is not there."""
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


def exercised() -> Metrics:
    """Metrics in which every series exists."""
    metrics = Metrics("1.2.3")
    metrics.session_opened("vpn")
    metrics.relayed("vpn", 10, 20)
    metrics.operation("vpn", "search")
    metrics.bind_pending("vpn", 1)
    metrics.bind_ended(RECORD)
    metrics.limit_hit("vpn", "connections")
    metrics.client_left("vpn", 10.0)
    metrics.fail_mode_decided("vpn", "open", "accept")
    metrics.directory_up("corp", "ldap://a:389", True)
    metrics.directory_connections("corp", "idle", 1)
    metrics.duo_request("prod", "preauth", "allowed", 0.05)
    metrics.duo_state("prod", "up")
    metrics.joined("vpn", "single_flight")
    metrics.offline_code("vpn", "verified")
    metrics.audit_lost()
    return metrics


# Design 7, as far as it is built; name -> labels.
DESIGN = {
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
    "ldapproxy_joined_binds_total": {"listener", "kind"},
    "ldapproxy_offline_codes_total": {"listener", "outcome"},
    "ldapproxy_limits_hit_total": {"listener", "limit"},
    "ldapproxy_build_info": {"version"},
    "ldapproxy_audit_lost_total": set(),
}


@pytest.mark.parametrize("name", DESIGN)
def test_every_metric_has_the_name_and_labels_of_the_design(name: str) -> None:
    pattern = rf"^{name}(?:_bucket|_sum|_count)?(?:\{{(.*)\}})? "
    found = re.search(pattern, exercised().exposition().decode(), re.MULTILINE)
    assert found is not None
    assert set(re.findall(r'(\w+)="', found[1] or "")) - {"le"} == DESIGN[name]


def test_there_is_no_other_metric_of_ours() -> None:
    exposition = exercised().exposition().decode()
    assert set(re.findall(r"^# TYPE (ldapproxy_\w+) ", exposition, re.MULTILINE)) == set(DESIGN)


def test_promtool_finds_nothing_to_complain_about() -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing; install it: apt-get install prometheus"
    for metrics in (Metrics("1.2.3"), exercised()):
        done = subprocess.run(
            [promtool, "check", "metrics"], input=metrics.exposition(), capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_importing_it_installs_no_reactor() -> None:
    script = "import sys, ldapproxy.observe.metrics as m; sys.exit('twisted.internet.reactor' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_sessions_come_and_go(metrics: Metrics) -> None:
    metrics.session_opened("vpn")
    metrics.session_opened("vpn")
    metrics.session_closed("vpn")
    assert value(metrics, "ldapproxy_sessions", listener="vpn") == 1
    assert value(metrics, "ldapproxy_sessions_total", listener="vpn") == 2


def test_relayed_bytes_add_up(metrics: Metrics) -> None:
    metrics.relayed("vpn", 100, 0)
    metrics.relayed("vpn", 20, 3)
    assert value(metrics, "ldapproxy_relayed_bytes_total", listener="vpn", direction="to_directory") == 120
    assert value(metrics, "ldapproxy_relayed_bytes_total", listener="vpn", direction="to_client") == 3


def test_pending_binds_go_up_and_down(metrics: Metrics) -> None:
    for change in (1, 1, 1, -1):
        metrics.bind_pending("vpn", change)
    assert value(metrics, "ldapproxy_binds_pending", listener="vpn") == 2


def test_a_bind_counts_by_verdict_and_reason(metrics: Metrics) -> None:
    metrics.bind_ended(RECORD)
    metrics.bind_ended(replace(RECORD, verdict=Verdict.REJECTED, reason=Reason.DENIED))
    metrics.bind_ended(replace(RECORD, verdict=Verdict.REJECTED, reason=Reason.DENIED))
    name = "ldapproxy_binds_total"
    assert value(metrics, name, listener="vpn", verdict="accepted", reason="second_factor") == 1
    assert value(metrics, name, listener="vpn", verdict="rejected", reason="denied") == 2


def test_only_stages_that_were_reached_are_timed(metrics: Metrics) -> None:
    metrics.bind_ended(replace(RECORD, durations=Durations(primary=0.004, total=0.006)))
    name = "ldapproxy_bind_duration_seconds"
    assert value(metrics, f"{name}_count", listener="vpn", stage="primary") == 1
    assert value(metrics, f"{name}_sum", listener="vpn", stage="total") == 0.006
    assert value(metrics, f"{name}_count", listener="vpn", stage="lookup") is None
    assert value(metrics, f"{name}_bucket", listener="vpn", stage="primary", le="0.0025") == 0
    assert value(metrics, f"{name}_bucket", listener="vpn", stage="primary", le="0.005") == 1


def test_patience_tells_ten_seconds_from_more(metrics: Metrics) -> None:
    metrics.client_left("vpn", 10.02)
    name = "ldapproxy_client_patience_seconds_bucket"
    assert value(metrics, name, listener="vpn", le="8.0") == 0
    assert value(metrics, name, listener="vpn", le="10.5") == 1


def test_duo_is_in_one_state_at_a_time(metrics: Metrics) -> None:
    metrics.duo_state("prod", "up")
    metrics.duo_state("prod", "degraded")
    states = {
        state: value(metrics, "ldapproxy_duo_state", duo="prod", state=state)
        for state in ("up", "degraded", "down")
    }
    assert states == {"up": 0, "degraded": 1, "down": 0}


def test_duo_requests_are_counted_and_timed(metrics: Metrics) -> None:
    metrics.duo_request("prod", "preauth", "allowed", 0.25)
    assert (
        value(metrics, "ldapproxy_duo_requests_total", duo="prod", endpoint="preauth", outcome="allowed") == 1
    )
    name = "ldapproxy_duo_request_duration_seconds_sum"
    assert value(metrics, name, duo="prod", endpoint="preauth") == 0.25


def test_a_server_is_up_or_not(metrics: Metrics) -> None:
    metrics.directory_up("corp", "ldap://a:389", True)
    metrics.directory_up("corp", "ldap://b:389", True)
    metrics.directory_up("corp", "ldap://b:389", False)
    name = "ldapproxy_directory_up"
    assert value(metrics, name, directory="corp", server="ldap://a:389") == 1
    assert value(metrics, name, directory="corp", server="ldap://b:389") == 0


def test_what_is_configured_is_seen_before_it_happens(metrics: Metrics) -> None:
    metrics.expect(listeners=["vpn"], directories=["corp"])
    assert value(metrics, "ldapproxy_sessions", listener="vpn") == 0
    assert value(metrics, "ldapproxy_sessions_total", listener="vpn") == 0
    assert value(metrics, "ldapproxy_binds_pending", listener="vpn") == 0
    assert value(metrics, "ldapproxy_directory_connections", directory="corp", state="idle") == 0


def test_the_version_and_the_process_are_there(metrics: Metrics) -> None:
    assert value(metrics, "ldapproxy_build_info", version="1.2.3") == 1
    assert (value(metrics, "process_open_fds") or 0) > 0


def test_two_sets_of_metrics_do_not_share_numbers() -> None:
    one, other = Metrics("1"), Metrics("1")
    one.audit_lost()
    assert value(one, "ldapproxy_audit_lost_total") == 1
    assert value(other, "ldapproxy_audit_lost_total") == 0
