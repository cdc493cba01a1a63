"""Signing in and out: who gets in, who does not, and what a browser may do meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from ldapproxy.auth.outcomes import Reason
from ldapproxy.web import portal, portal_words
from ldapproxy.web.portal_forms import BROWSER, SESSION
from ldapproxy.web.portal_sessions import IDLE, LONGEST
from tests.unit.web.portal_scene import Browser, Scene, header, text, words

SIGN_IN = "<h1>Sign in</h1>"
OVERVIEW = "<h1>Your offline authenticators</h1>"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal comes at once; that it does not outside of tests is a test of its own."""
    monkeypatch.setattr(portal, "_REFUSED_AFTER", 0.0)
    monkeypatch.setattr(portal, "_AT_ONCE", 0.05)
    monkeypatch.setattr(portal, "_HELD", 0.05)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def test_the_right_password_and_a_tap_let_somebody_in() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = scene.browser()
        first = await browser.get("/")
        assert SIGN_IN in text(first)
        assert set(browser.cookies) == {BROWSER}
        answer = await browser.post("/sign-in", name=" alice ", password="pw")
        assert (answer.page.status, header(answer, "Location")) == (303, "/")
        assert set(browser.cookies) == {SESSION}, "another name than before the sign-in"
        assert OVERVIEW in text(await browser.get("/"))
        assert scene.sign_in.asked == [("alice", b"pw", browser.client)]

    run(scenario())


def test_a_wrong_password_is_said_on_the_same_page_without_showing_it() -> None:
    async def scenario() -> None:
        browser = Scene().browser()
        await browser.get("/")
        answer = await browser.post("/sign-in", name='<b>"alice"</b>', password="swordfish")
        assert answer.page.status == 403
        assert portal_words.WRONG in words(answer)
        assert "&lt;b&gt;&#34;alice&#34;&lt;/b&gt;" in text(answer)
        assert "swordfish" not in text(answer)
        assert "<title>Problem: Sign in" in text(answer)
        assert SESSION not in browser.cookies

    run(scenario())


@pytest.mark.parametrize("reason", Reason)
def test_no_reason_lets_anybody_in(reason: Reason) -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.sign_in.answer = reason
        browser = scene.browser()
        answer = await browser.sign_in()
        assert portal_words.sentence(reason) in words(answer)
        assert answer.page.status == portal_words.status(reason)
        assert SESSION not in browser.cookies
        assert SIGN_IN in text(await browser.get("/"))
        assert len(scene.portal.sessions) == 0

    run(scenario())


def test_what_nobody_foresaw_lets_nobody_in() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.sign_in.answer = RuntimeError("with a secret")
        browser = scene.browser()
        answer = await browser.sign_in()
        assert answer.page.status == 403
        assert "secret" not in text(answer)
        assert SESSION not in browser.cookies

    run(scenario())


def test_a_refusal_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal, "_REFUSED_AFTER", 0.2)
    monkeypatch.setattr(portal, "_AT_ONCE", 5.0)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        browser = Scene().browser()
        await browser.get("/")
        began = loop.time()
        await browser.post("/sign-in", name="alice", password="no")
        assert loop.time() - began >= 0.19

    run(scenario())


# Waiting for the phone


def test_while_the_phone_is_asked_a_page_waits() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.sign_in.answers.clear()
        browser = scene.browser()
        waiting = await browser.sign_in()
        assert "Approve the sign-in on your phone" in words(waiting)
        assert "vpn portal" in words(waiting)
        assert "192.0.2.7" in words(waiting)
        assert '<noscript><meta http-equiv="refresh"' in text(waiting), (
            "without JavaScript it looks by itself"
        )
        assert text(await browser.get("/waiting/state")) == '{"ended": false}'
        scene.sign_in.answers.set()
        assert text(await browser.get("/waiting/state")) == '{"ended": true}'
        assert OVERVIEW in text(await browser.follow(await browser.get("/waiting")))

    run(scenario())


def test_a_refusal_on_the_phone_is_said_too() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.sign_in.answers.clear()
        scene.sign_in.answer = Reason.DENIED
        browser = scene.browser()
        await browser.sign_in()
        scene.sign_in.answers.set()
        await browser.get("/waiting/state")
        answer = await browser.get("/waiting")
        assert portal_words.sentence(Reason.DENIED) in words(answer)
        assert SIGN_IN in text(answer)

    run(scenario())


def test_a_second_click_is_no_second_push() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.sign_in.answers.clear()
        browser = scene.browser()
        await browser.get("/")
        for _ in range(3):
            answer = await browser.post("/sign-in", name="alice", password="pw")
            assert header(answer, "Location") == "/waiting"
        assert len(scene.sign_in.asked) == 1
        await scene.portal.aclose()

    run(scenario())


def test_who_cancels_asks_nobody_any_more() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.sign_in.answers.clear()
        browser = scene.browser()
        await browser.sign_in()
        answer = await browser.follow(await browser.post("/sign-in/cancel"))
        assert SIGN_IN in text(answer)
        await asyncio.sleep(0)
        assert scene.sign_in.given_up == 1
        assert header(await browser.get("/waiting"), "Location") == "/"

    run(scenario())


def test_another_browser_cannot_fetch_the_sign_in() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.sign_in.answers.clear()
        browser, thief = scene.browser(), scene.browser()
        await browser.sign_in()
        await thief.get("/")
        scene.sign_in.answers.set()
        assert text(await thief.get("/waiting/state")) == '{"ended": true}', "it has none"
        assert header(await thief.get("/waiting"), "Location") == "/"
        assert set(thief.cookies) == {BROWSER}
        await browser.get("/waiting/state")
        assert OVERVIEW in text(await browser.follow(await browser.get("/waiting")))

    run(scenario())


