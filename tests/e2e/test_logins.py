"""Logins of every outcome and over every kind of listener: real proxy, real slapd, Duo simulator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.world import World, run_tool, whoami
from tests.support.example_directory import (
    ALICE,
    BOB,
    COMMA,
    COMMA_END,
    COMMA_PUSH,
    EXEMPT,
    LOCKED,
    NAMELESS,
    NO_SECOND_FACTOR,
    PEOPLE,
    SEVERAL,
    UNICODE,
    VPN_SEARCH,
    VPN_USERS,
    Account,
    numbered,
)
from tests.support.ldap_bytes import bind
from tests.support.simulator import SimulatorProcess, phone, token

LISTENERS = {
    "plain": {},
    "tls": {"tls": {"start_tls": "required"}},
    "optional": {"tls": {"start_tls": "optional"}},
    "ldaps": {"scheme": "ldaps"},
    "unsplit": {"delimiter": None},
    "no_push": {"factors": ["passcode"]},
    "impatient": {"bind_timeout": "2s"},
    "exempting": {
        "exempt": [
            {"dn": "CN=vpn-search, OU=services,dc=EXAMPLE,dc=com"},
            {"subtree": "ou=none,dc=example,dc=com"},
            {"group": NO_SECOND_FACTOR},
        ]
    },
    "subtree": {"exempt": [{"subtree": PEOPLE, "networks": ["127.0.0.0/8"]}]},
    "elsewhere": {"exempt": [{"subtree": PEOPLE, "networks": ["10.0.0.0/8"]}]},
    "members": {"require_group": VPN_USERS},
    "by_rdn": {"username": "rdn"},
    "person": {"client_is_user": True},
}

WAYS = [("plain", False, ()), ("tls", True, ("-ZZ",)), ("ldaps", True, ())]


@pytest.fixture(autouse=True)
def everybody_approves(world: World, duo: SimulatorProcess) -> None:
    """Each test starts with a good phone for alice, and people who approve at once."""
    duo.answer_always("approve")
    world.enroll(ALICE)
    world.new_audit_lines()


def login(world: World, listener: str, account: Account, credential: str) -> int:
    """The result code of a login over a raw socket."""
    with world.proxy.client(listener) as client:
        return client.bind(account.dn, credential).result_code


# Every kind of listener, libldap's tools and raw sockets


@pytest.mark.parametrize(("listener", "tls", "options"), WAYS)
def test_push_allowed_with_libldap(world: World, listener: str, tls: bool, options: tuple[str, ...]) -> None:
    scheme = "ldaps" if listener == "ldaps" else "ldap"
    code, said = whoami(
        world.proxy.url(listener, scheme),
        ALICE,
        ALICE.password,
        *options,
        ca_file=world.proxy.ca_file if tls else None,
    )
    assert (code, said) == (0, f"dn:{ALICE.dn}")


@pytest.mark.parametrize(("listener", "tls", "options"), WAYS)
def test_wrong_password_with_libldap(
    world: World, duo: SimulatorProcess, listener: str, tls: bool, options: tuple[str, ...]
) -> None:
    scheme = "ldaps" if listener == "ldaps" else "ldap"
    code, _ = whoami(
        world.proxy.url(listener, scheme),
        ALICE,
        "wrong",
        *options,
        ca_file=world.proxy.ca_file if tls else None,
    )
    assert code == 49
    assert duo.logins() == 0


@pytest.mark.parametrize("listener", ["plain", "tls", "optional", "ldaps"])
def test_raw_sockets(world: World, duo: SimulatorProcess, listener: str) -> None:
    with world.proxy.client(listener, tls=listener == "ldaps") as client:
        if listener in ("tls", "optional"):
            client.start_tls(world.proxy.ca_file)
        assert client.bind(ALICE.dn, "wrong").result_code == 49
        assert duo.logins() == 0
        assert client.bind(ALICE.dn, ALICE.password).result_code == 0
        assert [message.tag for message in client.search(ALICE.dn)] == [0x64, 0x65]


# What Duo says


def test_push_denied(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always("deny")
    code, said = whoami(world.proxy.url("plain"), ALICE, ALICE.password)
    assert code == 49
    assert "denied" in said.lower(), "Duo's text tells the person why"
    record = world.audited()
    assert (record["verdict"], record["reason"], record["second_factor"]) == ("rejected", "denied", "denied")
    assert record["result_code"] == 49


def test_fraud(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always("fraud")
    assert login(world, "plain", ALICE, ALICE.password) == 49
    assert world.audited()["reason"] == "fraud"


def test_push_unanswered(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always("ignore")
    assert login(world, "impatient", ALICE, ALICE.password) == 49
    record = world.audited()
    assert (record["reason"], record["second_factor"]) == ("timed_out", "timed_out")
    assert record["durations_ms"]["total"] < 2000, "the application hears before its budget ends"


def test_push_that_times_out_at_duo(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always("ignore")
    duo.settings(push_timeout=1.0)
    try:
        assert login(world, "plain", ALICE, ALICE.password) == 49
    finally:
        duo.settings(push_timeout=60.0)
    assert world.audited()["reason"] == "timed_out"


@pytest.mark.parametrize(("code", "expected"), [("123456", 0), ("654321", 49)])
def test_passcode(world: World, duo: SimulatorProcess, code: str, expected: int) -> None:
    world.enroll(BOB, token(), passcodes=["123456"])
    assert login(world, "plain", BOB, f"{BOB.password},{code}") == expected
    assert [call.factor for call in duo.calls("auth")] == ["passcode"]
    assert world.audited()["factor"] == "passcode"


@pytest.mark.parametrize(("suffix", "factor"), [("push", "push"), ("phone", "phone"), ("PUSH1", "push")])
def test_suffixes(world: World, duo: SimulatorProcess, suffix: str, factor: str) -> None:
    assert login(world, "plain", ALICE, f"{ALICE.password},{suffix}") == 0
    assert [call.factor for call in duo.calls("auth")] == [factor]
    record = world.audited()
    assert record["factor"] == factor
    assert "alice" in record["device"]


def test_sms_sends_codes_and_rejects(world: World, duo: SimulatorProcess) -> None:
    assert login(world, "plain", ALICE, f"{ALICE.password},sms") == 49
    assert [call.factor for call in duo.calls("auth")] == ["sms"]


def test_second_device(world: World, duo: SimulatorProcess) -> None:
    first, second = phone("first"), phone("second")
    world.enroll(BOB, first, token(), second)
    assert login(world, "plain", BOB, f"{BOB.password},push2") == 0
    assert [call.device for call in duo.calls("auth")] == [second["device_id"]]
    assert world.audited()["device"].startswith("second")
    assert login(world, "plain", BOB, f"{BOB.password},push3") == 49
    assert world.audited()["reason"] == "no_factor"


def test_named_device(world: World, duo: SimulatorProcess) -> None:
    tablet = phone("tablet", "auto", "push")
    world.enroll(BOB, phone("first"), tablet)
    assert login(world, "plain", BOB, f"{BOB.password},@tablet") == 0
    assert [call.device for call in duo.calls("auth")] == [tablet["device_id"]]


@pytest.mark.parametrize(
    ("details", "expected", "reason"),
    [
        ({"status": "bypass"}, 0, "bypassed"),
        ({"status": "locked_out"}, 49, "denied"),
        ({"status": "disabled"}, 49, "denied"),
    ],
)
def test_states_of_a_user(
    world: World, duo: SimulatorProcess, details: dict[str, str], expected: int, reason: str
) -> None:
    world.enroll(BOB, **details)
    assert login(world, "plain", BOB, BOB.password) == expected
    assert world.audited()["reason"] == reason
    assert duo.counts().get("auth", 0) == 0


def test_user_that_is_not_enrolled(world: World, duo: SimulatorProcess) -> None:
    duo.remove_user("bob")
    assert login(world, "plain", BOB, BOB.password) == 49
    assert world.audited()["reason"] == "not_enrolled"


def test_no_capable_device(world: World, duo: SimulatorProcess) -> None:
    world.enroll(BOB, token(), passcodes=["123456"])
    assert login(world, "plain", BOB, BOB.password) == 49
    assert world.audited()["reason"] == "no_factor"
    assert duo.counts().get("auth", 0) == 0


def test_a_factor_that_the_listener_does_not_allow(world: World, duo: SimulatorProcess) -> None:
    for credential in (ALICE.password, f"{ALICE.password},push", f"{ALICE.password},phone"):
        assert login(world, "no_push", ALICE, credential) == 49
    assert duo.counts().get("auth", 0) == 0
    world.enroll(BOB, token(), passcodes=["123456"])
    assert login(world, "no_push", BOB, f"{BOB.password},123456") == 0


# Passwords and people


@pytest.mark.parametrize(
    ("account", "credential"),
    [
        (COMMA, COMMA.password),
        (COMMA, f"{COMMA.password},push"),
        (COMMA_END, COMMA_END.password),
        (COMMA_END, f"{COMMA_END.password},push"),
        (UNICODE, UNICODE.password),
        (UNICODE, f"{UNICODE.password},push"),
        (COMMA_PUSH, f"{COMMA_PUSH.password},push"),
    ],
)
def test_passwords_that_contain_the_delimiter(world: World, account: Account, credential: str) -> None:
    world.enroll(account)
    assert login(world, "plain", account, credential) == 0


def test_a_password_that_ends_like_a_factor_needs_a_factor_or_a_listener_that_does_not_split(
    world: World,
) -> None:
    world.enroll(COMMA_PUSH)
    assert login(world, "plain", COMMA_PUSH, COMMA_PUSH.password) == 49
    assert login(world, "unsplit", COMMA_PUSH, COMMA_PUSH.password) == 0


def test_one_login_is_one_attempt_at_the_directory(world: World) -> None:
    assert login(world, "plain", ALICE, f"wrong,{'123456'}") == 49
    record = world.audited()
    assert record["reason"] == "primary_refused"


def test_the_directorys_own_refusal_is_forwarded(world: World, duo: SimulatorProcess) -> None:
    with world.proxy.client("plain") as client, world.slapd_client() as direct:
        number = client.next_id()
        assert number == direct.next_id()
        client.send(bind(number, LOCKED.dn, LOCKED.password))
        direct.send(bind(number, LOCKED.dn, LOCKED.password))
        assert client.receive().raw == direct.receive().raw
    assert duo.logins() == 0


@pytest.mark.parametrize(("account", "reason"), [(SEVERAL, "several_usernames"), (NAMELESS, "no_username")])
def test_people_without_one_name(world: World, duo: SimulatorProcess, account: Account, reason: str) -> None:
    assert login(world, "plain", account, account.password) == 49
    assert world.audited()["reason"] == reason
    assert duo.logins() == 0


def test_the_name_for_duo_is_the_directorys(world: World, duo: SimulatorProcess) -> None:
    spelled = Account("UID=ALICE , OU=People, DC=example,DC=com", ALICE.password)
    assert login(world, "plain", spelled, spelled.password) == 0
    assert {call.username for call in duo.calls("preauth")} == {"alice"}
    assert world.audited()["dn"] == ALICE.dn
    assert login(world, "by_rdn", spelled, spelled.password) == 0
    assert {call.username for call in duo.calls("preauth")} == {"alice"}


# Exemptions and groups


def test_exempt_account(world: World, duo: SimulatorProcess) -> None:
    assert login(world, "exempting", VPN_SEARCH, VPN_SEARCH.password) == 0
    assert world.audited()["reason"] == "exempt_dn"
    assert login(world, "exempting", VPN_SEARCH, "wrong") == 49
    assert login(world, "exempting", VPN_SEARCH, f"{VPN_SEARCH.password},push") == 49, "never split"
    assert duo.logins() == 0


def test_exempt_subtree_and_its_networks(world: World, duo: SimulatorProcess) -> None:
    assert login(world, "subtree", BOB, BOB.password) == 0
    assert world.audited()["reason"] == "exempt_subtree"
    assert duo.logins() == 0
    assert login(world, "elsewhere", ALICE, ALICE.password) == 0
    assert world.audited()["reason"] == "second_factor"


def test_exempt_group(world: World, duo: SimulatorProcess) -> None:
    assert login(world, "exempting", EXEMPT, EXEMPT.password) == 0
    assert world.audited()["reason"] == "exempt_group"
    assert duo.logins() == 0
    assert login(world, "exempting", ALICE, ALICE.password) == 0
    assert world.audited()["reason"] == "second_factor"


def test_required_group(world: World, duo: SimulatorProcess) -> None:
    world.enroll(BOB)
    assert login(world, "members", ALICE, ALICE.password) == 0
    duo.forget_calls()
    assert login(world, "members", BOB, BOB.password) == 49
    assert world.new_audit_lines(2)[-1]["reason"] == "group_required"
    assert duo.logins() == 0


# What Duo is told


def test_the_push_names_listener_and_client(world: World, duo: SimulatorProcess) -> None:
    assert login(world, "plain", ALICE, ALICE.password) == 0
    [call] = duo.calls("auth")
    assert "plain" in call.type
    assert "127.0.0.1" in call.pushinfo
    assert "plain" in call.pushinfo
    assert call.ipaddr == ""
    assert [call.ipaddr for call in duo.calls("preauth")] == [""]


def test_the_client_address_goes_to_duo_only_when_it_is_the_persons(
    world: World, duo: SimulatorProcess
) -> None:
    assert login(world, "person", ALICE, ALICE.password) == 0
    assert {call.ipaddr for call in [*duo.calls("preauth"), *duo.calls("auth")]} == {"127.0.0.1"}


# Many at once


def test_others_log_in_while_a_push_waits(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always("ignore", user="alice")
    world.enroll(BOB)
    with world.proxy.client("plain") as waiting:
        waiting.send(bind(waiting.next_id(), ALICE.dn, ALICE.password))
        [push] = duo.wait_for_push("alice")
        with ThreadPoolExecutor(8) as pool:
            logins = [pool.submit(login, world, "plain", BOB, BOB.password) for _ in range(40)]
            assert {each.result() for each in logins} == {0}
        slowest = max(line["durations_ms"]["total"] for line in world.new_audit_lines(40))
        assert duo.waiting("alice"), "alice's push still waits"
        duo.answer(push, "approve")
        assert waiting.receive().result_code == 0
    assert world.audited()["durations_ms"]["total"] > slowest, "nobody else had to wait for alice"


def test_500_waiting_pushes_end_as_they_should(world: World, duo: SimulatorProcess) -> None:
    people = [numbered(number) for number in range(1, 501)]
    duo.reset()  # other modules leave automatic answers for single people
    for person in people:
        world.enroll(person)
    clients = []
    try:
        for person in people:
            client = world.proxy.client("plain", timeout=150)
            client.send(bind(client.next_id(), person.dn, person.password))
            clients.append(client)
        pushes = {push.user: push for push in duo.wait_for_push(count=500, within=150)}
        metrics = world.proxy.metrics()
        assert metrics['ldapproxy_binds_pending{listener="plain"}'] == 500
        for number, push in enumerate(pushes[f"u{n:04}"] for n in range(1, 501)):
            duo.answer(push, "deny" if number % 3 == 0 else "approve")
        codes = [client.receive().result_code for client in clients]
    finally:
        for client in clients:
            client.close()
    assert codes == [49 if number % 3 == 0 else 0 for number in range(500)]


def test_ldapsearch_sees_the_entry_after_a_login(world: World) -> None:
    found = run_tool(
        "ldapsearch", "-H", world.proxy.url("plain"), "-x", "-LLL", "-D", ALICE.dn, "-w", ALICE.password,
        "-b", ALICE.dn, "-s", "base", "uid",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "uid: alice" in found.stdout
