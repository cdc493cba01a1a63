"""The client asks everybody of a shared account, over real TLS: three phones of three people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from ldapproxy.auth.credentials import Everybody, NamedDevice
from ldapproxy.auth.effects import VerifySecondFactor
from ldapproxy.auth.outcomes import SecondFactorOutcome, SecondFactorResult
from ldapproxy.duo.client import DuoClient
from ldapproxy.duo.watch import WatchedDuo
from ldapproxy.secret import Secret
from tests.support.duo_faults import Authority
from tests.support.scripted_duo import (
    ALLOWED,
    DENIED,
    LANDLINE,
    TOKEN,
    Answer,
    Call,
    Reset,
    ScriptedDuo,
    devices,
    fails,
    http,
    never,
    ok,
    refusal,
    scripted_duo,
    waiting,
    when,
)
from tests.support.simulator import SimulatorProcess, phone
from tests.unit.duo.conftest import MakeSettings, Recorder, Run, a_login

O = SecondFactorOutcome  # noqa: E741 -- it stands in half of the lines below

OLGA, OMAR, ODA = PEOPLE = ("Olga's phone", "Omar's phone", "Oda's phone")
FRAUD = ok(result="deny", status="fraud", status_msg="Reported")
GONE = ok(result="deny", status="timeout", status_msg="Timed out")
PUSHED = waiting("pushed")
LOST = fails(Reset)

Scene = Callable[[ScriptedDuo, DuoClient], Coroutine[Any, Any, Any]]


def a_phone(name: str) -> dict[str, object]:
    """A phone as preauth describes it; its id is the name without what ids do not have."""
    return {"device": name.replace("'s phone", ""), "display_name": name, "capabilities": ["auto", "push"]}


def everybody(**changes: Any) -> VerifySecondFactor:
    """The question of a login to the shared account."""
    return a_login(username="operations", choice=Everybody(), **changes)


def script(
    duo: ScriptedDuo, statuses: dict[str, list[Answer]], auth: dict[str, Answer] | None = None
) -> None:
    """Says what becomes of each phone: of its auth call, and its auth_status calls one after the other.

    The last auth_status answer is for all that follow, unless it is an end.
    """
    left = {name: list(answers) for name, answers in statuses.items()}

    async def answer_auth(call: Call) -> bytes:
        name = f"{call.parameters['device']}'s phone"
        return await (auth or {}).get(name, ok(txid=f"tx-{call.parameters['device']}"))(call)

    async def answer_status(call: Call) -> bytes:
        answers = left[f"{call.parameters['txid'].removeprefix('tx-')}'s phone"]
        return await (answers.pop(0) if len(answers) > 1 else answers[0])(call)

    duo.will("preauth", devices(TOKEN, LANDLINE, *map(a_phone, statuses)))
    duo.will("auth", answer_auth).will("auth_status", answer_status)


def play(run: Run, authority: Authority, settings: MakeSettings, scene: Scene, **changes: Any) -> Any:
    """Plays a scene with a scripted Duo and a client for it; returns what the scene returns."""

    async def whole() -> Any:
        async with scripted_duo(authority) as duo:
            client = DuoClient(settings(duo.port, **changes), Recorder())
            try:
                return await scene(duo, client)
            finally:
                await client.aclose()

    return run(whole())


def test_all_are_asked_at_once_and_the_first_approval_wins(
    run: Run, authority: Authority, settings: MakeSettings
) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient) -> None:
        approved = asyncio.Event()
        script(duo, {OLGA: [PUSHED, never], OMAR: [PUSHED, when(approved, ALLOWED)], ODA: [PUSHED, never]})
        login = asyncio.create_task(client.verify(everybody(), 20.0))
        async with asyncio.timeout(10):
            while len(duo.asked("auth_status")) < 6:
                await asyncio.sleep(0.001)
            assert not login.done()
            approved.set()
            result = await login
            assert result == SecondFactorResult(O.ALLOWED, "push", OMAR, "Success. Logging you in...")
            while duo.server.open - {duo.calls[0].connection}:
                await asyncio.sleep(0.001)  # nobody is followed any more
        auths = duo.asked("auth")
        assert [call.parameters["device"] for call in auths] == ["Olga", "Omar", "Oda"]
        assert {(call.parameters["factor"], call.parameters["type"]) for call in auths} == {("push", "vpn")}
        assert {call.parameters["pushinfo"] for call in auths} == {"listener=vpn&client=192.0.2.7"}
        assert len(duo.asked("preauth")) == 1

    play(run, authority, settings, scene)


CASES: dict[str, tuple[dict[str, list[Answer]], SecondFactorOutcome, str, bool]] = {
    "a denial does not end it": (
        {OLGA: [DENIED], OMAR: [PUSHED, PUSHED, ALLOWED], ODA: [PUSHED, never]},
        O.ALLOWED,
        OMAR,
        False,
    ),
    "fraud does": ({OLGA: [PUSHED, never], OMAR: [FRAUD], ODA: [PUSHED, never]}, O.DENIED, OMAR, True),
    "one said no, nobody yes": ({OLGA: [GONE], OMAR: [DENIED], ODA: [GONE]}, O.DENIED, OMAR, False),
    "nobody answers": (
        {OLGA: [PUSHED, GONE], OMAR: [GONE], ODA: [GONE]},
        O.TIMED_OUT,
        ", ".join(PEOPLE),
        False,
    ),
    "a lost one does not stand in the way": (
        {OLGA: [http(404)], OMAR: [PUSHED, ALLOWED], ODA: [PUSHED, never]},
        O.ALLOWED,
        OMAR,
        False,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_whose_answer_decides(run: Run, authority: Authority, settings: MakeSettings, case: str) -> None:
    statuses, outcome, device, fraud = CASES[case]

    async def scene(duo: ScriptedDuo, client: DuoClient) -> None:
        script(duo, statuses)
        result = await client.verify(everybody(), 20.0)
        assert (result.outcome, result.device, result.fraud, result.factor) == (
            outcome,
            device,
            fraud,
            "push",
        )

    play(run, authority, settings, scene)


def test_the_budget_ends_it_for_all(run: Run, authority: Authority, settings: MakeSettings) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient) -> None:
        script(duo, {name: [PUSHED, never] for name in PEOPLE})
        result = await client.verify(everybody(), 0.8)
        assert (result.outcome, result.device) == (O.TIMED_OUT, ", ".join(PEOPLE))

    play(run, authority, settings, scene)


def test_a_duo_that_is_lost_behind_the_pushes_is_interrupted(
    run: Run, authority: Authority, settings: MakeSettings
) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient) -> None:
        script(duo, {name: [PUSHED, LOST] for name in PEOPLE})
        assert (await client.verify(everybody(), 0.8)).outcome is O.INTERRUPTED

    play(run, authority, settings, scene)


@pytest.mark.parametrize(
    ("auth", "outcome"),
    [
        ({OLGA: http(503)}, O.ALLOWED),
        ({OLGA: http(429), OMAR: http(429), ODA: http(503)}, O.INTERRUPTED),
        ({name: http(503) for name in PEOPLE}, O.INTERRUPTED),
        (dict.fromkeys(PEOPLE, LOST), O.INTERRUPTED),
        ({name: http(429) for name in PEOPLE}, O.RATE_LIMITED),
        ({name: refusal(400, 40002, "Invalid request parameters") for name in PEOPLE}, O.MISCONFIGURED),
    ],
    ids=["one 503", "429 and 503", "503", "reset", "429", "400"],
)
def test_auth_calls_that_fail_never_make_duo_unavailable(
    run: Run,
    authority: Authority,
    settings: MakeSettings,
    auth: dict[str, Answer],
    outcome: SecondFactorOutcome,
) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient) -> None:
        script(duo, {OLGA: [never], OMAR: [PUSHED, ALLOWED], ODA: [PUSHED, never]}, auth)
        assert (await client.verify(everybody(), 5.0)).outcome is outcome

    play(run, authority, settings, scene)


def test_duo_is_unavailable_when_no_auth_call_could_be_sent(
    run: Run, authority: Authority, settings: MakeSettings
) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient) -> None:
        script(duo, {name: [never] for name in PEOPLE})
        answer = duo.script["preauth"][0]

        async def and_gone(call: Call) -> bytes:
            duo.server.stop()
            return await answer(call)

        duo.close_after_answer = True
        duo.will("preauth", and_gone)
        assert (await client.verify(everybody(), 5.0)).outcome is O.UNAVAILABLE
        assert not duo.asked("auth")

    play(run, authority, settings, scene)


def test_a_login_that_is_cancelled_leaves_nothing_behind(
    run: Run, authority: Authority, settings: MakeSettings
) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient) -> None:
        script(duo, {name: [PUSHED, never] for name in PEOPLE})
        login = asyncio.create_task(client.verify(everybody(), 20.0))
        async with asyncio.timeout(10):
            while len(duo.asked("auth_status")) < 6:
                await asyncio.sleep(0.001)
            login.cancel()
            with pytest.raises(asyncio.CancelledError):
                await login
            while duo.server.open:
                await asyncio.sleep(0.001)

    play(run, authority, settings, scene)


def test_an_exception_that_nobody_foresaw_ends_all_and_shows(
    run: Run, authority: Authority, settings: MakeSettings
) -> None:
    """Whoever drives the login turns it into a rejection."""

    class Broken(Recorder):
        def duo_request(self, duo: str, endpoint: str, outcome: str, seconds: float) -> None:
            if endpoint == "auth":
                raise ZeroDivisionError

    async def scene() -> None:
        async with scripted_duo(authority) as duo:
            script(duo, {name: [PUSHED, never] for name in PEOPLE})
            client = DuoClient(settings(duo.port), Broken())
            with pytest.raises(ZeroDivisionError):
                await client.verify(everybody(), 10.0)
            await client.aclose()

    run(scene())


def test_at_name_asks_one(run: Run, authority: Authority, settings: MakeSettings) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient) -> None:
        script(duo, {OLGA: [never], OMAR: [ALLOWED], ODA: [never]})
        result = await client.verify(a_login(username="operations", choice=NamedDevice(OMAR)), 5.0)
        assert (result.outcome, result.device) == (O.ALLOWED, OMAR)
        assert len(duo.asked("auth")) == 1

    play(run, authority, settings, scene)


def test_it_is_one_login_for_the_watch(run: Run, authority: Authority, settings: MakeSettings) -> None:
    """Three phones that are lost are one interrupted user, who does not make Duo look degraded."""

    class Watcher(Recorder):
        states: list[str]

        def duo_state(self, duo: str, state: str) -> None:
            self.states = [*getattr(self, "states", []), state]

    async def scene() -> None:
        async with scripted_duo(authority) as duo:
            script(duo, {name: [PUSHED] for name in PEOPLE}, {name: http(503) for name in PEOPLE})
            watcher = Watcher()
            watched = WatchedDuo(settings(duo.port), watcher)
            for _ in range(2):
                assert (await watched.verify(everybody(), 5.0)).outcome is O.INTERRUPTED
            assert watcher.states == ["up"]
            await watched.aclose()

    run(scene())


def test_the_simulators_three_phones(run: Run, settings: MakeSettings, tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path) as simulator:
        simulator.add_user("operations", devices=[phone(name) for name in PEOPLE])
        there = settings(
            simulator.port,
            api_host="127.0.0.1",
            integration_key=simulator.integration_key,
            secret_key=Secret(simulator.secret_key),
            ca_file=Path(simulator.ca_file),
        )

        async def scene() -> SecondFactorResult:
            client = DuoClient(there, Recorder())
            login = asyncio.create_task(client.verify(everybody(), 30.0))
            async with asyncio.timeout(20):
                while len(waiting_now := await asyncio.to_thread(simulator.waiting)) < 3:
                    await asyncio.sleep(0.02)
                by_device = {push.device: push for push in waiting_now}
                denied, approved = (
                    next(push for device, push in by_device.items() if name in device) for name in (OLGA, ODA)
                )
                await asyncio.to_thread(simulator.answer, denied.txid, "deny")
                await asyncio.to_thread(simulator.answer, approved.txid, "approve")
                try:
                    return await login
                finally:
                    await client.aclose()

        result = run(scene())
        assert result.outcome is O.ALLOWED
        assert result.device is not None
        assert ODA in result.device
