"""ldapproxy/offline/renewals.py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from ldapproxy.offline import renewals
from ldapproxy.offline.renewals import BATCH, Renewals


@dataclass
class Writer:
    """A store that can be held up, and fail."""

    works: bool = True
    batches: list[dict[str, float]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, logins: Mapping[str, float]) -> bool:
        self.batches.append(dict(logins))
        await self.gate.wait()
        return self.works


async def until_idle(renewals: Renewals) -> None:
    while renewals._writing is not None and not renewals._writing.done():
        await asyncio.sleep(0)


def test_nobody_waits_and_logins_that_come_meanwhile_are_written_together() -> None:
    async def scenario() -> list[dict[str, float]]:
        writer = Writer()
        waiting = Renewals(writer)
        waiting.note("alice", 1.0)
        await asyncio.sleep(0)
        for number in range(50):
            waiting.note("alice", 2.0 + number)
            waiting.note("bob", 2.0)
        writer.gate.set()
        await until_idle(waiting)
        return writer.batches

    assert asyncio.run(scenario()) == [{"alice": 1.0}, {"alice": 51.0, "bob": 2.0}]


def test_a_batch_is_bounded() -> None:
    async def scenario() -> list[int]:
        writer = Writer()
        writer.gate.set()
        waiting = Renewals(writer)
        for number in range(2 * BATCH + 1):
            waiting.note(str(number), 1.0)
        await until_idle(waiting)
        return [len(batch) for batch in writer.batches]

    assert asyncio.run(scenario()) == [BATCH, BATCH, 1]


def test_what_could_not_be_written_is_tried_again_with_what_came_since() -> None:
    async def scenario() -> list[dict[str, float]]:
        writer = Writer(works=False)
        waiting = Renewals(writer, retry_after=0.01)
        waiting.note("alice", 1.0)
        waiting.note("bob", 1.0)
        await asyncio.sleep(0)
        waiting.note("alice", 5.0)
        writer.gate.set()
        while len(writer.batches) < 3:
            await asyncio.sleep(0.001)
        writer.works = True
        await until_idle(waiting)
        return writer.batches

    batches = asyncio.run(scenario())
    assert batches[0] == {"alice": 1.0, "bob": 1.0}
    assert all(batch == {"alice": 5.0, "bob": 1.0} for batch in batches[1:])


def test_who_is_going_to_write_a_login_takes_it() -> None:
    async def scenario() -> None:
        writer = Writer()
        waiting = Renewals(writer)
        waiting.note("alice", 3.0)
        assert waiting.take("alice") == 3.0
        assert waiting.take("alice") is None
        await until_idle(waiting)
        assert writer.batches == []

    asyncio.run(scenario())


def test_the_oldest_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewals, "MOST", 3)

    async def scenario() -> list[dict[str, float]]:
        writer = Writer()
        writer.gate.set()
        waiting = Renewals(writer)
        for identity in ("a", "b", "c", "a", "d"):
            waiting.note(identity, 1.0)
        await until_idle(waiting)
        return writer.batches

    assert asyncio.run(scenario()) == [{"c": 1.0, "a": 1.0, "d": 1.0}]


def test_closing_waits_for_what_is_being_written() -> None:
    async def scenario() -> list[dict[str, float]]:
        writer = Writer()
        waiting = Renewals(writer)
        waiting.note("alice", 1.0)
        await asyncio.sleep(0)
        waiting.note("bob", 2.0)
        asyncio.get_running_loop().call_later(0.01, writer.gate.set)
        await waiting.aclose(within=5.0)
        return writer.batches

    assert asyncio.run(scenario()) == [{"alice": 1.0}, {"bob": 2.0}]


@pytest.mark.parametrize("answers", [True, False])
def test_closing_does_not_wait_for_a_store_that_is_away(
    answers: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        writer = Writer(works=False)
        if answers:
            writer.gate.set()
        waiting = Renewals(writer, retry_after=3600.0)
        waiting.note("alice", 1.0)
        await asyncio.sleep(0)
        waiting.note("bob", 1.0)
        await waiting.aclose(within=0.05)
        await waiting.aclose(within=0.05)

    with caplog.at_level(logging.WARNING):
        asyncio.run(asyncio.wait_for(scenario(), 5))
    assert "offline accounts were not renewed" in caplog.text
