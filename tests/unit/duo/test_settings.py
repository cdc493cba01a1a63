"""The settings of one Duo application."""

from __future__ import annotations

from dataclasses import replace

from tests.support.scripted_duo import SECRET_KEY
from tests.unit.duo.conftest import MakeSettings


def test_the_repr_holds_no_secret(settings: MakeSettings) -> None:
    shown = repr(settings(443, http_proxy="http://someone:hunter2@proxy:3128"))
    assert "hunter2" not in shown
    assert SECRET_KEY not in shown


def test_the_address_has_a_port_where_it_is_not_the_usual_one(settings: MakeSettings) -> None:
    host = settings(443).api_host
    assert settings(443).address == host
    assert settings(8443).address == f"{host}:8443"
    assert replace(settings(8443), api_host="::1").address == "[::1]:8443"
