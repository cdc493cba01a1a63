"""Applications in front of OpenLDAP: each situation, and what is particular to one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.apps.conftest import OUTCOME
from tests.apps.scene import Person, Scene
from tests.apps.situations import SITUATIONS
from tests.e2e.world import directory_settings
from tests.support.applications.apache import Apache
from tests.support.applications.attempts import Application, People
from tests.support.applications.pam import Pam, require_pam
from tests.support.applications.postgresql import PostgresqlLogins
from tests.support.example_directory import ALICE, PEOPLE, VPN_SEARCH, VPN_USERS, numbered
from tests.support.simulator import SimulatorProcess
from tests.support.skips import require_program
from tests.support.slapd import Slapd

# In the group, as alice is.
OTHER = numbered(1)
USERS = ("alice", "u0001")

WHERE = People(PEOPLE, "uid", VPN_SEARCH.dn, VPN_SEARCH.password)


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
    folder = tmp_path_factory.mktemp("scene")
    other = Person("u0001", OTHER.password, "u0001", OTHER.entry_uuid)
    directory = directory_settings(slapd)
    with Scene(folder, directory, duo_process, alice, other, [VPN_SEARCH.dn]) as running:
        yield running


@pytest.fixture(autouse=True)
def enrolled(scene: Scene, duo: SimulatorProcess) -> None:
    scene.enroll()


@pytest.fixture(scope="module")
def postgresql(scene: Scene) -> Iterator[PostgresqlLogins]:
    ways = ("simple", "simple_start_tls", "search", "search_start_tls")
    with PostgresqlLogins(scene.places, WHERE, USERS, scene.proxy.ca_file, ways) as running:
        yield running


@pytest.fixture(scope="module")
def apache(scene: Scene) -> Iterator[Apache]:
    with Apache(scene.places, WHERE, VPN_USERS, USERS) as running:
        yield running


@pytest.fixture(scope="module")
def apache_start_tls(scene: Scene) -> Iterator[Apache]:
    with Apache(scene.places, WHERE, VPN_USERS, USERS, scene.proxy.ca_file, start_tls=True) as running:
        yield running


@pytest.fixture(scope="module")
def pam(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pam]:
    require_pam()
    folder = tmp_path_factory.mktemp("pam")
    with Pam(folder, scene.places, WHERE, ca_file=scene.proxy.ca_file, start_tls=True) as running:
        yield running


APPLICATIONS = {
    "PostgreSQL, simple bind": ("postgresql", "simple"),
    "PostgreSQL, simple bind, StartTLS": ("postgresql", "simple_start_tls"),
    "PostgreSQL, search and bind": ("postgresql", "search"),
    "PostgreSQL, search and bind, StartTLS": ("postgresql", "search_start_tls"),
    "Apache, user": ("apache", "user"),
    "Apache, ldap-user": ("apache", "named"),
    "Apache, group": ("apache", "group"),
    "Apache, group, StartTLS": ("apache_start_tls", "group"),
    "PAM by nslcd, StartTLS": ("pam", ""),
}


def application(request: pytest.FixtureRequest, name: str) -> Application:
    fixture, way = APPLICATIONS[name]
    running = request.getfixturevalue(fixture)
    found: Application = running.way(way) if way else running
    return found


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("name", APPLICATIONS)
def test_logins(
    request: pytest.FixtureRequest,
    scene: Scene,
    record_property: Callable[[str, object], None],
    name: str,
    situation: str,
) -> None:
    row = f"{name} / OpenLDAP"
    record_property(OUTCOME, (row, situation, "failed"))
    outcome = SITUATIONS[situation](application(request, name), scene)
    record_property(OUTCOME, (row, situation, outcome))
