"""Large results: when they are read, how much of them, and who comes first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Any, cast

import pytest
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher

from ldapproxy.net.large_reads import PIECE, Came, LargeReads, LargeSocket

TURN = 16 * PIECE
VERY_LARGE = 2 * 1024 * 1024
TICK = 0.001


class HandClock:
    """A loop whose time passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._numbers = itertools.count()
        self._calls: list[tuple[float, int, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._calls, (self.now + delay, next(self._numbers), call))

    def call_soon(self, call: Callable[[], None]) -> None:
        self.call_later(0, call)

    @property
    def is_idle(self) -> bool:
        return not self._calls

    def step(self) -> float:
        """Runs the next call and tells when that was."""
        self.now, _, call = heapq.heappop(self._calls)
        call()
        return self.now

    def until(self, end: float) -> None:
        while self._calls and self._calls[0][0] <= end:
            self.step()
        self.now = end


class Source:
    """A socket with so much in it; remembers how much it was asked for at a time."""

    def __init__(self, reads: LargeReads, waiting: int, come: int = PIECE, asked: int = 0) -> None:
        self._reads = reads
        self.waiting = waiting
        self.come = come
        self.asked = asked
        self.read: list[int] = []
        self.is_watched = False
        self.when_read: Callable[[], None] = lambda: None

    def read_waiting(self, most: int) -> Came | Exception:
        size = min(most, self.waiting)
        is_more = self.waiting > most
        self.read.append(size)
        self.waiting -= size
        self.come += size
        self.when_read()
        return Came.MORE if is_more else Came.ALL if size else Came.NOTHING

    def watch_again(self) -> None:
        self.is_watched = True
        self._reads.discard(self)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ended() -> list[tuple[LargeSocket, Exception]]:
    return []


@pytest.fixture
def reads(clock: HandClock, ended: list[tuple[LargeSocket, Exception]]) -> LargeReads:
    return LargeReads(cast(asyncio.AbstractEventLoop, clock), lambda socket, why: ended.append((socket, why)))


def test_what_is_there_is_read_once_a_millisecond(clock: HandClock, reads: LargeReads) -> None:
    source = Source(reads, 1_000)
    reads.add(source)
    assert clock.step() == pytest.approx(TICK)
    source.waiting = 2_000
    assert clock.step() == pytest.approx(2 * TICK)
    assert source.read == [1_000, 2_000]


def test_it_is_watched_again_when_nothing_comes_and_then_the_clock_stops(
    clock: HandClock, reads: LargeReads
) -> None:
    source = Source(reads, 1_000)
    reads.add(source)
    clock.step()
    assert not source.is_watched
    clock.step()
    assert source.is_watched
    assert clock.is_idle
    reads.add(source)  # it goes again for the next one
    assert not clock.is_idle


def test_what_is_more_than_a_turn_follows_at_once(clock: HandClock, reads: LargeReads) -> None:
    source = Source(reads, 3 * TURN // 2)
    reads.add(source)
    assert [clock.step(), clock.step()] == pytest.approx([TICK, TICK])
    assert source.read == [TURN, TURN // 2]


def test_all_of_them_share_a_turn(clock: HandClock, reads: LargeReads) -> None:
    """However many there are, nobody else waits for more than one turn; and none of them is left out."""
    sources = [Source(reads, 10 * TURN) for _ in range(20)]
    for source in sources:
        reads.add(source)
    for turn in range(1, 61):
        clock.step()
        assert sum(sum(source.read) for source in sources) == turn * TURN
    assert clock.now == pytest.approx(TICK)
    assert [sum(source.read) for source in sources] == [3 * TURN] * 20


def test_small_remainders_of_many_share_a_turn(clock: HandClock, reads: LargeReads) -> None:
    sources = [Source(reads, PIECE // 2) for _ in range(40)]
    for source in sources:
        reads.add(source)
    clock.step()
    assert sum(bool(source.read) for source in sources) == 32
    clock.step()
    assert all(source.read == [PIECE // 2] for source in sources)
    assert not any(source.is_watched for source in sources)


def test_a_very_large_one_gives_way_while_others_ask(clock: HandClock, reads: LargeReads) -> None:
    source = Source(reads, 2 * VERY_LARGE, asked=reads.number())
    reads.add(source)
    others = reads.number()
    assert others > source.asked
    while source.come <= VERY_LARGE:
        clock.step()
    before = len(source.read)
    assert clock.now == pytest.approx(TICK), "a large one that is not very large gives no way"
    for _ in range(10):
        clock.step()
    assert source.read[before:] == [PIECE] * 10
    assert clock.now >= 10 * TICK


def test_it_goes_on_when_nobody_has_asked_for_a_second(clock: HandClock, reads: LargeReads) -> None:
    source = Source(reads, 10**9, come=VERY_LARGE + 1, asked=reads.number())
    reads.add(source)
    reads.number()
    clock.until(0.99)
    assert set(source.read) == {PIECE}
    source.read.clear()
    source.waiting = 100 * PIECE
    clock.until(1.1)
    assert source.read[-1] == 0
    assert TURN in source.read


def test_nobody_gives_way_to_itself(clock: HandClock, reads: LargeReads) -> None:
    """Its own request, though the last of all, is not somebody else's."""
    reads.number()
    source = Source(reads, 2 * TURN, come=VERY_LARGE + 1, asked=reads.number())
    reads.add(source)
    clock.step()
    assert source.read == [TURN]


def test_one_that_is_discarded_meanwhile_is_not_read(clock: HandClock, reads: LargeReads) -> None:
    first, second = Source(reads, PIECE), Source(reads, PIECE)
    reads.add(first)
    reads.add(second)
    first.when_read = lambda: reads.discard(second)
    clock.step()
    assert (first.read, second.read) == ([PIECE], [])
    reads.discard(first)
    clock.step()
    assert clock.is_idle


def test_one_that_ends_is_told_of_and_read_no_more(
    clock: HandClock, reads: LargeReads, ended: list[tuple[LargeSocket, Exception]]
) -> None:
    source = Source(reads, PIECE)
    why = ConnectionResetError()
    source.read_waiting = lambda most: why  # type: ignore[method-assign]  # what it ends with
    reads.add(source)
    clock.step()
    assert ended == [(source, why)]
    assert clock.is_idle


def test_an_exception_ends_one_alone(
    clock: HandClock, reads: LargeReads, ended: list[tuple[LargeSocket, Exception]]
) -> None:
    logged: list[LogEvent] = []

    def fails() -> None:
        raise ZeroDivisionError

    first, second = Source(reads, PIECE), Source(reads, PIECE)
    first.when_read = fails
    reads.add(first)
    reads.add(second)
    observer = cast(ILogObserver, logged.append)
    globalLogPublisher.addObserver(observer)
    try:
        clock.step()
    finally:
        globalLogPublisher.removeObserver(observer)
    assert [socket for socket, _ in ended] == [first]
    assert second.read == [PIECE]
    assert any(_failure(event) is ZeroDivisionError for event in logged)


def _failure(event: LogEvent) -> Any:
    failure = event.get("log_failure") or event.get("failure")  # the latter is log.err's
    return None if failure is None else failure.type
