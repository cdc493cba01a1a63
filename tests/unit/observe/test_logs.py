"""The program's log, as a process writes it: set-up changes the whole process, so each test has its own."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.observe.logs import timestamp

_SET_UP = """
import logging, sys, warnings
from pathlib import Path
from ldapproxy.observe.logs import set_up
from ldapproxy.observe.settings import AuditToStdout, LogLevel, LogSettings
from ldapproxy.secret import Secret
set_up(LogSettings(LogLevel({level!r}), AuditToStdout()), [Secret("canary-secret")])
log = logging.getLogger("ldapproxy.test")
"""


def written(script: str, level: str = "info") -> list[dict[str, object]]:
    """The lines that `script` writes to standard error, each of which must be one JSON object."""
    program = _SET_UP.format(level=level) + script
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout == ""
    assert done.stderr == "" or done.stderr.endswith("\n")
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_has_time_level_logger_message_and_fields_in_this_order() -> None:
    before = datetime.now(UTC)
    (line,) = written("log.warning('hello %s', 'you', extra={'bind': 'b-1', 'count': 3, 'none': None})")
    moment = line.pop("timestamp")
    assert isinstance(moment, str)
    assert moment.endswith("Z")
    assert abs((datetime.fromisoformat(moment) - before).total_seconds()) < 30
    assert list(line.items()) == [
        ("level", "warning"),
        ("logger", "ldapproxy.test"),
        ("message", "hello you"),
        ("bind", "b-1"),
        ("count", 3),
        ("none", None),
    ]


def test_timestamps_are_rfc_3339_in_utc_with_milliseconds() -> None:
    assert timestamp(1_800_000_000.5) == "2027-01-15T08:00:00.500Z"
    assert timestamp(1_800_000_000) == "2027-01-15T08:00:00.000Z"
    assert timestamp(1_800_000_000.9999) == "2027-01-15T08:00:00.999Z"
    assert timestamp(1_800_000_001.0009) == "2027-01-15T08:00:01.000Z"


@given(st.floats(0, 4_000_000_000))
def test_timestamps_are_never_off_by_a_millisecond(seconds: float) -> None:
    told = datetime.fromisoformat(timestamp(seconds)).timestamp()
    assert -0.000001 <= seconds - told < 0.001001


def test_an_exception_is_one_line() -> None:
    (line,) = written("""
try:
    1 / 0
except ZeroDivisionError:
    log.exception("that went wrong")
""")
    assert line["message"] == "that went wrong"
    assert "ZeroDivisionError: division by zero" in str(line["exception"])
    assert "Traceback" in str(line["exception"])


def test_nothing_in_a_message_can_begin_another_line_or_steer_a_terminal() -> None:
    script = 'log.info(\'uid=x\\n{"level": "fake"}\\r\\x1b[31m\\x9b\\u2028\\ud800\')'
    (line,) = written(script)
    assert line["message"] == 'uid=x\n{"level": "fake"}\r\x1b[31m\x9b\u2028\ud800'


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_decides_what_is_written(level: str, heard: list[str]) -> None:
    script = "for name in ('debug', 'info', 'warning', 'error'): getattr(log, name)(name)"
    assert [line["message"] for line in written(script, level)] == heard


def test_libraries_are_heard_from_warning_on_even_at_debug_level() -> None:
    script = """
for name in ("ldap3", "httpx", "asyncio"):
    logging.getLogger(name).info("info")
    logging.getLogger(name).warning("warning")
"""
    lines = written(script, "debug")
    assert [line["logger"] for line in lines] == ["ldap3", "httpx", "asyncio"]
    assert {line["message"] for line in lines} == {"warning"}


def test_known_secrets_do_not_appear_in_messages_fields_or_tracebacks() -> None:
    script = """
log.error("bound with canary-secret", extra={"field": "canary-secret"})
try:
    raise ValueError("bad password canary-secret")
except ValueError:
    log.exception("failed")
log.error("%s %r", Secret("another"), Secret("another"))
"""
    lines = written(script)
    assert len(lines) == 3
    assert "canary-secret" not in json.dumps([lines[0], lines[2]])
    # The traceback quotes the line of the program, which holds the canary here; the message is what counts.
    assert "ValueError: bad password [redacted]" in str(lines[1]["exception"])
    assert "another" not in json.dumps(lines)


def test_twisted_speaks_through_it() -> None:
    script = """
from twisted.internet.defer import Deferred
from twisted.logger import Logger
Logger("x").info("chatter")
Logger("x").warn("careful {what}", what="there")
deferred = Deferred()
deferred.errback(ValueError("nobody looked"))
del deferred
import gc; gc.collect()
"""
    lines = written(script)
    assert [line["logger"] for line in lines] == ["twisted"] * len(lines)
    assert lines[0]["message"] == "careful there"
    assert any("ValueError: nobody looked" in str(line.get("exception")) for line in lines)


def test_warnings_speak_through_it() -> None:
    (line,) = written("warnings.warn('old ways', UserWarning)")
    assert line["logger"] == "py.warnings"
    assert "old ways" in str(line["message"])


def test_a_line_that_cannot_be_made_is_said_without_its_arguments() -> None:
    (line,) = written("log.info('%d', 'not-to-be-shown')")
    assert "could not be written" in str(line["message"])
    assert "not-to-be-shown" not in json.dumps(line)


def test_a_standard_error_that_is_gone_stops_nothing() -> None:
    script = _SET_UP.format(level="info") + "log.error('lost'); print('still here')"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=writer, check=False, text=True
    )
    os.close(writer)
    assert done.stdout == "still here\n"


def test_a_standard_error_that_nobody_reads_holds_nobody_up() -> None:
    """A collector that hangs; when it goes on, it hears what it has missed."""
    script = """
for number in range(2000):
    log.error("line %d %s", number, "x" * 100)
print("still here", flush=True)
sys.stdin.readline()
log.error("it reads again")
"""
    with subprocess.Popen(
        [sys.executable, "-c", _SET_UP.format(level="info") + script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], 60)
            assert ready, "the program waits for whoever reads its log"
            assert process.stdout.readline() == "still here\n"
            heard = b""
            while select.select([process.stderr], [], [], 0)[0]:
                heard += os.read(process.stderr.fileno(), 65536)
            process.stdin.write("\n")
            process.stdin.close()
            heard += process.stderr.read().encode()
        finally:
            process.kill()
    lines = [json.loads(line)["message"] for line in heard.splitlines()]
    assert lines[0].startswith("line 0 ")
    kept = len([line for line in lines if line.startswith("line ")])
    assert 0 < kept < 2000
    assert lines[kept:] == [
        f"{2000 - kept} lines were lost: whoever reads the log did not keep up",
        "it reads again",
    ]


def test_a_line_that_is_longer_than_a_pipe_takes_at_once_arrives_whole() -> None:
    (line,) = written("log.error('%s', 'x' * 20_000)")
    assert line["message"] == "x" * 20_000
