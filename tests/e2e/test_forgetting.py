"""What ends a remembered login, and an approval that came late: on the wire, the next login needs a tap."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.e2e.world import World
from tests.support.example_directory import ALICE, PEOPLE
from tests.support.ldap_bytes import bind
from tests.support.simulator import SimulatorProcess
from tests.support.skips import require_program
from tests.support.slapd import Slapd

UNLIMITED = {"pushes": 0, "pause_after_denial": "0s", "pause_after_fraud": "0s"}
LISTENERS = {
    "vpn": {"push_limits": UNLIMITED, "late_approval": "10m"},
    "short": {"push_limits": UNLIMITED, "late_approval": "10m", "bind_timeout": "2s"},
    "remembering": {"push_limits": UNLIMITED, "remember": {"for": "10m"}},
    "too": {"push_limits": UNLIMITED, "remember": {"for": "10m"}},
}


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A directory that these tests may change."""
    require_program("slapd")
    with Slapd(tmp_path_factory.mktemp("slapd")) as server:
        yield server


@pytest.fixture(autouse=True)
def people(world: World, duo: SimulatorProcess) -> None:
    world.enroll(ALICE, passcodes=["123456"])
    purge(world)
    world.new_audit_lines()


def login(world: World, listener: str, credential: str = ALICE.password, dn: str = ALICE.dn) -> int:
    with world.proxy.client(listener, timeout=60) as client:
        return client.bind(dn, credential).result_code


def taps(
    world: World,
    duo: SimulatorProcess,
    answer: str,
    listener: str,
    credential: str = ALICE.password,
    dn: str = ALICE.dn,
) -> int:
    """What comes of a login when the person answers like that; whoever asks after it is denied."""
    duo.answer_always(answer)
    code = login(world, listener, credential, dn)
    duo.answer_always("deny")
    return code


def is_approved_late(world: World, duo: SimulatorProcess) -> None:
    """A client has left, and then its push is approved: the next login needs none."""
    duo.answer_always(None)
    before = world.proxy.errors().count("ended without its client: allowed")
    client = world.proxy.client("vpn")
    client.send(bind(1, ALICE.dn, ALICE.password))
    [push] = duo.wait_for_push("alice")
    client.close()
    world.proxy.wait_for(
        lambda: [line["reason"] for line in world.proxy.audit()[-1:]] == ["client_left"],
        "its client to leave",
    )
    duo.answer(push, "approve")
    world.proxy.wait_for(
        lambda: world.proxy.errors().count("ended without its client: allowed") > before, "the approval"
    )
    duo.answer_always("deny")


def purge(world: World) -> None:
    before = world.proxy.errors().count("were forgotten")
    world.proxy.send_signal(signal.SIGUSR1)
    world.proxy.wait_for(lambda: world.proxy.errors().count("were forgotten") > before, "the purge")


def set_password(slapd: Slapd, password: str) -> None:
    slapd.modify(f"dn: {ALICE.dn}\nchangetype: modify\nreplace: userPassword\nuserPassword: {password}\n")


def test_nothing_happens_and_both_are_good(world: World, duo: SimulatorProcess) -> None:
    """Without which the tests below would show nothing."""
    is_approved_late(world, duo)
    assert login(world, "vpn") == 0
    assert login(world, "vpn") == 49, "once"
    for listener in ("remembering", "too"):
        assert taps(world, duo, "approve", listener) == 0
        assert login(world, listener) == login(world, listener) == 0


@pytest.mark.parametrize("answer", ["deny", "fraud"])
@pytest.mark.parametrize("where", ["vpn", "remembering", "too"])
def test_a_denial_ends_all_of_that_user_on_every_listener(
    world: World, duo: SimulatorProcess, where: str, answer: str
) -> None:
    for listener in ("remembering", "too"):
        assert taps(world, duo, "approve", listener) == 0
    is_approved_late(world, duo)
    assert taps(world, duo, answer, where, f"{ALICE.password},push") == 49
    assert [login(world, listener) for listener in ("vpn", "remembering", "too")] == [49, 49, 49]
    assert {line["reason"] for line in world.new_audit_lines()[-3:]} == {"denied"}


