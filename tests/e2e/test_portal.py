"""Enrolment in the portal, and logins with it: real processes, and a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.portal_world import (
    APPROVE,
    OVERVIEW,
    SHARED,
    SHOWN,
    PortalWorld,
    add_app,
    confirm,
    fill_in,
    recovery_codes,
    sign_in,
)
from tests.e2e.world import whoami
from tests.support.chromium import chromium
from tests.support.example_directory import ALICE, BOB
from tests.support.simulator import SimulatorProcess, phone
from tests.support.slapd import Slapd


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, slapd: Slapd, duo_process: SimulatorProcess
) -> Iterator[PortalWorld]:
    with PortalWorld(tmp_path_factory.mktemp("proxy"), slapd, duo_process) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(world: PortalWorld, browser: Browser) -> Iterator[Page]:
    with world.phone(browser) as context:
        yield context.new_page()


def test_from_the_first_visit_to_a_login_without_duo(
    world: PortalWorld, duo: SimulatorProcess, page: Page
) -> None:
    world.enroll(ALICE)
    world.new_audit_lines()
    fill_in(page, "alice", "wrong")
    expect(page.get_by_role("alert")).to_have_text("The user name or the password is wrong.")
    assert duo.logins() == 0, "nobody is bothered for a wrong password"

    fill_in(page, "alice", ALICE.password)
    expect(page.get_by_role("heading", name=APPROVE)).to_be_visible()
    push = duo.wait_for_push()[0]
    assert (push.user, push.type, dict(push.pushinfo)["client"]) == (
        "alice",
        SHOWN,
        "127.0.0.1",
    )
    expect(page.get_by_text(SHOWN)).to_be_visible()
    duo.answer(push, "approve")
    expect(page.get_by_role("heading", name=OVERVIEW)).to_be_visible()
    expect(page.get_by_text("You have none yet")).to_be_visible()

    app = add_app(page, "Alice's phone")
    page.get_by_label("Code").fill("000000" if app.now() != "000000" else "111111")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_contain_text("The code is wrong")
    confirm(page, app, "Alice's phone")
    first, second, *_ = recovery_codes(page, "recovery codes")
    expect(page.get_by_role("listitem").filter(has_text="recovery codes")).to_contain_text("10")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    lines = world.portal_lines()
    assert [(line["action"], line["verdict"], line["reason"]) for line in lines] == [
        ("sign_in", "rejected", "primary_refused"),
        ("sign_in", "accepted", "second_factor"),
        ("add", "accepted", "done"),
        ("confirm", "rejected", "refused"),
        ("confirm", "accepted", "done"),
        ("recovery_codes", "accepted", "done"),
    ]
    assert {line["username"] for line in lines[1:]} == {"alice"}
    assert {line["listener"] for line in lines} == {"console"}
    assert lines[1]["device"].startswith("alice's phone")

    url = world.proxy.url("console")
    assert whoami(url, ALICE, f"{ALICE.password},{first}")[0] == 49, "while Duo is there it is no way in"
    with world.outage():
        assert whoami(url, ALICE, f"{ALICE.password},{first}") == (0, f"dn:{ALICE.dn}")
        assert whoami(url, ALICE, f"{ALICE.password},{first}")[0] == 49, "each code works once"
        later = app.at(time.time(), counter_offset=1)  # the one of now confirmed it
        assert whoami(url, ALICE, f"{ALICE.password},{later}")[0] == 0
        assert whoami(url, ALICE, f"{ALICE.password},{second}")[0] == 0

    sign_in(page, duo, ALICE)
    sheet = page.get_by_role("listitem").filter(has_text="recovery codes")
    expect(sheet).to_contain_text("8")
    expect(sheet).not_to_contain_text("never")
    expect(page.get_by_text("Offline logins")).to_be_visible()


def test_while_duo_is_away_nobody_gets_in_and_the_page_says_why(world: PortalWorld, page: Page) -> None:
    world.enroll(BOB)
    with world.outage():
        page.goto("/")
        expect(page.get_by_text("Duo cannot be reached at the moment")).to_be_visible()
        fill_in(page, "bob", BOB.password)
        expect(page.get_by_role("alert")).to_contain_text("Duo cannot be reached at the moment")
    assert world.portal_lines()[-1]["reason"] == "duo_unavailable"


def test_who_is_signed_in_can_remove_but_not_add_while_duo_is_away(
    world: PortalWorld, duo: SimulatorProcess, page: Page
) -> None:
    world.enroll(BOB)
    sign_in(page, duo, BOB)
    app = add_app(page, "tablet")
    confirm(page, app, "tablet")
    page.get_by_role("link", name="Add an authenticator app").click()
    with world.outage():
        page.get_by_label("Label").fill("another")
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("alert")).to_contain_text("Duo cannot be reached")
        page.get_by_role("link", name="Cancel").click()
        expect(page.get_by_text("nothing can be added here")).to_be_visible()
        expect(page.get_by_role("link", name="Add an authenticator app")).to_have_count(0)

        code = app.at(time.time(), counter_offset=1)
        page.get_by_role("link", name="Remove tablet").click()
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_role("status")).to_have_text("“tablet” was removed.")
        assert whoami(world.proxy.url("console"), BOB, f"{BOB.password},{code}")[0] == 49


def test_people_who_share_an_account_add_one_each(
    world: PortalWorld, duo: SimulatorProcess, browser: Browser
) -> None:
    world.enroll(SHARED, phone("Olga's phone"), phone("Omar's phone"))
    world.new_audit_lines()
    apps = {}
    for person, other in (("Olga", "Omar"), ("Omar", "Olga")):
        with browser.new_context(ignore_https_errors=True, base_url=world.url) as context:
            page = context.new_page()
            fill_in(page, "u0900", SHARED.password)
            expect(page.get_by_role("heading", name=APPROVE)).to_be_visible()
            world.proxy.wait_for(lambda: len(duo.waiting("u0900")) == 2, "both phones to be asked")
            for push in duo.waiting("u0900"):
                if push.device.startswith(person):
                    duo.answer(push, "approve")
            expect(page.get_by_role("heading", name=OVERVIEW)).to_be_visible()
            for push in duo.waiting("u0900"):
                if push.device.startswith(other):
                    duo.answer(push, "deny")
            apps[person] = add_app(page, f"{person}'s app")
            confirm(page, apps[person], f"{person}'s app")
    confirmed = [line for line in world.portal_lines() if line["action"] == "confirm"]
    assert [line["offline_authenticator"] for line in confirmed] == ["Olga's app", "Omar's app"]
    assert [line["device"].partition("'")[0] for line in confirmed] == ["Olga", "Omar"], "whose tap it was"
    with world.outage():
        for person, app in apps.items():
            code = app.at(time.time(), counter_offset=1)
            assert whoami(world.proxy.url("console"), SHARED, f"{SHARED.password},{code}")[0] == 0
            assert world.new_audit_lines(1)[-1]["offline_authenticator"] == f"{person}'s app"
