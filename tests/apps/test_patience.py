"""What applications do by themselves: they give up, try again, share connections, and search afterwards.

The recipes (`deploy/recipes/`) say the same in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.apps.scene import PASSCODE, Person, Scene
from tests.e2e.world import directory_settings
from tests.support.applications.apache import Apache
from tests.support.applications.attempts import People
from tests.support.applications.pam import Pam, require_pam
from tests.support.applications.postgresql import PostgresqlLogins
from tests.support.example_directory import ALICE, PEOPLE, VPN_SEARCH, VPN_USERS, numbered
from tests.support.proxy import Settings
from tests.support.simulator import SimulatorProcess, phone, token
from tests.support.skips import require_program
from tests.support.slapd import Slapd

WHERE = People(PEOPLE, "uid", VPN_SEARCH.dn, VPN_SEARCH.password)
OTHERS = tuple(numbered(number) for number in range(1, 6))
USERS = ("alice", *(f"u{number:04}" for number in range(1, 6)))


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    require_program("slapd")
    with Slapd(tmp_path_factory.mktemp("slapd"), log_operations=True) as server:
        yield server


@pytest.fixture(scope="module")
def scene(
    slapd: Slapd, duo_process: SimulatorProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    alice = Person("alice", ALICE.password, "alice", ALICE.entry_uuid)
    other = Person("u0001", OTHERS[0].password, "u0001", OTHERS[0].entry_uuid)
    listeners: dict[str, Settings] = {
        "limited": {"push_limits": {"pushes": 6, "pause_after_denial": "1m"}},
        "binds_only": {"search_after_bind": False},
    }
    folder = tmp_path_factory.mktemp("scene")
    directory = directory_settings(slapd)
    with Scene(folder, directory, duo_process, alice, other, [VPN_SEARCH.dn], listeners) as running:
        yield running


@pytest.fixture(autouse=True)
def enrolled(scene: Scene, duo: SimulatorProcess) -> None:
    scene.enroll()


@pytest.fixture(scope="module")
def postgresql(scene: Scene) -> Iterator[PostgresqlLogins]:
    with PostgresqlLogins(scene.places, WHERE, USERS, scene.proxy.ca_file, ("simple",)) as running:
        yield running


@pytest.fixture(scope="module")
def apache(scene: Scene) -> Iterator[Apache]:
    with Apache(scene.places, WHERE, VPN_USERS, USERS, settings=["LDAPTimeout 2"]) as running:
        yield running


@pytest.fixture
def pam(scene: Scene, tmp_path: Path) -> Iterator[Pam]:
    require_pam()
    with Pam(tmp_path, scene.places, WHERE, bind_timeout=2) as running:
        yield running


def test_libpq_asks_twice_when_it_may_do_without_tls(
    scene: Scene, duo: SimulatorProcess, postgresql: PostgresqlLogins
) -> None:
    """`sslmode=prefer`, its default: a denied push is followed by another one, unless pushes are limited."""
    duo.answer_always("deny")
    careless = postgresql.way("simple", sslmode="prefer")
    assert not careless.login("here", "alice", ALICE.password).is_in
    assert duo.counts()["auth"] == 2
    # Denials count over all listeners, but only where they are limited at all.
    duo.forget_calls()
    other = scene.other
    since = len(scene.proxy.audit())
    assert not careless.login("limited", other.user, other.password).is_in
    assert duo.counts()["auth"] == 1
    assert scene.reasons(since) == ["denied", "paused"]


def test_apache_tries_again_by_itself_and_shares_the_push(
    scene: Scene, duo: SimulatorProcess, apache: Apache
) -> None:
    """`LDAPTimeout 2`, the tap comes later: one request of the browser, two binds, one push."""
    since = len(scene.proxy.audit())
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(apache.way("user").login, "here", "alice", ALICE.password)
        [push] = duo.wait_for_push("alice")
        scene.proxy.wait_for(lambda: "client_left" in scene.reasons(since), "Apache to lose patience")
        duo.answer(push, "approve")
        attempt = page.result()
    assert attempt.is_in, attempt
    assert scene.reasons(since) == ["client_left", "second_factor"]
    assert duo.counts()["auth"] == 1


def test_people_on_apaches_pooled_connections_are_themselves(
    scene: Scene, duo: SimulatorProcess, apache: Apache
) -> None:
    """Six people with right and wrong passwords, approved and denied, at once and in turn."""
    duo.answer_always("approve")
    people = {"alice": ALICE.password} | {
        name: each.password for name, each in zip(USERS[1:], OTHERS, strict=True)
    }
    for name in people:
        duo.add_user(name, [phone("phone"), token()], passcodes=[PASSCODE])
    denying = USERS[2]
    duo.answer_always("deny", user=denying)
    users, group = apache.way("user"), apache.way("group")
    sessions = scene.proxy.metrics()['ldapproxy_sessions_total{listener="here"}']
    tries = [
        (name, password, way)
        for way in (users, group)
        for name, right in people.items()
        for password in (right, f"{right},{PASSCODE}", "wrong", f"{right} ")
    ]
    with ThreadPoolExecutor(4) as pool:
        attempts = [pool.submit(way.login, "here", name, password) for name, password, way in tries]
        results = [attempt.result().is_in for attempt in attempts]
    expected = [
        password.startswith(f"{people[name]},") or (password == people[name] and name != denying)
        for name, password, _ in tries
    ]
    assert results == expected
    opened = scene.proxy.metrics()['ldapproxy_sessions_total{listener="here"}'] - sessions
    assert opened < len(tries), "connections are shared"
    duo.answer_always(None, user=denying)


def test_nslcd_gives_up_and_the_next_login_has_the_approval(
    scene: Scene, duo: SimulatorProcess, pam: Pam
) -> None:
    """`bind_timelimit 2`, the tap comes later: the person tries again, and is in without another push."""
    since = len(scene.proxy.audit())
    attempt = pam.login("here", "alice", ALICE.password)
    assert not attempt.is_in, attempt
    [push] = duo.wait_for_push("alice")
    scene.proxy.wait_for(lambda: scene.reasons(since) == ["client_left"], "nslcd to have left")
    duo.answer(push, "approve")
    attempt = pam.login("here", "alice", ALICE.password)
    assert attempt.is_in, attempt
    assert scene.reasons(since) == ["client_left", "second_factor"]
    assert duo.counts()["auth"] == 1


def test_nslcd_looks_at_the_persons_own_entry_behind_the_bind(
    scene: Scene, duo: SimulatorProcess, slapd: Slapd, pam: Pam
) -> None:
    duo.answer_always("approve")
    before = len(slapd.operations("SRCH"))
    assert pam.login("here", "alice", ALICE.password).is_in
    searches = slapd.operations("SRCH")[before:]
    own = f'base="{ALICE.dn}" scope=0'
    by_nslcd = [line for line in searches if own in line]
    assert len(by_nslcd) == 2, "the proxy's look-up, and nslcd's own search on the person's connection"
    assert not pam.login("binds_only", "alice", ALICE.password).is_in, "so binds alone are not enough for it"
