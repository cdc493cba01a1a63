"""What applications do, at their own pace: some seconds of waiting, some of silence, a bind every second.

The one place where tests wait for the clock: here time itself is what is tried.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.e2e.world import World
from tests.support.example_directory import ALICE, BOB, Account
from tests.support.ldap_bytes import bind
from tests.support.ldap_client import LdapClient
from tests.support.simulator import SimulatorProcess
from tests.support.skips import require_program
from tests.support.slapd import Slapd

LISTENERS = {"vpn": {}, "remembering": {"remember": {"for": "10m", "idle": "1m"}}}
JOINED = 'ldapproxy_joined_binds_total{{kind="{}",listener="{}"}}'


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A directory that tells which binds it was asked."""
    require_program("slapd")
    with Slapd(tmp_path_factory.mktemp("slapd"), log_operations=True) as server:
        yield server


def wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def checked(slapd: Slapd, account: Account) -> int:
    """How often the directory was asked to check this account's password."""
    return sum(f'dn="{account.dn}" method=128' in line for line in slapd.operations("BIND"))


def test_a_client_leaves_after_5_s_and_is_back_after_15_s(world: World, duo: SimulatorProcess) -> None:
    """In on the approval that was given in between, once."""
    world.enroll(ALICE)
    world.new_audit_lines()
    began = time.monotonic()
    with world.proxy.client("vpn") as client:
        client.send(bind(1, ALICE.dn, ALICE.password))
        [push] = duo.wait_for_push("alice")
        wait_until(began + 5)
    wait_until(began + 10)
    duo.answer(push, "approve")
    wait_until(began + 15)
    with world.proxy.client("vpn") as client:
        assert client.bind(ALICE.dn, ALICE.password).result_code == 0
    lines = world.new_audit_lines(2)
    assert [(line["reason"], line["joined"]) for line in lines] == [
        ("client_left", None),
        ("second_factor", "late_approval"),
    ]
    assert "alice's phone" in lines[1]["device"]
    assert duo.counts()["auth"] == 1
    assert world.proxy.metrics()[JOINED.format("late_approval", "vpn")] == 1
    duo.answer_always("deny")
    with world.proxy.client("vpn", timeout=60) as client:
        assert client.bind(ALICE.dn, ALICE.password).result_code == 49, "once"
    assert duo.counts()["auth"] == 2


def test_a_bind_every_second_for_a_minute(world: World, duo: SimulatorProcess, slapd: Slapd) -> None:
    """One push and 60 checks of the directory; from another address there is another push."""
    world.enroll(BOB)
    world.new_audit_lines()
    duo.answer_always("approve")
    before, began = checked(slapd, BOB), time.monotonic()
    for second in range(60):
        wait_until(began + second)
        with world.proxy.client("remembering", timeout=60) as client:
            assert client.bind(BOB.dn, BOB.password).result_code == 0
    assert duo.counts()["auth"] == 1
    assert checked(slapd, BOB) - before == 60
    reasons = [line["reason"] for line in world.new_audit_lines(60)]
    assert reasons == ["second_factor"] + ["remembered"] * 59
    assert world.proxy.metrics()[JOINED.format("remembered", "remembering")] == 59
    with LdapClient(world.proxy.port("remembering"), source="127.0.0.9", timeout=60) as client:
        assert client.bind(BOB.dn, BOB.password).result_code == 0
    assert duo.counts()["auth"] == 2
