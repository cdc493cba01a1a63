"""ldapproxy/offline/store.py, in both databases."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from ldapproxy.auth.effects import VerifyOffline
from ldapproxy.auth.enrolment import OfflineStanding
from ldapproxy.auth.outcomes import OfflineResult, OfflineVerdict
from ldapproxy.offline import store as store_module
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.offline.store import OfflineStore
from ldapproxy.secret import Secret
from tests.unit.offline.adversity import locked_by_another_process
from tests.unit.offline.people import ALICE, BOB, KEYS, NOON, Clock, enrol
from tests.unit.offline.racer import Racer

VERIFIED = OfflineVerdict.VERIFIED
REPLAYED = OfflineVerdict.REPLAYED


@asynccontextmanager
async def opened(settings: OfflineSettings, clock: Callable[[], float]) -> AsyncIterator[OfflineStore]:
    store = OfflineStore(settings, clock)
    try:
        yield store
    finally:
        await store.aclose()


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 60))


async def verdict(store: OfflineStore, code: Secret, identity: str = ALICE) -> OfflineVerdict:
    return (await store.verify(VerifyOffline(identity, code))).verdict


async def renewed(store: OfflineStore, wanted: Callable[[OfflineStanding], bool]) -> OfflineStanding:
    """Waits until Alice's standing is as wanted."""
    while True:
        standing = await asyncio.to_thread(store.administration.standing, ALICE)
        assert standing is not None
        if wanted(standing):
            return standing
        await asyncio.sleep(0.01)


def test_from_enrolment_to_revocation(settings: OfflineSettings) -> None:
    async def scene() -> None:
        clock = Clock()
        async with opened(settings, clock) as store:
            assert await store.check() is None
            assert await verdict(store, Secret("123456")) is OfflineVerdict.NOT_ENROLLED
            phone = enrol(store.administration, ALICE, "Alice's phone", clock.now)
            code = phone.shows(clock.now)
            assert await store.verify(VerifyOffline(ALICE, code)) == OfflineResult(
                VERIFIED,
                "Alice's phone",
                "999 more offline logins within 7 days, then an online one is due",
            )
            assert await verdict(store, code) is REPLAYED
            assert await verdict(store, Secret("c" * 44)) is OfflineVerdict.WRONG_CODE
            (listed,) = store.administration.authenticators(ALICE)
            assert listed.last_used == NOON
            store.administration.revoke(ALICE, "Alice's phone")
            clock.now += 60
            assert await verdict(store, phone.shows(clock.now)) is OfflineVerdict.NOT_ENROLLED
        assert await verdict(store, code) is OfflineVerdict.STORE_UNAVAILABLE

    play(scene())


def test_everything_is_remembered_by_the_next_process(settings: OfflineSettings) -> None:
    async def scene() -> None:
        clock = Clock()
        async with opened(settings, clock) as store:
            phone = enrol(store.administration, ALICE, "phone", clock.now)
            sheet = store.administration.new_recovery_codes(ALICE, "alice")
            assert await verdict(store, phone.shows(clock.now)) is VERIFIED
            assert await verdict(store, sheet[0]) is VERIFIED
            for _ in range(5):
                assert await verdict(store, Secret("000")) is OfflineVerdict.WRONG_CODE
        async with opened(settings, clock) as store:
            assert await verdict(store, sheet[1]) is OfflineVerdict.LOCKED
            clock.now += 60
            assert await verdict(store, phone.shows(NOON)) is OfflineVerdict.WRONG_CODE
            clock.now += 120
            assert await verdict(store, sheet[0]) is REPLAYED
            assert await verdict(store, sheet[1]) is VERIFIED
            (_, listed) = store.administration.authenticators(ALICE)
            assert listed.codes_left == 8

    play(scene())


def test_limits_and_their_renewal(settings: OfflineSettings) -> None:
    async def scene() -> None:
        clock = Clock()
        tight = OfflineSettings(settings.store, settings.encryption_keys, max_logins=1, max_age=600.0)
        async with opened(tight, clock) as store:
            sheet = store.administration.new_recovery_codes(ALICE, "alice")
            assert await verdict(store, sheet[0]) is VERIFIED
            assert await verdict(store, sheet[1]) is OfflineVerdict.LOGINS_USED_UP
            await store.online_login(ALICE)
            await renewed(store, lambda standing: standing.logins_left == 1)
            clock.now += 601
            assert await verdict(store, sheet[1]) is OfflineVerdict.TOO_LONG_OFFLINE
            await store.online_login(ALICE)
            await renewed(store, lambda standing: standing.last_online == clock.now)
            assert await verdict(store, sheet[1]) is VERIFIED

    play(scene())


