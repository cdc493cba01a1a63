"""Settings: how a server is named where people read it, and that nobody changes settings afterwards."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Any

import pytest

from ldapproxy.net import settings
from ldapproxy.net.settings import PushSettings, RememberSettings, UpstreamServer
from tests.unit.net.usual_settings import LISTENER, listener_settings, upstream_settings


@pytest.mark.parametrize(
    ("server", "url"),
    [
        (UpstreamServer("dc1.example.com", 389, ldaps=False), "ldap://dc1.example.com:389"),
        (UpstreamServer("dc1.example.com", 636, ldaps=True), "ldaps://dc1.example.com:636"),
        (UpstreamServer("192.0.2.1", 3890, ldaps=False), "ldap://192.0.2.1:3890"),
        (UpstreamServer("2001:db8::1", 636, ldaps=True), "ldaps://[2001:db8::1]:636"),
    ],
)
def test_url_of_a_server(server: UpstreamServer, url: str) -> None:
    assert server.url == url


def test_servers_are_keys() -> None:
    """Failover remembers by server: the same server is the same key, and another port is another."""
    assert UpstreamServer("a", 1, ldaps=False) == UpstreamServer("a", 1, ldaps=False)
    assert len({UpstreamServer("a", 1, ldaps=False), UpstreamServer("a", 1, ldaps=True)}) == 2


@pytest.mark.parametrize(
    "value", [LISTENER, LISTENER.limits, upstream_settings(1), PushSettings(), RememberSettings()], ids=type
)
def test_settings_are_frozen(value: Any) -> None:
    name = fields(value)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, None)


def test_every_class_of_settings_is_frozen() -> None:
    found = [member for member in vars(settings).values() if is_dataclass(member)]
    assert found
    assert all(member.__dataclass_params__.frozen for member in found)  # type: ignore[union-attr]


def test_the_defaults_of_sharing_are_those_of_the_design() -> None:
    defaults = PushSettings()
    assert defaults.single_flight
    assert defaults.late_approval == 60
    assert defaults.answer_before is None
    rules = defaults.limits
    assert (rules.pushes, rules.per, rules.pause_after_denial, rules.pause_after_fraud) == (6, 600, 60, 1800)
    assert RememberSettings() == RememberSettings(lasts=0, idle=0)


def test_scenarios_change_what_they_name() -> None:
    changed = listener_settings(outstanding=3, bind_timeout=7.0, host="::1")
    assert (changed.limits.outstanding, changed.policy.bind_timeout, changed.host) == (3, 7.0, "::1")
    assert changed.limits.buffered == LISTENER.limits.buffered
