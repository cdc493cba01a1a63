"""The audit log: one line of JSON per bind (design 8), and per action in the self-service portal.

Owns the line, and that logins never depend on it: when it cannot be written, they go on, and standard error
and a metric say so. It must not know what a sink is made of.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import assert_never

from ldapproxy.auth.audit import AuditRecord
from ldapproxy.auth.portal_audit import PortalRecord
from ldapproxy.observe.logs import timestamp
from ldapproxy.observe.settings import AuditSink, AuditToFile, AuditToStdout, AuditToSyslog
from ldapproxy.observe.sinks import LONGEST_LINE, DescriptorSink, FileSink, Sink, SyslogSink

_log = logging.getLogger(__name__)

_STANDARD_OUTPUT = 1

# Characters of one field. Names come from clients, 64 KiB at a time; nobody needs all of it to know whose
# bind it was.
_LONGEST_FIELD = 1000
# When the line is too long for a pipe even so: a character takes up to 12 bytes as JSON, and the eight fields
# that are free text (listener, client_address, name, dn, username, device, offline_authenticator, detail)
# then fit.
_SHORT_FIELD = 30

_CUT = "[...]"

# A record holds no record: looking for circles costs a tenth of a line.
_encode = json.JSONEncoder(check_circular=False).encode


def open_sink(sink: AuditSink) -> Sink:
    """The sink that `log.audit` names. Nothing is opened yet, so nothing fails."""
    match sink:
        case AuditToStdout():
            return DescriptorSink(_STANDARD_OUTPUT)
        case AuditToFile(path):
            return FileSink(path)
        case AuditToSyslog():
            return SyslogSink()
        case _:
            assert_never(sink)


class AuditLog:
    """Writes records of binds (`net.ports.Audit`) and of the portal.

    Args:
        sink: where the lines go.
        on_lost: called for every line that could not be written.
        now: seconds since 1970.
    """

    def __init__(self, sink: Sink, on_lost: Callable[[], None], now: Callable[[], float] = time.time) -> None:
        self._sink = sink
        self._on_lost = on_lost
        self._now = now
        self._lost = 0

    def write(self, record: AuditRecord | PortalRecord) -> None:
        """Writes one record; never raises."""
        try:
            self._sink.write(_line(timestamp(self._now()), record))
        except OSError as error:
            self._count_lost(error.strerror or str(error))
        except Exception:
            # Whatever it is, it must not turn a finished login into a failed one.
            self._count_lost("an unforeseen error", unforeseen=True)
        else:
            if self._lost:
                _log.warning("the audit log works again; %d lines were lost", self._lost)
                self._lost = 0

    def close(self) -> None:
        """Closes the sink."""
        self._sink.close()

    def _count_lost(self, why: str, unforeseen: bool = False) -> None:
        self._lost += 1
        # The first of a row is enough: a full disk does not get better from a line per login.
        if self._lost == 1:
            _log.error("the audit log cannot be written: %s; logins go on", why, exc_info=unforeseen)
        self._on_lost()


def _line(when: str, record: AuditRecord | PortalRecord) -> bytes:
    """The line, without its end, short enough for a pipe to take it in one piece."""
    fields = {"timestamp": when, **record.as_fields()}
    line = _encode(fields).encode()
    if len(line) > _LONGEST_FIELD:  # else no field can be longer
        line = _encode(_cut(fields, _LONGEST_FIELD)).encode()
    if len(line) + 2 > LONGEST_LINE:
        line = _encode(_cut(fields, _SHORT_FIELD)).encode()
    return line


def _cut(fields: dict[str, object], longest: int) -> dict[str, object]:
    return {
        name: value[:longest] + _CUT if isinstance(value, str) and len(value) > longest else value
        for name, value in fields.items()
    }
