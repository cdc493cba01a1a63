"""Active Directory behind the proxy: whose name it is, what is told of a refusal, and which groups count.

The directory is a real domain controller (Samba). It takes all the forms of a name that Active Directory
takes, and does not answer "Who am I?".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.world import domain_settings, duo_settings
from tests.support.example_domain import (
    ALICE,
    BOB,
    CAROL,
    DISABLED,
    DOMAIN_USERS,
    EXPIRED,
    LOCKED,
    MALLORY,
    NETBIOS_DOMAIN,
    PEOPLE,
    SERVICE,
    SUFFIX,
    VPN_USERS,
    DomainAccount,
)
from tests.support.ldap_bytes import bind
from tests.support.ldap_client import LdapClient, Message
from tests.support.proxy import ProxyProcess, Settings
from tests.support.samba import Samba
from tests.support.simulator import SimulatorProcess, phone

BARE = {"username_search": "(sAMAccountName={name})"}

# Listener: its directory, and what is said about it.
LISTENERS: dict[str, tuple[str, Settings]] = {
    "vpn": ("corp", {}),
    "bare": ("bare", {}),
    "start_tls": ("start_tls", {}),
    "clear": ("clear", {}),
    "members": ("bare", {"require_group": VPN_USERS}),
    "primary_group": ("bare", {"require_group": DOMAIN_USERS}),
    "exempting": ("bare", {"exempt": [{"dn": SERVICE.dn}, {"group": VPN_USERS}]}),
    "limited": ("bare", {"push_limits": {"pushes": 6, "pause_after_denial": "1h"}}),
    "remembering": ("bare", {"remember": {"for": "1h"}}),
    "guarded": ("bare", {"limits": {"failed_binds": {"per_user": 2}}}),
    "principals": (
        "principals",
        {"username_rewrite": [{"pattern": "^R", "replace": "corp-r"}, {"pattern": "@.*$", "replace": ""}]},
    ),
    "lower_case": ("principals", {"username_rewrite": ["lower_case"]}),
    "emptied": ("principals", {"username_rewrite": [{"pattern": ".*", "replace": ""}]}),
}


@pytest.fixture(scope="module")
def proxy(
    samba: Samba, duo_process: SimulatorProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProxyProcess]:
    directories = {
        "bare": domain_settings(samba, **BARE),
        "start_tls": domain_settings(samba, urls=[samba.url], start_tls=True),
        "clear": domain_settings(samba, urls=[samba.url]),
        "principals": domain_settings(samba, username_attribute="userPrincipalName"),
    }
    process = ProxyProcess(
        tmp_path_factory.mktemp("proxy"),
        domain_settings(samba),
        duo_settings(duo_process),
        {name: dict(settings) for name, (_, settings) in LISTENERS.items()},
        {
            "directories": directories,
            "listeners": {name: {"directory": directory} for name, (directory, _) in LISTENERS.items()},
        },
    )
    with process:
        yield process


@pytest.fixture(autouse=True)
def everybody_approves(duo: SimulatorProcess) -> None:
    duo.answer_always("approve")
    for account in (ALICE, BOB, CAROL, MALLORY):
        duo.add_user(account.account_name, [phone(f"{account.account_name}'s phone")])


def login(proxy: ProxyProcess, listener: str, name: str, credential: str) -> tuple[Message, dict[str, Any]]:
    """Logs in, and returns the answer and the audit line."""
    before = len(proxy.audit())
    with proxy.client(listener) as client:
        answer = client.bind(name, credential)
    return answer, proxy.last_audit(before + 1)


def asked(duo: SimulatorProcess) -> list[str]:
    """Whom Duo was asked about since the last time."""
    users = [call.username for call in duo.calls("preauth")]
    duo.forget_calls()
    return users


def sid(samba: Samba, account: DomainAccount) -> str:
    """The account's SID as text (MS-DTYP section 2.4.2.1)."""
    value = samba.value(account.dn, "objectSid")
    parts = struct.unpack(f"<{value[1]}I", value[8:])
    return "-".join(["S", str(value[0]), str(int.from_bytes(value[2:8], "big")), *map(str, parts)])