def test_an_online_login_counts_at_once_for_the_very_next_code(settings: OfflineSettings) -> None:
    """Even when it was not written yet."""

    async def scene() -> None:
        clock = Clock()
        tight = OfflineSettings(settings.store, settings.encryption_keys, max_logins=1, max_age=600.0)
        async with opened(tight, clock) as store:
            sheet = store.administration.new_recovery_codes(ALICE, "alice")
            for code in sheet[:3]:
                await store.online_login(ALICE)
                assert await verdict(store, code) is VERIFIED
            assert await verdict(store, sheet[3]) is OfflineVerdict.LOGINS_USED_UP

    play(scene())


def test_online_logins_of_those_who_never_enrolled_leave_no_trace(settings: OfflineSettings) -> None:
    async def scene() -> None:
        async with opened(settings, Clock()) as store:
            for number in range(300):
                await store.online_login(f"somebody {number}")
            enrol(store.administration, ALICE, "phone", NOON)
        assert [each.identity for each in store.administration.accounts()] == [ALICE]
        assert store.administration.standing("somebody 1") is None

    play(scene())


def test_an_online_login_soon_after_another_is_not_worth_writing(
    file_settings: OfflineSettings, tmp_path: Path
) -> None:
    async def scene() -> None:
        clock = Clock()
        async with opened(file_settings, clock) as store:
            enrol(store.administration, ALICE, "phone", NOON)
            clock.now += 30
            await store.online_login(ALICE)
        standing = store.administration.standing(ALICE)
        assert standing is not None
        assert standing.last_online == NOON

    play(scene())


def test_the_same_code_in_parallel_is_accepted_once(settings: OfflineSettings) -> None:
    async def scene() -> None:
        clock = Clock()
        async with opened(settings, clock) as store, opened(settings, clock) as other:
            phone = enrol(store.administration, ALICE, "phone", clock.now)
            sheet = store.administration.new_recovery_codes(ALICE, "alice")
            for code in (phone.shows(clock.now), *sheet[:3]):
                verdicts = await asyncio.gather(
                    *(verdict(each, code) for each in (store, other) for _ in range(6))
                )
                assert Counter(verdicts) == {VERIFIED: 1, REPLAYED: 11}

    play(scene())


def test_wrong_codes_in_parallel_are_all_counted(settings: OfflineSettings) -> None:
    async def scene() -> None:
        clock = Clock()
        async with opened(settings, clock) as store, opened(settings, clock) as other:
            enrol(store.administration, ALICE, "phone", clock.now)
            verdicts = await asyncio.gather(
                *(verdict(each, Secret("000")) for each in (store, other) for _ in range(10))
            )
        assert Counter(verdicts) == {OfflineVerdict.WRONG_CODE: 5, OfflineVerdict.LOCKED: 15}

    play(scene())


def test_two_processes_never_both_accept_a_code(settings: OfflineSettings) -> None:
    administration = OfflineStore(settings, lambda: NOON).administration
    codes = [
        code
        for number in range(4)
        for code in administration.new_recovery_codes(ALICE, "alice", f"sheet {number}")
    ]
    with Racer(settings, NOON) as one, Racer(settings, NOON) as two:
        for code in codes:
            one.ask(ALICE, code)
            two.ask(ALICE, code)
            assert sorted([one.answer(), two.answer()]) == ["replayed", "verified"]
    standing = administration.standing(ALICE)
    assert standing is not None
    assert standing.logins_left == settings.max_logins - len(codes)


