"""One account, several people, each with a phone: real proxy, real slapd, Duo simulator (design 4.6)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.world import World
from tests.support.example_directory import ALICE, BOB, numbered
from tests.support.ldap_bytes import bind
from tests.support.ldap_client import LdapClient
from tests.support.simulator import SimulatorProcess, phone, token

OPERATIONS = numbered(1000)
SHARED = {"shared_accounts": [{"dn": dn, "push": "all"} for dn in (OPERATIONS.dn.upper(), numbered(999).dn)]}
LISTENERS = {
    "vpn": SHARED,
    "open": {**SHARED, "fail_mode": "open"},
    "limited": {**SHARED, "push_limits": {"pushes": 2, "pause_after_denial": "0s"}},
    "brief": {**SHARED, "bind_timeout": "3s"},
    "unshared": {},
}
OLGA, OMAR, OTTO = PEOPLE = ("Olga's phone", "Omar's phone", "Otto's phone")


@pytest.fixture(autouse=True)
def people(world: World, duo: SimulatorProcess) -> None:
    """Three people share the account; each has a phone, and one of them a hardware token too."""
    world.enroll(OPERATIONS, token(), *map(phone, PEOPLE), passcodes=["123456"])
    world.new_audit_lines()


@pytest.fixture
def login(world: World) -> Iterator[LdapClient]:
    """A login that waits for one of the three."""
    with starts(world, "vpn") as client:
        yield client


def starts(world: World, listener: str, credential: str = OPERATIONS.password) -> LdapClient:
    client = world.proxy.client(listener, timeout=60)
    client.send(bind(client.next_id(), OPERATIONS.dn, credential))
    return client


def answers(duo: SimulatorProcess, name: str, answer: str) -> None:
    """One of the people taps."""
    [push] = [push for push in duo.wait_for_push() if name in push.device]
    duo.answer(push, answer)


def asked(duo: SimulatorProcess) -> set[str]:
    """Whose phones show a push, by the device's name up to its number."""
    return {push.device.partition(" (")[0] for push in duo.waiting()}


@pytest.mark.parametrize("name", PEOPLE)
def test_the_first_approval_wins(world: World, duo: SimulatorProcess, login: LdapClient, name: str) -> None:
    duo.wait_for_push(count=3)
    assert asked(duo) == set(PEOPLE)
    assert {(push.user, push.pushinfo) for push in duo.waiting()} == {
        ("u1000", (("listener", "vpn"), ("client", "127.0.0.1")))
    }
    answers(duo, name, "approve")
    assert login.receive().result_code == 0
    assert login.search(OPERATIONS.dn)[-1].result_code == 0
    record = world.audited()
    assert (record["reason"], record["factor"], record["second_factor"]) == (
        "second_factor",
        "push",
        "allowed",
    )
    assert name in record["device"]
    assert not any(other in record["device"] for other in PEOPLE if other != name)
    assert duo.counts()["preauth"] == 1


def test_a_denial_does_not_end_it_for_the_others(
    world: World, duo: SimulatorProcess, login: LdapClient
) -> None:
    duo.wait_for_push(count=3)
    answers(duo, OLGA, "deny")
    answers(duo, OMAR, "deny")
    assert asked(duo) == {OTTO}
    answers(duo, OTTO, "approve")
    assert login.receive().result_code == 0
    assert OTTO in world.audited()["device"]


def test_all_deny(world: World, duo: SimulatorProcess, login: LdapClient) -> None:
    duo.wait_for_push(count=3)
    for name in PEOPLE:
        answers(duo, name, "deny")
    assert login.receive().result_code == 49
    record = world.audited()
    assert record["reason"] == "denied"
    assert any(name in record["device"] for name in PEOPLE)


def test_fraud_ends_it(world: World, duo: SimulatorProcess, login: LdapClient) -> None:
    duo.wait_for_push(count=3)
    answers(duo, OMAR, "fraud")
    assert login.receive().result_code == 49
    assert asked(duo) == {OLGA, OTTO}, "nobody waits for them"
    record = world.audited()
    assert (record["reason"], record["second_factor"]) == ("fraud", "denied")
    assert OMAR in record["device"]
    answers(duo, OLGA, "approve")
    with starts(world, "vpn") as again:
        duo.wait_for_push(count=4)
        answers(duo, OMAR, "deny")
        assert not world.new_audit_lines(), "an approval behind the fraud lets nobody in"
        again.close()
    assert world.audited()["reason"] == "client_left"


def test_nobody_answers(world: World, duo: SimulatorProcess) -> None:
    with starts(world, "brief") as client:
        duo.wait_for_push(count=3)
        assert client.receive().result_code == 49
    record = world.audited()
    assert record["reason"] == "timed_out"
    assert all(name in record["device"] for name in PEOPLE)


def test_a_denial_counts_when_the_others_do_not_answer(world: World, duo: SimulatorProcess) -> None:
    with starts(world, "brief") as client:
        duo.wait_for_push(count=3)
        answers(duo, OTTO, "deny")
        assert client.receive().result_code == 49
    record = world.audited()
    assert record["reason"] == "denied"
    assert OTTO in record["device"]


