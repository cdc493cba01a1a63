"""One line of JSON per bind, and logins that do not care whether it could be written."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from ldapproxy.auth.audit import AuditRecord
from ldapproxy.auth.portal_audit import PortalRecord
from ldapproxy.observe.audit_log import AuditLog, open_sink
from ldapproxy.observe.settings import AuditToFile, AuditToStdout, AuditToSyslog
from ldapproxy.observe.sinks import LONGEST_LINE, DescriptorSink, FileSink, SyslogSink
from tests.unit.observe.records import PORTAL_RECORD, RECORD


class Lost:
    """Counts lost lines."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


class BrokenSink:
    """A sink with a defect."""

    def write(self, line: bytes) -> None:
        raise RuntimeError("a defect with secret-looking words")

    def close(self) -> None:
        """Nothing to close."""


def lines_of(path: Path, *records: AuditRecord | PortalRecord) -> list[bytes]:
    log = AuditLog(open_sink(AuditToFile(path)), on_lost=Lost(), now=lambda: 1_800_000_000.25)
    for record in records:
        log.write(record)
    log.close()
    return path.read_bytes().splitlines()


def test_a_line_holds_every_field_of_the_design_in_order(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path / "audit.log", RECORD)
    fields = json.loads(line)
    assert fields["durations_ms"] == {"primary": 4.0, "lookup": 2.0, "second_factor": 7500.0, "total": 7510.0}
    del fields["durations_ms"]
    assert list(fields.items()) == [
        ("timestamp", "2027-01-15T08:00:00.250Z"),
        ("event", "bind"),
        ("id", "b-1"),
        ("listener", "vpn"),
        ("client_address", "192.0.2.7"),
        ("name", "uid=alice,ou=people,dc=example,dc=com"),
        ("dn", "uid=alice,ou=people,dc=example,dc=com"),
        ("username", "alice"),
        ("verdict", "accepted"),
        ("reason", "second_factor"),
        ("factor", "push"),
        ("device", "phone"),
        ("second_factor", "allowed"),
        ("fail_mode", "closed"),
        ("offline_authenticator", None),
        ("result_code", 0),
        ("joined", None),
        ("detail", ""),
    ]


def test_no_name_can_begin_a_line_of_its_own(tmp_path: Path) -> None:
    name = 'uid=x\n{"event": "bind", "verdict": "accepted"}\r\x1b]0;\x9b\u2028\x00'
    (line,) = lines_of(tmp_path / "audit.log", replace(RECORD, name=name))
    assert line.isascii()
    assert not any(octet < 0x20 or octet == 0x7F for octet in line)
    assert json.loads(line)["name"] == name


@pytest.mark.parametrize("character", ["x", "\x00", "\U0001f600"])
def test_however_long_the_names_are_a_pipe_takes_the_line_whole(tmp_path: Path, character: str) -> None:
    long = character * 65_536
    record = replace(
        RECORD,
        listener=long,
        client_address=long,
        name=long,
        dn=long,
        username=long,
        factor=long,
        device=long,
        offline_authenticator=long,
        detail=long,
    )
    (line,) = lines_of(tmp_path / "audit.log", record)
    assert len(line) + 2 <= LONGEST_LINE
    assert json.loads(line)["name"].startswith(character * 20)
    assert json.loads(line)["name"].endswith("[...]")


def test_an_ordinary_long_name_is_kept(tmp_path: Path) -> None:
    name = "cn=" + "x" * 900
    (line,) = lines_of(tmp_path / "audit.log", replace(RECORD, name=name))
    assert json.loads(line)["name"] == name


def test_an_action_in_the_portal_is_a_line_too(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path / "audit.log", PORTAL_RECORD)
    fields = json.loads(line)
    assert list(fields)[:4] == ["timestamp", "event", "id", "action"]
    assert (fields["event"], fields["action"], fields["reason"]) == ("portal", "add", "done")


def test_a_lost_line_is_counted_and_said_once_and_so_is_the_recovery(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "missing" / "audit.log"
    lost = Lost()
    log = AuditLog(FileSink(path), on_lost=lost)
    for _ in range(3):
        log.write(RECORD)
    assert lost.count == 3
    assert [record.getMessage() for record in caplog.records] == [
        "the audit log cannot be written: No such file or directory; logins go on"
    ]
    path.parent.mkdir()
    log.write(RECORD)
    log.close()
    assert lost.count == 3
    assert caplog.records[-1].getMessage() == "the audit log works again; 3 lines were lost"
    assert len(path.read_bytes().splitlines()) == 1


def test_a_defect_is_no_reason_to_fail_a_login_either(caplog: pytest.LogCaptureFixture) -> None:
    lost = Lost()
    AuditLog(BrokenSink(), on_lost=lost).write(RECORD)
    assert lost.count == 1
    assert caplog.records[0].exc_info is not None


def test_each_setting_opens_its_sink(tmp_path: Path) -> None:
    assert isinstance(open_sink(AuditToStdout()), DescriptorSink)
    assert isinstance(open_sink(AuditToFile(tmp_path / "a")), FileSink)
    assert isinstance(open_sink(AuditToSyslog()), SyslogSink)