# One person, all forms of a name


@pytest.mark.parametrize(
    ("listener", "name"),
    [
        ("vpn", ALICE.dn),
        ("vpn", f"cn=ALICE adams , ou=People,{SUFFIX.lower()}"),
        ("vpn", ALICE.implicit_principal),
        ("vpn", "ALICE@AD.EXAMPLE.COM"),
        ("vpn", f"alice@{NETBIOS_DOMAIN}"),
        ("vpn", ALICE.netbios_name),
        ("vpn", "example\\ALICE"),
        ("vpn", ALICE.canonical_name),
        ("bare", "alice"),
        ("bare", "Alice"),
        ("bare", ALICE.implicit_principal),
        ("bare", ALICE.netbios_name),
        ("bare", ALICE.dn),
        ("start_tls", ALICE.implicit_principal),
    ],
)
def test_one_person_under_every_name(
    proxy: ProxyProcess, duo: SimulatorProcess, listener: str, name: str
) -> None:
    answer, record = login(proxy, listener, name, ALICE.password)
    assert answer.result_code == 0
    assert asked(duo) == ["alice"]
    assert (record["name"], record["username"], record["reason"]) == (name, "alice", "second_factor")
    assert record["dn"] == ALICE.dn.lower()
    answer, record = login(proxy, listener, name, "wrong")
    assert (answer.result_code, record["reason"]) == (49, "primary_refused")
    assert asked(duo) == []


def test_a_sid_is_a_name(proxy: ProxyProcess, duo: SimulatorProcess, samba: Samba) -> None:
    answer, record = login(proxy, "vpn", sid(samba, ALICE), ALICE.password)
    assert (answer.result_code, record["dn"]) == (0, ALICE.dn.lower())
    assert asked(duo) == ["alice"]


def test_an_explicit_name_of_another_domain(proxy: ProxyProcess, duo: SimulatorProcess) -> None:
    assert BOB.principal is not None
    for name in (BOB.principal, BOB.implicit_principal):
        answer, record = login(proxy, "vpn", name, BOB.password)
        assert (answer.result_code, record["dn"]) == (0, BOB.dn.lower())
    assert asked(duo) == ["bob", "bob"]


def test_one_persons_explicit_name_is_what_anothers_account_name_looks_like(
    proxy: ProxyProcess, duo: SimulatorProcess
) -> None:
    """Mallory logs in with what looks like carol's name, and it is mallory's phone that rings."""
    assert MALLORY.principal == CAROL.implicit_principal
    answer, record = login(proxy, "bare", CAROL.implicit_principal, MALLORY.password)
    assert (answer.result_code, record["username"], record["dn"]) == (0, "mallory", MALLORY.dn.lower())
    assert asked(duo) == ["mallory"]
    answer, _ = login(proxy, "bare", CAROL.implicit_principal, CAROL.password)
    assert answer.result_code == 49, "the directory has taken the name for mallory's"
    assert asked(duo) == []
    for name in (CAROL.netbios_name, CAROL.dn, "carol"):
        answer, record = login(proxy, "bare", name, CAROL.password)
        assert (answer.result_code, record["username"], record["dn"]) == (0, "carol", CAROL.dn.lower())
        answer, _ = login(proxy, "bare", name, MALLORY.password)
        assert answer.result_code == 49
    assert asked(duo) == ["carol"] * 3


def test_without_username_search_the_directory_refuses_a_bare_name(
    proxy: ProxyProcess, duo: SimulatorProcess
) -> None:
    answer, record = login(proxy, "vpn", "alice", ALICE.password)
    assert (answer.result_code, record["reason"]) == (49, "primary_refused")
    assert asked(duo) == []


