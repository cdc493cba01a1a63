"""Applications that bind again and again: one push for binds that belong together, and not too many."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack

import pytest

from tests.e2e.world import World
from tests.support.example_directory import ALICE, BOB, Account, numbered
from tests.support.ldap_bytes import bind
from tests.support.ldap_client import LdapClient
from tests.support.simulator import SimulatorProcess

LIMITS = {"pushes": 3, "per": "10m", "pause_after_denial": "0s", "pause_after_fraud": "30m"}
LISTENERS = {
    "vpn": {},
    "brief": {"late_approval": "2s"},
    "alone": {"single_flight": False, "late_approval": "0s"},
    "remembering": {"remember": {"for": "10m"}},
    "forgetting": {"remember": {"for": "2s"}},
    "other": {"remember": {"for": "10m"}},
    "impatient": {"answer_before": "1s"},
    "limited": {"push_limits": LIMITS, "single_flight": False, "late_approval": "0s"},
    "limited_too": {"push_limits": LIMITS, "single_flight": False, "late_approval": "0s"},
    "bombed": {"push_limits": LIMITS},
    "open": {"fail_mode": "open", "remember": {"for": "10m"}},
    "pausing": {"push_limits": {"pushes": 0, "pause_after_denial": "2s", "pause_after_fraud": "30m"}},
}


@pytest.fixture(autouse=True)
def people(world: World, duo: SimulatorProcess) -> None:
    world.enroll(ALICE, passcodes=["123456"])
    world.enroll(BOB)
    world.proxy.send_signal(signal.SIGUSR1)
    world.new_audit_lines()


def login(world: World, listener: str, account: Account = ALICE, credential: str = "") -> int:
    with world.proxy.client(listener, timeout=60) as client:
        return client.bind(account.dn, credential or account.password).result_code


def pushes(duo: SimulatorProcess) -> int:
    return duo.counts().get("auth", 0)


def starts_bind(world: World, listener: str, host: str = "127.0.0.1") -> LdapClient:
    client = LdapClient(world.proxy.port(listener), host=host, timeout=60)
    client.send(bind(client.next_id(), ALICE.dn, ALICE.password))
    return client


# Single flight and late approval


def test_20_parallel_binds_cause_one_push(world: World, duo: SimulatorProcess) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(starts_bind(world, "vpn")) for _ in range(20)]
        [push] = duo.wait_for_push("alice")
        world.proxy.wait_for(
            lambda: world.proxy.metrics()['ldapproxy_binds_pending{listener="vpn"}'] == 20, "20 pending binds"
        )
        duo.answer(push, "approve")
        assert {client.receive().result_code for client in clients} == {0}
    assert pushes(duo) == 1
    lines = world.new_audit_lines(20)
    assert sorted(str(line["joined"]) for line in lines) == ["None"] + ["single_flight"] * 19
    assert {line["reason"] for line in lines} == {"second_factor"}
    assert world.proxy.metrics()['ldapproxy_joined_binds_total{kind="single_flight",listener="vpn"}'] >= 19


def test_a_denial_is_for_all_who_joined(world: World, duo: SimulatorProcess) -> None:
    with starts_bind(world, "vpn") as one, starts_bind(world, "vpn") as two:
        [push] = duo.wait_for_push("alice")
        duo.answer(push, "deny")
        assert one.receive().result_code == two.receive().result_code == 49


def test_without_single_flight_each_bind_has_its_push(world: World, duo: SimulatorProcess) -> None:
    with starts_bind(world, "alone") as one, starts_bind(world, "alone") as two:
        for push in duo.wait_for_push("alice", count=2):
            duo.answer(push, "approve")
        assert one.receive().result_code == two.receive().result_code == 0


def test_a_client_that_left_gets_in_on_the_approval_given_meanwhile_once(
    world: World, duo: SimulatorProcess
) -> None:
    with starts_bind(world, "vpn"):
        [push] = duo.wait_for_push("alice")
    record = world.audited()
    assert (record["reason"], record["username"], record["dn"]) == ("client_left", "alice", ALICE.dn)
    assert None not in record["durations_ms"].values()
    duo.answer(push, "approve")
    time.sleep(1)
    assert login(world, "vpn") == 0
    record = world.audited()
    assert (record["reason"], record["joined"]) == ("second_factor", "late_approval")
    assert pushes(duo) == 1
    with starts_bind(world, "vpn") as again:
        [push] = duo.wait_for_push("alice")
        duo.answer(push, "deny")
        assert again.receive().result_code == 49
    assert pushes(duo) == 2


@pytest.mark.parametrize(("answer", "told"), [("deny", "denied"), ("fraud", "fraud")])
def test_a_denial_behind_a_clients_back_is_told_and_forgets_logins(
    world: World, duo: SimulatorProcess, answer: str, told: str
) -> None:
    duo.answer_always("approve")
    assert login(world, "remembering") == 0
    duo.answer_always(None)
    client = world.proxy.client("remembering")
    client.send(bind(1, ALICE.dn, f"{ALICE.password},push"))
    [push] = duo.wait_for_push("alice")
    client.close()
    world.proxy.wait_for(
        lambda: world.proxy.audit()[-1]["reason"] == "client_left", "the client to have left"
    )
    duo.answer(push, answer)
    line = f"a login of alice from 127.0.0.1 ended without its client: {told}"
    world.proxy.wait_for(lambda: line in world.proxy.errors(), "the log to tell")
    duo.answer_always("deny")
    assert login(world, "remembering") == 49, "the remembered login is forgotten"


def test_a_late_approval_is_over_after_its_time(world: World, duo: SimulatorProcess) -> None:
    with starts_bind(world, "brief"):
        [push] = duo.wait_for_push("alice")
    duo.answer(push, "approve")
    time.sleep(2.5)
    duo.answer_always("deny")
    assert login(world, "brief") == 49
    assert pushes(duo) == 2


@pytest.mark.parametrize("stranger", ["password", "address", "listener", "user"])
def test_a_late_approval_is_of_no_use_to_a_stranger(
    world: World, duo: SimulatorProcess, stranger: str
) -> None:
    with starts_bind(world, "vpn"):
        [push] = duo.wait_for_push("alice")
    duo.answer(push, "approve")
    time.sleep(0.5)
    waiting = world.proxy.client("brief" if stranger == "listener" else "vpn")
    match stranger:
        case "password":
            assert waiting.bind(ALICE.dn, "wrong").result_code == 49
        case "user":
            duo.answer_always("deny", user="bob")
            assert waiting.bind(BOB.dn, BOB.password).result_code == 49
            duo.answer_always(None, user="bob")
        case "address":
            waiting.close()
            waiting = LdapClient(world.proxy.port("vpn"), source="127.0.0.9")
    if stranger in ("address", "listener"):
        waiting.send(bind(1, ALICE.dn, ALICE.password))
        duo.wait_for_push("alice")
    assert login(world, "vpn") == 0, "the one it was given for still has it"
    if stranger in ("address", "listener"):
        [push] = duo.wait_for_push("alice")
        duo.answer(push, "deny")
        assert waiting.receive().result_code == 49
    waiting.close()


def test_answer_before_says_busy_and_the_push_goes_on(world: World, duo: SimulatorProcess) -> None:
    with starts_bind(world, "impatient") as client:
        [push] = duo.wait_for_push("alice")
        answer = client.receive()
        assert (answer.message_id, answer.result_code) == (1, 51)
        assert client.search(ALICE.dn)[-1].result_code == 50, "the session is anonymous"
        duo.answer(push, "approve")
        time.sleep(0.5)
        assert client.bind(ALICE.dn, ALICE.password).result_code == 0
    assert [line["reason"] for line in world.new_audit_lines(2)] == ["answered_before", "second_factor"]
    assert pushes(duo) == 1


# Remembered logins


def test_60_binds_within_the_time_cause_one_push_and_60_directory_checks(
    world: World, duo: SimulatorProcess
) -> None:
    duo.answer_always("approve")
    binds = [login(world, "remembering") for _ in range(60)]
    assert set(binds) == {0}
    assert pushes(duo) == 1
    lines = world.new_audit_lines(60)
    assert [line["reason"] for line in lines] == ["second_factor"] + ["remembered"] * 59
    assert all(line["durations_ms"]["primary"] is not None for line in lines), (
        "the directory checks each time"
    )
    with LdapClient(world.proxy.port("remembering"), source="127.0.0.9") as client:
        assert client.bind(ALICE.dn, ALICE.password).result_code == 0
    assert pushes(duo) == 2, "another address, another push"


def test_a_remembered_login_is_over_after_its_time(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always("approve")
    assert login(world, "forgetting") == login(world, "forgetting") == 0
    assert pushes(duo) == 1
    time.sleep(2.2)
    assert login(world, "forgetting") == 0
    assert pushes(duo) == 2


def test_what_makes_it_forgotten(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always("approve")
    assert login(world, "remembering") == 0
    assert login(world, "other") == 0
    assert pushes(duo) == 2, "each listener for itself"
    assert login(world, "remembering", ALICE, "wrong") == 49
    assert login(world, "remembering") == 0
    assert pushes(duo) == 2, "another credential's refusal concerns another credential"
    duo.answer_always("deny")
    assert login(world, "remembering", ALICE, f"{ALICE.password},push") == 49
    duo.answer_always("approve")
    assert login(world, "remembering") == 0
    assert pushes(duo) == 4, "a denial forgets all of that user"
    world.proxy.send_signal(signal.SIGUSR1)
    world.proxy.wait_for(lambda: world.proxy.errors().count("were forgotten") >= 2, "the purge")
    assert login(world, "remembering") == 0
    assert pushes(duo) == 5


def test_a_bypass_is_never_remembered(world: World, duo: SimulatorProcess) -> None:
    world.enroll(ALICE, status="bypass")
    assert login(world, "remembering") == 0
    world.enroll(ALICE)
    duo.answer_always("deny")
    assert login(world, "remembering") == 49
    assert [line["reason"] for line in world.new_audit_lines(2)] == ["bypassed", "denied"]


def test_what_a_fail_mode_accepted_is_never_remembered(world: World, duo: SimulatorProcess) -> None:
    somebody = numbered(5)
    world.enroll(somebody)
    duo.power("off")
    assert login(world, "open", somebody) == 0
    duo.power("on")
    duo.answer_always("deny")
    up = 'ldapproxy_duo_state{duo="prod",state="up"}'
    world.proxy.wait_for(lambda: world.proxy.metrics()[up] == 1, "Duo to be back")
    assert login(world, "open", somebody) == 49
    assert [line["reason"] for line in world.new_audit_lines(2)] == ["fail_mode_open", "denied"]


# Push limits


def test_a_bomber_with_the_right_password_gets_no_further_than_the_limit(
    world: World, duo: SimulatorProcess
) -> None:
    victim = numbered(7)
    world.enroll(victim, passcodes=["123456"])
    with ExitStack() as stack:
        for number in range(40):
            client = stack.enter_context(world.proxy.client(("limited", "limited_too")[number % 2]))
            client.send(bind(1, victim.dn, victim.password))
        duo.wait_for_push("u0007", count=3)
        assert [line["reason"] for line in world.new_audit_lines(37)] == ["paused"] * 37
        assert pushes(duo) == 3, "over all listeners"
        assert login(world, "limited", victim, f"{victim.password},123456") == 0, "a passcode still works"
    assert pushes(duo) == 4


def test_no_other_way_to_ask_gets_a_bomber_any_further(world: World, duo: SimulatorProcess) -> None:
    """Every form of a credential, from several addresses, under several spellings; half of them leave."""
    victim = numbered(6)
    name = world.enroll(victim)
    spellings = (victim.dn, victim.dn.upper(), victim.dn.replace(",", ", "))
    forms = ("", ",push", ",push1", ",PUSH", ",phone", ",phone1", f",@{name}'s phone", ",sms")
    before, pending = len(world.proxy.audit()), 'ldapproxy_binds_pending{listener="bombed"}'

    def bothers() -> int:
        return sum(call.factor in ("push", "phone") for call in duo.calls("auth"))

    with ExitStack() as stack:
        for number in range(90):
            source = f"127.0.0.{2 + number % 7}"
            client = stack.enter_context(LdapClient(world.proxy.port("bombed"), source=source, timeout=60))
            client.send(bind(1, spellings[number % 3], victim.password + forms[number % 8]))
            if number % 2:
                client.close()
        world.proxy.wait_for(
            lambda: len(world.proxy.audit()) - before + world.proxy.metrics()[pending] == 90,
            "each of them to be answered, or to wait",
        )
        # A passcode by text message denies the login itself; nobody is asked for a tap.
        world.proxy.wait_for(lambda: bothers() >= 3, "the pushes that are allowed")
    world.proxy.wait_for(lambda: world.proxy.metrics()[pending] == 0, "the last ones to leave")
    lines = world.new_audit_lines(90)
    assert {line["reason"] for line in lines} <= {"paused", "client_left", "denied"}
    assert bothers() == LIMITS["pushes"]


def test_a_pause_after_a_denial(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always("deny", user="bob")
    assert login(world, "pausing", BOB) == 49
    duo.answer_always("approve", user="bob")
    assert login(world, "pausing", BOB) == 49
    assert [line["reason"] for line in world.new_audit_lines(2)] == ["denied", "paused"]
    time.sleep(2.2)
    assert login(world, "pausing", BOB) == 0
    duo.answer_always(None, user="bob")


def test_a_stranger_without_the_password_pauses_nobody(world: World, duo: SimulatorProcess) -> None:
    victim = numbered(8)
    world.enroll(victim)
    for _ in range(10):
        assert login(world, "pausing", victim, "wrong") == 49
    duo.answer_always("approve")
    assert login(world, "pausing", victim) == 0
