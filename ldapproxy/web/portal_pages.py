"""The pages of the portal: values in, bytes out.

Owns the templates, the header fields of every answer, and the files that pages load. It must not know HTTP
servers, nor what a person may do. Everything that comes from outside is escaped by jinja2; the QR code alone
is markup already, made by the offline store from a URI of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from ldapproxy.auth.enrolment import AuthenticatorKind, OfflineAuthenticator, OfflineStanding
from ldapproxy.secret import Secret
from ldapproxy.web import portal_words
from ldapproxy.web.pages import Page
from ldapproxy.web.portal_ports import NewAuthenticator, Person
from ldapproxy.web.portal_sessions import IDLE

SECURITY: Final = {
    # https://www.w3.org/TR/CSP3/: our own files and nothing else, no script or style inside a page, and in
    # nobody's frame.
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "connect-src 'self'",
            "img-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    ),
    # RFC 6797. For this host alone: what else listens under its name's subdomains is not ours to decide.
    "Strict-Transport-Security": "max-age=31536000",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""Header fields of every answer."""

_HTML: Final = "text/html; charset=utf-8"
# The name of a file changes with what is in it, so it may be kept for ever.
_KEPT: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_FILES: Final = {
    "portal.css": "text/css; charset=utf-8",
    "portal.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
# A page that is left alone reloads itself just after its session has ended, and so clears itself.
_RELOAD: Final = int(IDLE) + 5


@dataclass(frozen=True, slots=True)
class Answer:
    """A page and the cookies that go with it, as values of Set-Cookie fields."""

    page: Page
    cookies: tuple[str, ...] = field(default=(), repr=False)


def see(path: str, *cookies: str) -> Answer:
    """Sends the browser to another page of ours (303), also after a form: reloading never sends it again."""
    return Answer(Page(303, "text/plain; charset=utf-8", b"", {"Location": path}), cookies)


def state(*, ended: bool) -> Page:
    """Whether a sign-in has ended, for the script."""
    return Page(200, "application/json", json.dumps({"ended": ended}).encode())


@cache
def files_of_pages() -> dict[str, Page]:
    """Style, script and icon, by path."""
    folder = files("ldapproxy.web").joinpath("templates")
    return {
        f"/{name}": Page(200, content_type, folder.joinpath(name).read_bytes(), dict(_KEPT))
        for name, content_type in _FILES.items()
    }


@cache
def _environment() -> Environment:
    """The templates, and what they may use; each is compiled once."""
    environment = Environment(
        loader=PackageLoader("ldapproxy.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("moment", "machine_moment", "span"):
        environment.filters[name] = getattr(portal_words, name)
    for path, file in files_of_pages().items():
        version = hashlib.sha256(file.body).hexdigest()[:16]
        environment.globals[path.rpartition(".")[2]] = f"{path}?v={version}"
    environment.globals |= {
        "duo_away": portal_words.DUO_AWAY,
        "idle": _RELOAD,
        "problem": "",
        "notice": "",
        "person": None,
    }
    return environment


class Pages:
    """All pages.

    Args:
        delimiter: between password and code, for the examples.
        shown_as: what the phone shows as the place where somebody logs in.
    """

    def __init__(self, delimiter: str, shown_as: str) -> None:
        self._shown_as = shown_as
        self._delimiter = delimiter

    def sign_in(
        self,
        token: str,
        *,
        duo_is_away: bool,
        name: str = "",
        problem: str = "",
        notice: str = "",
        status: int = 200,
    ) -> Page:
        """The form of the first page, with what went wrong the last time."""
        return self._page(
            "sign_in.html",
            token,
            status,
            name=name,
            problem=problem,
            notice=notice,
            duo_is_away=duo_is_away,
        )

    def waiting(self, token: str, address: str) -> Page:
        """What to do on the phone, while the sign-in waits for it."""
        return self._page("waiting.html", token, shown_as=self._shown_as, address=address)

    def overview(
        self,
        token: str,
        person: Person,
        authenticators: Sequence[OfflineAuthenticator],
        standing: OfflineStanding | None,
        *,
        duo_is_away: bool,
        notice: str = "",
    ) -> Page:
        """A person's authenticators, and what is left of the limits."""
        return self._page(
            "overview.html",
            token,
            person=person,
            authenticators=authenticators,
            standing=standing,
            duo_is_away=duo_is_away,
            notice=notice,
        )

    def add(self, token: str, person: Person, label: str = "", problem: str = "") -> Page:
        """Asks for the label of a new authenticator."""
        return self._page("add.html", token, _status(problem), person=person, label=label, problem=problem)

    def confirm(
        self, token: str, person: Person, label: str, new: NewAuthenticator | None, problem: str = ""
    ) -> Page:
        """Asks for a code; shows the secret when the authenticator was added in this very session."""
        return self._page(
            "confirm.html",
            token,
            _status(problem),
            person=person,
            label=label,
            problem=problem,
            new=new is not None,
            qr_code="" if new is None else new.qr_code.reveal_text(),
            uri="" if new is None else new.provisioning.uri.reveal_text(),
            secret="" if new is None else new.provisioning.secret.reveal_text(),
        )

    def recovery_codes(
        self,
        token: str,
        person: Person,
        label: str,
        authenticators: Sequence[OfflineAuthenticator],
        problem: str = "",
    ) -> Page:
        """Asks for the label of a sheet of recovery codes, and says which sheets there are."""
        kind = AuthenticatorKind.RECOVERY_CODES
        sheets = [each.label for each in authenticators if each.kind is kind]
        return self._page(
            "recovery_codes.html",
            token,
            _status(problem),
            person=person,
            label=label,
            sheets=sheets,
            problem=problem,
        )

    def sheet(self, token: str, person: Person, label: str, codes: Sequence[Secret]) -> Page:
        """The codes, for the printer."""
        shown = [code.reveal_text() for code in codes]
        return self._page("sheet.html", token, person=person, label=label, codes=shown)

    def remove(self, token: str, person: Person, label: str, problem: str = "") -> Page:
        """Asks whether that is meant."""
        return self._page("remove.html", token, _status(problem), person=person, label=label, problem=problem)

    def note(self, status: int, title: str, sentence: str) -> Page:
        """A sentence, and a way back."""
        return self._page("note.html", "", status, title=title, sentence=sentence)

    def _page(self, template: str, token: str, status: int = 200, **values: object) -> Page:
        text = _environment().get_template(template).render(token=token, delimiter=self._delimiter, **values)
        return Page(status, _HTML, text.encode())


def _status(problem: str) -> int:
    """409: what was asked does not go together with how things are."""
    return 409 if problem else 200
