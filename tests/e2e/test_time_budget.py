"""`bind_timeout` bounds the whole bind, whatever hangs: the application hears before its own time-out.

Two legs can hang by themselves: the one to the directory on which binds travel and look-ups are made, and the
one to Duo. No answer in time is no outage: a listener that fails open stays closed then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.outages import put_right, state_of_duo
from tests.e2e.world import World, directory_settings
from tests.support.example_directory import ALICE
from tests.support.fault_proxy import FaultProxy
from tests.support.simulator import SimulatorProcess
from tests.support.slapd import Slapd

BIND_TIMEOUT = 2.0
ATTEMPTS = 3  # a machine that stalls for a tenth of a second proves nothing
LISTENERS: dict[str, dict[str, Any]] = {
    mode: {"fail_mode": mode, "bind_timeout": f"{BIND_TIMEOUT:.0f}s"} for mode in ("closed", "open")
}


@pytest.fixture(scope="module")
def leg(slapd: Slapd) -> Iterator[FaultProxy]:
    """The leg between proxy and directory."""
    with FaultProxy(slapd.port) as between:
        yield between


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, slapd: Slapd, duo_process: SimulatorProcess, leg: FaultProxy
) -> Iterator[World]:
    """Every time-out but `bind_timeout` is longer than it, so that it alone can end a bind."""
    patient: dict[str, Any] = {"connect_timeout": "20s", "response_timeout": "20s"}
    extra = {
        "directories": {
            "corp": directory_settings(slapd, urls=[f"ldap://127.0.0.1:{leg.port}"], **patient),
        },
        "duo": {"prod": {**patient, "ping_interval": "10m"}},
    }
    with World(tmp_path_factory.mktemp("proxy"), slapd, duo_process, LISTENERS, extra) as running:
        yield running


@pytest.fixture(autouse=True)
def all_is_well(world: World, duo: SimulatorProcess, leg: FaultProxy) -> Iterator[None]:
    world.enroll(ALICE, passcodes=["123456"])
    duo.answer_always("approve")
    world.new_audit_lines()
    yield
    leg.hang(False)
    leg.cut()
    put_right(duo)


def times_out(world: World, reason: str, code: int, credential: str = ALICE.password) -> None:
    """Logs in on every listener, and checks what the answers are and when they come."""
    for listener in LISTENERS:
        times_out_at(world, listener, {reason}, code, credential)


def times_out_at(world: World, listener: str, reasons: set[str], code: int, credential: str) -> None:
    """The same on one listener."""
    took = [log_in(world, listener, reasons, code, credential)]
    while took[-1] >= BIND_TIMEOUT and len(took) < ATTEMPTS:
        took.append(log_in(world, listener, reasons, code, credential))
    assert took[-1] < BIND_TIMEOUT, f"the application hears before its own time-out: {took}"


def log_in(world: World, listener: str, reasons: set[str], code: int, credential: str) -> float:
    """Logs in once; returns how long the application waited, in seconds."""
    with world.proxy.client(listener) as client:
        began = time.monotonic()
        answer = client.bind(ALICE.dn, credential)
        took = time.monotonic() - began
    assert answer.result_code == code, answer.diagnostic
    line = world.audited()
    assert line["verdict"] == "rejected"
    assert line["reason"] in reasons
    return took


def test_a_directory_that_hangs(world: World, leg: FaultProxy) -> None:
    leg.hang(True)
    times_out(world, "primary_unavailable", 52)


@pytest.mark.parametrize("credential", [ALICE.password, f"{ALICE.password},push", f"{ALICE.password},123456"])
@pytest.mark.parametrize("endpoint", ["preauth", "auth"])
def test_a_duo_that_hangs_for_longer_than_the_budget(
    world: World, duo: SimulatorProcess, endpoint: str, credential: str
) -> None:
    """What hangs at auth may have become a push, which is why its reason is another one."""
    duo.fault(endpoint, "hang")
    times_out(world, "timed_out" if endpoint == "preauth" else "duo_interrupted", 49, credential)
    assert state_of_duo(world) == "up"


def test_a_duo_that_hangs_at_the_first_auth_status(world: World, duo: SimulatorProcess) -> None:
    duo.fault("auth_status", "hang")
    times_out(world, "duo_interrupted", 49)


def test_a_duo_that_takes_no_connection(world: World, duo: SimulatorProcess) -> None:
    duo.power("silent")
    times_out(world, "timed_out", 49)


def test_a_person_who_does_not_answer(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always(None)
    times_out(world, "timed_out", 49)


def test_a_slow_duo_has_what_others_have_left(world: World, duo: SimulatorProcess) -> None:
    """The parts share one budget: three calls that are each within it are not, together."""
    for endpoint in ("preauth", "auth", "auth_status"):
        duo.fault(endpoint, "delay", delay=BIND_TIMEOUT / 2.5)
    times_out_at(world, "open", {"timed_out", "duo_interrupted"}, 49, ALICE.password)
    duo.clear_faults()
    with world.proxy.client("open") as client:
        assert client.bind(ALICE.dn, ALICE.password).result_code == 0
