"""Who waits for which push, and what an approval that came late is good for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from ldapproxy.auth.credentials import FactorChoice, Passcode, Phone, Push, Sms
from ldapproxy.auth.outcomes import Joined, SecondFactorOutcome, SecondFactorResult
from ldapproxy.auth.push_limits import PushLimitRules
from ldapproxy.secret import Secret
from tests.unit.net.push_scene import ALLOWED, DENIED, Scene, run

# Single flight


def test_the_same_login_joins() -> None:
    async def scenario() -> None:
        scene = Scene()
        binds = [scene.bind() for _ in range(20)]
        await scene.settle()
        assert len(scene.duo.asked) == len(scene.pushes) == 1
        scene.duo.answers[0].set_result(ALLOWED)
        results = [await bind for bind in binds]
        assert [result.outcome for result in results] == [SecondFactorOutcome.ALLOWED] * 20
        assert [result.joined for result in results] == [None] + [Joined.SINGLE_FLIGHT] * 19
        assert scene.counts.joins == {"single_flight": 19}
        assert len(scene.pushes) == 0

    run(scenario())


@pytest.mark.parametrize(
    "other",
    [
        {"credential": Secret("other")},
        {"credential": Secret("secret,push"), "choice": Push()},
        {"identity": "bob-id"},
        {"client": ip_address("192.0.2.2")},
        {"listener": "web"},
    ],
)
def test_another_login_does_not_join(other: dict[str, Any]) -> None:
    async def scenario() -> None:
        scene = Scene()
        one, two = scene.bind(), scene.bind(**other)
        await scene.settle()
        assert len(scene.duo.asked) == 2
        scene.duo.answers[0].set_result(ALLOWED)
        scene.duo.answers[1].set_result(DENIED)
        assert (await one).outcome is SecondFactorOutcome.ALLOWED
        assert (await two).outcome is SecondFactorOutcome.DENIED

    run(scenario())


def test_a_denial_is_everybodys_who_joined() -> None:
    async def scenario() -> None:
        scene = Scene()
        one, two = scene.bind(), scene.bind()
        await scene.settle()
        scene.duo.answers[0].set_result(DENIED)
        assert (await one).outcome is (await two).outcome is SecondFactorOutcome.DENIED

    run(scenario())


def test_single_flight_can_be_off() -> None:
    async def scenario() -> None:
        scene = Scene(single_flight=False)
        one, two = scene.bind(), scene.bind()
        await scene.settle()
        assert len(scene.duo.asked) == 2
        for answer in scene.duo.answers:
            answer.set_result(ALLOWED)
        assert (await one).joined is (await two).joined is None

    run(scenario())


def test_one_of_two_that_leaves_ends_nothing() -> None:
    async def scenario() -> None:
        scene = Scene(late_approval=0.0)
        one, two = scene.bind(), scene.bind()
        await scene.settle()
        await scene.leave(one)
        assert scene.duo.cancelled == 0
        scene.duo.answers[0].set_result(ALLOWED)
        assert (await two).outcome is SecondFactorOutcome.ALLOWED

    run(scenario())


def test_what_the_end_of_the_time_means_is_what_the_transaction_says() -> None:
    """A Duo that was lost is not a person who did not answer, and the audit log names the device."""

    async def scenario() -> None:
        scene = Scene()
        bind = scene.bind(budget=0.01)
        await scene.settle()
        await asyncio.sleep(0.02)
        lost = SecondFactorResult(SecondFactorOutcome.INTERRUPTED, "push", "phone")
        scene.duo.answers[0].set_result(lost)
        assert await bind == lost

    run(scenario())


def test_who_joins_waits_no_longer_than_its_own_budget() -> None:
    async def scenario() -> None:
        scene = Scene()
        one, two = scene.bind(), scene.bind(budget=0.01)
        assert (await two).outcome is SecondFactorOutcome.TIMED_OUT
        assert not one.done()
        scene.duo.answers[0].set_result(ALLOWED)
        assert (await one).outcome is SecondFactorOutcome.ALLOWED

    run(scenario())


# Late approval


def test_without_late_approval_the_last_one_who_leaves_ends_it() -> None:
    async def scenario() -> None:
        scene = Scene(late_approval=0.0)
        one = scene.bind()
        await scene.settle()
        await scene.leave(one)
        assert scene.duo.cancelled == 1
        assert len(scene.pushes) == 0

    run(scenario())


def test_an_approval_that_comes_late_is_honoured_once() -> None:
    async def scenario() -> None:
        scene = Scene()
        one = scene.bind()
        await scene.settle()
        await scene.leave(one)
        assert scene.duo.cancelled == 0
        scene.duo.answers[0].set_result(ALLOWED)
        await scene.settle()
        scene.now = 59.9
        back = await scene.bind()
        assert (back.outcome, back.joined) == (SecondFactorOutcome.ALLOWED, Joined.LATE_APPROVAL)
        assert len(scene.duo.asked) == 1
        again = scene.bind()
        await scene.settle()
        assert len(scene.duo.asked) == 2, "it is used up"
        scene.duo.answers[1].set_result(DENIED)
        assert (await again).outcome is SecondFactorOutcome.DENIED

    run(scenario())


def test_the_window_begins_with_the_approval() -> None:
    async def scenario() -> None:
        scene = Scene(late_approval=60.0)
        one = scene.bind()
        await scene.settle()
        await scene.leave(one)
        scene.now = 30.0
        scene.duo.answers[0].set_result(ALLOWED)
        await scene.settle()
        scene.now = 90.0
        back = scene.bind()
        await scene.settle()
        assert len(scene.duo.asked) == 2, "too late"
        scene.duo.answers[1].set_result(DENIED)
        await back

    run(scenario())


def test_who_comes_back_while_it_still_waits_joins_it() -> None:
    async def scenario() -> None:
        scene = Scene()
        one = scene.bind()
        await scene.settle()
        await scene.leave(one)
        back = scene.bind()
        await scene.settle()
        assert len(scene.duo.asked) == 1
        scene.duo.answers[0].set_result(ALLOWED)
        assert (await back).joined is Joined.SINGLE_FLIGHT
        another = scene.bind()
        await scene.settle()
        assert len(scene.duo.asked) == 2, "an answer was written: nothing is left to honour"
        scene.duo.answers[1].set_result(DENIED)
        await another

    run(scenario())


@pytest.mark.parametrize(
    "other",
    [
        {"credential": Secret("other")},
        {"identity": "bob-id"},
        {"client": ip_address("192.0.2.2")},
        {"listener": "web"},
    ],
)
def test_a_late_approval_is_of_no_use_to_another_login(other: dict[str, Any]) -> None:
    async def scenario() -> None:
        scene = Scene()
        one = scene.bind()
        await scene.settle()
        await scene.leave(one)
        scene.duo.answers[0].set_result(ALLOWED)
        await scene.settle()
        stranger = scene.bind(**other)
        await scene.settle()
        assert len(scene.duo.asked) == 2
        scene.duo.answers[1].set_result(DENIED)
        assert (await stranger).outcome is SecondFactorOutcome.DENIED

    run(scenario())


def test_an_approval_that_comes_when_a_client_was_told_no_is_of_no_use() -> None:
    """The one that asked leaves, one that joined runs out of time and is refused, and then somebody taps."""

    async def scenario() -> None:
        scene = Scene()
        first, joined = scene.bind(), scene.bind(budget=0.01)
        await scene.settle()
        await scene.leave(first)
        assert (await joined).outcome is SecondFactorOutcome.TIMED_OUT
        scene.duo.answers[0].set_result(ALLOWED)
        await scene.settle()
        assert scene.unheard == [("alice-id", ALLOWED)], "it is told all the same"
        back = scene.bind()
        await scene.settle()
        assert len(scene.duo.asked) == 2
        scene.duo.answers[1].set_result(DENIED)
        assert (await back).outcome is SecondFactorOutcome.DENIED

    run(scenario())


def test_whoever_bounds_the_whole_bind_and_says_no_first_leaves_no_approval_behind() -> None:
    async def scenario() -> None:
        scene = Scene()
        one = scene.bind(budget=60.0)
        await scene.settle()
        scene.now = 60.0
        await scene.leave(one)
        scene.duo.answers[0].set_result(ALLOWED)
        await scene.settle()
        assert len(scene.approvals) == 0

    run(scenario())


@pytest.mark.parametrize(
    "result",
    [
        DENIED,
        SecondFactorResult(SecondFactorOutcome.TIMED_OUT, "push"),
        SecondFactorResult(SecondFactorOutcome.BYPASSED),
        SecondFactorResult(SecondFactorOutcome.UNAVAILABLE),
        SecondFactorResult(SecondFactorOutcome.ALLOWED, "passcode"),
    ],
)
def test_nothing_but_an_approved_push_is_kept(result: SecondFactorResult) -> None:
    async def scenario() -> None:
        scene = Scene()
        one = scene.bind()
        await scene.settle()
        await scene.leave(one)
        scene.duo.answers[0].set_result(result)
        await scene.settle()
        back = scene.bind()
        await scene.settle()
        assert len(scene.duo.asked) == 2
        scene.duo.answers[1].set_result(DENIED)
        await back

    run(scenario())


@pytest.mark.parametrize("choice", [Passcode(Secret("123456")), Sms()])
def test_a_passcode_waits_for_nobody(choice: FactorChoice) -> None:
    async def scenario() -> None:
        scene = Scene()
        one = scene.bind(choice=choice)
        await scene.settle()
        await scene.leave(one)
        assert scene.duo.cancelled == 1

    run(scenario())


@pytest.mark.parametrize("result", [ALLOWED, DENIED, replace(DENIED, fraud=True)])
def test_an_end_that_no_client_hears_is_told_once(result: SecondFactorResult) -> None:
    async def scenario() -> None:
        scene = Scene()
        one = scene.bind()
        await scene.settle()
        await scene.leave(one)
        assert scene.unheard == []
        scene.duo.answers[0].set_result(result)
        await scene.settle()
        assert scene.unheard == [("alice-id", result)]

    run(scenario())


def test_an_end_that_a_client_hears_is_the_audit_logs_to_tell() -> None:
    async def scenario() -> None:
        scene = Scene()
        one = scene.bind()
        await scene.settle()
        await scene.leave(one)
        back = scene.bind()
        await scene.settle()
        scene.duo.answers[0].set_result(DENIED)
        await back
        await scene.settle()
        assert scene.unheard == []

    run(scenario())


# Limits


def test_a_pause_is_answered_without_asking_duo_and_a_passcode_still_works() -> None:
    async def scenario() -> None:
        scene = Scene(limits=PushLimitRules(pause_after_denial=60))
        one = scene.bind()
        await scene.settle()
        scene.duo.answers[0].set_result(DENIED)
        await one
        paused = await scene.bind(credential=Secret("secret,push"), choice=Push())
        assert paused.outcome is SecondFactorOutcome.PAUSED
        assert len(scene.duo.asked) == 1
        by_passcode = scene.bind(choice=Passcode(Secret("123456")))
        await scene.settle()
        scene.duo.answers[1].set_result(SecondFactorResult(SecondFactorOutcome.ALLOWED, "passcode"))
        assert (await by_passcode).outcome is SecondFactorOutcome.ALLOWED

    run(scenario())


@pytest.mark.parametrize("choice", [Passcode(Secret("123456")), Sms()])
def test_a_wrong_passcode_starts_no_pause(choice: FactorChoice) -> None:
    async def scenario() -> None:
        scene = Scene(limits=PushLimitRules(pause_after_denial=60))
        one = scene.bind(choice=choice)
        await scene.settle()
        scene.duo.answers[0].set_result(SecondFactorResult(SecondFactorOutcome.DENIED, "passcode"))
        await one
        two = scene.bind()
        await scene.settle()
        assert len(scene.duo.asked) == 2
        scene.duo.answers[1].set_result(ALLOWED)
        await two

    run(scenario())


def test_a_login_that_asked_nobody_does_not_count() -> None:
    async def scenario() -> None:
        scene = Scene(limits=PushLimitRules(pushes=2, per=600))
        for number in range(5):
            one = scene.bind()
            await scene.settle()
            scene.duo.answers[number].set_result(SecondFactorResult(SecondFactorOutcome.BYPASSED))
            assert (await one).outcome is SecondFactorOutcome.BYPASSED

    run(scenario())


def test_a_login_that_asked_nobody_takes_no_other_push_out_of_the_count() -> None:
    """It was under way when a push was sent; the push goes on counting, from its own time on."""

    async def scenario() -> None:
        scene = Scene(limits=PushLimitRules(pushes=1, per=600, pause_after_denial=0), late_approval=0.0)
        scene.now = 100.0
        nobody = scene.bind(credential=Secret("secret,phone9"), choice=Phone(9))
        await scene.settle()
        scene.now = 701.0
        push = scene.bind()
        await scene.settle()
        assert len(scene.duo.asked) == 2
        scene.duo.answers[0].set_result(SecondFactorResult(SecondFactorOutcome.NO_FACTOR))
        await nobody
        assert (await scene.bind(credential=Secret("secret,push"), choice=Push())).outcome is (
            SecondFactorOutcome.PAUSED
        )
        scene.now = 1300.0
        another = await scene.bind(credential=Secret("secret,push"), choice=Push())
        assert another.outcome is SecondFactorOutcome.PAUSED
        scene.duo.answers[1].set_result(DENIED)
        await push

    run(scenario())


def test_transactions_and_kept_approvals_are_bounded() -> None:
    async def scenario() -> None:
        scene = Scene(capacity=2)
        for number in range(4):
            for bind in [scene.bind(identity=f"{number}-{each}") for each in range(2)]:
                await scene.settle()
                await scene.leave(bind)
            refused = await scene.bind(identity="one too many")
            assert refused.outcome is SecondFactorOutcome.PAUSED
            for answer in scene.duo.answers[-2:]:
                answer.set_result(ALLOWED)
            await scene.settle()
        assert len(scene.approvals) == 2

    run(scenario())


def test_closing_ends_what_nobody_waits_for() -> None:
    async def scenario() -> None:
        scene = Scene()
        one = scene.bind()
        await scene.settle()
        await scene.leave(one)
        await scene.pushes.aclose()
        assert scene.duo.cancelled == 1

    run(scenario())


def test_an_exception_reaches_all_who_wait_and_leaves_nothing() -> None:
    async def scenario() -> None:
        scene = Scene()
        one, two = scene.bind(), scene.bind()
        await scene.settle()
        scene.duo.answers[0].set_exception(RuntimeError("unforeseen"))
        for bind in (one, two):
            with pytest.raises(RuntimeError):
                await bind
        assert len(scene.pushes) == 0

    run(scenario())


def test_an_approval_that_comes_just_when_the_client_leaves_is_good_once() -> None:
    """All in one turn of the loop: the client leaves, comes back, and Duo's answer is there."""

    async def scenario() -> None:
        scene = Scene(late_approval=60.0)
        first = scene.bind()
        await scene.settle()
        back: list[asyncio.Task[SecondFactorResult]] = []
        loop = asyncio.get_running_loop()
        loop.call_soon(first.cancel)
        loop.call_soon(lambda: back.append(scene.bind()))
        scene.duo.answers[0].set_result(ALLOWED)
        await scene.settle()
        assert first.cancelled()
        assert (await back[0]).joined is Joined.LATE_APPROVAL
        third = scene.bind()
        await scene.settle()
        assert len(scene.duo.asked) == 2, "the approval is used up"
        await scene.leave(third)
        scene.duo.answers[1].set_result(DENIED)
        await scene.settle()

    run(scenario())
