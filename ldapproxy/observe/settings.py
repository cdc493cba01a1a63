"""What is logged, and where to.

Owns the frozen settings of `observe`; must not know the configuration file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path


@unique
class LogLevel(Enum):
    """The least severe kind of line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class AuditToStdout:
    """The audit log goes to standard output."""


@dataclass(frozen=True, slots=True)
class AuditToFile:
    """The audit log is appended to a file, opened anew when it is rotated away."""

    path: Path


@dataclass(frozen=True, slots=True)
class AuditToSyslog:
    """The audit log goes to the local syslog daemon (/dev/log), facility authpriv."""


AuditSink = AuditToStdout | AuditToFile | AuditToSyslog


@dataclass(frozen=True, slots=True)
class LogSettings:
    """`log:`. The program's own log always goes to standard error."""

    level: LogLevel
    audit: AuditSink
