"""The settings of one Duo application."""

from __future__ import annotations

from tests.support.scripted_duo import SECRET_KEY
from tests.unit.duo.conftest import MakeSettings


def test_the_repr_holds_no_secret(settings: MakeSettings) -> None:
    shown = repr(settings(443, http_proxy="http://someone:hunter2@proxy:3128"))
    assert "hunter2" not in shown
    assert SECRET_KEY not in shown
