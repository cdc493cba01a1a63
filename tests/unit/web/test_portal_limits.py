"""How often anybody may try to sign in, and how many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from ldapproxy.auth.outcomes import Reason
from ldapproxy.web import portal, portal_words
from ldapproxy.web.portal import SIGN_IN_LIMITS
from tests.unit.web.portal_scene import Scene, text, words

OVERVIEW = "<h1>Your offline authenticators</h1>"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for refusals here."""
    monkeypatch.setattr(portal, "_REFUSED_AFTER", 0.0)
    monkeypatch.setattr(portal, "_AT_ONCE", 0.05)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def test_a_name_that_fails_too_often_has_to_wait() -> None:
    async def scenario() -> None:
        scene = Scene()
        for number in range(SIGN_IN_LIMITS.per_user):
            answer = await scene.browser(f"192.0.2.{number}").sign_in("alice", "guess")
            assert answer.page.status == 403
        refused = await scene.browser("192.0.2.99").sign_in(" ALICE", "pw")
        assert refused.page.status == 429
        assert portal_words.TOO_MANY in words(refused)
        assert len(scene.sign_in.asked) == SIGN_IN_LIMITS.per_user, "nobody was asked"
        assert OVERVIEW in text(await scene.browser("192.0.2.99").sign_in("bob", "pw"))
        scene.now += SIGN_IN_LIMITS.per + 1
        assert OVERVIEW in text(await scene.browser("192.0.2.99").sign_in("alice", "pw"))

    run(scenario())


@pytest.mark.parametrize(
    ("addresses", "another"),
    [
        (["192.0.2.1"], "192.0.2.2"),
        (["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::1"], "2001:db8:0:1::1"),
    ],
)
def test_an_address_that_fails_too_often_has_to_wait(addresses: list[str], another: str) -> None:
    async def scenario() -> None:
        scene = Scene()
        for number in range(SIGN_IN_LIMITS.per_client):
            client = addresses[number % len(addresses)]
            await scene.browser(client).sign_in(f"user{number}", "guess")
        assert (await scene.browser(addresses[0]).sign_in("bob", "pw")).page.status == 429
        assert OVERVIEW in text(await scene.browser(another).sign_in("bob", "pw"))

    run(scenario())


def test_guesses_at_the_same_moment_count_before_they_have_failed() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.sign_in.answers.clear()
        for _ in range(SIGN_IN_LIMITS.per_user + 5):
            await scene.browser().sign_in("alice", "guess")
        assert len(scene.sign_in.asked) == SIGN_IN_LIMITS.per_user
        await scene.portal.aclose()

    run(scenario())


@pytest.mark.parametrize(
    ("reason", "counts"),
    [
        (Reason.PRIMARY_REFUSED, True),
        (Reason.DENIED, True),
        (Reason.TIMED_OUT, True),
        (Reason.BYPASSED, True),
        (Reason.INTERNAL_ERROR, True),
        (Reason.DUO_UNAVAILABLE, False),
        (Reason.PRIMARY_UNAVAILABLE, False),
        (Reason.LOOKUP_UNAVAILABLE, False),
    ],
)
def test_an_outage_is_nobodys_fault(reason: Reason, counts: bool) -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.sign_in.answer = reason
        for _ in range(SIGN_IN_LIMITS.per_user):
            await scene.browser().sign_in()
        scene.sign_in.answer = None
        answer = await scene.browser().sign_in()
        assert (answer.page.status == 429) is counts

    run(scenario())


def test_a_sign_in_clears_the_names_count() -> None:
    async def scenario() -> None:
        scene = Scene()
        for _ in range(2):
            for _ in range(SIGN_IN_LIMITS.per_user - 1):
                await scene.browser().sign_in("alice", "guess")
            assert OVERVIEW in text(await scene.browser().sign_in("alice", "pw"))

    run(scenario())


def test_cancelling_is_no_way_around_the_limit() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.sign_in.answers.clear()
        for _ in range(SIGN_IN_LIMITS.per_user):
            browser = scene.browser()
            await browser.sign_in()
            await browser.post("/sign-in/cancel")
            await asyncio.sleep(0)
        assert (await scene.browser().sign_in()).page.status == 429
        await scene.portal.aclose()

    run(scenario())


def test_so_many_sign_ins_wait_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.sign_in.answers.clear()
        monkeypatch.setattr(scene.portal.waiting, "_most", 2)
        for number in range(2):
            await scene.browser().sign_in(f"user{number}")
        answer = await scene.browser().sign_in("bob")
        assert answer.page.status == 503
        assert portal_words.TOO_MANY_WAITING in words(answer)
        assert len(scene.sign_in.asked) == 2
        await scene.portal.aclose()

    run(scenario())