@pytest.mark.parametrize(
    "name", ["nobody", "*", "a*", "alice)(cn*", "alice(", "vpn-users;", "ad.example.com/x"]
)
def test_an_account_name_of_nobody_is_answered_like_a_wrong_password(
    proxy: ProxyProcess, duo: SimulatorProcess, name: str
) -> None:
    unknown, record = login(proxy, "bare", name, "wrong")
    known, _ = login(proxy, "bare", "alice", "wrong")
    assert unknown.raw == known.raw
    assert unknown.result_code == 49
    assert "data 52e" in unknown.diagnostic
    assert record["reason"] == "no_entry"
    unknown, _ = login(proxy, "bare", name, ALICE.password)
    assert unknown.raw == known.raw
    assert asked(duo) == []


def test_guesses_count_for_one_person_under_every_spelling(proxy: ProxyProcess) -> None:
    forms = ("bob", BOB.dn, "BOB", BOB.implicit_principal, BOB.netbios_name, BOB.dn)
    codes = [login(proxy, "guarded", name, "wrong")[0].result_code for name in forms]
    assert codes == [49, 49, 51, 51, 51, 51]


def test_guesses_at_any_form_of_a_name_are_guesses_at_one_person(proxy: ProxyProcess) -> None:
    forms = (ALICE.netbios_name, ALICE.implicit_principal.upper(), ALICE.dn, ALICE.netbios_name.lower())
    codes = [login(proxy, "guarded", name, "wrong")[0].result_code for name in forms]
    assert codes == [49, 49, 51, 51]


# What is counted and kept


def test_a_pause_is_one_persons_under_every_name(proxy: ProxyProcess, duo: SimulatorProcess) -> None:
    duo.answer_always("deny")
    assert login(proxy, "limited", "alice", ALICE.password)[1]["reason"] == "denied"
    for name in (ALICE.dn, ALICE.implicit_principal, ALICE.netbios_name, "ALICE"):
        assert login(proxy, "limited", name, ALICE.password)[1]["reason"] == "paused"
    assert duo.counts()["auth"] == 1


def test_a_remembered_login_is_one_persons_under_every_name(
    proxy: ProxyProcess, duo: SimulatorProcess
) -> None:
    names = ["bob", BOB.dn, BOB.implicit_principal, BOB.netbios_name]
    reasons = [login(proxy, "remembering", name, BOB.password)[1]["reason"] for name in names]
    assert reasons == ["second_factor", "remembered", "remembered", "remembered"]
    assert duo.counts()["auth"] == 1


@pytest.mark.parametrize(
    ("listener", "expected"), [("principals", "corp-robert"), ("lower_case", "robert@example.org")]
)
def test_the_name_for_duo_is_rewritten(
    proxy: ProxyProcess, duo: SimulatorProcess, samba: Samba, listener: str, expected: str
) -> None:
    duo.add_user(expected, [phone("phone")])
    samba.modify(principal_of(BOB, "Robert@example.org"))
    try:
        answer, record = login(proxy, listener, BOB.netbios_name, BOB.password)
    finally:
        samba.modify(principal_of(BOB, str(BOB.principal)))
    assert (answer.result_code, record["username"]) == (0, expected)
    assert asked(duo) == [expected]


def principal_of(account: DomainAccount, principal: str) -> str:
    return (
        f"dn: {account.dn}\nchangetype: modify\nreplace: userPrincipalName\nuserPrincipalName: {principal}\n"
    )


def test_a_name_for_duo_that_is_rewritten_to_nothing_lets_nobody_in(
    proxy: ProxyProcess, duo: SimulatorProcess
) -> None:
    answer, record = login(proxy, "emptied", BOB.dn, BOB.password)
    assert (answer.result_code, record["reason"]) == (49, "no_username")
    assert asked(duo) == []


# Refusals