def test_a_tap_behind_the_answer_is_of_no_use(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always(None)
    with world.proxy.client("short") as client:
        client.send(bind(1, ALICE.dn, ALICE.password))
        [push] = duo.wait_for_push("alice")
        assert client.receive().result_code == 49
    duo.answer(push, "approve")
    duo.answer_always("deny")
    assert login(world, "short") == 49
    assert [line["reason"] for line in world.new_audit_lines(2)] == ["timed_out", "denied"]


def test_a_wrong_passcode_is_a_denial_too(world: World, duo: SimulatorProcess) -> None:
    is_approved_late(world, duo)
    assert login(world, "too", f"{ALICE.password},654321") == 49
    assert login(world, "vpn") == 49


def test_a_purge_ends_all(world: World, duo: SimulatorProcess) -> None:
    for listener in ("remembering", "too"):
        assert taps(world, duo, "approve", listener) == 0
    is_approved_late(world, duo)
    purge(world)
    assert [login(world, listener) for listener in ("vpn", "remembering", "too")] == [49, 49, 49]


@pytest.mark.parametrize("listener", ["vpn", "remembering"])
def test_a_changed_password_ends_it_also_when_it_is_changed_back(
    world: World, duo: SimulatorProcess, slapd: Slapd, listener: str
) -> None:
    if listener == "vpn":
        is_approved_late(world, duo)
    else:
        assert taps(world, duo, "approve", listener) == 0
    set_password(slapd, "another")
    try:
        assert login(world, listener) == 49
        assert world.new_audit_lines()[-1]["reason"] == "primary_refused"
        assert login(world, listener, "another") == 49
        assert world.new_audit_lines()[-1]["reason"] == "denied", "the new password needs a tap of its own"
        # A denial would end it by itself, so again without one.
        set_password(slapd, ALICE.password)
        if listener == "vpn":
            is_approved_late(world, duo)
        else:
            assert taps(world, duo, "approve", listener) == 0
        set_password(slapd, "another")
        assert login(world, listener) == 49
    finally:
        set_password(slapd, ALICE.password)
    assert login(world, listener) == 49
    assert world.new_audit_lines()[-1]["reason"] == "denied"


def test_an_entry_of_the_same_name_is_somebody_else(
    world: World, duo: SimulatorProcess, slapd: Slapd
) -> None:
    """Removed and added again, with the same name and password: another entryUUID, another person."""
    heir = f"uid=heir,{PEOPLE}"

    def add() -> None:
        slapd.modify(
            f"dn: {heir}\nobjectClass: account\nobjectClass: simpleSecurityObject\nuid: heir\n"
            "userPassword: secret\n"
        )

    duo.add_user("heir", [{"device_id": "DP00000000000000000H", "name": "phone", "number": "+1"}])
    add()
    assert taps(world, duo, "approve", "remembering", "secret", heir) == 0
    assert login(world, "remembering", "secret", heir) == 0
    slapd.modify(f"dn: {heir}\nchangetype: delete\n")
    assert login(world, "remembering", "secret", heir) == 49
    add()
    assert login(world, "remembering", "secret", heir) == 49
    assert world.new_audit_lines()[-1]["reason"] == "denied"
    slapd.modify(f"dn: {heir}\nchangetype: delete\n")


def test_a_person_who_is_renamed_is_still_the_same(world: World, duo: SimulatorProcess, slapd: Slapd) -> None:
    """The entry is the person, not its name; so the tap before is good, and so is a denial."""
    renamed = f"uid=alicia,{PEOPLE}"
    duo.add_user("alicia", [{"device_id": "DP00000000000000000A", "name": "phone", "number": "+1"}])
    is_approved_late(world, duo)
    assert taps(world, duo, "approve", "remembering") == 0
    slapd.modify(f"dn: {ALICE.dn}\nchangetype: modrdn\nnewrdn: uid=alicia\ndeleteoldrdn: 1\n")
    try:
        assert login(world, "vpn", dn=renamed) == login(world, "remembering", dn=renamed) == 0
        assert [line["username"] for line in world.new_audit_lines()[-2:]] == ["alicia", "alicia"]
        assert login(world, "vpn", dn=renamed) == 49
        assert login(world, "remembering", dn=renamed) == 49, "denied by alicia, forgotten for alice"
    finally:
        slapd.modify(f"dn: {renamed}\nchangetype: modrdn\nnewrdn: uid=alice\ndeleteoldrdn: 1\n")
