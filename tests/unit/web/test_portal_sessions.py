"""Sessions end by themselves, are bounded, and have names that nobody can guess."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from ldapproxy.auth.outcomes import Reason
from ldapproxy.web.portal_ports import Person
from ldapproxy.web.portal_sessions import IDLE, KEPT, LONGEST, Sessions, WaitingSignIns, is_token, new_token
from tests.unit.web.portal_scene import ALICE


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_tokens_are_long_and_different() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(is_token(token) for token in tokens)


def test_a_session_is_found_by_its_token_alone() -> None:
    sessions = Sessions(Clock())
    token = sessions.open(ALICE)
    session = sessions.find(token)
    assert session is not None
    assert session.person is ALICE
    for other in ("", new_token(), token[:-1], token.swapcase()):
        assert sessions.find(other) is None
    assert repr(token) not in repr(sessions.__dict__), "what is kept does not tell it"


def test_a_session_that_nobody_uses_ends() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    token = sessions.open(ALICE)
    clock.now += IDLE
    assert sessions.find(token) is not None, "used just in time, and so for as long again"
    clock.now += IDLE + 1
    assert sessions.find(token) is None
    assert len(sessions) == 0


def test_a_session_ends_however_busy_it_is() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    token = sessions.open(ALICE)
    for _ in range(int(LONGEST / IDLE * 2)):
        clock.now += IDLE / 2
        assert sessions.find(token) is not None
    clock.now += 1
    assert sessions.find(token) is None


def test_signing_out_ends_it() -> None:
    sessions = Sessions(Clock())
    token, other = sessions.open(ALICE), sessions.open(ALICE)
    sessions.end(token)
    sessions.end("unknown")
    assert sessions.find(token) is None
    assert sessions.find(other) is not None


def test_when_there_are_too_many_the_least_recently_used_ends() -> None:
    sessions = Sessions(Clock(), most=2)
    first, second = sessions.open(ALICE), sessions.open(ALICE)
    sessions.find(first)
    third = sessions.open(ALICE)
    assert [sessions.find(token) is not None for token in (first, second, third)] == [True, False, True]
    assert len(sessions) == 2


def test_those_that_have_ended_make_room_first() -> None:
    clock = Clock()
    sessions = Sessions(clock, most=2)
    sessions.open(ALICE)
    clock.now += IDLE + 1
    kept, new = sessions.open(ALICE), sessions.open(ALICE)
    assert sessions.find(kept) is not None
    assert sessions.find(new) is not None


def test_a_notice_is_taken_once() -> None:
    sessions = Sessions(Clock())
    session = sessions.find(sessions.open(ALICE))
    assert session is not None
    session.notice = "done"
    assert [session.take_notice(), session.take_notice()] == ["done", ""]


# Sign-ins that wait


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


async def at_once(end: Person | Reason) -> Person | Reason:
    return end


async def never() -> Person | Reason:
    await asyncio.Event().wait()
    raise AssertionError


def test_the_end_is_told_once_and_to_its_browser_alone() -> None:
    async def scenario() -> None:
        waiting = WaitingSignIns(Clock())
        waiting.begin("mine", at_once(ALICE))
        assert waiting.take("mine") is None, "not yet"
        assert await waiting.wait("mine", 5)
        assert waiting.take("another") is None
        assert waiting.take("mine") is ALICE
        assert waiting.take("mine") is None
        assert not waiting.knows("mine")

    run(scenario())


def test_waiting_has_an_end_of_its_own() -> None:
    async def scenario() -> None:
        waiting = WaitingSignIns(Clock())
        waiting.begin("mine", never())
        assert not await waiting.wait("mine", 0.01)
        assert waiting.knows("mine")
        assert await waiting.wait("nobody's", 5), "there is nothing to wait for"
        await waiting.aclose()

    run(scenario())


def test_an_end_that_nobody_fetches_is_forgotten() -> None:
    async def scenario() -> None:
        clock = Clock()
        waiting = WaitingSignIns(clock)
        waiting.begin("mine", at_once(ALICE))
        await waiting.wait("mine", 5)
        clock.now += KEPT + 1
        assert waiting.take("mine") is None
        assert len(waiting) == 0

    run(scenario())


def test_one_that_goes_on_is_not() -> None:
    async def scenario() -> None:
        clock = Clock()
        waiting = WaitingSignIns(clock)
        waiting.begin("mine", never())
        clock.now += KEPT * 10
        assert waiting.knows("mine")
        await waiting.aclose()

    run(scenario())


def test_giving_up_ends_the_asking() -> None:
    async def scenario() -> None:
        ended = asyncio.Event()

        async def asking() -> Person | Reason:
            try:
                return await never()
            finally:
                ended.set()

        waiting = WaitingSignIns(Clock())
        waiting.begin("mine", asking())
        await asyncio.sleep(0)
        waiting.give_up("mine")
        waiting.give_up("nobody's")
        await asyncio.wait_for(ended.wait(), 5)
        assert waiting.take("mine") is None

    run(scenario())


def test_what_nobody_foresaw_lets_nobody_in() -> None:
    async def broken() -> Person | Reason:
        raise RuntimeError

    async def scenario() -> None:
        waiting = WaitingSignIns(Clock())
        waiting.begin("mine", broken())
        await waiting.wait("mine", 5)
        assert waiting.take("mine") is Reason.INTERNAL_ERROR

    run(scenario())


def test_so_many_wait_at_a_time() -> None:
    async def scenario() -> None:
        waiting = WaitingSignIns(Clock(), most=2)
        waiting.begin("one", never())
        assert not waiting.is_full
        waiting.begin("two", never())
        assert waiting.is_full
        waiting.give_up("one")
        assert not waiting.is_full
        await waiting.aclose()
        assert len(waiting) == 0

    run(scenario())


@pytest.mark.parametrize("text", ["", "a" * 42, "a" * 44, "a" * 42 + "+", "ä" * 43])
def test_what_is_no_token(text: str) -> None:
    assert not is_token(text)
