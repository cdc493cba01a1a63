"""Who does not get into the portal, and how it is used without a mouse, JavaScript or good eyes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.portal_world import (
    APPROVE,
    OVERVIEW,
    SHARED,
    PortalWorld,
    add_app,
    confirm,
    fill_in,
    recovery_codes,
    sign_in,
)
from tests.e2e.world import whoami
from tests.support.chromium import DESKTOP, chromium, is_too_wide, low_contrasts
from tests.support.example_directory import ALICE, BOB, EXEMPT, PEOPLE, UNICODE, numbered
from tests.support.simulator import SimulatorProcess, token
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


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [("deny", "denied the sign-in"), ("fraud", "reported as fraud")],
)
def test_a_no_on_the_phone_is_a_no(
    world: PortalWorld, duo: SimulatorProcess, page: Page, answer: str, sentence: str
) -> None:
    world.enroll(UNICODE)
    sign_in(page, duo, UNICODE, "zoë", answer)
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_password_alone_and_what_lets_people_in_elsewhere_open_nothing(
    world: PortalWorld, duo: SimulatorProcess, page: Page
) -> None:
    world.new_audit_lines()
    url = world.proxy.url("console")
    # Exempt by group: no second factor at the listener.
    world.enroll(EXEMPT)
    assert whoami(url, EXEMPT, EXEMPT.password)[0] == 0
    sign_in(page, duo, EXEMPT, answer="deny")
    expect(page.get_by_role("alert")).to_be_visible()
    # Remembered at the listener.
    user = numbered(901)
    world.enroll(user)
    duo.answer_always("approve", user="u0901")
    assert whoami(url, user, user.password)[0] == 0
    duo.answer_always(None, user="u0901")
    assert whoami(url, user, user.password)[0] == 0
    sign_in(page, duo, user, answer="deny")
    expect(page.get_by_role("alert")).to_be_visible()
    # Bypassed in Duo.
    bypassed = numbered(902)
    world.enroll(bypassed, status="bypass")
    assert whoami(url, bypassed, bypassed.password)[0] == 0
    fill_in(page, bypassed.dn, bypassed.password)
    expect(page.get_by_role("alert")).to_contain_text("end the bypass first")
    # A passcode, which may be a bypass code, and an offline code are part of a wrong password here.
    coded = numbered(903)
    world.enroll(coded, token(), passcodes=["123456"])
    assert whoami(url, coded, f"{coded.password},123456")[0] == 0
    fill_in(page, coded.dn, f"{coded.password},123456")
    expect(page.get_by_role("alert")).to_have_text("The user name or the password is wrong.")
    fill_in(page, coded.dn, coded.password)
    expect(page.get_by_role("alert")).to_contain_text("Duo knows no phone of yours")
    # Unknown to Duo.
    fill_in(page, numbered(904).dn, numbered(904).password)
    expect(page.get_by_role("alert")).to_contain_text("Duo does not know you yet")
    assert not [line for line in world.portal_lines() if line["verdict"] == "accepted"]


@pytest.mark.parametrize("name", ["nobody", f"uid=nobody,{PEOPLE}", "*", "alice)(uid=*", "alice@example.com"])
def test_a_name_that_nobody_has_reads_like_a_wrong_password(page: Page, name: str) -> None:
    fill_in(page, name, ALICE.password)
    expect(page.get_by_role("alert")).to_have_text("The user name or the password is wrong.")


def test_everything_works_without_javascript(
    world: PortalWorld, duo: SimulatorProcess, browser: Browser
) -> None:
    user = numbered(905)
    world.enroll(user)
    options: dict[str, Any] = {"ignore_https_errors": True, "base_url": world.url}
    with browser.new_context(java_script_enabled=False, **options) as context:
        page = context.new_page()
        sign_in(page, duo, user)
        # The page looks by itself every three seconds.
        expect(page.get_by_role("heading", name=OVERVIEW)).to_be_visible(timeout=15_000)
        app = add_app(page, "mine")
        confirm(page, app, "mine")
        recovery_codes(page, "sheet")
        page.get_by_role("link", name="Remove sheet").click()
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_role("status")).to_have_text("“sheet” was removed.")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_keyboard_is_enough(world: PortalWorld, duo: SimulatorProcess, page: Page) -> None:
    user = numbered(906)
    world.enroll(user)
    duo.answer_always("approve", user="u0906")
    page.goto("/")
    for typed in ("u0906", "Tab", user.password, "Enter"):
        if typed in ("Tab", "Enter"):
            page.keyboard.press(typed)
        else:
            page.keyboard.type(typed)
    expect(page.get_by_role("heading", name=OVERVIEW)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Add an authenticator app")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Label")).to_be_focused()
    page.keyboard.type("mine")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Confirm “mine”")).to_be_visible()


def test_codes_are_shown_once_and_the_way_back_shows_nothing(
    world: PortalWorld, duo: SimulatorProcess, page: Page
) -> None:
    user = numbered(907)
    world.enroll(user)
    sign_in(page, duo, user)
    codes = recovery_codes(page, "sheet")
    page.go_back()
    expect(page.get_by_text("Recovery codes are shown once")).to_be_visible()
    expect(page.get_by_text(codes[0])).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_cancelling_leads_back_and_the_approval_that_comes_too_late_opens_nothing(
    world: PortalWorld, duo: SimulatorProcess, page: Page
) -> None:
    user = numbered(908)
    world.enroll(user)
    fill_in(page, user.dn, user.password)
    expect(page.get_by_role("heading", name=APPROVE)).to_be_visible()
    push = duo.wait_for_push()[0]
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    duo.answer(push, "approve")
    sign_in(page, duo, user, answer="deny")
    expect(page.get_by_role("alert")).to_contain_text("denied the sign-in")


def test_an_approval_for_the_portal_is_not_one_for_a_bind(
    world: PortalWorld, duo: SimulatorProcess, page: Page
) -> None:
    user = numbered(909)
    world.enroll(user)
    fill_in(page, user.dn, user.password)
    expect(page.get_by_role("heading", name=APPROVE)).to_be_visible()
    portal_push = duo.wait_for_push()[0]
    codes: list[int] = []
    bind = threading.Thread(
        target=lambda: codes.append(whoami(world.proxy.url("console"), user, user.password)[0])
    )
    bind.start()
    world.proxy.wait_for(lambda: len(duo.waiting("u0909")) == 2, "a push of its own for the bind")
    duo.answer(portal_push, "approve")
    expect(page.get_by_role("heading", name=OVERVIEW)).to_be_visible()
    (bind_push,) = duo.waiting("u0909")
    assert bind_push.type == "console"
    duo.answer(bind_push, "deny")
    bind.join()
    assert codes == [49]


def test_no_secret_is_in_the_log_or_in_the_audit_log(world: PortalWorld) -> None:
    written = world.proxy.errors() + world.proxy.audit_file.read_text()
    for account in (ALICE, BOB, SHARED, numbered(905)):
        assert account.password not in written
    assert "otpauth:" not in written
    assert "Traceback" not in world.proxy.errors()


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("light", 320, 640), ("dark", DESKTOP["width"], DESKTOP["height"])]
)
def test_every_page_can_be_read_on_a_small_phone_and_in_the_dark(
    world: PortalWorld,
    duo: SimulatorProcess,
    page: Page,
    scheme: Literal["light", "dark"],
    width: int,
    height: int,
) -> None:
    user = numbered(910 + (scheme == "dark"))
    world.enroll(user)
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)

    def look() -> None:
        assert low_contrasts(page) == []
        assert not is_too_wide(page)

    page.goto("/")
    look()
    fill_in(page, user.dn, "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    look()
    fill_in(page, user.dn, user.password)
    expect(page.get_by_role("heading", name=APPROVE)).to_be_visible()
    look()
    duo.answer(duo.wait_for_push()[0], "approve")
    expect(page.get_by_role("heading", name=OVERVIEW)).to_be_visible()
    label = "a-label-without-a-single-blank-and-as-long-as-it-may-be-64-chars"
    page.goto("/add")
    look()
    page.goto("/")
    add_app(page, label)
    look()
    page.goto("/")
    look()
    page.goto("/recovery-codes")
    look()
    page.get_by_role("button", name="Make the codes").click()
    expect(page.locator(".codes")).to_be_visible()
    look()
    page.goto(f"/remove?label={label}")
    look()
    page.goto("/nothing")
    look()


def test_the_proxy_stops_in_order(world: PortalWorld, duo: SimulatorProcess, page: Page) -> None:
    """Last: nobody waits for a browser that waits for a phone."""
    user = numbered(912)
    world.enroll(user)
    fill_in(page, user.dn, user.password)
    expect(page.get_by_role("heading", name=APPROVE)).to_be_visible()
    duo.wait_for_push()
    page.goto("about:blank")
    began = time.monotonic()
    assert world.proxy.stop() == 0
    assert time.monotonic() - began < 10, "bind_timeout is 60 s"
    assert "Traceback" not in world.proxy.errors()
    world.proxy.start()
