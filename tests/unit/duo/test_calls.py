"""The endpoints and the sets of outcomes."""

from __future__ import annotations

import pytest

from ldapproxy.duo.calls import AWAY, NEVER_SENT, TRANSIENT, CallOutcome, Endpoint


@pytest.mark.parametrize(
    ("endpoint", "method", "path"),
    [
        (Endpoint.PING, "GET", "/auth/v2/ping"),
        (Endpoint.CHECK, "GET", "/auth/v2/check"),
        (Endpoint.PREAUTH, "POST", "/auth/v2/preauth"),
        (Endpoint.AUTH, "POST", "/auth/v2/auth"),
        (Endpoint.AUTH_STATUS, "GET", "/auth/v2/auth_status"),
    ],
)
def test_endpoints_are_duos(endpoint: Endpoint, method: str, path: str) -> None:
    assert (endpoint.method, endpoint.path) == (method, path)


def test_only_an_absent_duo_is_away() -> None:
    """The set decides who gets into a listener that fails open: what is not in it never opens one."""
    assert {outcome.value for outcome in AWAY} == {
        "unresolved",
        "unreachable",
        "connect_timeout",
        "proxy_unavailable",
        "lost",
        "response_timeout",
        "server_error",
    }


def test_what_may_have_reached_duo_counts_as_sent() -> None:
    assert {outcome.value for outcome in NEVER_SENT} == {
        "unresolved",
        "unreachable",
        "connect_timeout",
        "proxy_unavailable",
        "proxy_refused",
        "not_made",
    }


def test_an_answer_is_neither_away_nor_repeated() -> None:
    assert CallOutcome.OK not in AWAY | NEVER_SENT | TRANSIENT
