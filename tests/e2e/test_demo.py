"""`ldapproxy demo` as a new user tries it: the command line, OpenLDAP's clients, and a real browser."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.ports import free_port
from tests.support.skips import require_program

_ROOT = Path(__file__).parents[2]
_WITHIN = 30


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """What the demo printed.

    Attributes:
        page_url: the phone page.
        portal_url: the portal for offline authenticators.
        commands: the command lines to try, by what they show.
    """

    page_url: str
    portal_url: str
    commands: dict[str, str]

    def start(self, purpose: str, code: str = "CODE") -> subprocess.Popen[str]:
        """Starts one of the commands exactly as it was printed, but for the code that is to be typed."""
        printed = next(self.commands[shown] for shown in self.commands if purpose in shown)
        command = shlex.split(printed.replace("CODE", code))
        command[0] = require_program(command[0])
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, purpose: str, code: str = "CODE") -> tuple[int, str]:
        """Runs one of the commands to its end."""
        return ended(self.start(purpose, code))


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and standard output of a command."""
    try:
        output, _ = process.communicate(timeout=_WITHIN)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return process.returncode, output


@contextlib.contextmanager
def running_demo(folder: Path) -> Iterator[RunningDemo]:
    """Runs the demo on free ports; when the context is left, it must stop in order."""
    log = folder / "demo.log"
    arguments = ["--closed-port", str(free_port()), "--open-port", str(free_port())]
    arguments += ["--offline-port", str(free_port()), "--portal-port", str(free_port())]
    arguments += ["--admin-port", str(free_port()), "--page", "127.0.0.1:0"]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ldapproxy", "demo", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=_ROOT,
            env={**os.environ, "TMPDIR": str(folder)},
            text=True,
        )
    assert process.stdout is not None
    page_url, portal_url, purpose, commands = "", "", "", {}
    try:
        for line in process.stdout:
            if line.startswith("The phone page: "):
                page_url = line.split()[-1]
            elif line.startswith("The portal for offline authenticators: "):
                portal_url = line.split()[-1]
            elif line.startswith("# "):
                purpose = line[2:].strip()
            elif line.startswith("ldap"):
                commands[purpose] = line.strip()
            elif line.startswith("Status and metrics"):
                break
        assert page_url, log.read_text()
        yield RunningDemo(page_url, portal_url, commands)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=_WITHIN)
        assert process.returncode == 0, log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    folder = tmp_path_factory.mktemp("demo")
    with running_demo(folder) as running:
        yield running
    assert [path.name for path in folder.iterdir()] == ["demo.log"], "the demo leaves nothing behind"


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
def page(browser: Browser, demo: RunningDemo) -> Iterator[Page]:
    """The phone page on a phone's screen."""
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        opened = context.new_page()
        opened.goto(demo.page_url)
        expect(opened.get_by_text("No login is waiting")).to_be_visible()
        yield opened


def test_a_tap_on_approve_lets_alice_in(demo: RunningDemo, page: Page) -> None:
    login = demo.start("Alice logs in")
    card = page.get_by_role("article", name="alice")
    expect(card).to_contain_text("Login request · closed")
    expect(card).to_contain_text("127.0.0.1")
    assert login.poll() is None
    card.get_by_role("button", name="Approve").click()
    assert ended(login) == (0, "dn:uid=alice,ou=people,dc=example,dc=com\n")


@pytest.mark.parametrize("button", ["Deny", "It was not me"])
def test_any_other_tap_keeps_alice_out(demo: RunningDemo, page: Page, button: str) -> None:
    login = demo.start("Alice logs in")
    page.get_by_role("article", name="alice").get_by_role("button", name=button).click()
    code, output = ended(login)
    assert (code, output) == (49, "")
    expect(page.get_by_text("No login is waiting")).to_be_visible()


def test_the_second_device_is_asked(demo: RunningDemo, page: Page) -> None:
    login = demo.start("Bob asks his second device")
    card = page.get_by_role("article", name="bob")
    expect(card).to_contain_text("Bob's tablet")
    card.get_by_role("button", name="Approve").click()
    assert ended(login)[0] == 0


