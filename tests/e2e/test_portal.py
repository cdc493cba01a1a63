"""The self-service portal: a real process, a real directory, the Duo simulator, and a real browser."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from typing import Any, Literal

import pyotp
import pytest
from cryptography.fernet import Fernet
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from tests.e2e.world import World, whoami
from tests.support.certificates import Authority
from tests.support.chromium import DESKTOP, PHONE, chromium, is_too_wide, low_contrasts
from tests.support.example_directory import (
    ALICE,
    BOB,
    EXEMPT,
    NO_SECOND_FACTOR,
    PEOPLE,
    UNICODE,
    Account,
    numbered,
)
from tests.support.ports import free_port
from tests.support.simulator import SimulatorProcess, phone, token
from tests.support.slapd import Slapd

SHARED = numbered(900)
# What would let people in without a tap, at the very listener that the portal belongs to.
LISTENERS: dict[str, dict[str, Any]] = {
    "console": {
        "fail_mode": "offline",
        "exempt": [{"group": NO_SECOND_FACTOR}],
        "remember": {"for": "1h"},
        "client_is_user": True,
        "shared_accounts": [{"dn": SHARED.dn, "push": "all"}],
    },
}
SHOWN = "console (offline authenticators)"
APPROVE = "Approve the sign-in on your phone"
OVERVIEW = "Your offline authenticators"


@pytest.fixture(scope="module")
def portal_url() -> str:
    return f"https://127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, slapd: Slapd, duo_process: SimulatorProcess, portal_url: str
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("proxy")
    folder.chmod(0o700)
    certificate = Authority(folder / "portal-ca").server()
    key = folder / "offline.key"
    key.touch(0o600)
    key.write_bytes(Fernet.generate_key())
    extra = {
        "offline": {"store": f"sqlite:///{folder}/offline.db", "encryption_key_file": str(key)},
        "portal": {
            "url": portal_url,
            "tls": {
                "certificate_file": str(certificate.certificate_file),
                "private_key_file": str(certificate.private_key_file),
            },
            "listener": "console",
        },
        "duo": {"prod": {"ping_interval": "1s"}},
    }
    with World(folder, slapd, duo_process, LISTENERS, extra) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def context(browser: Browser, portal_url: str) -> Iterator[BrowserContext]:
    """A phone's browser, which must not be asked for anything from elsewhere, nor complain."""
    options: dict[str, Any] = {"viewport": PHONE, "ignore_https_errors": True, "base_url": portal_url}
    complaints: list[str] = []

    def elsewhere(request: Request) -> None:
        if not request.url.startswith(portal_url):
            complaints.append(request.url)

    def grumble(message: ConsoleMessage) -> None:
        # That a page came with 403 is said there, too.
        if "status of" not in message.text:
            complaints.append(message.text)

    with browser.new_context(**options) as opened:
        opened.on("request", elsewhere)
        opened.on("weberror", lambda error: complaints.append(str(error.error)))
        opened.on("console", grumble)
        yield opened
    assert not complaints


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def fill_in(page: Page, name: str, password: str) -> None:
    page.goto("/")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def sign_in(
    page: Page, duo: SimulatorProcess, account: Account, name: str = "", answer: str = "approve"
) -> None:
    """Signs in, and answers on the phone."""
    fill_in(page, name or account.dn, account.password)
    expect(page.get_by_role("heading", name=APPROVE)).to_be_visible()
    duo.answer(duo.wait_for_push()[0], answer)


def add_app(page: Page, label: str) -> pyotp.TOTP:
    """Adds an authenticator app up to its confirmation, and returns what the app holds."""
    page.get_by_role("link", name="Add an authenticator app").click()
    page.get_by_label("Label").fill(label)
    page.get_by_role("button", name="Go on").click()
    secret = re.sub(r"\s", "", page.locator(".secret code").inner_text())
    # The link holds the same secret as the text; what the code holds is tested where it is drawn.
    link = page.get_by_role("link", name="Open it in the app on this device").get_attribute("href")
    assert link is not None
    assert pyotp.parse_uri(link).secret == secret
    expect(page.locator(".qr svg")).to_be_visible()
    return pyotp.TOTP(secret)


def confirm(page: Page, app: pyotp.TOTP, label: str) -> None:
    page.get_by_label("Code").fill(app.now())
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text(f"“{label}” is ready")


def recovery_codes(page: Page, label: str) -> list[str]:
    """Makes a sheet, and returns what is on it."""
    page.get_by_role("link", name="Print recovery codes").click()
    page.get_by_label("Label").fill(label)
    page.get_by_role("button", name="Make the codes").click()
    codes = [code.replace(" ", "") for code in page.locator(".codes code").all_inner_texts()]
    assert len(codes) == 10
    assert all(re.fullmatch(r"\d{9}", code) for code in codes)
    page.get_by_role("link", name="I have kept them").click()
    return codes


@pytest.fixture
def outage(world: World, duo: SimulatorProcess) -> Iterator[None]:
    """Duo is away, and known to be."""
    duo.power("off")
    world.proxy.wait_for(lambda: b'"down"' in world.proxy.get("/readyz"), "Duo to be known as away")
    yield
    duo.power("on")
    world.proxy.wait_for(lambda: b'"up"' in world.proxy.get("/readyz"), "Duo to be back")


def portal_lines(world: World) -> list[dict[str, Any]]:
    return [line for line in world.new_audit_lines() if line["event"] == "portal"]


