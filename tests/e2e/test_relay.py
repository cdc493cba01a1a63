"""What is not a bind passes through unchanged, on the session's own directory connection."""

from __future__ import annotations

import pytest

from tests.e2e.world import World, run_tool
from tests.support.example_directory import ALICE, BOB, PEOPLE, VPN_SEARCH, VPN_USERS
from tests.support.ldap_bytes import (
    abandon,
    bind,
    compare,
    controls,
    equal,
    extended,
    integer,
    message,
    octets,
    search,
    tlv,
)
from tests.support.ldap_client import LdapClient, Message
from tests.support.simulator import SimulatorProcess

LISTENERS = {
    "app": {"exempt": [{"dn": VPN_SEARCH.dn}], "limits": {"outstanding": 3000}},
    "bind_only": {"search_after_bind": False},
    "anonymous": {"anonymous": "allow"},
    "nobody": {"anonymous": "deny"},
}

PASSWORD_POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"


@pytest.fixture(autouse=True)
def everybody_approves(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always("approve")
    world.enroll(ALICE)


def logged_in(world: World, listener: str = "app") -> LdapClient:
    client = world.proxy.client(listener)
    assert client.bind(ALICE.dn, ALICE.password).result_code == 0
    return client


def answers_to(client: LdapClient, *requests: bytes) -> list[Message]:
    """Sends requests in one piece and reads until each has its last answer."""
    client.send(*requests)
    answers: list[Message] = []
    while sum(answer.tag not in (0x64, 0x73) for answer in answers) < len(requests):
        answers.append(client.receive())
    return answers


def same_as_directly(world: World, *requests: bytes) -> list[Message]:
    """Sends requests through the proxy and to the directory itself, which must answer the same bytes."""
    with logged_in(world) as client, world.slapd_client() as direct:
        assert direct.bind(ALICE.dn, ALICE.password).result_code == 0
        through = sorted(answers_to(client, *requests), key=lambda answer: answer.message_id)
        straight = sorted(answers_to(direct, *requests), key=lambda answer: answer.message_id)
        assert [each.raw for each in through] == [each.raw for each in straight]
        return through


def test_search_then_bind_then_search(world: World, duo: SimulatorProcess) -> None:
    with world.proxy.client("app") as client:
        assert client.bind(VPN_SEARCH.dn, VPN_SEARCH.password).result_code == 0
        found = client.search(PEOPLE, 2, equal("uid", "alice"))
        assert [each.tag for each in found] == [0x64, 0x65]
        assert duo.logins() == 0
        assert client.bind(ALICE.dn, ALICE.password).result_code == 0
        assert [each.tag for each in client.search(ALICE.dn)] == [0x64, 0x65]
        assert client.bind(VPN_SEARCH.dn, VPN_SEARCH.password).result_code == 0
        assert [each.tag for each in client.search(VPN_USERS)] == [0x64, 0x65]
    assert duo.counts()["auth"] == 1


def test_a_failed_bind_leaves_nothing_of_the_identity_before(world: World) -> None:
    with world.proxy.client("app") as client:
        assert client.bind(VPN_SEARCH.dn, VPN_SEARCH.password).result_code == 0
        assert client.bind(ALICE.dn, "wrong").result_code == 49
        assert [each.result_code for each in client.search(VPN_USERS)] == [50]
        assert client.bind(ALICE.dn, ALICE.password).result_code == 0
        client.send(extended(client.next_id(), "1.3.6.1.4.1.4203.1.11.3"))
        assert ALICE.dn.encode() in client.receive().raw


def test_a_denied_bind_leaves_nothing_either(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always("deny")
    with world.proxy.client("app") as client:
        assert client.bind(VPN_SEARCH.dn, VPN_SEARCH.password).result_code == 0
        assert client.bind(ALICE.dn, ALICE.password).result_code == 49
        assert [each.result_code for each in client.search(ALICE.dn)] == [50]
    with world.proxy.client("anonymous") as client:
        assert client.bind(ALICE.dn, ALICE.password).result_code == 49
        client.send(extended(client.next_id(), "1.3.6.1.4.1.4203.1.11.3"))
        assert ALICE.dn.encode() not in client.receive().raw, "operations run as anonymous, not as alice"


def test_an_anonymous_bind_drops_the_identity(world: World) -> None:
    with logged_in(world, "anonymous") as client:
        assert client.bind("", "").result_code == 0
        client.send(extended(client.next_id(), "1.3.6.1.4.1.4203.1.11.3"))
        assert ALICE.dn.encode() not in client.receive().raw


def test_a_paged_search_of_1000_entries(world: World) -> None:
    found = run_tool(
        "ldapsearch", "-H", world.proxy.url("app"), "-x", "-LLL", "-D", ALICE.dn, "-w", ALICE.password,
        "-b", PEOPLE, "-s", "one", "-E", "pr=100/noprompt", "(uid=u*)", "uid",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    uids = [line for line in found.stdout.splitlines() if line.startswith("uid: u")]
    assert len(uids) == 1000


def test_a_large_result_is_the_same_bytes(world: World) -> None:
    answers = same_as_directly(world, search(2, PEOPLE, 2))
    assert len(answers) > 1000


def test_unknown_controls_pass_unchanged(world: World) -> None:
    optional = controls(("1.3.6.1.4.1.99999.1", b"anything"))
    critical = tlv(0xA0, tlv(0x30, octets("1.3.6.1.4.1.99999.1"), tlv(0x01, b"\xff")))
    answers = same_as_directly(
        world, search(2, ALICE.dn, 0, controls=optional), search(3, ALICE.dn, 0, controls=critical)
    )
    assert answers[-1].result_code == 12, "unavailableCriticalExtension is the directory's answer"


def test_operations_of_every_kind_pass_unchanged(world: World) -> None:
    add = tlv(0x68, octets("cn=new,dc=example,dc=com"), tlv(0x30))
    rename = tlv(0x6C, octets(ALICE.dn), octets("uid=al"), tlv(0x01, b"\xff"))
    delete = tlv(0x4A, BOB.dn.encode())
    same_as_directly(
        world,
        compare(2, "uid", "bob"),
        message(3, add),
        message(4, rename),
        message(5, delete),
        extended(6, "1.3.6.1.4.1.4203.1.11.3"),
        search(7, "cn=nobody,dc=example,dc=com"),
    )


def test_password_policy_control_on_the_bind(world: World) -> None:
    """The control goes to the directory with the bind, and its answer comes back with the response."""
    request = tlv(0xA0, tlv(0x30, octets(PASSWORD_POLICY)))
    for credential in (ALICE.password, "wrong"):
        operation = tlv(0x60, integer(3), octets(ALICE.dn), tlv(0x80, credential.encode()))
        split = tlv(0x60, integer(3), octets(ALICE.dn), tlv(0x80, f"{credential},push".encode()))
        with world.slapd_client() as direct:
            direct.send(message(1, operation, request))
            expected = direct.receive().raw
        assert PASSWORD_POLICY.encode() in expected
        for each in (operation, split):
            with world.proxy.client("app") as client:
                client.send(message(1, each, request))
                assert client.receive().raw == expected


def test_requests_behind_a_pending_bind_wait_and_then_run(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always(None)
    with world.proxy.client("app") as client:
        client.send(
            bind(1, ALICE.dn, ALICE.password),
            search(2, ALICE.dn, 0),
            bind(3, ALICE.dn, "wrong"),
            search(4, ALICE.dn, 0),
        )
        [push] = duo.wait_for_push("alice")
        duo.answer(push, "approve")
        answers = [client.receive()]
        while answers[-1].message_id != 4:
            answers.append(client.receive())
    # The second bind comes while the search may be unanswered: then its answers are those of the identity
    # before, and never come.
    assert [(each.message_id, each.tag) for each in answers[:1]] == [(1, 0x61)]
    assert [(each.message_id, each.result_code) for each in answers if each.tag in (0x61, 0x65)][-2:] == [
        (3, 49),
        (4, 50),
    ]


def test_an_abandoned_search_and_the_next(world: World) -> None:
    with logged_in(world) as client:
        client.send(search(10, PEOPLE, 2), abandon(11, 10), search(12, ALICE.dn, 0))
        answers: list[Message] = []
        while not answers or answers[-1].message_id != 12 or answers[-1].tag != 0x65:
            answers.append(client.receive())
        assert client.search(ALICE.dn)[-1].result_code == 0


def test_a_client_that_leaves_ends_the_waiting_for_duo(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always(None)
    world.new_audit_lines()
    with world.proxy.client("app") as client:
        client.send(bind(1, ALICE.dn, ALICE.password))
        duo.wait_for_push("alice")
    record = world.audited()
    assert (record["verdict"], record["reason"], record["result_code"]) == ("rejected", "client_left", None)
    world.proxy.wait_for(
        lambda: world.proxy.metrics()['ldapproxy_binds_pending{listener="app"}'] == 0, "no bind to be pending"
    )
    assert world.proxy.metrics()['ldapproxy_client_patience_seconds_count{listener="app"}'] >= 1


def test_bind_only(world: World) -> None:
    with logged_in(world, "bind_only") as client:
        assert [each.result_code for each in client.search(ALICE.dn)] == [50]


def test_anonymous_access(world: World) -> None:
    with world.proxy.client("app") as client:
        assert [each.tag for each in client.search("")] == [0x64, 0x65]
        assert client.bind("", "").result_code == 0
        assert [each.tag for each in client.search("")] == [0x64, 0x65]
        assert [each.result_code for each in client.search(ALICE.dn)] == [50]
    with world.proxy.client("anonymous") as client:
        assert [each.tag for each in client.search(ALICE.dn)] == [0x64, 0x65]
    with world.proxy.client("nobody") as client:
        assert client.bind("", "").result_code == 48
        assert [each.result_code for each in client.search("")] == [50]


def test_a_slow_reader_gets_everything(world: World) -> None:
    """Back-pressure: the result is some MB, the client reads it in small pieces, other sessions go on."""
    wanted = [search(number, PEOPLE, 2) for number in range(100, 120)]
    with logged_in(world) as client:
        client.send(*wanted)
        with logged_in(world) as other:
            assert other.search(ALICE.dn)[-1].result_code == 0
        done = 0
        while done < len(wanted):
            done += client.receive().tag == 0x65
