"""A proxy with a portal, and what a person does in it with a browser.

Owns the configuration and the clicks. It must not know what a test expects of them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp
from cryptography.fernet import Fernet
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from tests.e2e.world import World
from tests.support.certificates import Authority
from tests.support.chromium import PHONE
from tests.support.example_directory import NO_SECOND_FACTOR, Account, numbered
from tests.support.ports import free_port
from tests.support.simulator import SimulatorProcess
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


class PortalWorld(World):
    """A proxy with a portal; a context manager.

    Attributes:
        url: the portal's.
    """

    def __init__(self, folder: Path, slapd: Slapd, duo: SimulatorProcess) -> None:
        folder.chmod(0o700)
        certificate = Authority(folder / "portal-ca").server()
        key = folder / "offline.key"
        key.touch(0o600)
        key.write_bytes(Fernet.generate_key())
        self.url = f"https://127.0.0.1:{free_port()}"
        extra = {
            "offline": {"store": f"sqlite:///{folder}/offline.db", "encryption_key_file": str(key)},
            "portal": {
                "url": self.url,
                "tls": {
                    "certificate_file": str(certificate.certificate_file),
                    "private_key_file": str(certificate.private_key_file),
                },
                "listener": "console",
            },
            "duo": {"prod": {"ping_interval": "1s"}},
        }
        super().__init__(folder, slapd, duo, LISTENERS, extra)

    def portal_lines(self) -> list[dict[str, Any]]:
        """The audit lines of the portal that were written since the last call."""
        return [line for line in self.new_audit_lines() if line["event"] == "portal"]

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """Duo is away, and known to be."""
        self.duo.power("off")
        self.proxy.wait_for(lambda: b'"down"' in self.proxy.get("/readyz"), "Duo to be known as away")
        try:
            yield
        finally:
            self.duo.power("on")
            self.proxy.wait_for(lambda: b'"up"' in self.proxy.get("/readyz"), "Duo to be back")

    @contextlib.contextmanager
    def phone(self, browser: Browser) -> Iterator[BrowserContext]:
        """A phone's browser, which must not be asked for anything from elsewhere, nor complain."""
        options: dict[str, Any] = {"viewport": PHONE, "ignore_https_errors": True, "base_url": self.url}
        complaints: list[str] = []

        def elsewhere(request: Request) -> None:
            if not request.url.startswith(self.url):
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


def fill_in(page: Page, name: str, password: str) -> None:
    """Sends the sign-in form."""
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
    """Types the code of now."""
    page.get_by_label("Code").fill(app.now())
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text(f"“{label}” is ready")


def recovery_codes(page: Page, label: str) -> list[str]:
    """Makes a sheet, and returns what is on it."""
    page.get_by_role("link", name="Print recovery codes").click()
    page.get_by_label("Label").fill(label)
    page.get_by_role("button", name="Make the codes").click()
    expect(page.locator(".codes")).to_be_visible()
    codes = [code.replace(" ", "") for code in page.locator(".codes code").all_inner_texts()]
    assert len(codes) == 10
    assert all(re.fullmatch(r"\d{9}", code) for code in codes)
    page.get_by_role("link", name="I have kept them").click()
    return codes