def test_the_cookie_of_before_is_worth_nothing_afterwards() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = scene.browser()
        await browser.get("/")
        planted = Browser(scene.portal, cookies=dict(browser.cookies))
        await browser.follow(await browser.post("/sign-in", name="alice", password="pw"))
        assert SIGN_IN in text(await planted.get("/"))
        assert header(await planted.get("/waiting"), "Location") == "/"

    run(scenario())


# Forged forms


@pytest.mark.parametrize("token", ["", "x", "A" * 43])
def test_a_sign_in_form_needs_its_token(token: str) -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = scene.browser()
        await browser.get("/")
        answer = await browser.post("/sign-in", token=token, name="alice", password="pw")
        assert answer.page.status == 403
        assert portal_words.BAD_FORM in words(answer)
        assert not scene.sign_in.asked

    run(scenario())


def test_a_token_of_another_browser_does_not_fit() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser, evil = scene.browser(), scene.browser()
        await browser.get("/")
        await evil.get("/")
        answer = await browser.post("/sign-in", token=evil.token, name="mallory", password="pw")
        assert answer.page.status == 403
        assert not scene.sign_in.asked

    run(scenario())


def test_another_sites_page_cannot_send_the_form() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = scene.browser()
        await browser.get("/")
        answer = await browser.post("/sign-in", is_ours=False, name="alice", password="pw")
        assert answer.page.status == 403
        assert not scene.sign_in.asked

    run(scenario())


def test_nobody_else_can_sign_somebody_out_or_cancel() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = scene.browser()
        await browser.sign_in()
        assert (await browser.post("/sign-out", token="")).page.status == 403
        assert (await browser.post("/sign-out", is_ours=False)).page.status == 403
        assert OVERVIEW in text(await browser.get("/"))
        scene.sign_in.answers.clear()
        other = scene.browser()
        await other.sign_in("bob")
        await other.post("/sign-in/cancel", token="")
        assert scene.sign_in.given_up == 0
        await scene.portal.aclose()

    run(scenario())


# The end of a session


def test_signing_out_ends_the_session_on_the_server_too() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = scene.browser()
        await browser.sign_in()
        kept = Browser(scene.portal, cookies=dict(browser.cookies))
        answer = await browser.post("/sign-out")
        assert header(answer, "Location") == "/"
        assert SESSION not in browser.cookies
        assert SIGN_IN in text(await kept.get("/"))

    run(scenario())


@pytest.mark.parametrize("step", [IDLE + 1, IDLE / 2])
def test_a_session_ends_by_itself_and_the_page_says_so(step: float) -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = scene.browser()
        await browser.sign_in()
        began = scene.now
        while scene.now - began <= LONGEST and step < IDLE:
            assert OVERVIEW in text(await browser.get("/"))
            scene.now += step
        scene.now += step
        answer = await browser.get("/")
        assert portal_words.SIGNED_OUT in words(answer)
        assert SIGN_IN in text(answer)
        assert set(browser.cookies) == {BROWSER}

    run(scenario())


def test_signing_in_again_ends_the_session_before() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = scene.browser()
        await browser.sign_in()
        session = browser.cookies.pop(SESSION)
        await browser.get("/")
        browser.cookies[SESSION] = session
        await browser.follow(await browser.post("/sign-in", name="bob", password="pw"))
        assert len(scene.portal.sessions) == 1
        assert browser.cookies[SESSION] != session

    run(scenario())


def test_a_link_from_elsewhere_comes_without_cookies_and_ends_nothing() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = scene.browser()
        await browser.sign_in()
        kept = browser.cookies.copy()
        browser.cookies.clear()
        answer = await browser.get("/")
        assert SESSION not in "".join(answer.cookies)
        browser.cookies |= kept
        assert OVERVIEW in text(await browser.get("/"))

    run(scenario())


# While Duo is away


def test_while_duo_is_away_the_first_page_says_why_nobody_gets_in() -> None:
    async def scenario() -> None:
        scene = Scene()
        assert portal_words.DUO_AWAY not in words(await scene.browser().get("/"))
        scene.sign_in.away = True
        assert portal_words.DUO_AWAY in words(await scene.browser().get("/"))

    run(scenario())


# Addresses


@pytest.mark.parametrize("path", ["/nothing", "/portal.css/", "//", "/add/", "/../etc/passwd", ""])
def test_other_addresses_do_not_exist(path: str) -> None:
    async def scenario() -> None:
        assert (await Scene().browser().get(path)).page.status == 404

    run(scenario())


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", "GET"),
        ("GET", "/sign-out", "POST"),
        ("GET", "/sign-in/cancel", "POST"),
        ("HEAD", "/", "GET"),
        ("PUT", "/sign-in", "GET, POST"),
        ("DELETE", "/remove", "GET, POST"),
        ("POST", "/portal.css", None),
    ],
)
def test_other_methods_are_refused(method: str, path: str, allowed: str | None) -> None:
    async def scenario() -> None:
        answer = await Scene().browser()._ask(method, path)
        assert answer.page.status == (405 if allowed else 404)
        assert header(answer, "Allow") == (allowed or "")

    run(scenario())


@pytest.mark.parametrize("path", ["/portal.css", "/portal.js", "/icon.svg"])
def test_files_are_there_for_everybody_and_kept(path: str) -> None:
    async def scenario() -> None:
        answer = await Scene().browser().get(path)
        assert answer.page.status == 200
        assert "immutable" in header(answer, "Cache-Control")
        assert not answer.cookies

    run(scenario())
