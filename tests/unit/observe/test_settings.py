"""ldapproxy.observe.settings: whoever reads them knows every level and every sink that they can name."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import get_args

import pytest

from ldapproxy.observe.audit_log import open_sink
from ldapproxy.observe.settings import AuditSink, AuditToFile, AuditToStdout, AuditToSyslog, LogLevel


@pytest.mark.parametrize("level", LogLevel)
def test_every_level_is_one_of_the_standard_library(level: LogLevel) -> None:
    assert isinstance(logging.getLevelName(level.value.upper()), int)


def test_the_sinks_are_those_of_the_design() -> None:
    assert set(get_args(AuditSink)) == {AuditToStdout, AuditToFile, AuditToSyslog}


def test_every_sink_can_be_opened(tmp_path: Path) -> None:
    for sink in (AuditToStdout(), AuditToFile(tmp_path / "audit.log"), AuditToSyslog()):
        open_sink(sink).close()
