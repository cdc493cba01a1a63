"""Applications in front of an Active Directory domain (a real domain controller, Samba)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.apps.conftest import OUTCOME
from tests.apps.scene import Person, Scene
from tests.apps.situations import SITUATIONS
from tests.e2e.world import domain_settings
from tests.support.applications.apache import Apache
from tests.support.applications.attempts import Application, People
from tests.support.applications.pam import Pam, require_pam
from tests.support.applications.postgresql import PostgresqlLogins
from tests.support.example_domain import ALICE, DAVE, DNS_DOMAIN, PEOPLE, SERVICE, STAFF, DomainAccount
from tests.support.samba import Samba
from tests.support.simulator import SimulatorProcess

# The people's own container: at the domain's root, the domain controller refers applications elsewhere.
WHERE = People(PEOPLE, "sAMAccountName", SERVICE.dn, SERVICE.password)
USERS = (ALICE.account_name, DAVE.account_name)


@pytest.fixture(scope="module")
def scene(
    samba: Samba, duo_process: SimulatorProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    def person(account: DomainAccount) -> Person:
        identity = str(uuid.UUID(bytes_le=samba.value(account.dn, "objectGUID")))
        return Person(account.account_name, account.password, account.account_name, identity)

    folder = tmp_path_factory.mktemp("scene")
    directory = domain_settings(samba, username_search="(sAMAccountName={name})")
    with Scene(folder, directory, duo_process, person(ALICE), person(DAVE), [SERVICE.dn]) as running:
        yield running


@pytest.fixture(autouse=True)
def enrolled(scene: Scene, duo: SimulatorProcess) -> None:
    scene.enroll()


@pytest.fixture(scope="module")
def postgresql(scene: Scene) -> Iterator[PostgresqlLogins]:
    suffix, ca_file = f"@{DNS_DOMAIN}", scene.proxy.ca_file
    with PostgresqlLogins(scene.places, WHERE, USERS, ca_file, ("suffix", "search"), suffix) as running:
        yield running


@pytest.fixture(scope="module")
def postgresql_bare(scene: Scene) -> Iterator[PostgresqlLogins]:
    with PostgresqlLogins(scene.places, WHERE, USERS, scene.proxy.ca_file, ("suffix",)) as running:
        yield running


@pytest.fixture(scope="module")
def apache(scene: Scene) -> Iterator[Apache]:
    with Apache(scene.places, WHERE, STAFF, USERS) as running:
        yield running


@pytest.fixture(scope="module")
def pam(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pam]:
    require_pam()
    with Pam(tmp_path_factory.mktemp("pam"), scene.places, WHERE, object_class="user") as running:
        yield running


APPLICATIONS = {
    "PostgreSQL, alice@domain": ("postgresql", "suffix"),
    "PostgreSQL, bare account name": ("postgresql_bare", "suffix"),
    "PostgreSQL, search and bind": ("postgresql", "search"),
    "Apache, user": ("apache", "user"),
    "Apache, group": ("apache", "group"),
    "PAM by nslcd": ("pam", ""),
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
    row = f"{name} / Active Directory"
    record_property(OUTCOME, (row, situation, "failed"))
    outcome = SITUATIONS[situation](application(request, name), scene)
    record_property(OUTCOME, (row, situation, outcome))
