"""A watched Duo against the simulator: away, back, half dead; nobody waits for what is known."""

from __future__ import annotations

import asyncio

import pytest

from ldapproxy.auth.outcomes import SecondFactorOutcome
from ldapproxy.duo.availability import State
from tests.support.simulator import SimulatorProcess
from tests.unit.duo.conftest import MakeSettings, Run, States, a_login, control, until, watching


def test_the_ping_alone_notices_that_duo_is_away_and_back(
    run: Run, settings: MakeSettings, duo: SimulatorProcess
) -> None:
    async def scene() -> None:
        states = States()
        async with watching(settings, duo, states) as watched:
            await until(lambda: states.pings)
            await control(lambda: duo.power("off"))
            await until(lambda: watched.state is State.DOWN)
            assert watched.reason
            result = await watched.verify(a_login(), 30.0)
            assert result.outcome is SecondFactorOutcome.UNAVAILABLE
            assert result.detail == watched.reason
            await control(lambda: duo.power("on"))
            await until(lambda: watched.state is State.UP)
            assert (await watched.verify(a_login(), 30.0)).outcome is SecondFactorOutcome.ALLOWED
        assert states.states == ["up", "down", "up"]

    run(scene())


def test_while_duo_is_down_no_login_reaches_it(
    run: Run, settings: MakeSettings, duo: SimulatorProcess
) -> None:
    async def scene() -> None:
        async with watching(settings, duo, States()) as watched:
            await control(lambda: duo.fault("ping", "respond", status=503))
            await control(lambda: duo.fault("preauth", "respond", status=503))
            await until(lambda: watched.state is State.DOWN)
            await control(duo.forget_calls)
            for _ in range(10):
                assert (await watched.verify(a_login(), 30.0)).outcome is SecondFactorOutcome.UNAVAILABLE
            assert duo.logins() == 0

    run(scene())


def test_a_preauth_that_hangs_is_found_to_work_again_without_a_login(
    run: Run, settings: MakeSettings, duo: SimulatorProcess
) -> None:
    """Pings are answered all the time. No login waits, and none is needed."""

    async def scene() -> None:
        states = States()
        async with watching(settings, duo, states, response_timeout=0.3) as watched:
            await control(lambda: duo.fault("preauth", "hang"))
            for _ in range(3):
                assert (await watched.verify(a_login(), 30.0)).outcome is SecondFactorOutcome.UNAVAILABLE
            assert watched.state is State.DOWN
            pings = states.pings
            await until(lambda: states.pings > pings + 2)
            assert watched.state is State.DOWN
            for _ in range(10):
                result = await watched.verify(a_login(), 30.0)
                assert (result.outcome, result.detail) == (SecondFactorOutcome.UNAVAILABLE, watched.reason)
            await control(duo.clear_faults)
            await until(lambda: watched.state is State.UP)
            assert not duo.calls("auth"), "nobody was asked"
        assert states.states == ["up", "down", "up"]

    run(scene())


def test_a_duo_that_cannot_complete_pushes_is_degraded_and_recovers(
    run: Run, settings: MakeSettings, duo: SimulatorProcess
) -> None:
    async def scene() -> None:
        states = States()
        async with watching(settings, duo, states) as watched:
            await control(lambda: duo.fault("auth", "close"))
            for user in ("alice", "bob", "carol"):
                result = await watched.verify(a_login(username=user, identity=user), 30.0)
                assert result.outcome is SecondFactorOutcome.INTERRUPTED
            assert watched.state is State.DEGRADED
            assert (await watched.verify(a_login(), 30.0)).outcome is SecondFactorOutcome.UNAVAILABLE
            await control(duo.clear_faults)
            async with asyncio.timeout(20):
                while (await watched.verify(a_login(), 30.0)).outcome is not SecondFactorOutcome.ALLOWED:
                    await asyncio.sleep(0.02)
        assert states.states == ["up", "degraded", "up"]

    run(scene())


def test_a_cancelled_login_owes_nothing(run: Run, settings: MakeSettings, duo: SimulatorProcess) -> None:
    """A trial of a degraded Duo that its client gives up must not keep others from trying."""

    async def scene() -> None:
        async with watching(settings, duo, States()) as watched:
            await control(lambda: duo.fault("auth", "close"))
            for user in ("alice", "bob", "carol"):
                await watched.verify(a_login(username=user, identity=user), 30.0)
            await control(duo.clear_faults)
            await control(lambda: duo.answer_always("ignore"))
            trial: asyncio.Task[object] | None = None
            while trial is None:
                attempt = asyncio.get_running_loop().create_task(watched.verify(a_login(), 30.0))
                await asyncio.sleep(0.1)
                if attempt.done():
                    assert attempt.result().outcome is SecondFactorOutcome.UNAVAILABLE
                else:
                    trial = attempt
            trial.cancel()
            with pytest.raises(asyncio.CancelledError):
                await trial
            await control(lambda: duo.answer_always("approve"))
            async with asyncio.timeout(20):
                while (await watched.verify(a_login(), 30.0)).outcome is not SecondFactorOutcome.ALLOWED:
                    await asyncio.sleep(0.02)

    run(scene())