@pytest.mark.parametrize(
    ("account", "credential", "code"),
    [
        (ALICE, "wrong", "52e"),
        (DISABLED, DISABLED.password, "533"),
        (EXPIRED, EXPIRED.password, "701"),
        (LOCKED, LOCKED.password, "775"),
    ],
)
@pytest.mark.parametrize("form", ["dn", "netbios_name", "account_name"])
def test_the_directorys_diagnostics_pass_through(
    proxy: ProxyProcess, duo: SimulatorProcess, samba: Samba, account: DomainAccount, credential: str,
    code: str, form: str,
) -> None:  # fmt: skip
    direct_name = account.dn if form == "account_name" else getattr(account, form)
    with LdapClient(636, samba.ca_file, host=samba.address) as direct:
        expected = direct.bind(direct_name, credential)
    answer, record = login(proxy, "bare", getattr(account, form), credential)
    assert answer.raw == expected.raw
    assert f"data {code}" in answer.diagnostic
    assert record["reason"] == "primary_refused"
    assert asked(duo) == []


def test_stronger_authentication_required_passes_through(
    proxy: ProxyProcess, duo: SimulatorProcess, samba: Samba
) -> None:
    """The directory wants TLS, which `directories.clear` does not offer."""
    with LdapClient(389, host=samba.address) as direct:
        expected = direct.bind(ALICE.dn, ALICE.password)
    answer, record = login(proxy, "clear", ALICE.dn, ALICE.password)
    assert (answer.raw, answer.result_code) == (expected.raw, 8)
    assert record["reason"] == "primary_refused"
    assert asked(duo) == []


# Groups and exemptions


@pytest.mark.parametrize("form", ["dn", "implicit_principal", "netbios_name", "account_name"])
def test_a_nested_group_counts(proxy: ProxyProcess, duo: SimulatorProcess, form: str) -> None:
    """alice is in staff, which is in vpn-users."""
    assert login(proxy, "members", getattr(ALICE, form), ALICE.password)[0].result_code == 0
    answer, record = login(proxy, "members", getattr(BOB, form), BOB.password)
    assert (answer.result_code, record["reason"]) == (49, "group_required")
    assert asked(duo) == ["alice"]


def test_the_primary_group_does_not_count(proxy: ProxyProcess) -> None:
    """Every account has it, and no entry says so; `check-config` warns the reader."""
    answer, record = login(proxy, "primary_group", ALICE.dn, ALICE.password)
    assert (answer.result_code, record["reason"]) == (49, "group_required")


@pytest.mark.parametrize("form", ["dn", "implicit_principal", "netbios_name", "account_name"])
def test_an_exempt_account_is_exempt_under_every_name(
    proxy: ProxyProcess, duo: SimulatorProcess, form: str
) -> None:
    answer, record = login(proxy, "exempting", getattr(SERVICE, form), SERVICE.password)
    assert (answer.result_code, record["reason"]) == (0, "exempt_dn")
    answer, record = login(proxy, "exempting", getattr(ALICE, form), ALICE.password)
    assert (answer.result_code, record["reason"]) == (0, "exempt_group")
    assert login(proxy, "exempting", getattr(SERVICE, form), "wrong")[0].result_code == 49
    assert asked(duo) == []


# The connection afterwards


@pytest.mark.parametrize("name", [ALICE.dn, ALICE.implicit_principal, "alice"])
def test_the_session_is_the_persons(proxy: ProxyProcess, duo: SimulatorProcess, name: str) -> None:
    """Our own questions on its connection are over when the client's begin, whatever its messageIDs."""
    with proxy.client("bare") as client:
        client.send(bind(2, name, ALICE.password))
        answer = client.receive()
        assert (answer.message_id, answer.result_code) == (2, 0)
        assert [message.tag for message in client.search(ALICE.dn)] == [0x64, 0x65]
        people = client.search(PEOPLE, scope=1)
        assert [message.tag for message in people].count(0x64) >= 6
        assert client.bind(name, "wrong").result_code == 49
        assert client.bind(name, ALICE.password).result_code == 0
