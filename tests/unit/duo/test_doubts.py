"""What is asked beside a login that hears nothing from Duo, against the simulator behind a leg that hangs.

`response_timeout` is longer than `run` would wait: whatever ends before that was not ended by it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from ldapproxy.auth.outcomes import SecondFactorOutcome
from ldapproxy.duo.availability import State
from ldapproxy.duo.calls import CallOutcome, Endpoint
from ldapproxy.duo.doubts import Doubts
from ldapproxy.duo.watch import WatchedDuo
from tests.support.fault_proxy import FaultProxy
from tests.support.simulator import SimulatorProcess
from tests.unit.duo.conftest import MakeSettings, Run, States, a_login, control, until, watching

NEVER = 600.0
SILENT = {"connect_timeout": 3.0, "response_timeout": NEVER}
AT_ONCE_TOO = ("alice", "bob", "carol")


@contextlib.asynccontextmanager
async def behind(
    leg: FaultProxy, settings: MakeSettings, duo: SimulatorProcess, states: States
) -> AsyncIterator[WatchedDuo]:
    """Duo behind the leg; the next ping of the background is not due before the test has ended."""
    async with watching(settings, duo, states, NEVER, port=leg.port, **SILENT) as watched:
        await until(lambda: states.calls)  # the first ping, which leaves a connection
        yield watched


def test_a_login_on_a_connection_that_hangs_does_not_wait_for_its_answer(
    run: Run, settings: MakeSettings, duo: SimulatorProcess
) -> None:
    async def scene() -> None:
        states = States()
        with FaultProxy(duo.port) as leg:
            async with behind(leg, settings, duo, states) as watched, asyncio.timeout(20):
                assert (await watched.verify(a_login(), NEVER)).outcome is SecondFactorOutcome.ALLOWED
                await control(lambda: leg.hang(True))
                states.calls.clear()
                result = await watched.verify(a_login(), NEVER)
                assert result.outcome is SecondFactorOutcome.UNAVAILABLE
                assert (watched.state, result.detail) == (State.DOWN, watched.reason)
                assert states.calls.count(("ping", "connect_timeout")) == 3
                assert states.calls[-1] == ("preauth", "abandoned"), "it was still waiting for its answer"

    run(scene())


def test_all_that_wait_are_answered_when_the_first_one_is(
    run: Run, settings: MakeSettings, duo: SimulatorProcess
) -> None:
    async def scene() -> None:
        states = States()
        with FaultProxy(duo.port) as leg:
            async with behind(leg, settings, duo, states) as watched, asyncio.timeout(20):
                await control(lambda: leg.hang(True))
                logins = []
                for name in AT_ONCE_TOO:
                    logins.append(asyncio.create_task(watched.verify(a_login(identity=name), NEVER)))
                    await asyncio.sleep(0.1)
                done, waiting = await asyncio.wait(logins, return_when=asyncio.FIRST_COMPLETED)
                for _ in range(10):
                    await asyncio.sleep(0)
                assert all(login.done() for login in logins), (
                    "the later ones waited for something of their own"
                )
                assert {login.result().outcome for login in logins} == {SecondFactorOutcome.UNAVAILABLE}
                assert states.calls.count(("ping", "connect_timeout")) <= 3 + len(waiting | done)

    run(scene())


def test_a_push_that_waits_is_not_given_up(run: Run, settings: MakeSettings, duo: SimulatorProcess) -> None:
    """Somebody was asked: what is known of Duo since then does not make that undone."""

    async def scene() -> None:
        states = States()
        with FaultProxy(duo.port) as leg:
            async with behind(leg, settings, duo, states) as watched, asyncio.timeout(20):
                await control(lambda: duo.answer_always("ignore"))
                asked = asyncio.create_task(watched.verify(a_login(), NEVER))
                await control(lambda: duo.wait_for_push("alice"))
                await asyncio.sleep(0.2)  # until its auth_status is held
                await control(lambda: leg.hang(True))
                assert (await watched.verify(a_login(), NEVER)).outcome is SecondFactorOutcome.UNAVAILABLE
                await until(lambda: watched.state is State.DOWN)  # a busy machine hears of the last ping late
                assert not asked.done()
                await control(lambda: leg.hang(False))
                await control(lambda: duo.answer_all("approve"))
                assert (await asked).outcome is SecondFactorOutcome.ALLOWED

    run(scene())


def test_a_duo_that_is_slow_and_answers_pings_is_not_away(
    run: Run, settings: MakeSettings, duo: SimulatorProcess
) -> None:
    async def scene() -> None:
        states = States()
        # The first ping goes out after 1.8 s; a second would 0.9 s later, if there were no answer by then.
        patient = SILENT | {"connect_timeout": 12.0}
        async with watching(settings, duo, states, NEVER, **patient) as watched, asyncio.timeout(20):
            await until(lambda: states.calls)
            await control(lambda: duo.fault("preauth", "delay", delay=3.0))
            states.calls.clear()
            assert (await watched.verify(a_login(), NEVER)).outcome is SecondFactorOutcome.ALLOWED
            pings = [outcome for endpoint, outcome in states.calls if endpoint == "ping"]
            assert pings == ["ok"], "one answer is enough"
            assert watched.state is State.UP

    run(scene())


def test_a_duo_that_is_well_is_not_pinged(run: Run, settings: MakeSettings, duo: SimulatorProcess) -> None:
    async def scene() -> None:
        states = States()
        async with watching(settings, duo, states, NEVER, **SILENT) as watched, asyncio.timeout(20):
            await until(lambda: states.calls)
            states.calls.clear()
            for _ in range(20):
                assert (await watched.verify(a_login(), NEVER)).outcome is SecondFactorOutcome.ALLOWED
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.3)  # nor while nobody waits
            assert not states.pings

    run(scene())


def test_a_preauth_that_hangs_alone_costs_one_login_its_time_and_not_three(
    run: Run, settings: MakeSettings, duo: SimulatorProcess
) -> None:
    async def scene() -> None:
        states = States()
        times = {"connect_timeout": 0.3, "response_timeout": 1.5}
        async with watching(settings, duo, states, NEVER, **times) as watched, asyncio.timeout(20):
            await until(lambda: states.calls)
            await control(lambda: duo.fault("preauth", "hang"))
            states.calls.clear()
            assert (await watched.verify(a_login(), NEVER)).outcome is SecondFactorOutcome.UNAVAILABLE
            await until(lambda: watched.state is State.DOWN)  # and no further login was needed
            assert states.calls.count(("preauth", "response_timeout")) == 3
            assert ("ping", "ok") in states.calls

    run(scene())


def test_a_login_that_is_cancelled_leaves_nothing(
    run: Run, settings: MakeSettings, duo: SimulatorProcess
) -> None:
    """`run` fails when a task is left; closing in the middle of the pings ends them."""

    async def scene() -> None:
        states = States()
        with FaultProxy(duo.port) as leg:
            async with behind(leg, settings, duo, states) as watched, asyncio.timeout(20):
                await control(lambda: leg.hang(True))
                states.calls.clear()
                login = asyncio.create_task(watched.verify(a_login(), NEVER))
                await until(lambda: leg.connections > 1)
                login.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await login
            assert ("preauth", "abandoned") in states.calls

    run(scene())


def test_a_duo_that_is_slow_is_not_away_for_clients_that_do_not_wait(
    run: Run, settings: MakeSettings, duo: SimulatorProcess
) -> None:
    """A call beside a login has all the time that a login's own has: with less, it would say nothing."""

    async def scene() -> None:
        states = States()
        times = {"connect_timeout": 0.3, "response_timeout": 1.8}
        async with watching(settings, duo, states, NEVER, **times) as watched, asyncio.timeout(20):
            await until(lambda: states.calls)
            await control(lambda: duo.fault("preauth", "delay", delay=1.2))
            for _ in range(6):
                login = asyncio.create_task(watched.verify(a_login(), NEVER))
                await asyncio.sleep(1.0)
                login.cancel()
                await asyncio.wait([login])
            await until(lambda: states.calls.count(("preauth", "ok")) >= 2)
        assert states.states == ["up"]

    run(scene())


