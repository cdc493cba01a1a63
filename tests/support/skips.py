"""Skipped tests: allowed on a developer's machine, counted as failures in CI.

Owns the rule and the two ways to speak to it; a pytest plugin, loaded by `tests/conftest.py`. It must not
know what any test is about.

A test that needs a program that may be missing asks for it and is skipped with the reason:

    slapd = require_program("slapd")

In CI (`CI=true`) every program is there, so a skip means that something was not checked. There a run with a
skip that `ALLOWED_SKIPS` does not name fails, and says which test it was and why. An expected failure (xfail)
counts too.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

# Where Debian keeps servers that are not on everybody's PATH.
_FURTHER_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/lib/postgresql/*/bin")


@dataclass(frozen=True, slots=True)
class AllowedSkip:
    """A skip that CI accepts.

    Attributes:
        test: the test's node id, or a pattern of it as `fnmatch` reads it.
        because: why nothing is lost when it does not run in CI.
    """

    test: str
    because: str


ALLOWED_SKIPS: tuple[AllowedSkip, ...] = ()


def require_program(name: str) -> str:
    """The path of a program that this test runs.

    Raises:
        pytest.skip.Exception: it is not installed; the test is skipped.
    """
    further = [str(folder) for pattern in _FURTHER_FOLDERS for folder in Path("/").glob(pattern[1:])]
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *sorted(further)]))
    if path is None:
        pytest.skip(f"the program {name} is not installed; `make test` installs it where it may")
    return path


class SkipRule:
    """Collects the skips of a run and turns those that are not allowed into a failed run."""

    def __init__(self, allowed: tuple[AllowedSkip, ...]) -> None:
        self._allowed = allowed
        self._refused: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._look_at(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._look_at(report)

    def _look_at(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not any(
            fnmatch.fnmatchcase(report.nodeid, skip.test) for skip in self._allowed
        ):
            self._refused.append(f"{report.nodeid}: {_reason(report)}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._refused and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._refused:
            terminalreporter.section("skipped in CI, so this run fails", red=True)
            for line in self._refused:
                terminalreporter.line(line)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    expected_failure = getattr(report, "wasxfail", None)
    if expected_failure is not None:
        return f"expected to fail: {expected_failure}"
    return str(report.longrepr[-1]) if isinstance(report.longrepr, tuple) else str(report.longrepr)


def pytest_configure(config: pytest.Config) -> None:
    """Puts the rule in force in CI; only where reports come together, not in the workers of pytest-xdist."""
    if os.environ.get("CI") == "true" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipRule(ALLOWED_SKIPS))
