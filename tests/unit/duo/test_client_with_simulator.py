"""The client against the demo's simulator: two readings of Duo's documentation that have to agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from ldapproxy.auth.credentials import Auto, FactorChoice, Passcode, Push, Sms
from ldapproxy.auth.outcomes import Factor, SecondFactorOutcome, SecondFactorResult
from ldapproxy.duo.calls import CallOutcome
from ldapproxy.duo.client import DuoClient, Health
from ldapproxy.duo.settings import DuoSettings
from ldapproxy.secret import Secret
from tests.support.simulator import SimulatorProcess, phone, token
from tests.unit.duo.conftest import MakeSettings, Recorder, Run, a_login

O = SecondFactorOutcome  # noqa: E741 -- it stands in half of the lines below


@pytest.fixture
def duo(process: SimulatorProcess) -> SimulatorProcess:
    """The simulator as new, with Alice and her phone and token."""
    process.reset()
    process.add_user("alice", devices=[phone("Alice's phone"), token()], passcodes=["123456"])
    return process


def ask(run: Run, settings: MakeSettings, duo: SimulatorProcess, choice: FactorChoice) -> SecondFactorResult:
    """A login of Alice, with a client of its own."""

    async def scene() -> SecondFactorResult:
        client = DuoClient(_settings(settings, duo), Recorder())
        try:
            return await client.verify(a_login(choice=choice, factors=frozenset(Factor)), 30.0)
        finally:
            await client.aclose()

    return run(scene())


def _settings(settings: MakeSettings, duo: SimulatorProcess) -> DuoSettings:
    return settings(
        duo.port,
        api_host="127.0.0.1",
        integration_key=duo.integration_key,
        secret_key=Secret(duo.secret_key),
        ca_file=Path(duo.ca_file),
    )


@pytest.mark.parametrize(
    ("answer", "outcome", "fraud"),
    [("approve", O.ALLOWED, False), ("deny", O.DENIED, False), ("fraud", O.DENIED, True)],
)
def test_a_push(
    run: Run, settings: MakeSettings, duo: SimulatorProcess, answer: str, outcome: O, fraud: bool
) -> None:
    duo.answer_always(answer, after=0.1)
    result = ask(run, settings, duo, Auto())
    assert (result.outcome, result.fraud, result.factor) == (outcome, fraud, "push")
    assert result.device is not None
    assert "Alice's phone" in result.device
    assert result.text
    assert duo.counts()["auth_status"] == 2


def test_a_push_that_nobody_answers(run: Run, settings: MakeSettings, duo: SimulatorProcess) -> None:
    duo.settings(push_timeout=0.5)
    assert ask(run, settings, duo, Push()).outcome is O.TIMED_OUT


@pytest.mark.parametrize(("code", "outcome"), [("123456", O.ALLOWED), ("654321", O.DENIED)])
def test_a_passcode(run: Run, settings: MakeSettings, duo: SimulatorProcess, code: str, outcome: O) -> None:
    result = ask(run, settings, duo, Passcode(Secret(code)))
    assert (result.outcome, result.factor) == (outcome, "passcode")
    assert not duo.waiting(), "a passcode never causes a push"


def test_passcodes_by_sms(run: Run, settings: MakeSettings, duo: SimulatorProcess) -> None:
    result = ask(run, settings, duo, Sms())
    assert (result.outcome, result.factor, bool(result.text)) == (O.DENIED, "sms", True)


def test_an_unknown_user(run: Run, settings: MakeSettings, duo: SimulatorProcess) -> None:
    duo.remove_user("alice")
    assert ask(run, settings, duo, Auto()).outcome is O.NOT_ENROLLED


def test_a_clock_two_hours_off(run: Run, settings: MakeSettings, duo: SimulatorProcess) -> None:
    duo.settings(clock_offset=7200.0)
    duo.answer_always("approve")
    assert ask(run, settings, duo, Auto()).outcome is O.ALLOWED


def test_a_check(run: Run, settings: MakeSettings, duo: SimulatorProcess) -> None:
    async def scene() -> Health:
        client = DuoClient(_settings(settings, duo), Recorder())
        try:
            return await client.check()
        finally:
            await client.aclose()

    health = run(scene())
    assert health.outcome is CallOutcome.OK
    assert health.clock_offset == pytest.approx(0.0, abs=1.5)
