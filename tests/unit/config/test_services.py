"""`admin:` and `log:`."""

from __future__ import annotations

from typing import Any

import pytest

from ldapproxy.observe.settings import AuditToFile, AuditToStdout, AuditToSyslog, LogLevel, LogSettings
from ldapproxy.web.settings import AdminSettings
from tests.unit.config.sample import Sample


def test_the_defaults(sample: Sample) -> None:
    configuration = sample.load()
    assert configuration.admin is None
    assert configuration.log == LogSettings(LogLevel.INFO, AuditToStdout())


def test_the_admin_address(sample: Sample) -> None:
    sample.document["admin"] = {"url": "http://127.0.0.1:9464"}
    assert sample.load().admin == AdminSettings("127.0.0.1", 9464)
    sample.document["admin"] = {"url": "http://[::1]:9464/"}
    assert sample.load().admin == AdminSettings("::1", 9464)


@pytest.mark.parametrize(
    ("admin", "problem"),
    [
        (None, "admin: has no value; write a map under it, or leave the line out"),
        ({}, "admin.url: is required; such as http://127.0.0.1:9464"),
        ({"url": "https://127.0.0.1:9464"}, "admin.url: must begin with http://"),
        ({"url": "http://127.0.0.1"}, "admin.url: names no port; write one, as in http://127.0.0.1:9464"),
        ({"url": "http://localhost:9464"}, "admin.url: must name an address, not a host"),
        ({"url": "http://127.0.0.1:389"}, "admin.url: listener vpn has this address and port already"),
        ({"url": "http://0.0.0.0:389"}, "admin.url: listener vpn has this address and port already"),
        ({"url": "http://127.0.0.1:9464", "tls": {}}, "admin.tls: is not a known key; it belongs under li"),
    ],
)
def test_what_is_no_admin_address(sample: Sample, admin: Any, problem: str) -> None:
    sample.document["admin"] = admin
    (found,) = sample.problems()
    assert problem in found


def test_an_admin_address_that_others_can_reach(sample: Sample) -> None:
    for url in ("http://127.0.0.1:9464", "http://[::1]:9464"):
        sample.document["admin"] = {"url": url}
        assert sample.warnings() == []
    for url in ("http://0.0.0.0:9464", "http://[::]:9464", "http://192.0.2.1:9464"):
        sample.document["admin"] = {"url": url}
        assert sample.warnings() == [
            "admin.url: metrics and status go out in clear text to whoever asks: others can reach the address"
        ]


def test_where_the_audit_log_goes(sample: Sample) -> None:
    def audit(value: str) -> object:
        sample.document["log"] = {"audit": value}
        return sample.load().log.audit

    assert audit("stdout") == AuditToStdout()
    assert audit("syslog") == AuditToSyslog()
    assert audit("audit.log") == AuditToFile(sample.folder / "audit.log")
    assert audit("./audit") == AuditToFile(sample.folder / "audit")
    assert audit(str(sample.folder / "audit.log")) == AuditToFile(sample.folder / "audit.log")


def test_what_is_logged(sample: Sample) -> None:
    sample.document["log"] = {"level": "debug"}
    assert sample.load().log == LogSettings(LogLevel.DEBUG, AuditToStdout())


@pytest.mark.parametrize(
    ("log", "problem"),
    [
        (None, "log: has no value"),
        ({"level": "INFO"}, "log.level: must be debug, info, warning or error; did you mean info?"),
        (
            {"audit": "sysloog"},
            "log.audit: must be stdout, syslog, or the path of a file, such as ./audit.log",
        ),
        ({"audit": "."}, "log.audit: is a folder, not a file"),
        ({"audit": "missing/audit.log"}, "log.audit: is a file in a folder that does not exist"),
        ({"audit": None}, "log.audit: has no value"),
        ({"format": "json"}, "log.format: is not a known key; known here are level, audit"),
    ],
)
def test_what_is_refused(sample: Sample, log: Any, problem: str) -> None:
    sample.document["log"] = log
    (found,) = sample.problems()
    assert problem in found
