"""`admin:` and `log:`: what the process itself offers its operators.

Owns their keys and defaults. It must not know what is served or logged.
"""

from __future__ import annotations

from ldapproxy.config import addresses, files, values
from ldapproxy.config.addresses import Endpoint
from ldapproxy.config.document import Node
from ldapproxy.config.files import Surroundings
from ldapproxy.config.sections import Section
from ldapproxy.config.values import Invalid, did_you_mean
from ldapproxy.observe.settings import (
    AuditSink,
    AuditToFile,
    AuditToStdout,
    AuditToSyslog,
    LogLevel,
    LogSettings,
)

_ADMIN_EXAMPLE = "http://127.0.0.1:9464"
_admin_url = addresses.listening_url({"http": None}, example=_ADMIN_EXAMPLE)


def read_admin(section: Section) -> Endpoint | None:
    """The admin address; None only after an error was reported."""
    endpoint = section.require("url", _admin_url, hint=f"such as {_ADMIN_EXAMPLE}")
    section.finish()
    if endpoint is not None and not addresses.is_loopback(endpoint.host):
        section.warn(
            "url", "metrics and status go out in clear text to whoever asks: others can reach the address"
        )
    return endpoint


def read_log(section: Section, surroundings: Surroundings) -> LogSettings:
    """What is logged, and where to."""
    level = section.read("level", values.choice(LogLevel), default=LogLevel.INFO)
    audit = section.read("audit", lambda node: _audit_sink(node, surroundings), default=AuditToStdout())
    section.finish()
    return LogSettings(level=level, audit=audit)


def _audit_sink(node: Node, surroundings: Surroundings) -> AuditSink:
    value = values.text(node)
    match value:
        case "stdout":
            return AuditToStdout()
        case "syslog":
            return AuditToSyslog()
        case _:
            pass
    if "/" not in value and "." not in value:
        # A bare word is a misspelt one, not a file.
        hint = did_you_mean(value, ["stdout", "syslog"])
        raise Invalid.at(node, f"must be stdout, syslog, or the path of a file, such as ./audit.log{hint}")
    where = files.path(node, surroundings)
    if where.is_dir():
        raise Invalid.at(node, "is a folder, not a file")
    if not where.parent.is_dir():
        raise Invalid.at(node, "is a file in a folder that does not exist")
    return AuditToFile(where)
