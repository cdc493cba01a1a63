"""Applications that give up before people have tapped: one line in the log says so, with the number."""

from __future__ import annotations

import json
import re
import time

from tests.e2e.world import World
from tests.support.example_directory import numbered
from tests.support.ldap_bytes import bind
from tests.support.simulator import SimulatorProcess

LISTENERS = {"vpn": {"bind_timeout": "30s"}}
CLIENTS = 6
PATIENCE = 3.0


def test_clients_that_give_up_are_told_of_once(world: World, duo: SimulatorProcess) -> None:
    clients = []
    for number in range(CLIENTS):
        account = numbered(number + 1)
        world.enroll(account)
        client = world.proxy.client("vpn")
        client.send(bind(1, account.dn, account.password))
        clients.append(client)
    duo.wait_for_push(count=CLIENTS)
    time.sleep(PATIENCE)
    for client in clients:
        client.close()
    assert [line["reason"] for line in world.new_audit_lines(CLIENTS)] == ["client_left"] * CLIENTS
    lines = [json.loads(line) for line in world.proxy.errors().splitlines()]
    [warning] = [line for line in lines if "give up" in line["message"]]
    assert warning["level"] == "warning"
    found = re.fullmatch(
        r"clients of listener vpn give up after about (\d+) s: raise the application's time-out to 35 s, "
        r"or use passcodes / late_approval",
        warning["message"],
    )
    assert found is not None
    assert PATIENCE <= int(found[1]) < PATIENCE + 10, "how long the wait for the pushes took is not known"
