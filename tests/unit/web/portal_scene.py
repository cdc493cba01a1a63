"""A portal with scripted neighbours, and a browser without a network.

    scene = Scene()
    browser = scene.browser()
    await browser.sign_in("alice", "pw")
    page = await browser.get("/add")

Owns the neighbours' answers and what browsers keep: cookies, and the token of the page that is shown. It must
not know what a test expects.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import unescape
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl

from ldapproxy.auth.enrolment import (
    AuthenticatorKind,
    EnrolmentRefusedError,
    OfflineAuthenticator,
    OfflineStanding,
    Provisioning,
    StoreUnavailableError,
)
from ldapproxy.auth.outcomes import Reason
from ldapproxy.auth.policy import Address
from ldapproxy.secret import Secret
from ldapproxy.web.portal import Portal
from ldapproxy.web.portal_forms import BROWSER, SESSION, Visit
from ldapproxy.web.portal_pages import Answer, Pages
from ldapproxy.web.portal_ports import NewAuthenticator, Person

CLIENT: Address = ip_address("192.0.2.7")
ALICE = Person("alice-id", "alice", "uid=alice,dc=example,dc=com")
APP = OfflineAuthenticator("Alice's phone", AuthenticatorKind.TOTP, 1_795_000_000.0, True, None, None)
SHEET = OfflineAuthenticator(
    "recovery codes", AuthenticatorKind.RECOVERY_CODES, 1_795_000_060.0, True, 1_795_100_000.0, 7
)
STANDING = OfflineStanding(logins_left=4, seconds_left=93_780.0, last_online=1_795_200_000.0, locked_for=0.0)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@dataclass
class ScriptedSignIn:
    """Lets people in who type `pw`, or answers `answer`; waits while `answers` is clear."""

    answer: Person | Reason | Exception | None = None
    away: bool = False
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[str, bytes, Address]] = field(default_factory=list)
    given_up: int = 0

    def __post_init__(self) -> None:
        self.answers.set()

    async def sign_in(self, name: str, password: Secret, client: Address) -> Person | Reason:
        self.asked.append((name, password.reveal(), client))
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return self.answer
        if password.reveal() != b"pw":
            return Reason.PRIMARY_REFUSED
        return replace(ALICE, username=name, identity=f"{name}-id")

    def duo_is_away(self) -> bool:
        return self.away


@dataclass
class ScriptedAuthenticators:
    """Keeps authenticators by identity; refuses or fails when told so."""

    kept: dict[str, list[OfflineAuthenticator]] = field(default_factory=dict)
    refuses: str = ""
    fails: bool = False
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    level: OfflineStanding | None = STANDING

    def _act(self, *call: Any) -> None:
        self.calls.append(call)
        if self.fails:
            raise StoreUnavailableError("the store is at /secret/place and is locked")
        if self.refuses:
            raise EnrolmentRefusedError(self.refuses)

    async def owned_by(self, person: Person) -> tuple[OfflineAuthenticator, ...]:
        if self.fails:
            raise StoreUnavailableError("the store is at /secret/place and is locked")
        return tuple(self.kept.get(person.identity, ()))

    async def standing(self, person: Person) -> OfflineStanding | None:
        return self.level

    async def add(self, person: Person, client: Address, label: str) -> NewAuthenticator:
        self._act("add", person.identity, str(client), label)
        new = replace(APP, label=label, is_confirmed=False)
        self.kept.setdefault(person.identity, []).append(new)
        uri = Secret(f"otpauth://totp/ldapproxy:alice?secret={SECRET}&issuer=ldapproxy")
        return NewAuthenticator(Provisioning(label, Secret(SECRET), uri), Secret("<svg><!-- drawn --></svg>"))

    async def confirm(self, person: Person, client: Address, label: str, code: Secret) -> None:
        self._act("confirm", person.identity, str(client), label, code.reveal())

    async def new_recovery_codes(self, person: Person, client: Address, label: str) -> tuple[Secret, ...]:
        self._act("recovery_codes", person.identity, str(client), label)
        return tuple(Secret(f"{number:09}") for number in range(100_200_300, 100_200_310))

    async def remove(self, person: Person, client: Address, label: str) -> None:
        self._act("remove", person.identity, str(client), label)


class Scene:
    """A portal. `now` is its clock, which stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sign_in = ScriptedSignIn()
        self.authenticators = ScriptedAuthenticators()
        self.portal = Portal(
            self.sign_in,
            self.authenticators,
            Pages(delimiter=",", shown_as="vpn portal"),
            clock=lambda: self.now,
            key=Secret(b"k" * 32),
        )

    def browser(self, client: str = str(CLIENT)) -> Browser:
        """A browser that has never been here."""
        return Browser(self.portal, ip_address(client))


@dataclass
class Browser:
    """Keeps cookies, and the token of the last page."""

    portal: Portal
    client: Address = CLIENT
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""

    async def get(self, url: str) -> Answer:
        """Opens a page; a redirect is not followed."""
        path, _, query = url.partition("?")
        return await self._ask("GET", path, query=dict(parse_qsl(query)))

    async def post(
        self, path: str, *, token: str | None = None, is_ours: bool = True, **fields: str
    ) -> Answer:
        """Sends a form with the token of the page that is shown."""
        fields["token"] = self.token if token is None else token
        return await self._ask("POST", path, fields=fields, is_ours=is_ours)

    async def follow(self, answer: Answer) -> Answer:
        """The page that a redirect leads to."""
        while answer.page.status == 303:
            answer = await self.get(answer.page.headers["Location"])
        return answer

    async def sign_in(self, name: str = "alice", password: str = "pw") -> Answer:
        """Opens the first page, sends its form, and follows."""
        await self.get("/")
        return await self.follow(await self.post("/sign-in", name=name, password=password))

    async def _ask(self, method: str, path: str, **details: Any) -> Answer:
        answer = await self.portal.answer(
            Visit(
                method,
                path,
                self.client,
                session=self.cookies.get(SESSION, ""),
                browser=self.cookies.get(BROWSER, ""),
                **details,
            )
        )
        for cookie in answer.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        found = re.search(r'name="token" value="([^"]*)"', text(answer))
        self.token = found[1] if found else self.token
        return answer


def text(answer: Answer) -> str:
    """A page's source."""
    return answer.page.body.decode()


def words(answer: Answer) -> str:
    """What a page says: its text without tags, blanks as one."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text(answer))).split())


def header(answer: Answer, name: str) -> str:
    """A header field of a page."""
    fields: Mapping[str, str] = answer.page.headers
    return fields.get(name, "")
