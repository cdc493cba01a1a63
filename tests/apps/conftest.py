"""The Duo simulator of these tests, and the table at the end of a run of them alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.apps.situations import SITUATIONS
from tests.support.simulator import SimulatorProcess

OUTCOME = "outcome of an application"


@pytest.fixture(scope="session")
def duo_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """The Duo simulator of this test process."""
    with SimulatorProcess(tmp_path_factory.mktemp("duo")) as simulator:
        yield simulator


@pytest.fixture
def duo(duo_process: SimulatorProcess) -> SimulatorProcess:
    """The Duo simulator, without anything of an earlier test."""
    duo_process.answer_always(None)
    for push in duo_process.waiting():
        duo_process.answer(push, "deny")
    duo_process.forget_calls()
    return duo_process


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints application by situation: what each application did."""
    table: dict[str, dict[str, str]] = defaultdict(dict)
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == OUTCOME and report.when == "call":
                    application, situation, outcome = value
                    table[application][situation] = outcome if report.passed else "FAILED"
    if not table:
        return
    terminalreporter.section("what the applications did")
    columns = {
        situation: max(len(situation), *(len(row.get(situation, "")) for row in table.values()))
        for situation in SITUATIONS
    }
    widest = max(map(len, table))
    cells = "  ".join(f"{situation:<{width}}" for situation, width in columns.items())
    terminalreporter.line(f"{'':<{widest}}  {cells}".rstrip())
    for application, row in sorted(table.items(), key=lambda item: (item[0].rpartition("/")[2], item[0])):
        cells = "  ".join(f"{row.get(situation, '-'):<{width}}" for situation, width in columns.items())
        terminalreporter.line(f"{application:<{widest}}  {cells}".rstrip())
