"""The life of an authentication."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ldapproxy.demo import duo_transactions
from ldapproxy.demo.duo_model import (
    ALLOWED,
    DENIED,
    FRAUD,
    PUSHED,
    TIMED_OUT,
    Answer,
    AuthRequest,
    AutomaticAnswer,
    Device,
    Factor,
    User,
)
from ldapproxy.demo.duo_parameters import ApiError
from ldapproxy.demo.duo_transactions import Transactions

REQUEST = AuthRequest(
    User("alice", "DU1"), Factor.PUSH, Device("DP1", "Phone"), type="vpn", pushinfo=(("client", "10.0.0.1"),)
)


def run(test: Callable[[Transactions], Coroutine[Any, Any, None]]) -> None:
    """Runs a test inside an event loop; nothing here may take ten seconds."""

    async def within() -> None:
        await asyncio.wait_for(test(Transactions(lambda: None)), 10)

    asyncio.run(within())


def test_news_come_once_and_then_only_when_there_are_any() -> None:
    async def test(transactions: Transactions) -> None:
        push = transactions.add_waiting(REQUEST, PUSHED, 60, None)
        assert await transactions.news(push.txid) == PUSHED
        waiting = asyncio.ensure_future(transactions.news(push.txid))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert transactions.answer(push.txid, Answer.APPROVE)
        assert await waiting == ALLOWED
        assert await transactions.news(push.txid) == ALLOWED
        assert transactions.waiting_count() == 0

    run(test)


def test_everybody_who_waits_is_told() -> None:
    async def test(transactions: Transactions) -> None:
        push = transactions.add_waiting(REQUEST, PUSHED, 60, None)
        await transactions.news(push.txid)
        polls = [asyncio.ensure_future(transactions.news(push.txid)) for _ in range(3)]
        synchronous = asyncio.ensure_future(transactions.end_of(push))
        await asyncio.sleep(0)
        transactions.answer(push.txid, Answer.FRAUD)
        assert await asyncio.gather(synchronous, *polls) == [FRAUD] * 4

    run(test)


def test_a_poll_that_is_given_up_leaves_nothing_behind() -> None:
    async def test(transactions: Transactions) -> None:
        push = transactions.add_waiting(REQUEST, PUSHED, 60, None)
        await transactions.news(push.txid)
        poll = asyncio.ensure_future(transactions.news(push.txid))
        await asyncio.sleep(0)
        assert len(push.waiters) == 1
        poll.cancel()
        with pytest.raises(asyncio.CancelledError):
            await poll
        assert push.waiters == []

    run(test)


def test_a_push_times_out() -> None:
    async def test(transactions: Transactions) -> None:
        push = transactions.add_waiting(REQUEST, PUSHED, 0.02, None)
        assert await transactions.end_of(push) == TIMED_OUT
        assert not transactions.answer(push.txid, Answer.APPROVE)
        assert await transactions.news(push.txid) == TIMED_OUT

    run(test)


def test_an_automatic_answer_comes_after_its_time_and_stops_the_clock() -> None:
    async def test(transactions: Transactions) -> None:
        push = transactions.add_waiting(REQUEST, PUSHED, 60, AutomaticAnswer(Answer.DENY, 0.02))
        assert push.progress == PUSHED
        assert await transactions.end_of(push) == DENIED
        assert push.timers == []

    run(test)


def test_to_ignore_a_push_leaves_it_waiting() -> None:
    async def test(transactions: Transactions) -> None:
        push = transactions.add_waiting(REQUEST, PUSHED, 60, AutomaticAnswer(Answer.IGNORE))
        assert len(push.timers) == 1
        assert transactions.answer(push.txid, Answer.IGNORE)
        assert transactions.waiting_count() == 1
        transactions.time_out_all()
        assert transactions.waiting_count() == 0

    run(test)


def test_an_unknown_transaction_is_an_invalid_parameter() -> None:
    async def test(transactions: Transactions) -> None:
        with pytest.raises(ApiError) as caught:
            await transactions.news("nonsense")
        assert (caught.value.code, caught.value.detail) == (40002, "txid")

    run(test)


def test_what_waits_and_what_ended_is_shown() -> None:
    async def test(transactions: Transactions) -> None:
        first = transactions.add_waiting(REQUEST, PUSHED, 60, None)
        transactions.add_waiting(REQUEST, PUSHED, 60, None)
        (shown,) = transactions.waiting(1)
        assert (shown.txid, shown.user, shown.device, shown.type) == (first.txid, "alice", "Phone", "vpn")
        assert 59 < shown.seconds_left <= 60
        transactions.answer(first.txid, Answer.DENY)
        transactions.add_ended(REQUEST, ALLOWED)
        assert [login.result for login in transactions.recent(8)] == ["allow", "deny"]
        assert len(transactions.recent(1)) == 1

    run(test)


def test_the_oldest_ended_transactions_are_forgotten() -> None:
    async def test(transactions: Transactions) -> None:
        oldest = transactions.add_ended(REQUEST, ALLOWED)
        for _ in range(duo_transactions.REMEMBERED):
            newest = transactions.add_ended(REQUEST, ALLOWED)
        assert await transactions.news(newest.txid) == ALLOWED
        with pytest.raises(ApiError):
            await transactions.news(oldest.txid)

    run(test)
