"""Everything that may be wrong with Duo, at each call of a login, in each fail mode, in each credential form.

The table is in `outages`: how the second factor ends when an outage strikes at preauth, at auth, or at
auth_status. `expected` says who gets in then. Real processes: proxy, slapd, Duo simulator, sockets.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.fernet import Fernet

from ldapproxy.auth.outcomes import SecondFactorOutcome
from ldapproxy.offline.administration import open_administration
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.secret import Secret
from tests.e2e.outages import OUTAGES, met_at, put_right, state_of_duo
from tests.e2e.world import World, duo_settings
from tests.support.example_directory import ALICE
from tests.support.ldap_bytes import bind
from tests.support.ldap_client import LdapClient
from tests.support.simulator import SimulatorProcess
from tests.support.slapd import Slapd

O = SecondFactorOutcome  # noqa: E741 -- the tables below are full of it

MODES = ("closed", "open", "offline")
PASSCODE = "123456"
DUO = {"connect_timeout": "1s", "response_timeout": "1500ms", "ping_interval": "200ms"}
LISTENERS = {mode: {"fail_mode": mode, "bind_timeout": "3s"} for mode in MODES}

# Each credential form comes from an address of its own, which tells its audit line.
FORMS = {"password": "127.0.0.11", "password,push": "127.0.0.12", "password,passcode": "127.0.0.13"}

BY_CODE = {O.UNAVAILABLE, O.INTERRUPTED, O.UNTRUSTED, O.RATE_LIMITED, O.MISCONFIGURED}
REJECTED = {
    O.DENIED: "denied",
    O.TIMED_OUT: "timed_out",
    O.UNAVAILABLE: "duo_unavailable",
    O.INTERRUPTED: "duo_interrupted",
    O.UNTRUSTED: "duo_untrusted",
    O.RATE_LIMITED: "duo_rate_limited",
    O.MISCONFIGURED: "duo_misconfigured",
}


def expected(mode: str, form: str, outcome: SecondFactorOutcome) -> tuple[int, str]:
    """Result code and reason. For `offline`, the passcode is a code of an offline authenticator."""
    if mode == "open" and outcome is O.UNAVAILABLE:
        return 0, "fail_mode_open"
    if mode == "offline" and outcome in BY_CODE:
        return (0, "offline_code") if form == "password,passcode" else (49, "offline_no_code")
    return 49, REJECTED[outcome]


# The parts.


@dataclass
class Enrolled:
    """Alice's offline codes, each good for one login."""

    settings: dict[str, Any]
    codes: list[str]


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Enrolled:
    """An offline store with as many recovery codes of Alice's as the table has fields."""
    folder = tmp_path_factory.mktemp("offline")
    key = Fernet.generate_key().decode()
    store = f"sqlite:///{folder}/offline.db"
    administration = open_administration(OfflineSettings(store, (Secret(key),), 1000, 86_400.0))
    codes: list[str] = []
    while len(codes) < 3 * len(OUTAGES) + 10:
        sheet = administration.new_recovery_codes(ALICE.entry_uuid, "alice", f"sheet {len(codes)}")
        codes += [code.reveal_text() for code in sheet]
    return Enrolled({"store": store, "encryption_key": key, "max_logins": 1000}, codes)


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, slapd: Slapd, duo_process: SimulatorProcess, enrolled: Enrolled
) -> Iterator[World]:
    """One proxy. It also knows a Duo whose name does not resolve, and has a wrong key for another."""
    right = duo_settings(duo_process, **DUO)
    others = {
        "unresolved": {**right, "api_host": "api-nowhere.invalid"},
        "bad_key": {**right, "secret_key": "x" * 40},
    }
    listeners = dict(LISTENERS)
    for name in others:
        listeners |= {f"{name}_{mode}": LISTENERS[mode] for mode in MODES}
    extra = {
        "duo": {"prod": DUO, **others},
        "listeners": {f"{name}_{mode}": {"duo": name} for name in others for mode in MODES},
        "offline": enrolled.settings,
    }
    with World(tmp_path_factory.mktemp("proxy"), slapd, duo_process, listeners, extra) as running:
        yield running


@pytest.fixture
def stage(world: World, duo: SimulatorProcess, enrolled: Enrolled) -> Iterator[Stage]:
    """Everything is well, before and after each field of the table."""
    world.enroll(ALICE, passcodes=[PASSCODE])
    duo.answer_always("approve")
    ready = Stage(world, duo, enrolled)
    ready.until_well()
    yield ready
    put_right(duo)


class Stage:
    """Logins of Alice through all listeners in all forms."""

    def __init__(self, world: World, duo: SimulatorProcess, enrolled: Enrolled) -> None:
        self.world = world
        self.duo = duo
        self._enrolled = enrolled

    def until_well(self) -> None:
        """Waits until Duo is up for the proxy, and completes a login."""

        def is_well() -> bool:
            try:
                with self.world.proxy.client("closed") as client:
                    answer = client.bind(ALICE.dn, f"{ALICE.password},{PASSCODE}")
            except (OSError, EOFError):
                return False
            return answer.result_code == 0 and state_of_duo(self.world) == "up"

        self.world.proxy.wait_for(is_well, "Duo to be well")
        self.world.new_audit_lines()

    @contextlib.contextmanager
    def logins(self, listeners: dict[str, str], forms: list[str]) -> Iterator[Logins]:
        """Starts a login for each listener and form, at the same time, so that all of them meet Duo alike.

        Args:
            listeners: the listener for each mode.
            forms: the credential forms.
        """
        with ExitStack() as stack:
            clients = {}
            for mode, listener in listeners.items():
                for form in forms:
                    client = LdapClient(self.world.proxy.port(listener), source=FORMS[form], timeout=30)
                    clients[mode, form] = stack.enter_context(client)
                    client.send(bind(1, ALICE.dn, self._credential(mode, form)))
            yield Logins(self, listeners, clients)

    def _credential(self, mode: str, form: str) -> str:
        match form:
            case "password,push":
                return f"{ALICE.password},push"
            case "password,passcode":
                return f"{ALICE.password},{self._enrolled.codes.pop() if mode == 'offline' else PASSCODE}"
            case _:
                return ALICE.password


