"""The ports of `net` and those who are wired to them agree, name by name and argument by argument."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from ldapproxy.directory.lookup import Lookup
from ldapproxy.duo.watch import WatchedDuo
from ldapproxy.net import ports
from ldapproxy.net.counted import CountedPrimary
from ldapproxy.net.primary import Primary
from ldapproxy.net.pushes import Pushes
from ldapproxy.observe.audit_log import AuditLog
from ldapproxy.observe.metrics import Metrics
from tests.unit.net.neighbours import Recorder, ScriptedLookup, ScriptedSecondFactor

WIRED = [
    (ports.PrimaryQuestions, Primary),
    (ports.PrimaryQuestions, CountedPrimary),
    (ports.EntryLookup, Lookup),
    (ports.EntryLookup, ScriptedLookup),
    (ports.SecondFactor, WatchedDuo),
    (ports.SecondFactor, Pushes),
    (ports.SecondFactor, ScriptedSecondFactor),
    (ports.Observer, Metrics),
    (ports.Observer, Recorder),
    (ports.Audit, AuditLog),
    (ports.Audit, Recorder),
]


def methods(port: type) -> dict[str, Any]:
    return {
        name: member for name, member in vars(port).items() if inspect.isfunction(member) and name[0] != "_"
    }


def parameters(method: Any) -> list[str]:
    return list(inspect.signature(method).parameters)


@pytest.mark.parametrize(("port", "wired"), WIRED, ids=lambda given: given.__name__)
def test_who_is_wired_to_a_port_has_all_of_it(port: type, wired: type) -> None:
    assert methods(port)
    for name, declared in methods(port).items():
        method = getattr(wired, name)
        assert inspect.iscoroutinefunction(method) == inspect.iscoroutinefunction(declared), name
        assert list(inspect.signature(method).parameters) == list(inspect.signature(declared).parameters), (
            name
        )


def test_every_observation_reaches_the_metrics() -> None:
    """Label values and types as `net` passes them; a wrong one would raise while somebody logs in."""
    metrics = Metrics("1.2.3")
    observer: ports.Observer = metrics
    observer.session_opened("vpn")
    observer.session_closed("vpn")
    observer.relayed("vpn", 3, 0)
    observer.relayed("vpn", 0, 5)
    observer.operation("vpn", "search")
    observer.bind_pending("vpn", +1)
    observer.bind_pending("vpn", -1)
    observer.limit_hit("vpn", "outstanding")
    observer.client_left("vpn", 1.5)
    observer.fail_mode_decided("vpn", "open", "accept")
    observer.joined("vpn", "single_flight")
    observer.offline_code("vpn", "verified")
    observer.directory_up("corp", "ldap://dc1:389", True)
    observer.directory_connections("corp", "active", +1)
    shown = metrics.exposition().decode()
    for sample in (
        'ldapproxy_sessions{listener="vpn"} 0.0',
        'ldapproxy_sessions_total{listener="vpn"} 1.0',
        'ldapproxy_relayed_bytes_total{direction="to_directory",listener="vpn"} 3.0',
        'ldapproxy_relayed_bytes_total{direction="to_client",listener="vpn"} 5.0',
        'ldapproxy_directory_up{directory="corp",server="ldap://dc1:389"} 1.0',
        'ldapproxy_directory_connections{directory="corp",state="active"} 1.0',
    ):
        assert sample in shown
