"""The program's log: one JSON object a line, on standard error.

Owns the form of a line and how Python's, Twisted's and the warnings' messages all end up there. It must not
know what is worth a line. The audit log is a separate thing: `audit_log`.

A line's fields are `timestamp` (UTC, RFC 3339, milliseconds), `level`, `logger`, `message`, then what the
caller gave as `extra`, then `exception` (the traceback's text) when there is one.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from twisted.logger import STDLibLogObserver, globalLogBeginner

from ldapproxy.observe.redaction import Redaction
from ldapproxy.observe.settings import LogLevel, LogSettings
from ldapproxy.observe.sinks import DescriptorSink
from ldapproxy.secret import Secret

_LEVELS = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}

_STANDARD_ERROR = 2

# What every record carries by itself; everything else on a record was given as `extra`.
_OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def timestamp(seconds: float) -> str:
    """A time as RFC 3339 in UTC with milliseconds, from seconds since 1970."""
    second = math.floor(seconds)
    return f"{_to_the_second(second)}.{int((seconds - second) * 1000):03}Z"


@lru_cache(maxsize=8)
def _to_the_second(second: int) -> str:
    """Kept, because many lines are written in a second, and this is half of what a line costs."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class JsonLines(logging.Formatter):
    """Makes a line of JSON of a record; control characters and line ends in it are escaped.

    Args:
        redaction: what must not be in a line.
    """

    def __init__(self, redaction: Redaction) -> None:
        super().__init__()
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end. Non-ASCII characters are escaped: a name cannot steer a terminal."""
        fields: dict[str, object] = {
            "timestamp": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redaction(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _OWN_ATTRIBUTES and name not in fields:
                fields[name] = value if isinstance(value, int | float | None) else self._redaction(str(value))
        if record.exc_info:
            fields["exception"] = self._redaction(self.formatException(record.exc_info))
        if record.stack_info:
            fields["stack"] = self._redaction(record.stack_info)
        return json.dumps(fields)


class _StandardError(logging.Handler):
    """Standard error. What cannot be formatted or written is dropped without showing its arguments.

    Whoever reads it may sleep (a collector that hangs, a terminal that was stopped), and the one thread that
    serves everybody must not wait for that.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sink = DescriptorSink(_STANDARD_ERROR)
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the line, if it can be written now."""
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
        else:
            self._write(line)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's own name)
        """Says that a line was lost, and where it came from. Python's own would print its arguments."""
        self._say(record.created, f"a line could not be written, from {record.pathname}:{record.lineno}")

    def _write(self, line: str) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            self._say(time.time(), f"{lost} lines were lost: whoever reads the log did not keep up")
            if self._lost:
                self._lost += lost
                return
        try:
            self._sink.write(line.encode())
        except OSError:
            self._lost += 1

    def _say(self, when: float, message: str) -> None:
        line = {"timestamp": timestamp(when), "level": "error", "logger": __name__, "message": message}
        try:
            self._sink.write(json.dumps(line).encode())
        except OSError:
            self._lost += 1


def set_up(settings: LogSettings, secrets: Iterable[Secret] = ()) -> None:
    """Sends everything that this process logs to standard error as JSON lines. To be called once.

    Our own loggers (`ldapproxy...`) follow `log.level`. Those of libraries are heard from WARNING on,
    whatever the
    level: nobody here has read what they say at debug level, and it may be a secret.

    Args:
        settings: `log:`.
        secrets: the secrets of the configuration, which no line may show.
    """
    lines = _StandardError()
    lines.setFormatter(JsonLines(Redaction(secrets)))
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(logging.WARNING)
    logging.getLogger("ldapproxy").setLevel(_LEVELS[settings.level])
    # Twisted's messages, unhandled errors in its reactor included. Standard output stays the audit log's.
    globalLogBeginner.beginLoggingTo([STDLibLogObserver("twisted")], redirectStandardIO=False)
    logging.captureWarnings(True)  # after Twisted, which takes them for itself