def test_a_process_that_is_killed_leaves_a_sound_store(settings: OfflineSettings) -> None:
    """A code that it has accepted stays used, whatever it was doing."""

    async def scene(codes: list[Secret], answered: int) -> None:
        async with opened(settings, Clock()) as store:
            verdicts = [await verdict(store, code) for code in codes]
        assert verdicts[:answered] == [REPLAYED] * answered
        assert set(verdicts[answered:]) <= {VERIFIED, REPLAYED}

    administration = OfflineStore(settings, lambda: NOON).administration
    for answers in (1, 3, 6):
        codes = list(administration.new_recovery_codes(ALICE, "alice"))
        with Racer(settings, NOON) as racer:
            for code in codes:
                racer.ask(ALICE, code)
            assert [racer.answer() for _ in range(answers)] == ["verified"] * answers
            racer.kill()
        play(scene(codes, answers))
        if settings.store.startswith("sqlite"):
            with closing(sqlite3.connect(settings.store.removeprefix("sqlite://"))) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_store_that_is_locked_refuses_and_recovers_and_delays_nobody(
    file_settings: OfflineSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        clock = Clock()
        async with opened(file_settings, clock) as store:
            sheet = store.administration.new_recovery_codes(ALICE, "alice")
            clock.now += 3600
            with locked_by_another_process(tmp_path / "offline.db"):
                began = time.monotonic()
                for _ in range(100):
                    await store.online_login(ALICE)
                assert time.monotonic() - began < 0.5  # nobody waits for the store's 2 s
                result = await store.verify(VerifyOffline(ALICE, sheet[0]))
                assert result.verdict is OfflineVerdict.STORE_UNAVAILABLE
                assert result.detail.endswith("offline.db is locked by another process for too long")
                assert store.problem == result.detail
                assert await verdict(store, sheet[0]) is OfflineVerdict.STORE_UNAVAILABLE
                assert time.monotonic() - began < 12
            assert await verdict(store, sheet[0]) is VERIFIED
            assert store.problem is None
            standing = await renewed(store, lambda standing: standing.last_online == clock.now)
            assert standing.logins_left == 999

    with caplog.at_level(logging.INFO, "ldapproxy.offline.store"):
        play(scene())
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    (refused, recovered) = [
        line for line in lines if "offline logins are refused" in line[1] or "again" in line[1]
    ]
    assert refused[0] == "WARNING"
    assert refused[1].endswith("for too long; offline logins are refused, online logins go on")
    assert recovered == ("INFO", "the offline store can be used again")


def test_a_store_that_says_nothing_is_not_waited_for(
    file_settings: OfflineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with opened(file_settings, Clock()) as store:
            assert await store.check() is None
            monkeypatch.setattr(store_module, "ANSWER_WITHIN", 0.1)
            go_on = threading.Event()
            monkeypatch.setattr(store, "_verify", lambda *_: go_on.wait(10))
            result = await store.verify(VerifyOffline(BOB, Secret("123456")))
            go_on.set()
        assert result == OfflineResult(
            OfflineVerdict.STORE_UNAVAILABLE, detail="the offline store gave no answer within 0.1 s"
        )

    play(scene())


def test_what_nobody_foresaw_admits_nobody_and_quotes_nothing(
    file_settings: OfflineSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    password = "hunter2"

    async def scene() -> None:
        async with opened(file_settings, Clock()) as store:

            def fail(*_: object) -> None:
                raise ZeroDivisionError(password)

            monkeypatch.setattr(store, "_verify", fail)
            result = await store.verify(VerifyOffline(BOB, Secret("123456")))
        assert result.verdict is OfflineVerdict.STORE_UNAVAILABLE
        assert result.detail == "the offline store failed in a way that nobody foresaw (ZeroDivisionError)"

    play(scene())
    assert "hunter2" not in caplog.text
    assert "test_store.py" in caplog.text


def test_a_client_that_leaves_takes_nothing_with_it(settings: OfflineSettings) -> None:
    async def scene() -> None:
        async with opened(settings, Clock()) as store:
            sheet = store.administration.new_recovery_codes(ALICE, "alice")
            asking = asyncio.create_task(verdict(store, sheet[0]))
            await asyncio.sleep(0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert await verdict(store, sheet[1]) is VERIFIED

    play(scene())


def test_a_store_that_is_not_there_yet(tmp_path: Path) -> None:
    async def scene() -> None:
        settings = OfflineSettings(f"sqlite:///{tmp_path}/folder/offline.db", KEYS, 10, 600.0)
        async with opened(settings, Clock()) as store:
            problem = await store.check()
            assert problem is not None
            assert "is missing, and so is its folder" in problem
            await store.online_login(ALICE)
            assert await verdict(store, Secret("123456")) is OfflineVerdict.STORE_UNAVAILABLE
            (tmp_path / "folder").mkdir(mode=0o700)
            assert await verdict(store, Secret("123456")) is OfflineVerdict.NOT_ENROLLED
            assert await store.check() is None

    play(scene())


def test_closing_twice_and_using_it_afterwards(file_settings: OfflineSettings) -> None:
    async def scene() -> None:
        store = OfflineStore(file_settings, Clock())
        await store.aclose()
        await store.aclose()
        await store.online_login(ALICE)
        assert await store.check() == "the offline store was closed"

    play(scene())
