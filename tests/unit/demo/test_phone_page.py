"""The phone page in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.simulator import SimulatorProcess, phone
from tests.support.skips import require_program
from tests.unit.demo.duo_requests import call, outcome, push

ALICES = phone("Alice's phone", device_id="DP000000000000000001")
BOBS = phone("Bob's phone", device_id="DP000000000000000002")
TABLET = phone("Bob's tablet", "auto", "push", device_id="DP000000000000000003")
# A phone held in one hand, for every test: what works there works on a wide screen.
SMALL = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = require_program("chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, duo: SimulatorProcess) -> Iterator[Page]:
    """The page, open; a test fails when the browser complains about anything on it."""
    duo.add_user("alice", [ALICES], passcodes=["123456"])
    duo.add_user("bob", [BOBS, TABLET])
    context = browser.new_context(viewport=SMALL)  # type: ignore[arg-type]  # a dictionary of this form
    context.set_default_timeout(15_000)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(duo.page_url)
    expect(opened.get_by_text("No login is waiting")).to_be_visible()
    yield opened
    context.close()
    assert complaints == []


def test_a_push_shows_who_what_and_whence(page: Page, duo: SimulatorProcess) -> None:
    push(duo, "alice", type="vpn", pushinfo="listener=vpn&client=192.0.2.7")
    card = page.get_by_role("article", name="alice")
    for text in ("Login request · vpn", "Alice's phone (XXX-XXX-0100)", "192.0.2.7"):
        expect(card).to_contain_text(text)
    expect(card).to_contain_text(re.compile(r"(60|5\d) s left"))
    expect(page.get_by_text("No login is waiting")).to_be_hidden()
    expect(page).to_have_title("(1) Duo simulator")
    expect(page.get_by_role("status")).to_contain_text(
        "New request for alice vpn Listener vpn, Client 192.0.2.7"
    )


@pytest.mark.parametrize(
    ("button", "status"), [("Approve", "allow"), ("Deny", "deny"), ("It was not me", "fraud")]
)
def test_each_button_gives_its_answer(page: Page, duo: SimulatorProcess, button: str, status: str) -> None:
    txid = push(duo, "alice")
    page.get_by_role("button", name=button).click()
    assert outcome(duo, txid) == status
    expect(page.get_by_role("article")).to_have_count(0)
    expect(page.locator("#recent li")).to_have_count(1)


def test_a_push_is_answered_with_the_keyboard_alone(page: Page, duo: SimulatorProcess) -> None:
    txid = push(duo, "alice")
    expect(page.get_by_role("article")).to_have_count(1)
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Approve":
            break
    page.keyboard.press("Enter")
    assert outcome(duo, txid) == "allow"
    # The focus goes to a place that stays, not to the top of the page.
    assert page.evaluate("document.activeElement.id") == "waiting-title"


def test_a_push_that_was_answered_or_timed_out_disappears(page: Page, duo: SimulatorProcess) -> None:
    txid = push(duo, "alice")
    expect(page.get_by_role("article")).to_have_count(1)
    duo.answer(txid, "approve")
    expect(page.get_by_role("article")).to_have_count(0)
    duo.settings(push_timeout=0.3)
    push(duo, "alice")
    expect(page.get_by_text("Login timed out.")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(0)


def test_every_phone_has_its_own_pushes(page: Page, duo: SimulatorProcess) -> None:
    first = push(duo, "bob", device=BOBS["device_id"])
    second = push(duo, "bob", device=TABLET["device_id"])
    expect(page.get_by_role("article")).to_have_count(2)
    page.get_by_label("Phone", exact=True).select_option("bob: Bob's tablet (XXX-XXX-0100)")
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.get_by_role("article")).to_contain_text("Bob's tablet")
    page.get_by_role("button", name="Approve").click()
    assert outcome(duo, second) == "allow"
    page.reload()
    expect(page.get_by_label("Phone", exact=True)).to_have_value(TABLET["device_id"])
    expect(page.get_by_text("No login is waiting")).to_be_visible()
    assert [waiting.txid for waiting in duo.waiting()] == [first]


def test_a_phone_call_is_a_card_too(page: Page, duo: SimulatorProcess) -> None:
    txid = push(duo, "alice", factor="phone")
    expect(page.get_by_role("article", name="alice")).to_contain_text("Phone call")
    page.get_by_role("button", name="Approve").click()
    assert outcome(duo, txid) == "allow"


def test_the_switch_turns_duo_off_and_on(page: Page, duo: SimulatorProcess) -> None:
    switch = page.get_by_role("switch", name="Duo is reachable")
    expect(switch).to_be_checked()
    switch.click()
    expect(switch).not_to_be_checked()
    expect(page.get_by_text("Duo cannot be reached")).to_be_visible()
    with pytest.raises(ConnectionRefusedError):
        call(duo, "GET", "check")
    switch.press("Space")
    expect(switch).to_be_checked()
    assert call(duo, "GET", "check")["time"]


def test_people_and_their_codes_are_listed_and_kept_up_to_date(page: Page, duo: SimulatorProcess) -> None:
    row = page.locator("#people li").filter(has_text="alice")
    expect(row).to_contain_text("123456")
    call(duo, "POST", "auth", username="alice", factor="sms", device="auto")
    expect(row).to_contain_text(re.compile(r"\d{7} \(once\)"))


def test_markup_in_what_a_client_sends_stays_text(page: Page, duo: SimulatorProcess) -> None:
    evil = "<img src=x onerror=alert(1)>"
    duo.add_user(evil, [phone(evil)])
    push(duo, evil, type=evil, pushinfo="%3Cb%3Elistener%3C%2Fb%3E=%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    card = page.get_by_role("article")
    expect(card.get_by_role("heading")).to_have_text(evil)
    expect(card).to_contain_text("<script>alert(1)</script>")
    assert page.locator("main img, main b, main script").count() == 0


def test_many_waiting_pushes_do_not_flood_the_page(page: Page, duo: SimulatorProcess) -> None:
    for _ in range(53):
        push(duo, "alice")
    expect(page.get_by_role("article")).to_have_count(50)
    expect(page.get_by_text("3 more are waiting.")).to_be_visible()
    assert duo.waiting_count() == 53
    duo.answer_all("approve")
    expect(page.get_by_text("No login is waiting")).to_be_visible()
    assert duo.waiting_count() == 0


def test_nothing_is_wider_than_a_small_phone(page: Page, duo: SimulatorProcess) -> None:
    name = "a" * 120
    duo.add_user(name, [phone("b" * 120)])
    push(duo, name, type="c" * 120, pushinfo=f"client={'d' * 120}")
    expect(page.get_by_role("article")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= SMALL["width"]
    for button in page.get_by_role("article").get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44, "a finger needs 44 pixels (WCAG 2.5.5)"


def test_the_page_finds_its_way_back_to_a_simulator_that_was_restarted(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("restarted")
    with SimulatorProcess(folder) as duo, browser.new_context(viewport=SMALL) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(duo.page_url)
        expect(page.get_by_text("No login is waiting")).to_be_visible()
        duo.stop()
        expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
        duo.start()
        expect(page.get_by_role("alert")).to_be_hidden()
        duo.add_user("alice", [ALICES])
        push(duo, "alice")
        expect(page.get_by_role("article", name="alice")).to_be_visible()
