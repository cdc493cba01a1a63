"""What somebody who has signed in can do, and what nobody else can."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from ldapproxy.web import portal_words
from tests.unit.web.portal_scene import APP, SECRET, SHEET, Browser, Scene, header, text, words

PATHS = ["/add", "/confirm", "/recovery-codes", "/recovery-codes/sheet", "/remove"]


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


async def signed_in(scene: Scene, name: str = "alice") -> Browser:
    browser = scene.browser()
    await browser.sign_in(name)
    return browser


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_there_for_who_has_not_signed_in(path: str) -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = scene.browser()
        await browser.get("/")
        for answer in (await browser.get(f"{path}?label=x"), await browser.post(path, label="x", code="1")):
            if path == "/recovery-codes/sheet" and answer.page.status == 405:
                continue
            assert (answer.page.status, header(answer, "Location")) == (303, "/")
        assert not scene.authenticators.calls

    run(scenario())


@pytest.mark.parametrize("path", ["/add", "/confirm", "/recovery-codes", "/remove"])
def test_every_form_needs_the_sessions_own_token(path: str) -> None:
    async def scenario() -> None:
        scene = Scene()
        browser, other = await signed_in(scene), await signed_in(scene, "mallory")
        for details in ({"token": ""}, {"token": other.token}, {"is_ours": False}):
            answer = await browser.post(path, label="x", code="1", **details)
            assert answer.page.status == 403
            assert portal_words.BAD_FORM in words(answer)
        assert not scene.authenticators.calls

    run(scenario())


def test_the_overview_shows_what_there_is_and_what_is_left() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.authenticators.kept["alice-id"] = [APP, SHEET]
        said = words(await (await signed_in(scene)).get("/"))
        for part in (
            "Signed in as alice",
            "Alice's phone",
            "Authenticator app or token",
            "Added 2026-11-18 11:06 UTC",
            "Last used never",
            "recovery codes",
            "Codes left 7",
            "Offline logins 4",
            "Time 1 day and 2 hours",
            "password,123456",
        ):
            assert part in said
        assert "You have none yet" not in said

    run(scenario())


def test_one_sees_ones_own_authenticators_alone() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.authenticators.kept["alice-id"] = [APP]
        scene.authenticators.level = None
        said = words(await (await signed_in(scene, "bob")).get("/"))
        assert "Alice's phone" not in said
        assert "You have none yet" in said
        assert "What is left" not in said

    run(scenario())


def test_adding_an_app_takes_a_label_and_a_code() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = await signed_in(scene)
        assert "Label" in words(await browser.get("/add"))
        answer = await browser.follow(await browser.post("/add", label=" Alice's phone "))
        assert "<svg><!-- drawn --></svg>" in text(answer)
        assert " ".join(SECRET[at : at + 4] for at in range(0, 32, 4)) in words(answer).replace("  ", " ")
        assert f'href="otpauth://totp/ldapproxy:alice?secret={SECRET}&amp;issuer=ldapproxy"' in text(answer)
        answer = await browser.follow(await browser.post("/confirm", label="Alice's phone", code=" 123 456 "))
        assert "“Alice's phone” is ready" in words(answer)
        assert "is ready" not in words(await browser.get("/")), "said once"
        assert scene.authenticators.calls == [
            ("add", "alice-id", "192.0.2.7", "Alice's phone"),
            ("confirm", "alice-id", "192.0.2.7", "Alice's phone", b"123456"),
        ]

    run(scenario())


def test_a_wrong_code_shows_the_secret_again_and_why() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = await signed_in(scene)
        await browser.follow(await browser.post("/add", label="mine"))
        scene.authenticators.refuses = "the code is wrong; enter another one"
        answer = await browser.post("/confirm", label="mine", code="000000")
        assert answer.page.status == 409
        assert "The code is wrong; enter another one." in words(answer)
        assert "<svg>" in text(answer)

    run(scenario())


def test_the_secret_is_gone_once_it_is_confirmed() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = await signed_in(scene)
        await browser.follow(await browser.post("/add", label="mine"))
        await browser.post("/confirm", label="mine", code="123456")
        assert header(await browser.get("/confirm"), "Location") == "/"
        assert SECRET not in text(await browser.get("/confirm?label=mine"))

    run(scenario())


def test_the_secret_is_shown_in_its_own_session_and_for_its_own_label() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser, other = await signed_in(scene), await signed_in(scene)
        await browser.follow(await browser.post("/add", label="mine"))
        assert "<svg>" not in text(await other.get("/confirm?label=mine"))
        assert "<svg>" not in text(await browser.get("/confirm?label=another"))
        assert "<svg>" in text(await browser.get("/confirm?label=mine"))
        await browser.post("/sign-out")
        await browser.sign_in()
        assert "<svg>" not in text(await browser.get("/confirm?label=mine"))

    run(scenario())


def test_one_that_was_not_confirmed_can_be_later() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.authenticators.kept["alice-id"] = [replace(APP, label="Zoë & Co", is_confirmed=False)]
        browser = await signed_in(scene)
        overview = await browser.get("/")
        assert "not confirmed yet, opens nothing" in words(overview)
        assert 'href="/confirm?label=Zo%C3%AB%20%26%20Co"' in text(overview)
        assert "Confirm “Zoë &amp; Co”" in text(await browser.get("/confirm?label=Zo%C3%AB%20%26%20Co"))

    run(scenario())


def test_a_label_that_cannot_be_used_is_said_with_what_was_typed() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = await signed_in(scene)
        scene.authenticators.refuses = "there is an authenticator already; choose another label"
        answer = await browser.post("/add", label="<i>mine</i>")
        assert answer.page.status == 409
        assert "There is an authenticator already; choose another label." in words(answer)
        assert 'value="&lt;i&gt;mine&lt;/i&gt;"' in text(answer)

    run(scenario())


# Recovery codes


def test_recovery_codes_are_shown_once() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = await signed_in(scene)
        assert 'value="recovery codes"' in text(await browser.get("/recovery-codes"))
        made = await browser.post("/recovery-codes", label="recovery codes")
        assert header(made, "Location") == "/recovery-codes/sheet", "reloading makes no new ones"
        sheet = await browser.follow(made)
        assert "100 200 300" in words(sheet)
        assert text(sheet).count("<li>") == 10
        again = await browser.follow(await browser.get("/recovery-codes/sheet"))
        assert "Recovery codes are shown once" in words(again)
        assert "100 200 300" not in words(again)

    run(scenario())


def test_who_has_a_sheet_is_told_what_another_one_does() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.authenticators.kept["alice-id"] = [APP, SHEET]
        page = await (await signed_in(scene)).get("/recovery-codes")
        assert "with the same label become void. There is: recovery codes." in words(page)
        assert 'value=""' in text(page), "nobody makes another's codes void by pressing a button"

    run(scenario())


def test_a_sheet_that_cannot_be_made_is_said() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = await signed_in(scene)
        scene.authenticators.refuses = "no more"
        answer = await browser.post("/recovery-codes", label="x")
        assert answer.page.status == 409
        assert "No more." in words(answer)

    run(scenario())


# Removing


def test_removing_asks_first() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.authenticators.kept["alice-id"] = [APP]
        browser = await signed_in(scene)
        assert "Remove “Alice's phone”?" in words(await browser.get("/remove?label=Alice%27s%20phone"))
        assert not scene.authenticators.calls
        answer = await browser.follow(await browser.post("/remove", label="Alice's phone"))
        assert "“Alice's phone” was removed." in words(answer)
        assert scene.authenticators.calls == [("remove", "alice-id", "192.0.2.7", "Alice's phone")]
        assert header(await browser.get("/remove"), "Location") == "/"

    run(scenario())


def test_what_is_gone_already_is_said() -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = await signed_in(scene)
        scene.authenticators.refuses = "there is no such authenticator"
        answer = await browser.post("/remove", label="x")
        assert answer.page.status == 409
        assert "There is no such authenticator." in words(answer)

    run(scenario())


def test_one_that_is_removed_before_it_is_confirmed_takes_its_secret_with_it() -> None:
    async def scenario() -> None:
        browser = await signed_in(Scene())
        await browser.follow(await browser.post("/add", label="mine"))
        await browser.post("/remove", label="mine")
        assert header(await browser.get("/confirm"), "Location") == "/"

    run(scenario())


# Trouble


def test_while_duo_is_away_nothing_is_offered_and_the_page_says_why() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.authenticators.kept["alice-id"] = [APP]
        browser = await signed_in(scene)
        assert 'href="/add"' in text(await browser.get("/"))
        scene.sign_in.away = True
        overview = await browser.get("/")
        assert "Duo cannot be reached at the moment" in words(overview)
        assert 'href="/add"' not in text(overview)
        assert 'href="/recovery-codes"' not in text(overview)
        assert 'href="/remove?label=' in text(overview)

    run(scenario())


def test_a_locked_account_is_told_for_how_long() -> None:
    async def scenario() -> None:
        scene = Scene()
        assert scene.authenticators.level is not None
        scene.authenticators.level = replace(scene.authenticators.level, locked_for=900.0, seconds_left=0.0)
        said = words(await (await signed_in(scene)).get("/"))
        assert "For 15 minutes none is accepted." in said
        assert "Time none" in said

    run(scenario())


@pytest.mark.parametrize("path", ["/", "/recovery-codes"])
def test_a_store_that_cannot_be_read_is_said_without_its_secrets(path: str) -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = await signed_in(scene)
        scene.authenticators.fails = True
        answer = await browser.get(path)
        assert answer.page.status == 503
        assert portal_words.STORE_AWAY in words(answer)
        assert "/secret/place" not in text(answer)

    run(scenario())


@pytest.mark.parametrize("path", ["/add", "/confirm", "/recovery-codes", "/remove"])
def test_a_store_that_cannot_be_changed_is_said(path: str) -> None:
    async def scenario() -> None:
        scene = Scene()
        browser = await signed_in(scene)
        scene.authenticators.fails = True
        answer = await browser.post(path, label="x", code="123456")
        assert answer.page.status == 503
        assert portal_words.STORE_AWAY in words(answer)

    run(scenario())
