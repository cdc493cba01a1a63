"""What several tests of the demo share: a simulator process, as new for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.simulator import SimulatorProcess


@pytest.fixture(scope="module")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """One process for a whole file of tests."""
    with SimulatorProcess(tmp_path_factory.mktemp("simulator")) as process:
        yield process


@pytest.fixture
def duo(simulator_process: SimulatorProcess) -> SimulatorProcess:
    """The simulator without users, faults and pushes."""
    simulator_process.reset()
    return simulator_process
