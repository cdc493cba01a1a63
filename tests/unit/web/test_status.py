"""When the proxy calls itself ready."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ldapproxy.web.status import DirectoryStatus, DuoStatus, ListenerStatus, ServerStatus, StatusReport

READY = StatusReport(
    version="1",
    uptime=1.0,
    stopping=False,
    listeners=(ListenerStatus("vpn", "ldap://0.0.0.0:389", bound=True, fail_mode="closed"),),
    directories=(
        DirectoryStatus("corp", (ServerStatus("ldaps://a", up=False), ServerStatus("ldaps://b", up=True))),
    ),
    duos=(),
)


def test_ready_when_listeners_are_bound_and_a_server_of_each_directory_answers() -> None:
    assert READY.ready


@pytest.mark.parametrize("state", ["up", "degraded", "down"])
def test_duo_never_decides(state: str) -> None:
    assert replace(READY, duos=(DuoStatus("prod", "api-1.duosecurity.com", state),)).ready


def test_a_listener_that_is_not_bound_is_not_ready() -> None:
    unbound = ListenerStatus("other", "ldap://0.0.0.0:390", bound=False, fail_mode="closed")
    assert not replace(READY, listeners=(*READY.listeners, unbound)).ready


def test_a_directory_without_a_server_that_answers_is_not_ready() -> None:
    down = DirectoryStatus("other", (ServerStatus("ldaps://c", up=False),))
    assert not replace(READY, directories=(*READY.directories, down)).ready


def test_a_server_that_nobody_has_asked_does_not_count() -> None:
    unknown = DirectoryStatus("corp", (ServerStatus("ldaps://a", up=None),))
    assert not unknown.reachable
    assert not replace(READY, directories=(unknown,)).ready


def test_stopping_is_not_ready() -> None:
    assert not replace(READY, stopping=True).ready


def test_nothing_configured_is_not_ready() -> None:
    assert not replace(READY, listeners=()).ready
