"""Cookies, forms, and whose page sent them."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.secret import Secret
from ldapproxy.web.portal_forms import (
    BROWSER,
    SESSION,
    BadFormError,
    FormTokens,
    drop_cookie,
    is_from_our_page,
    read_cookie,
    read_form,
    read_query,
    set_cookie,
)
from ldapproxy.web.portal_sessions import is_token, new_token

FORM = "application/x-www-form-urlencoded"


def test_a_token_fits_its_own_cookie_alone() -> None:
    tokens = FormTokens(Secret(b"k" * 32))
    mine, other = new_token(), new_token()
    assert tokens.fits(mine, tokens.of(mine))
    assert not tokens.fits(other, tokens.of(mine))
    assert not tokens.fits(mine, "")
    assert not tokens.fits(mine, tokens.of(mine)[:-1])
    assert not FormTokens(Secret(b"K" * 32)).fits(mine, tokens.of(mine))


def test_without_a_cookie_no_token_fits() -> None:
    tokens = FormTokens(Secret(b"k" * 32))
    assert not tokens.fits("", tokens.of(""))
    assert not tokens.fits("short", tokens.of("short"))


def test_a_token_that_is_not_ascii_is_no_error() -> None:
    assert not FormTokens(Secret(b"k" * 32)).fits(new_token(), "ü" * 43)


def test_a_token_does_not_tell_the_cookie() -> None:
    tokens, cookie = FormTokens(Secret(b"k" * 32)), new_token()
    assert cookie not in tokens.of(cookie)
    assert is_token(tokens.of(cookie))


@pytest.mark.parametrize("name", [SESSION, BROWSER])
def test_cookies_are_strict(name: str) -> None:
    token = new_token()
    cookie = set_cookie(name, token)
    assert cookie == f"{name}={token}; Path=/; Secure; HttpOnly; SameSite=Strict"
    assert name.startswith("__Host-")
    assert drop_cookie(name).endswith("SameSite=Strict; Max-Age=0")


def test_a_cookie_of_ours_is_read() -> None:
    token = new_token()
    assert read_cookie({SESSION.encode(): token.encode()}, SESSION) == token


@pytest.mark.parametrize("value", [b"", b"x", b"\xff" * 43, b"a" * 44, b"a" * 42 + b"=", b"a" * 42 + b"\n"])
def test_anything_else_is_no_cookie(value: bytes) -> None:
    assert read_cookie({SESSION.encode(): value}, SESSION) == ""
    assert read_cookie({}, SESSION) == ""


@given(st.dictionaries(st.sampled_from(["name", "password", "label"]), st.text(), max_size=3))
def test_a_form_is_read_as_a_browser_writes_it(fields: dict[str, str]) -> None:
    try:
        body = urlencode(fields).encode()
    except UnicodeEncodeError:
        return  # a lone surrogate, which no browser sends
    assert read_form(f"{FORM}; charset=utf-8", body) == fields


@pytest.mark.parametrize(
    "body",
    [
        b"name",
        b"name=a&name=b",
        b"name=%ff",
        "name=ü".encode(),
        b"a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9",
        b"&&",
    ],
)
def test_what_no_page_of_ours_sends_is_refused_without_its_text(body: bytes) -> None:
    with pytest.raises(BadFormError) as refused:
        read_form(FORM, body)
    assert body.decode(errors="replace") not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data; boundary=x", "application/json"])
def test_other_content_types_are_no_form(kind: str) -> None:
    with pytest.raises(BadFormError):
        read_form(kind, b"name=a")


def test_an_empty_query_is_none() -> None:
    assert read_query(b"") == {}
    assert read_query(b"label=Zo%C3%AB%27s+phone") == {"label": "Zoë's phone"}


@pytest.mark.parametrize(
    ("origin", "fetch_site", "is_ours"),
    [
        ("https://portal.example.com:8443", "same-origin", True),
        ("https://PORTAL.example.com:8443", "", True),
        ("null", "same-origin", True),
        ("", "same-origin", True),
        ("", "", True),
        ("null", "", True),
        ("https://evil.example.com", "", False),
        ("http://portal.example.com:8443", "", False),
        ("https://portal.example.com", "", False),
        ("https://portal.example.com:8443", "same-site", False),
        ("https://portal.example.com:8443", "cross-site", False),
        ("null", "cross-site", False),
        ("", "none", False),
        ("https://portal.example.com:8443.evil.example", "", False),
    ],
)
def test_whose_page_sent_it(origin: str, fetch_site: str, is_ours: bool) -> None:
    assert is_from_our_page("portal.example.com:8443", origin, fetch_site) is is_ours
