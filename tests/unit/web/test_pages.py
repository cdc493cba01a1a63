"""What the admin pages say."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest

from ldapproxy.web import pages
from ldapproxy.web.status import DirectoryStatus, DuoStatus, ListenerStatus, ServerStatus, StatusReport

REPORT = StatusReport(
    version="1.2.3",
    uptime=3 * 3600 + 125,
    stopping=False,
    listeners=(
        ListenerStatus(
            "vpn", "ldap://0.0.0.0:389", bound=True, fail_mode="open", sessions=17, pending_binds=3
        ),
    ),
    directories=(
        DirectoryStatus(
            "corp",
            (
                ServerStatus("ldaps://a:636", up=True),
                ServerStatus("ldaps://b:636", up=False),
                ServerStatus("ldaps://c:636", up=None),
            ),
        ),
    ),
    duos=(DuoStatus("prod", "api-1.duosecurity.com", "down", "connection refused"),),
)


def test_readiness_tells_what_it_is_made_of() -> None:
    page = pages.readiness(REPORT)
    assert page.status == 200
    assert page.content_type == "application/json"
    assert json.loads(page.body) == {
        "ready": True,
        "stopping": False,
        "listeners": {"vpn": {"bound": True}},
        "directories": {
            "corp": {
                "reachable": True,
                "servers": {"ldaps://a:636": True, "ldaps://b:636": False, "ldaps://c:636": None},
            }
        },
        "duo": {"prod": {"state": "down", "reason": "connection refused"}},
    }


def test_not_ready_is_503_and_says_why() -> None:
    page = pages.readiness(replace(REPORT, listeners=(replace(REPORT.listeners[0], bound=False),)))
    assert page.status == 503
    assert json.loads(page.body)["ready"] is False
    assert json.loads(page.body)["listeners"] == {"vpn": {"bound": False}}


def test_the_status_page_shows_everything() -> None:
    html = pages.status_page(REPORT).body.decode()
    for words in (
        "ldapproxy 1.2.3",
        "Ready.",
        "3 h 2 min",
        "ldap://0.0.0.0:389",
        "listening",
        "open",
        "<td>17</td>",
        "<td>3</td>",
        "ldaps://a:636",
        "not asked yet",
        "api-1.duosecurity.com",
        "connection refused",
    ):
        assert words in html


def test_the_status_page_says_when_it_is_not_ready_or_stopping() -> None:
    unbound = replace(REPORT, listeners=(replace(REPORT.listeners[0], bound=False),))
    assert "Not ready." in pages.status_page(unbound).body.decode()
    assert "not listening" in pages.status_page(unbound).body.decode()
    assert "Stopping" in pages.status_page(replace(REPORT, stopping=True)).body.decode()


def test_nothing_told_becomes_markup() -> None:
    attack = "<script>alert(1)</script>\"'&"
    html = pages.status_page(
        StatusReport(
            version=attack,
            uptime=0,
            stopping=False,
            listeners=(ListenerStatus(attack, attack, bound=True, fail_mode=attack),),
            directories=(DirectoryStatus(attack, (ServerStatus(attack, up=True),)),),
            duos=(DuoStatus(attack, attack, attack, attack),),
        )
    ).body.decode()
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;") == 10


def test_the_policy_lets_in_the_pages_own_style_and_nothing_else() -> None:
    page = pages.status_page(REPORT)
    html = page.body.decode()
    style = re.search("<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert "script-src" not in policy
    assert "style=" not in html
    assert not re.search(r"(src|href)=[\"'](?!/)", html), "no resource of another host"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (90061, "1 d 1 h")],
)
def test_uptime_is_readable(seconds: float, words: str) -> None:
    assert f"Running for {words}." in pages.status_page(replace(REPORT, uptime=seconds)).body.decode()


def test_metrics_pass_unchanged() -> None:
    page = pages.metrics(b"up 1\n")
    assert (page.status, page.body) == (200, b"up 1\n")
    assert page.content_type == "text/plain; version=0.0.4; charset=utf-8"
