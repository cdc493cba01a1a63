"""Pages: well-formed, escaped, without anything that the Content-Security-Policy forbids."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ldapproxy.auth.enrolment import Provisioning
from ldapproxy.secret import Secret
from ldapproxy.web.pages import Page
from ldapproxy.web.portal_pages import SECURITY, Answer, Pages, files_of_pages, see, state
from ldapproxy.web.portal_ports import NewAuthenticator, Person
from ldapproxy.web.portal_sessions import IDLE
from tests.unit.web.portal_scene import APP, SHEET, STANDING

EVIL = "\"'><script>alert(1)</script>&amp;{{7*7}}"
PERSON = Person("id", EVIL, "dn")
NEW = NewAuthenticator(
    Provisioning(EVIL, Secret("ABCD"), Secret(f"otpauth://totp/{EVIL}")),
    Secret("<svg><title>QR</title></svg>"),
)
PAGES = Pages(delimiter=",", shown_as=EVIL)
ALL: dict[str, Callable[[], Page]] = {
    "sign_in": lambda: PAGES.sign_in("t", duo_is_away=True, name=EVIL, notice=EVIL),
    "sign_in_failed": lambda: PAGES.sign_in("t", duo_is_away=True, name=EVIL, problem=EVIL, status=403),
    "waiting": lambda: PAGES.waiting("t", EVIL),
    "overview": lambda: PAGES.overview(
        "t",
        PERSON,
        [replace(APP, label=EVIL, is_confirmed=False), replace(SHEET, label=EVIL)],
        replace(STANDING, locked_for=60),
        duo_is_away=False,
        notice=EVIL,
    ),
    "overview_empty": lambda: PAGES.overview("t", PERSON, [], None, duo_is_away=True),
    "add": lambda: PAGES.add("t", PERSON, EVIL, EVIL),
    "confirm": lambda: PAGES.confirm("t", PERSON, EVIL, NEW, EVIL),
    "confirm_later": lambda: PAGES.confirm("t", PERSON, EVIL, None),
    "recovery_codes": lambda: PAGES.recovery_codes("t", PERSON, EVIL, [replace(SHEET, label=EVIL)], EVIL),
    "sheet": lambda: PAGES.sheet("t", PERSON, EVIL, [Secret("123456789")]),
    "remove": lambda: PAGES.remove("t", PERSON, EVIL, EVIL),
    "note": lambda: PAGES.note(404, EVIL, EVIL),
}
VOID = {"meta", "link", "input", "path", "rect"}


class Outline(HTMLParser):
    """Elements with their attributes; what is not closed; labels and the fields that they are for."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(page.body.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if len(dict(attrs)) != len(attrs):
            self.wrong.append(f"an attribute of {tag} comes twice")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes something else")

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.elements if found == tag]


@pytest.fixture(params=ALL)
def page(request: pytest.FixtureRequest) -> Page:
    return ALL[request.param]()


def test_a_page_is_well_formed(page: Page) -> None:
    outline = Outline(page)
    assert not outline.wrong
    assert not outline.open
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_nothing_from_outside_becomes_markup(page: Page) -> None:
    text = page.body.decode()
    assert "<script>alert" not in text
    assert "&amp;amp;" in text, "it is on the page, as text"
    assert "49" not in re.sub(r"&#\d+;|%\d+|\?v=[0-9a-f]+", "", text), "nor a template"


def test_a_page_holds_what_the_policy_allows_and_nothing_else(page: Page) -> None:
    outline = Outline(page)
    for tag, attributes in outline.elements:
        assert tag not in {"style", "iframe", "object", "base", "embed", "img"}
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
    (script,) = outline.all("script")
    links = [*outline.all("link"), *outline.all("a"), *outline.all("form")]
    addresses = [str(script["src"])]
    addresses += [str(link.get("href") or link.get("action")) for link in links]
    assert all(re.match(r"/(?!/)|#|otpauth://", address) for address in addresses)


def test_every_form_that_changes_something_has_a_token(page: Page) -> None:
    text = page.body.decode()
    for form in re.findall(r"<form.*?</form>", text, re.DOTALL):
        assert 'method="post"' in form
        assert 'name="token" value="t"' in form


def test_a_page_can_be_read_aloud_and_used_by_keyboard(page: Page) -> None:
    outline = Outline(page)
    (html,) = outline.all("html")
    assert html["lang"] == "en"
    assert len(outline.all("h1")) == 1
    labelled = {label.get("for") for label in outline.all("label")}
    for field in outline.all("input"):
        assert field.get("type") == "hidden" or field.get("id") in labelled
    assert outline.all("main")[0]["id"] == "main"
    assert outline.all("a")[0]["href"] == "#main", "the way past the head comes first"
    assert not [attributes for _, attributes in outline.elements if int(attributes.get("tabindex") or 0) > 0]
    focused = [attributes for _, attributes in outline.elements if "autofocus" in attributes]
    assert len(focused) <= 1
    viewports = [meta["content"] for meta in outline.all("meta") if meta.get("name") == "viewport"]
    assert viewports == ["width=device-width, initial-scale=1"], "people may zoom"


def test_what_went_wrong_is_read_first_and_belongs_to_its_field() -> None:
    outline = Outline(ALL["add"]())
    (problem,) = [attributes for _, attributes in outline.elements if attributes.get("role") == "alert"]
    assert "autofocus" in problem
    field = next(field for field in outline.all("input") if field.get("id") == "label")
    assert (field["aria-invalid"], field["aria-describedby"]) == ("true", problem["id"])


def test_a_page_that_is_left_alone_clears_itself() -> None:
    for name in ("overview", "confirm"):
        refresh = [meta for meta in Outline(ALL[name]()).all("meta") if meta.get("http-equiv") == "refresh"]
        assert int(str(refresh[0]["content"]).partition(";")[0]) > IDLE


def test_the_codes_stay_while_they_are_being_printed() -> None:
    assert "refresh" not in ALL["sheet"]().body.decode()


def test_files_are_named_after_what_is_in_them() -> None:
    text = ALL["note"]().body.decode()
    for path, file in files_of_pages().items():
        assert f'"{path}?v={hashlib.sha256(file.body).hexdigest()[:16]}"' in text
        assert "Content-Security-Policy" not in file.headers


def test_no_file_loads_anything() -> None:
    for path, file in files_of_pages().items():
        text = file.body.decode().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "//" not in re.sub(r"(?m)^ *//.*$", "", text), path
        assert "@import" not in text
        assert "url(" not in text


def test_the_script_makes_no_markup() -> None:
    script = files_of_pages()["/portal.js"].body.decode()
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval", "Function("):
        assert sink not in script


def test_header_fields() -> None:
    policy = SECURITY["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "data:" not in policy
    assert SECURITY["Cache-Control"] == "no-store"
    assert SECURITY["Strict-Transport-Security"] == "max-age=31536000"
    assert SECURITY["Referrer-Policy"] == "no-referrer"
    assert SECURITY["X-Content-Type-Options"] == "nosniff"


def test_a_redirect_stays_on_this_site() -> None:
    answer = see("/add", "a=b")
    assert (answer.page.status, answer.page.headers["Location"], answer.cookies) == (303, "/add", ("a=b",))
    assert "a=b" not in repr(answer)


def test_state() -> None:
    assert state(ended=True).body == b'{"ended": true}'


def test_an_answer_without_cookies_has_none() -> None:
    assert Answer(state(ended=False)).cookies == ()