def back_again(world: World, duo: SimulatorProcess) -> None:
    duo.power("on")
    world.proxy.wait_for(lambda: b'"up"' in world.proxy.get("/readyz"), "Duo to be back")


def gone(world: World, duo: SimulatorProcess) -> None:
    duo.power("off")
    world.proxy.wait_for(lambda: b'"down"' in world.proxy.get("/readyz"), "Duo to be known as away")


def test_from_the_first_visit_to_a_login_without_duo(world: World, duo: SimulatorProcess, page: Page) -> None:
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

    lines = portal_lines(world)
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
    gone(world, duo)
    try:
        assert whoami(url, ALICE, f"{ALICE.password},{first}") == (0, f"dn:{ALICE.dn}")
        assert whoami(url, ALICE, f"{ALICE.password},{first}")[0] == 49, "each code works once"
        later = app.at(time.time(), counter_offset=1)  # the one of now confirmed it
        assert whoami(url, ALICE, f"{ALICE.password},{later}")[0] == 0
        assert whoami(url, ALICE, f"{ALICE.password},{second}")[0] == 0
    finally:
        back_again(world, duo)

    sign_in(page, duo, ALICE)
    sheet = page.get_by_role("listitem").filter(has_text="recovery codes")
    expect(sheet).to_contain_text("8")
    expect(sheet).not_to_contain_text("never")
    expect(page.get_by_text("Offline logins")).to_be_visible()


@pytest.mark.usefixtures("outage")
def test_while_duo_is_away_nobody_gets_in_and_the_page_says_why(world: World, page: Page) -> None:
    world.enroll(BOB)
    page.goto("/")
    expect(page.get_by_text("Duo cannot be reached at the moment")).to_be_visible()
    fill_in(page, "bob", BOB.password)
    expect(page.get_by_role("alert")).to_contain_text("Duo cannot be reached at the moment")
    assert portal_lines(world)[-1]["reason"] == "duo_unavailable"


def test_who_is_signed_in_can_remove_but_not_add_while_duo_is_away(
    world: World, duo: SimulatorProcess, page: Page
) -> None:
    world.enroll(BOB)
    sign_in(page, duo, BOB)
    app = add_app(page, "tablet")
    confirm(page, app, "tablet")
    page.get_by_role("link", name="Add an authenticator app").click()
    gone(world, duo)
    try:
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
    finally:
        back_again(world, duo)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [("deny", "denied the sign-in"), ("fraud", "reported as fraud")],
)
def test_a_no_on_the_phone_is_a_no(
    world: World, duo: SimulatorProcess, page: Page, answer: str, sentence: str
) -> None:
    world.enroll(UNICODE)
    sign_in(page, duo, UNICODE, "zoë", answer)
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_password_alone_and_what_lets_people_in_elsewhere_open_nothing(
    world: World, duo: SimulatorProcess, page: Page
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
    assert not [line for line in portal_lines(world) if line["verdict"] == "accepted"]


@pytest.mark.parametrize("name", ["nobody", f"uid=nobody,{PEOPLE}", "*", "alice)(uid=*", "alice@example.com"])
def test_a_name_that_nobody_has_reads_like_a_wrong_password(page: Page, name: str) -> None:
    fill_in(page, name, ALICE.password)
    expect(page.get_by_role("alert")).to_have_text("The user name or the password is wrong.")


def test_people_who_share_an_account_add_one_each(
    world: World, duo: SimulatorProcess, browser: Browser, portal_url: str
) -> None:
    world.enroll(SHARED, phone("Olga's phone"), phone("Omar's phone"))
    apps = {}
    for person, other in (("Olga", "Omar"), ("Omar", "Olga")):
        with browser.new_context(ignore_https_errors=True, base_url=portal_url) as context:
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
    labels = [line["offline_authenticator"] for line in portal_lines(world) if line["action"] == "confirm"]
    assert labels == ["Olga's app", "Omar's app"]
    gone(world, duo)
    try:
        for person, app in apps.items():
            code = app.at(time.time(), counter_offset=1)
            assert whoami(world.proxy.url("console"), SHARED, f"{SHARED.password},{code}")[0] == 0
            assert world.new_audit_lines(1)[-1]["offline_authenticator"] == f"{person}'s app"
    finally:
        back_again(world, duo)


def test_everything_works_without_javascript(
    world: World, duo: SimulatorProcess, browser: Browser, portal_url: str
) -> None:
    user = numbered(905)
    world.enroll(user)
    options: dict[str, Any] = {"ignore_https_errors": True, "base_url": portal_url}
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


def test_a_keyboard_is_enough(world: World, duo: SimulatorProcess, page: Page) -> None:
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
    world: World, duo: SimulatorProcess, page: Page
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
    world: World, duo: SimulatorProcess, page: Page
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
    world: World, duo: SimulatorProcess, page: Page
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


def test_no_secret_is_in_the_log_or_in_the_audit_log(world: World) -> None:
    written = world.proxy.errors() + world.proxy.audit_file.read_text()
    for account in (ALICE, BOB, SHARED, numbered(905)):
        assert account.password not in written
    assert "otpauth:" not in written
    assert "Traceback" not in world.proxy.errors()


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("light", 320, 640), ("dark", DESKTOP["width"], DESKTOP["height"])]
)
def test_every_page_can_be_read_on_a_small_phone_and_in_the_dark(
    world: World, duo: SimulatorProcess, page: Page, scheme: Literal["light", "dark"], width: int, height: int
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


def test_the_proxy_stops_in_order(world: World, duo: SimulatorProcess, page: Page) -> None:
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
