"""The answers of the admin address: values in, bytes out.

Owns the JSON of /readyz and the HTML of the status page. It must not know HTTP servers. Everything that was
not written in this file is escaped on its way into the HTML; nothing is loaded from anywhere, and no script
runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from string import Template

from ldapproxy.web.status import StatusReport

_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_HTML = "text/html; charset=utf-8"
# The version of Prometheus' text format that `observe.metrics` writes.
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """One answer.

    Attributes:
        status: the HTTP status code.
        content_type: the media type.
        body: what it says.
        headers: further header fields.
    """

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def text(status: int, sentence: str, headers: dict[str, str] | None = None) -> Page:
    """A sentence in plain text."""
    return Page(status, _TEXT, f"{sentence}\n".encode(), headers or {})


def metrics(exposition: bytes) -> Page:
    """/metrics: what Prometheus scrapes."""
    return Page(200, _METRICS, exposition)


def health() -> Page:
    """/healthz: the process is alive. That it answers is the whole message."""
    return text(200, "alive")


def readiness(report: StatusReport) -> Page:
    """/readyz: 200 when logins can be served, else 503; what it is made of, as JSON."""
    told = {
        "ready": report.ready,
        "stopping": report.stopping,
        "listeners": {listener.name: {"bound": listener.bound} for listener in report.listeners},
        "directories": {
            directory.name: {
                "reachable": directory.reachable,
                "servers": {server.url: server.up for server in directory.servers},
            }
            for directory in report.directories
        },
        "duo": {duo.name: {"state": duo.state, "reason": duo.detail} for duo in report.duos},
    }
    return Page(200 if report.ready else 503, _JSON, json.dumps(told, indent=2).encode() + b"\n")


_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; }
.good { color: #18794e; } .bad { color: #cd2b31; font-weight: bold; } .unknown { color: #777; }
@media (prefers-color-scheme: dark) { :root { color-scheme: dark; background: #111; color: #eee; } }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

# https://www.w3.org/TR/CSP3/: nothing but this file's own style.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{_STYLE_HASH}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

_PAGE = Template(
    """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>ldapproxy</title>
<meta name="viewport" content="width=device-width"><style>$style</style></head>
<body>
<h1>ldapproxy $version</h1>
<p>$ready Running for $uptime. <a href="/metrics">Metrics</a> &middot; <a href="/readyz">Readiness</a></p>
<h2>Listeners</h2>
$listeners
<h2>Directories</h2>
$directories
<h2>Duo</h2>
$duos
</body>
</html>
"""
)


def status_page(report: StatusReport) -> Page:
    """/: how things are, for a person."""
    if report.stopping:
        ready = _mark("bad", "Stopping: no new connections are accepted.")
    elif report.ready:
        ready = _mark("good", "Ready.")
    else:
        ready = _mark("bad", "Not ready.")
    body = _PAGE.substitute(
        style=_STYLE,
        version=escape(report.version),
        uptime=escape(_duration(report.uptime)),
        ready=ready,
        listeners=_table(
            ("Name", "Address", "State", "Fail mode", "Sessions", "Pending binds"),
            (
                (
                    escape(each.name),
                    escape(each.url),
                    _mark("good", "listening") if each.bound else _mark("bad", "not listening"),
                    escape(each.fail_mode),
                    str(each.sessions),
                    str(each.pending_binds),
                )
                for each in report.listeners
            ),
        ),
        directories=_table(
            ("Name", "Server", "State"),
            (
                (escape(directory.name), escape(server.url), _up(server.up))
                for directory in report.directories
                for server in directory.servers
            ),
        ),
        duos=_table(
            ("Name", "API host", "State", ""),
            (
                (
                    escape(each.name),
                    escape(each.api_host),
                    _mark("good" if each.state == "up" else "bad", each.state),
                    escape(each.detail),
                )
                for each in report.duos
            ),
        ),
    )
    return Page(200, _HTML, body.encode(), {"Content-Security-Policy": _POLICY})


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table. `head` is plain text, the cells of `rows` are HTML."""
    lines = ["<table>", "<tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return "\n".join([*lines, "</table>"])


def _mark(kind: str, words: str) -> str:
    return f'<span class="{kind}">{escape(words)}</span>'


def _up(up: bool | None) -> str:
    if up is None:
        return _mark("unknown", "not asked yet")
    return _mark("good", "up") if up else _mark("bad", "down")


def _duration(seconds: float) -> str:
    """A length of time in the two largest units that matter."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {rest} s"
    return f"{rest} s"
