"""The client, against a Duo that answers as scripted, over real TLS."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import Any

import pytest

from ldapproxy.auth.credentials import FactorChoice, NamedDevice, Passcode, Phone, Push, Sms
from ldapproxy.auth.outcomes import Factor, SecondFactorOutcome, SecondFactorResult
from ldapproxy.duo.calls import CallOutcome
from ldapproxy.duo.client import DuoClient
from ldapproxy.secret import Secret
from tests.support.duo_faults import Authority
from tests.support.scripted_duo import (
    ALLOWED,
    DENIED,
    LANDLINE,
    PHONE,
    SECRET_KEY,
    TABLET,
    TOKEN,
    Answer,
    HangUp,
    Reset,
    ScriptedDuo,
    devices,
    fails,
    http,
    never,
    ok,
    raw,
    refusal,
    scripted_duo,
    waiting,
    when,
)
from tests.unit.duo.conftest import MakeSettings, Play, Recorder, Run, a_login, ended

O = SecondFactorOutcome  # noqa: E741 -- it stands in half of the lines below
# What a login is, from start to end.


def test_a_push_is_sent_followed_and_allowed(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, recorder: Recorder) -> None:
        approved = asyncio.Event()
        duo.will("auth_status", waiting("pushed"), when(approved, ALLOWED))
        login = asyncio.create_task(client.verify(a_login(), 10.0))
        async with asyncio.timeout(5):
            while len(duo.asked("auth_status")) < 2:
                await asyncio.sleep(0.001)
        assert not login.done()
        approved.set()
        assert await login == ended(O.ALLOWED, text="Success. Logging you in...")
        assert duo.sequence == ["preauth", "auth", "auth_status", "auth_status"]
        (auth,) = duo.asked("auth")
        assert auth.parameters.pop("pushinfo") == "listener=vpn&client=192.0.2.7"
        assert auth.parameters == {
            "username": "alice",
            "factor": "push",
            "device": PHONE["device"],
            "async": "1",
            "type": "vpn",
        }
        assert duo.asked("preauth")[0].parameters == {"username": "alice"}
        assert {call.parameters["txid"] for call in duo.asked("auth_status")} == {
            "45f7c92b-f45f-4862-8545-e0f58e78075a"
        }
        assert recorder.outcomes == [(endpoint, "ok") for endpoint in duo.sequence]
        assert all(duo_name == "prod" and 0 < seconds < 5 for duo_name, _, _, seconds in recorder.calls)

    play(scene)


@pytest.mark.parametrize(
    ("choice", "asked", "device"),
    [
        (Push(2), {"factor": "push", "device": TABLET["device"]}, "Tablet"),
        (Phone(2), {"factor": "phone", "device": LANDLINE["device"]}, "Desk (XXX-XXX-0199)"),
        (Sms(), {"factor": "sms", "device": PHONE["device"]}, "iOS (XXX-XXX-0100)"),
        (NamedDevice("Desk"), {"factor": "phone", "device": LANDLINE["device"]}, "Desk (XXX-XXX-0199)"),
        (Passcode(Secret("123456")), {"factor": "passcode", "passcode": "123456"}, None),
    ],
    ids=["push2", "phone2", "sms", "named", "passcode"],
)
def test_what_was_typed_is_asked(
    play: Play, choice: FactorChoice, asked: dict[str, str], device: str | None
) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will("preauth", devices(TOKEN, PHONE, LANDLINE, TABLET)).will("auth_status", ALLOWED)
        result = await client.verify(a_login(choice=choice, factors=frozenset(Factor)), 5.0)
        assert (result.outcome, result.factor, result.device) == (O.ALLOWED, asked["factor"], device)
        parameters = duo.asked("auth")[0].parameters
        assert {key: parameters.get(key) for key in asked} == asked
        assert ("device" in parameters) == (device is not None)
        assert ("pushinfo" in parameters) == (asked["factor"] == "push")

    play(scene)


def test_passcodes_by_sms_are_a_denial_with_duos_words(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will("auth_status", ok(result="deny", status="sent", status_msg="New SMS passcodes sent."))
        result = await client.verify(a_login(choice=Sms(), factors=frozenset(Factor)), 5.0)
        assert result == ended(O.DENIED, factor="sms", text="New SMS passcodes sent.")

    play(scene)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ok(result="allow", status_msg="Bypass"), SecondFactorResult(O.BYPASSED, text="Bypass")),
        (ok(result="deny", status_msg="Locked out"), SecondFactorResult(O.DENIED, text="Locked out")),
        (ok(result="enroll", status_msg="Enroll at"), SecondFactorResult(O.NOT_ENROLLED, text="Enroll at")),
    ],
    ids=["allow", "deny", "enroll"],
)
def test_preauth_may_decide_alone(play: Play, answer: Answer, expected: SecondFactorResult) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will("preauth", answer)
        assert await client.verify(a_login(), 5.0) == expected
        assert duo.sequence == ["preauth"]

    play(scene)


def test_without_a_capable_device_nobody_is_asked(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will("preauth", devices(TOKEN))
        result = await client.verify(a_login(), 5.0)
        assert (result.outcome, bool(result.detail)) == (O.NO_FACTOR, True)
        assert duo.sequence == ["preauth"]

    play(scene)


def test_a_factor_that_is_not_allowed_is_found_out_after_preauth_only(play: Play) -> None:
    """While Duo is away, what looks like a passcode may be an offline code: that is not NO_FACTOR then."""

    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        login = a_login(choice=Passcode(Secret("123456")), factors=frozenset({Factor.PUSH}))
        assert (await client.verify(login, 5.0)).outcome is O.NO_FACTOR
        assert duo.sequence == ["preauth"]
        duo.will("preauth", http(503))
        assert (await client.verify(login, 5.0)).outcome is O.UNAVAILABLE

    play(scene)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (DENIED, ended(O.DENIED, text="Login request denied.")),
        (
            ok(result="deny", status="fraud", status_msg="Reported"),
            ended(O.DENIED, text="Reported", fraud=True),
        ),
        (ok(result="deny", status="timeout", status_msg="Timed out"), ended(O.TIMED_OUT, text="Timed out")),
        (ok(result="waiting", status="timeout"), ended(O.TIMED_OUT)),
        (ok(result="deny", status="locked_out"), ended(O.DENIED)),
        (ok(result="allow", status="bypass"), ended(O.BYPASSED)),
    ],
    ids=["deny", "fraud", "timeout", "timeout while waiting", "locked out", "bypass"],
)
def test_how_a_push_may_end(play: Play, answer: Answer, expected: SecondFactorResult) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will("auth_status", waiting("pushed"), answer)
        assert await client.verify(a_login(), 5.0) == expected

    play(scene)


def test_the_client_address_goes_to_duo_as_the_users_only_when_it_is(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        await client.verify(a_login(client_is_user=True), 5.0)
        assert [call.parameters["ipaddr"] for call in duo.calls[:2]] == ["192.0.2.7", "192.0.2.7"]

    play(scene)


# Connections.


def test_connections_that_duo_closes_unannounced_do_not_fail_a_login(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, recorder: Recorder) -> None:
        duo.close_after_answer = True
        for _ in range(20):
            duo.will("auth_status", waiting("pushed"), ALLOWED)
            assert (await client.verify(a_login(), 5.0)).outcome is O.ALLOWED
        assert len(duo.asked("auth")) == 20

    play(scene)


@pytest.mark.parametrize("fault", [HangUp, Reset])
def test_preauth_on_a_connection_that_is_just_being_closed_is_repeated(
    play: Play, fault: type[Exception]
) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, recorder: Recorder) -> None:
        duo.will("preauth", fails(fault), devices(PHONE))
        assert (await client.verify(a_login(), 5.0)).outcome is O.ALLOWED
        assert len(duo.asked("preauth")) == 2
        assert recorder.outcomes.count(("preauth", "ok")) == 1

    play(scene)


def test_a_login_that_is_cancelled_leaves_nothing_behind(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, recorder: Recorder) -> None:
        for held, stage in ((never, "preauth"), (never, "auth"), (never, "auth_status")):
            duo.answer_well()
            duo.will(stage, held)
            before = len(duo.asked(stage))
            login = asyncio.create_task(client.verify(a_login(), 60.0))
            async with asyncio.timeout(5):
                while len(duo.asked(stage)) == before:
                    await asyncio.sleep(0.001)
            login.cancel()
            with pytest.raises(asyncio.CancelledError):
                await login
            assert recorder.outcomes[-1] == (stage, "abandoned")
            waits = duo.asked(stage)[-1].connection
            async with asyncio.timeout(5):
                while waits in duo.server.open:
                    await asyncio.sleep(0.001)

    play(scene)


def test_five_hundred_waiting_logins_end_each_in_its_own_way(play: Play) -> None:
    count = 500

    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        approved = asyncio.Event()

        async def by_user(call: Any) -> bytes:
            return await ok(txid=f"tx-{call.parameters['username']}")(call)

        async def status(call: Any) -> bytes:
            number = int(call.parameters["txid"].removeprefix("tx-"))
            asked[number] += 1
            if asked[number] == 1:
                return await waiting("pushed")(call)
            await approved.wait()
            return await (ALLOWED if number % 2 else DENIED)(call)

        asked: Counter[int] = Counter()
        duo.will("auth", by_user).will("auth_status", status)
        logins = [
            asyncio.create_task(client.verify(a_login(username=str(number)), 60.0)) for number in range(count)
        ]
        async with asyncio.timeout(60):
            while len(duo.asked("auth_status")) < 2 * count:
                await asyncio.sleep(0.05)
            began = time.monotonic()
            approved.set()
            results = await asyncio.gather(*logins)
        assert [result.outcome for result in results] == [O.DENIED, O.ALLOWED] * (count // 2)
        assert time.monotonic() - began < 20

    # All connections are made at once: on a busy machine none of them is quick, and a time-out would only
    # have them made again.
    play(scene, connect_timeout=60.0, response_timeout=60.0)


def test_a_closing_client_ends_its_logins(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will("auth_status", waiting("pushed"), never)
        login = asyncio.create_task(client.verify(a_login(), 30.0))
        async with asyncio.timeout(5):
            while len(duo.asked("auth_status")) < 2:
                await asyncio.sleep(0.001)
            await client.aclose()
            assert (await login).outcome is O.INTERRUPTED

    play(scene)


# The clock, and what check and ping say.


def test_a_clock_two_hours_off_locks_nobody_out(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, recorder: Recorder) -> None:
        duo.clock_ahead = 7200.0
        assert (await client.verify(a_login(), 5.0)).outcome is O.ALLOWED
        assert duo.sequence[:3] == ["preauth", "ping", "preauth"]
        assert recorder.outcomes.count(("preauth", "ok")) == 1
        duo.calls.clear()
        assert (await client.verify(a_login(), 5.0)).outcome is O.ALLOWED
        assert "ping" not in duo.sequence, "the offset is known now"
        duo.clock_ahead = -7200.0
        assert (await client.verify(a_login(), 5.0)).outcome is O.ALLOWED, "a clock may jump at any time"

    play(scene)


def test_a_clock_that_jumps_before_the_push_costs_no_login(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        async def jump(call: Any) -> bytes:
            duo.clock_ahead = 7200.0
            return await devices(PHONE)(call)

        duo.will("preauth", jump)
        assert (await client.verify(a_login(), 5.0)).outcome is O.ALLOWED
        assert duo.sequence[:4] == ["preauth", "auth", "ping", "auth"]

    play(scene)


def test_after_a_ping_nothing_is_refused(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.clock_ahead = 7200.0
        health = await client.ping()
        assert health.outcome is CallOutcome.OK
        assert health.clock_offset == pytest.approx(7200.0, abs=1.5)
        assert (await client.verify(a_login(), 5.0)).outcome is O.ALLOWED
        assert duo.sequence == ["ping", "preauth", "auth", "auth_status", "auth_status"]

    play(scene)


def test_the_clock_is_the_one_that_was_given(run: Run, authority: Authority, settings: MakeSettings) -> None:
    async def scene() -> None:
        async with scripted_duo(authority) as duo:
            client = DuoClient(settings(duo.port), Recorder(), clock=lambda: time.time() + 86400)
            health = await client.check()
            assert health.outcome is CallOutcome.OK
            assert health.clock_offset == pytest.approx(-86400, abs=1.5)
            await client.aclose()

    run(scene())


@pytest.mark.parametrize(
    "wrong",
    [{"secret_key": Secret("x" * 40)}, {"integration_key": "DIXXXXXXXXXXXXXXXXXX"}],
    ids=["secret", "ikey"],
)
def test_wrong_keys_are_misconfigured_and_named(
    run: Run, authority: Authority, settings: MakeSettings, wrong: dict[str, Any]
) -> None:
    async def scene() -> None:
        async with scripted_duo(authority) as duo:
            client = DuoClient(settings(duo.port, **wrong), Recorder())
            result = await client.verify(a_login(), 5.0)
            assert result.outcome is O.MISCONFIGURED
            assert "40103: Invalid signature in request credentials" in result.detail
            assert duo.sequence == ["preauth", "ping"]
            health = await client.check()
            assert health.outcome is CallOutcome.UNAUTHORIZED
            assert "secret_key" in health.detail
            assert health.clock_offset is not None
            await client.aclose()

    run(scene())


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (http(503), CallOutcome.SERVER_ERROR),
        (ok(time="now"), CallOutcome.NONSENSE),
        (fails(HangUp), CallOutcome.LOST),
        (never, CallOutcome.RESPONSE_TIMEOUT),
        (refusal(429, 42901, "Too Many Requests"), CallOutcome.RATE_LIMITED),
    ],
    ids=["503", "no time", "hangs up", "silent", "429"],
)
def test_a_ping_that_fails_says_why(play: Play, answer: Answer, outcome: CallOutcome) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will("ping", answer)
        for health in (await client.ping(), await client.check()):
            assert health.outcome is outcome
            assert health.detail
            assert health.clock_offset is None
        assert "check" not in duo.sequence

    play(scene, response_timeout=0.3)


# Secrets.


def test_no_secret_is_logged_or_shown(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> list[object]:
        asyncio.get_running_loop().set_debug(True)
        shown: list[object] = [client, a_login(choice=Passcode(Secret("918273")))]
        for answer in (ok(txid="tx"), http(500), fails(HangUp), never, raw(b"nonsense\r\n\r\n")):
            duo.will("auth", answer).will("auth_status", DENIED)
            shown.append(await client.verify(a_login(choice=Passcode(Secret("918273"))), 5.0))
        assert [call.parameters["passcode"] for call in duo.asked("auth")] == ["918273"] * 5
        return shown

    shown = play(scene, response_timeout=0.4)
    for text in (caplog.text, repr(shown), str(shown)):
        assert "918273" not in text
        assert SECRET_KEY not in text
        assert "Basic " not in text
