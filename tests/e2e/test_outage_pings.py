"""What the background ping makes of each outage: which of them leave Duo `down`, and what logins get then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.outages import OUTAGES, put_right, state_of_duo
from tests.e2e.world import World
from tests.support.example_directory import ALICE
from tests.support.simulator import SimulatorProcess

LISTENERS = {"closed": {}, "open": {"fail_mode": "open"}}
EXTRA = {
    "duo": {"prod": {"connect_timeout": "1s", "response_timeout": "1500ms", "ping_interval": "200ms"}},
}


@pytest.fixture
def well(world: World, duo: SimulatorProcess) -> Iterator[SimulatorProcess]:
    """Duo is up, before and after each outage."""
    world.enroll(ALICE)
    duo.answer_always("approve")
    world.proxy.wait_for(lambda: state_of_duo(world) == "up", "Duo to be up")
    yield duo
    put_right(duo)


def login(world: World, listener: str) -> int:
    with world.proxy.client(listener) as client:
        return client.bind(ALICE.dn, ALICE.password).result_code


def failed_pings(world: World) -> float:
    """How many pings went wrong so far."""
    return sum(
        count
        for name, count in world.proxy.metrics().items()
        if name.startswith("ldapproxy_duo_requests_total")
        and 'endpoint="ping"' in name
        and 'outcome="ok"' not in name
    )


@pytest.mark.parametrize("name", OUTAGES)
def test_an_outage_at_ping(world: World, well: SimulatorProcess, name: str) -> None:
    outage = OUTAGES[name]
    before = failed_pings(world)
    with outage.strike(well, "ping"):
        world.proxy.wait_for(lambda: failed_pings(world) >= before + 3, "three pings that go wrong")
        if outage.pings == "up":
            world.proxy.wait_for(lambda: failed_pings(world) >= before + 5, "two more")
            assert state_of_duo(world) == "up"
            return
        world.proxy.wait_for(lambda: state_of_duo(world) == "down", "Duo to be down")
        world.new_audit_lines()
        asked = well.logins() if not outage.concerns_all else 0
        assert (login(world, "closed"), login(world, "open")) == (49, 0)
        lines = world.new_audit_lines(2)
        assert [line["reason"] for line in lines] == ["duo_unavailable", "fail_mode_open"]
        assert all(line["durations_ms"]["second_factor"] < 500 for line in lines), (
            "nobody waits for a time-out"
        )
        assert asked == (well.logins() if not outage.concerns_all else 0), "Duo is not even asked"
