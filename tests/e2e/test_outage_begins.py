"""The beginning of an outage: the first login waits no longer than for a connection, the next ones do not.

Time-outs for answers are longer than a client here would wait; whoever is answered did not wait for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.outages import state_of_duo
from tests.e2e.world import World
from tests.support.example_directory import ALICE
from tests.support.fault_proxy import FaultProxy
from tests.support.simulator import SimulatorProcess
from tests.support.slapd import Slapd

LISTENERS = {
    "closed": {"bind_timeout": "120s"},
    "open": {"bind_timeout": "120s", "fail_mode": "open"},
}
DUO = {"connect_timeout": "3s", "response_timeout": "60s", "ping_interval": "120s"}
PATIENCE = 30  # seconds, of a client


@pytest.fixture
def leg(duo: SimulatorProcess) -> Iterator[FaultProxy]:
    """Between the proxy and Duo."""
    with FaultProxy(duo.port) as leg:
        yield leg


@pytest.fixture
def well(tmp_path: Path, slapd: Slapd, duo: SimulatorProcess, leg: FaultProxy) -> Iterator[World]:
    """All is well, and a connection to Duo is kept."""
    extra = {"duo": {"prod": {"api_host": f"127.0.0.1:{leg.port}", **DUO}}}
    with World(tmp_path / "proxy", slapd, duo, LISTENERS, extra) as world:
        world.enroll(ALICE)
        duo.answer_always("approve")
        assert login(world, "closed") == 0
        yield world


def login(world: World, listener: str) -> int:
    """One login of Alice."""
    with world.proxy.client(listener, timeout=PATIENCE) as client:
        return client.bind(ALICE.dn, ALICE.password).result_code


def preauths(world: World) -> float:
    """How many logins have asked Duo, whatever came of it."""
    return sum(
        count
        for name, count in world.proxy.metrics().items()
        if name.startswith("ldapproxy_duo_requests_total") and 'endpoint="preauth"' in name
    )


@pytest.mark.parametrize("kept", [True, False], ids=["kept connection", "new connection"])
@pytest.mark.parametrize("strike", [FaultProxy.hang, FaultProxy.lose], ids=["hangs", "packets lost"])
def test_the_first_login_and_the_next(
    well: World, leg: FaultProxy, strike: Callable[[FaultProxy, bool], None], kept: bool
) -> None:
    if not kept:
        well.proxy.wait_for(lambda: leg.connections == 0, "the connection to Duo to be closed")
    well.new_audit_lines()
    strike(leg, True)
    with ThreadPoolExecutor(3) as clients:
        first = [clients.submit(login, well, listener) for listener in ("closed", "open", "closed")]
        assert [code.result() for code in first] == [49, 0, 49]
    assert state_of_duo(well) == "down"
    asked = preauths(well)
    assert [login(well, listener) for listener in ("closed", "open")] == [49, 0]
    assert preauths(well) == asked, "Duo was not even asked"
    reasons = [line["reason"] for line in well.new_audit_lines(5)]
    assert sorted(reasons) == ["duo_unavailable"] * 3 + ["fail_mode_open"] * 2
    strike(leg, False)
    well.proxy.wait_for(lambda: state_of_duo(well) == "up", "Duo to be back")
    assert login(well, "closed") == 0