def test_where_pings_take_long_none_are_made(run: Run, settings: MakeSettings, duo: SimulatorProcess) -> None:
    """In less time than they take they would all fail, and Duo would look away."""

    async def scene() -> None:
        states = States()
        await control(lambda: duo.fault("ping", "delay", delay=1.0))
        async with watching(settings, duo, states, NEVER, **SILENT) as watched, asyncio.timeout(20):
            await until(lambda: states.calls)
            assert states.calls == [("ping", "ok")]
            await control(lambda: duo.fault("preauth", "hang"))
            await control(duo.forget_calls)
            login = asyncio.create_task(watched.verify(a_login(), NEVER))
            await asyncio.sleep(1.5)
            asked: list[str] = []
            await control(lambda: asked.extend(call.endpoint for call in duo.calls()))
            assert set(asked) == {"preauth"}
            login.cancel()
            await asyncio.wait([login])

    run(scene())


def test_an_answer_in_front_of_the_first_ping_does_not_end_the_asking_for_good(
    run: Run, settings: MakeSettings
) -> None:
    """It cancels the pings before they have begun; a later silence must be asked about all the same."""

    async def scene() -> None:
        states, loop = States(), asyncio.get_running_loop()
        answers = 0

        def clock() -> float:
            nonlocal answers
            if answers:  # as one that was ready when the timer went off
                answers -= 1
                loop.call_soon(doubts.call_ended, Endpoint.CHECK, CallOutcome.OK, 0.01)
            return loop.time()

        async def nothing() -> None:
            pass

        doubts = Doubts(settings(1, api_host="127.0.0.1", connect_timeout=0.2), states, nothing, clock)
        async with doubts.waiting():
            answers = 1
            await until(lambda: not answers)
            await until(lambda: ("ping", "unreachable") in states.calls)
        await doubts.aclose()

    run(scene())
