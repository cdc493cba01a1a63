"""Every row of the table, on every listener that it names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.attack import Attack
from tests.attacks.scene import VICTIMS, Performance, Scene, listeners
from tests.attacks.table import ATTACKS
from tests.support.simulator import SimulatorProcess
from tests.support.skips import require_program
from tests.support.slapd import Slapd

ROWS = [attack for attacks in ATTACKS.values() for attack in attacks]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    require_program("slapd")
    folder = tmp_path_factory.mktemp("attacks")
    with (
        Slapd(folder, people=VICTIMS, allow_unauthenticated=True, log_operations=True) as slapd,
        SimulatorProcess(folder) as duo,
        Scene(folder / "proxy", slapd, duo) as running,
    ):
        yield running


@pytest.mark.parametrize(
    ("attack", "listener"),
    [pytest.param(attack, name, id=f"{attack.name}-{name}") for attack in ROWS for name in attack.on],
)
def test_attack(scene: Scene, attack: Attack, listener: str) -> None:
    Performance(scene, attack, listener).run()


def test_nothing_unforeseen_happened(scene: Scene) -> None:
    """After all of them: the program's log has no traceback, and the same process is still there."""
    assert "Traceback" not in scene.proxy.errors()
    assert "nobody foresaw" not in scene.proxy.errors()
    scene.proxy.get("/healthz")


def test_slapd_would_let_unauthenticated_binds_succeed(scene: Scene) -> None:
    """Or the rows about them would show nothing."""
    from tests.support.ldap_client import LdapClient

    with LdapClient(scene.slapd.port) as direct:
        assert direct.bind(scene.insider.dn, "").result_code == 0


def test_the_table_is_large_and_each_row_has_its_name() -> None:
    names = [attack.name for attack in ROWS]
    assert len(names) >= 80
    assert len(set(names)) == len(names)
    assert {name for attack in ROWS for name in attack.on} == set(listeners())
