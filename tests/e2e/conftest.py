"""Real parts for the end-to-end tests: slapd with 1,000 people, a Duo simulator, and a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import World
from tests.support.simulator import SimulatorProcess
from tests.support.skips import require_program
from tests.support.slapd import Slapd


@pytest.fixture(scope="session")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A directory with 1,000 numbered people, which no test may stop or change."""
    require_program("slapd")
    with Slapd(tmp_path_factory.mktemp("directory"), people=1000) as server:
        yield server


@pytest.fixture(scope="session")
def duo_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """The Duo simulator of this test process."""
    with SimulatorProcess(tmp_path_factory.mktemp("duo")) as simulator:
        yield simulator


@pytest.fixture
def duo(duo_process: SimulatorProcess) -> Iterator[SimulatorProcess]:
    """The Duo simulator, reachable and without faults, users, or recorded calls."""
    duo_process.power("on")
    duo_process.clear_faults()
    duo_process.answer_always(None)
    for push in duo_process.waiting():
        duo_process.answer(push, "deny")
    duo_process.forget_calls()
    yield duo_process
    duo_process.power("on")
    duo_process.clear_faults()


@pytest.fixture(scope="module")
def world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    slapd: Slapd,
    duo_process: SimulatorProcess,
) -> Iterator[World]:
    """A proxy with the listeners that the test module names in LISTENERS."""
    listeners: dict[str, dict[str, Any]] = request.module.LISTENERS
    folder: Path = tmp_path_factory.mktemp("proxy")
    with World(folder, slapd, duo_process, listeners, getattr(request.module, "EXTRA", None)) as running:
        yield running