def test_at_name_asks_one(world: World, duo: SimulatorProcess) -> None:
    with starts(world, "vpn", f"{OPERATIONS.password},@{OMAR}") as client:
        duo.wait_for_push()
        assert asked(duo) == {OMAR}
        answers(duo, OMAR, "approve")
        assert client.receive().result_code == 0
    assert OMAR in world.audited()["device"]
    assert duo.counts()["auth"] == 1


def test_a_login_counts_once_however_many_phones_ring(world: World, duo: SimulatorProcess) -> None:
    """So each of the people is bothered with the configured number of pushes, and no more."""
    account = numbered(999)
    world.enroll(account, *map(phone, PEOPLE))
    for number in range(1, 3):
        with world.proxy.client("limited", timeout=60) as client:
            client.send(bind(1, account.dn, account.password))
            duo.wait_for_push(count=3)
            for name in PEOPLE:
                answers(duo, name, "deny")
            assert client.receive().result_code == 49
        assert duo.counts()["auth"] == 3 * number
    for suffix in ("", ",push", f",@{OMAR}"):
        with world.proxy.client("limited", timeout=60) as client:
            assert client.bind(account.dn, account.password + suffix).result_code == 49
    assert duo.counts()["auth"] == 6
    reasons = [line["reason"] for line in world.new_audit_lines(5)]
    assert reasons == ["denied", "denied", "paused", "paused", "paused"]


@pytest.mark.parametrize("suffix", ["push2", "123456"])
def test_what_is_typed_goes_before_what_is_shared(world: World, duo: SimulatorProcess, suffix: str) -> None:
    with starts(world, "vpn", f"{OPERATIONS.password},{suffix}") as client:
        if suffix == "push2":
            duo.wait_for_push()
            assert asked(duo) == {OMAR}
            answers(duo, OMAR, "approve")
        assert client.receive().result_code == 0
    assert duo.counts()["auth"] == 1


def test_only_the_accounts_that_the_listener_names_are_shared(world: World, duo: SimulatorProcess) -> None:
    with starts(world, "unshared") as client:
        duo.wait_for_push()
        assert asked(duo) == {OLGA}
        answers(duo, OLGA, "approve")
        assert client.receive().result_code == 0
    world.enroll(BOB, phone("Bob's phone"), phone("Bob's tablet"))
    with world.proxy.client("vpn", timeout=60) as client:
        client.send(bind(client.next_id(), BOB.dn, BOB.password))
        duo.wait_for_push("bob")
        assert asked(duo) == {"Bob's phone"}
        answers(duo, "Bob's phone", "approve")
        assert client.receive().result_code == 0


def test_a_wrong_password_asks_nobody(world: World, duo: SimulatorProcess) -> None:
    with starts(world, "vpn", "wrong") as client:
        assert client.receive().result_code == 49
    assert duo.logins() == 0


def test_one_phone_alone_is_asked_as_ever(world: World, duo: SimulatorProcess) -> None:
    world.enroll(OPERATIONS, token(), phone(OLGA))
    with starts(world, "vpn") as client:
        duo.wait_for_push()
        answers(duo, OLGA, "approve")
        assert client.receive().result_code == 0
    assert OLGA in world.audited()["device"]


def test_a_client_that_comes_back_gets_in_on_an_approval_given_meanwhile(
    world: World, duo: SimulatorProcess
) -> None:
    with starts(world, "vpn"):
        duo.wait_for_push(count=3)
    answers(duo, OTTO, "approve")
    assert world.audited()["reason"] == "client_left"
    world.proxy.wait_for(lambda: duo.counts().get("auth_status", 0) >= 6, "the approval to be heard")
    with starts(world, "vpn") as again:
        assert again.receive().result_code == 0
    record = world.audited()
    assert record["joined"] == "late_approval"
    assert OTTO in record["device"]
    assert duo.counts()["auth"] == 3


@pytest.mark.parametrize("listener", ["vpn", "open"])
def test_a_duo_that_is_lost_behind_the_pushes_lets_nobody_in(
    world: World, duo: SimulatorProcess, listener: str
) -> None:
    """One of the lost answers may have been no."""
    duo.fault("auth", "close", acts=True)
    with starts(world, listener) as client:
        assert client.receive().result_code == 49
    assert world.audited()["reason"] == "duo_interrupted"


def test_duo_lost_for_one_phone_alone(world: World, duo: SimulatorProcess) -> None:
    duo.fault("auth", "respond", status=503, times=1)
    with starts(world, "open") as client:
        duo.wait_for_push(count=2)
        [*_, push] = duo.waiting()
        duo.answer(push, "approve")
        assert client.receive().result_code == 0
    assert world.audited()["reason"] == "second_factor"


def test_alice_is_somebody_else(world: World, duo: SimulatorProcess) -> None:
    world.enroll(ALICE)
    with starts(world, "vpn") as client, world.proxy.client("vpn", timeout=60) as other:
        other.send(bind(1, ALICE.dn, ALICE.password))
        duo.wait_for_push(count=4)
        answers(duo, "alice", "approve")
        assert other.receive().result_code == 0
        answers(duo, OLGA, "approve")
        assert client.receive().result_code == 0
    assert sorted(line["username"] for line in world.new_audit_lines(2)) == ["alice", "u1000"]