class Logins:
    """Logins that were started."""

    def __init__(
        self, stage: Stage, listeners: dict[str, str], clients: dict[tuple[str, str], LdapClient]
    ) -> None:
        self._stage = stage
        self._listeners = listeners
        self._clients = clients

    def must_end_with(self, outcome: SecondFactorOutcome) -> None:
        """Checks every answer and every audit line."""
        codes = {key: client.receive().result_code for key, client in self._clients.items()}
        lines = {
            (line["listener"], line["client_address"]): line
            for line in self._stage.world.new_audit_lines(len(codes))
        }
        found, wanted = {}, {}
        for mode, form in self._clients:
            line = lines[self._listeners[mode], FORMS[form]]
            found[mode, form] = (codes[mode, form], line["reason"], line["second_factor"])
            wanted[mode, form] = (*expected(mode, form, outcome), outcome.value)
        assert found == wanted, [line["detail"] for line in lines.values()]


# The tests.

ALL = {mode: mode for mode in MODES}
PUSHES = ["password", "password,push"]


@pytest.mark.parametrize("name", met_at("preauth"))
def test_at_preauth(stage: Stage, name: str) -> None:
    outage = OUTAGES[name]
    with outage.strike(stage.duo, "preauth"), stage.logins(ALL, list(FORMS)) as logins:
        logins.must_end_with(outage.outcomes["preauth"])


@pytest.mark.parametrize("name", met_at("auth"))
def test_at_auth(stage: Stage, name: str) -> None:
    outage = OUTAGES[name]
    with outage.strike(stage.duo, "auth"), stage.logins(ALL, list(FORMS)) as logins:
        logins.must_end_with(outage.outcomes["auth"])


@pytest.mark.parametrize("name", met_at("auth_status"))
def test_at_auth_status(stage: Stage, name: str) -> None:
    outage = OUTAGES[name]
    if outage.concerns_all:
        # Nobody waits once a passcode was sent, so these are pushes.
        stage.duo.answer_always(None)
        with stage.logins(ALL, PUSHES) as logins:
            stage.duo.wait_for_push(count=len(ALL) * len(PUSHES))
            with outage.strike(stage.duo, "auth_status"):
                logins.must_end_with(outage.outcomes["auth_status"])
    else:
        with outage.strike(stage.duo, "auth_status"), stage.logins(ALL, list(FORMS)) as logins:
            logins.must_end_with(outage.outcomes["auth_status"])


@pytest.mark.parametrize(("name", "outcome"), [("unresolved", O.UNAVAILABLE), ("bad_key", O.MISCONFIGURED)])
def test_what_is_wrong_from_the_start(stage: Stage, name: str, outcome: SecondFactorOutcome) -> None:
    """A name that does not resolve, and keys that Duo refuses."""
    with stage.logins({mode: f"{name}_{mode}" for mode in MODES}, list(FORMS)) as logins:
        logins.must_end_with(outcome)


def test_a_clock_two_hours_off_keeps_nobody_out(stage: Stage) -> None:
    """It is put right with Duo's own: no outage at all."""
    stage.duo.settings(clock_offset=7200)
    with stage.world.proxy.client("closed") as client:
        assert client.bind(ALICE.dn, ALICE.password).result_code == 0
    assert stage.world.audited()["second_factor"] == "allowed"


@pytest.mark.parametrize(("answer", "outcome"), [("deny", O.DENIED), (None, O.TIMED_OUT)])
def test_people_are_no_outage(stage: Stage, answer: str | None, outcome: SecondFactorOutcome) -> None:
    stage.duo.answer_always(answer)
    with stage.logins(ALL, PUSHES) as logins:
        logins.must_end_with(outcome)
    assert state_of_duo(stage.world) == "up"


def test_an_offline_code_is_no_way_in_while_duo_answers(stage: Stage) -> None:
    with stage.logins({"offline": "offline"}, ["password,passcode"]) as logins:
        logins.must_end_with(O.DENIED)


def test_an_accept_by_fail_mode_is_loud(stage: Stage) -> None:
    def decided(mode: str, decision: str) -> float:
        name = f'decision="{decision}",listener="{mode}",mode="{mode}"'
        return stage.world.proxy.metrics().get(f"ldapproxy_fail_mode_decisions_total{{{name}}}", 0.0)

    before = {mode: decided(mode, "accept") + decided(mode, "offline_code") for mode in MODES}
    rejected = decided("closed", "reject")
    stage.duo.fault("preauth", "respond", status=503)
    with stage.logins(ALL, ["password,passcode"]) as logins:
        logins.must_end_with(O.UNAVAILABLE)
    assert decided("open", "accept") == before["open"] + 1
    assert decided("offline", "offline_code") == before["offline"] + 1
    assert decided("closed", "reject") == rejected + 1
    loud = re.findall(r".*logged in by fail mode.*", stage.world.proxy.errors())[-2:]
    assert all('"level": "warning"' in line and "uid=alice" in line for line in loud)
    assert {mode for line in loud for mode in MODES if f"fail mode {mode}" in line} == {"open", "offline"}