def test_a_shared_account_shows_the_phones_of_all_its_people(demo: RunningDemo, page: Page) -> None:
    login = demo.start("A shared account")
    cards = page.get_by_role("article", name="operations")
    expect(cards).to_have_count(3)
    olga, omar, otto = (cards.filter(has_text=name) for name in ("Olga", "Omar", "Otto"))
    olga.get_by_role("button", name="Deny").click()
    expect(cards).to_have_count(2)
    assert login.poll() is None, "one person's no is not another's"
    omar.get_by_role("button", name="Approve").click()
    assert ended(login) == (0, "dn:uid=operations,ou=people,dc=example,dc=com\n")
    otto.get_by_role("button", name="Deny").click()  # Duo does not take a push back
    expect(cards).to_have_count(0)


def test_what_needs_no_phone(demo: RunningDemo, page: Page) -> None:
    assert demo.run("passcode")[0] == 0
    assert demo.run("Grace is exempt") == (0, "dn:uid=grace,ou=people,dc=example,dc=com\n")
    code, output = demo.run("An application binds")
    assert code == 0
    assert "mail: bob@example.com" in output
    expect(page.get_by_role("article")).to_have_count(0)


def test_the_switch_shows_what_each_fail_mode_does(demo: RunningDemo, page: Page) -> None:
    switch = page.get_by_role("switch")
    switch.click()
    expect(switch).not_to_be_checked()
    assert demo.run("fail mode closed")[0] == 49
    assert demo.run("fail mode open") == (0, "dn:uid=alice,ou=people,dc=example,dc=com\n")
    switch.click()
    expect(switch).to_be_checked()
    deadline = time.monotonic() + _WITHIN
    while demo.run("passcode")[0] != 0:  # the proxy notices with its next ping
        assert time.monotonic() < deadline
    login = demo.start("Alice logs in")
    page.get_by_role("button", name="Approve").click()
    assert ended(login)[0] == 0


def test_an_offline_code_from_the_portal_lets_alice_in_while_duo_is_off(
    demo: RunningDemo, page: Page, browser: Browser
) -> None:
    expect(page.get_by_role("link", name="the portal")).to_have_attribute("href", demo.portal_url)
    # A browser would warn: the certificate is the demo's own.
    with browser.new_context(ignore_https_errors=True) as context:
        portal = context.new_page()
        portal.goto(demo.portal_url)
        portal.get_by_label("User name").fill("alice")
        portal.get_by_label("Password").fill("wonderland")
        portal.get_by_role("button", name="Sign in").click()
        card = page.get_by_role("article", name="alice")
        expect(card).to_contain_text("Login request · offline (offline authenticators)")
        card.get_by_role("button", name="Approve").click()
        portal.get_by_role("link", name="Print recovery codes").click()
        portal.get_by_role("button", name="Make the codes").click()
        expect(portal.locator(".codes")).to_be_visible()
        codes = [code.replace(" ", "") for code in portal.locator(".codes code").all_inner_texts()]
    assert demo.run("fail mode offline", codes[0])[0] == 49, "while Duo is on, it is no way in"
    page.get_by_role("switch").click()
    expect(page.get_by_role("switch")).not_to_be_checked()
    assert demo.run("fail mode offline", codes[0]) == (0, "dn:uid=alice,ou=people,dc=example,dc=com\n")
    assert demo.run("fail mode offline", codes[0])[0] == 49, "each works once"
    assert demo.run("fail mode offline", "123456789")[0] == 49
    assert demo.run("fail mode closed")[0] == 49
    page.get_by_role("switch").click()
    expect(page.get_by_role("switch")).to_be_checked()


def test_every_printed_command_is_on_the_page(demo: RunningDemo, page: Page) -> None:
    expect(page.locator("#commands pre")).to_have_text(list(demo.commands.values()))
