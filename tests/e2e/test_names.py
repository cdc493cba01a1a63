"""Names other than a DN, in front of OpenLDAP, which itself takes nothing but DNs."""

from __future__ import annotations

import pytest

from tests.e2e.world import World
from tests.support.example_directory import (
    ALICE,
    BOB,
    ODD_NAME,
    SERVICE,
    SEVERAL,
    UNICODE,
    VPN_SEARCH,
    VPN_USERS,
)
from tests.support.ldap_bytes import controls, integer, message, octets, tlv
from tests.support.simulator import SimulatorProcess

LISTENERS = {
    "plain": {},
    "strict": {"require_group": VPN_USERS, "exempt": [{"dn": VPN_SEARCH.dn}]},
    "rewritten": {
        "username_rewrite": [
            {"pattern": r"^(\w)(\w+)$", "replace": r"\2.\1@EXAMPLE"},
            {"pattern": "@.*$", "replace": ""},
            "lower_case",
        ]
    },
}
EXTRA = {
    "directories": {
        "corp": {
            # People by uid, service accounts by cn, as one search.
            "username_search": "(|(uid={name})(&(objectClass=organizationalRole)(cn={name})))",
            "search_filter": "(!(uid=bob))",
        }
    }
}

PASSWORD_POLICY = controls(("1.3.6.1.4.1.42.2.27.8.5.1", b""))


@pytest.fixture(autouse=True)
def everybody_approves(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always("approve")
    for account in (ALICE, BOB, ODD_NAME, UNICODE):
        world.enroll(account)
    world.new_audit_lines()


def login(world: World, listener: str, name: str, credential: str) -> int:
    with world.proxy.client(listener) as client:
        return client.bind(name, credential).result_code


@pytest.mark.parametrize("name", ["alice", "ALICE", " alice", "zoë"])
def test_a_bare_account_name(world: World, duo: SimulatorProcess, name: str) -> None:
    account = UNICODE if name == "zoë" else ALICE
    with world.proxy.client("plain") as client:
        assert client.bind(name, account.password).result_code == 0
        assert [each.tag for each in client.search(account.dn)] == [0x64, 0x65]
    record = world.audited()
    assert (record["name"], record["dn"]) == (name, account.dn)
    assert login(world, "plain", name, f"{account.password},push") == 0
    assert {call.username for call in duo.calls("preauth")} == {account.dn[4:].partition(",")[0]}


def test_an_account_whose_dn_has_to_be_escaped(world: World, duo: SimulatorProcess) -> None:
    duo.add_user("jsmith", [{"device_id": "DP0000000000000000AA", "name": "phone", "number": "+1"}])
    assert login(world, "plain", "jsmith", ODD_NAME.password) == 0
    assert world.audited()["username"] == "jsmith"


@pytest.mark.parametrize("name", ["nobody", "alice*", "*", "alice)", "several-three", "bob"])
def test_an_unknown_name_is_answered_byte_for_byte_like_a_wrong_password(
    world: World, duo: SimulatorProcess, name: str
) -> None:
    """With the password policy control, too, in which a directory may say more. bob fails `search_filter`."""
    for password in ("wrong", BOB.password):
        for policy in (b"", PASSWORD_POLICY):
            raws = []
            for who in (name, "alice", ALICE.dn):
                credential = "wrong" if who != name else password
                request = tlv(0x60, integer(3), octets(who), tlv(0x80, credential.encode()))
                with world.proxy.client("plain") as client:
                    client.send(message(9, request, policy))
                    raws.append(client.receive().raw)
            assert raws[0] == raws[1] == raws[2]
    reasons = [line["reason"] for line in world.new_audit_lines(12)]
    assert reasons == ["no_entry", "primary_refused", "primary_refused"] * 4
    assert duo.logins() == 0


def test_a_name_of_two_entries_is_nobodys(world: World, duo: SimulatorProcess) -> None:
    other = "uid=alice,ou=services,dc=example,dc=com"
    world.slapd.modify(
        f"dn: {other}\nobjectClass: account\nobjectClass: simpleSecurityObject\nuid: alice\n"
        f"userPassword: {ALICE.password}\n"
    )
    try:
        assert login(world, "plain", "alice", ALICE.password) == 49
        assert world.audited()["reason"] == "several_entries"
        assert login(world, "plain", ALICE.dn, ALICE.password) == 0, "a DN is one entry's"
    finally:
        world.slapd.modify(f"dn: {other}\nchangetype: delete\n")
    assert [call.username for call in duo.calls("preauth")] == ["alice"]


def test_groups_and_exemptions_hold_under_a_bare_name(world: World, duo: SimulatorProcess) -> None:
    assert login(world, "strict", "alice", ALICE.password) == 0
    assert login(world, "strict", "zoë", UNICODE.password) == 49
    assert login(world, "strict", "vpn-search", VPN_SEARCH.password) == 0
    assert login(world, "strict", "vpn-search", f"{VPN_SEARCH.password},push") == 49, "never split"
    reasons = [line["reason"] for line in world.new_audit_lines(4)]
    assert reasons == ["second_factor", "group_required", "exempt_dn", "primary_refused"]
    assert [call.username for call in duo.calls("preauth")] == ["alice"]


def test_other_names_go_to_the_directory_as_they_are(world: World, duo: SimulatorProcess) -> None:
    for name in ("alice@example.com", "EXAMPLE\\alice"):
        assert login(world, "plain", name, ALICE.password) == 34, "invalidDNSyntax, slapd's own answer"
    odd = ALICE.dn.replace(",", ";")
    assert login(world, "plain", odd, ALICE.password) == 0, "slapd takes it for a DN, and says whose it is"
    record = world.new_audit_lines(3)[-1]
    assert (record["name"], record["dn"]) == (odd, ALICE.dn)
    assert [call.username for call in duo.calls("preauth")] == ["alice"]


@pytest.mark.parametrize("name", ["alice", ALICE.dn, "UID=ALICE,ou=people,dc=example,dc=com"])
def test_the_name_for_duo_is_rewritten(world: World, duo: SimulatorProcess, name: str) -> None:
    duo.add_user("lice.a", [{"device_id": "DP0000000000000000AB", "name": "phone", "number": "+1"}])
    assert login(world, "rewritten", name, ALICE.password) == 0
    assert world.audited()["username"] == "lice.a"
    assert [call.username for call in duo.calls("preauth")] == ["lice.a"]


def test_several_user_names_stay_several_under_one_of_them(world: World, duo: SimulatorProcess) -> None:
    assert login(world, "plain", "several-too", SEVERAL.password) == 49
    assert world.audited()["reason"] == "several_usernames"
    assert duo.logins() == 0


def test_the_service_account_itself_is_not_exempt(world: World, duo: SimulatorProcess) -> None:
    assert login(world, "plain", "ldapproxy", SERVICE.password) == 49
    assert world.audited()["reason"] == "no_username"
    assert duo.logins() == 0
