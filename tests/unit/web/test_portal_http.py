"""Requests and answers of the portal as bytes, over TLS."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode

import pytest

from ldapproxy.web.portal_forms import BROWSER, LARGEST_FORM, SESSION
from ldapproxy.web.portal_pages import SECURITY
from tests.support.certificates import Authority
from tests.support.reactor import OnReactor
from tests.unit.web.portal_client import HttpAnswer, PortalServer, request


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def token(answer: HttpAnswer) -> str:
    found = re.search(rb'name="token" value="([^"]*)"', answer.body)
    assert found
    return found[1].decode()


def cookie_of(answer: HttpAnswer) -> str:
    return "Cookie: " + "; ".join(f"{name}={value}" for name, value in answer.cookies().items())


def test_a_person_signs_in(on_reactor: OnReactor, reactor: Any, authority: Authority) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            first = await server.get("/")
            assert first.status == 200
            (cookie,) = first.headers["set-cookie"]
            assert cookie.startswith(f"{BROWSER}=")
            assert cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=Strict")
            form = urlencode({"token": token(first), "name": "zoë", "password": "pw"}).encode()
            answer = await server.post("/sign-in", form, cookie_of(first))
            assert (answer.status, answer.headers["location"]) == (303, ["/"])
            assert len(answer.headers["set-cookie"]) == 2
            assert SESSION in answer.cookies()
            page = await server.get("/", f"Cookie: {SESSION}={answer.cookies()[SESSION]}")
            assert "Signed in as <strong>zoë</strong>".encode() in page.body
            assert server.scene.sign_in.asked == [("zoë", b"pw", ip_address("127.0.0.1"))]

    on_reactor(scenario())


@pytest.mark.parametrize("path", ["/", "/nothing", "/add", "/portal.css", "/waiting/state", "/?%"])
def test_every_answer_has_the_header_fields(
    on_reactor: OnReactor, reactor: Any, authority: Authority, path: str
) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            answer = await server.get(path)
            for name, value in SECURITY.items():
                if (path, name) != ("/portal.css", "Cache-Control"):
                    assert answer.headers[name.lower()] == [value], name
            assert "server" not in answer.headers
            assert "twisted" not in str(answer).lower()

    on_reactor(scenario())


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["Origin: https://portal.example.com", "Sec-Fetch-Site: same-origin"], 303),
        (["Origin: null"], 303),
        (["Origin: https://evil.example.com"], 403),
        (["Sec-Fetch-Site: cross-site"], 403),
        (["Sec-Fetch-Site: same-site", "Origin: https://portal.example.com"], 403),
    ],
)
def test_forms_of_other_sites_are_refused(
    on_reactor: OnReactor, reactor: Any, authority: Authority, fields: list[str], status: int
) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            first = await server.get("/")
            form = urlencode({"token": token(first), "name": "alice", "password": "pw"}).encode()
            assert (await server.post("/sign-in", form, cookie_of(first), *fields)).status == status
            assert len(server.scene.sign_in.asked) == (status == 303)

    on_reactor(scenario())


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * (LARGEST_FORM + 1), [], 413),
        (b"name=a&name=b", [], 400),
        (b"name", [], 400),
        (b"", [], 403),
        (b"token=x", ["Content-Type: text/plain"], 400),
    ],
)
def test_what_is_no_form_of_ours_is_refused(
    on_reactor: OnReactor, reactor: Any, authority: Authority, body: bytes, headers: list[str], status: int
) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            form = headers or ["Content-Type: application/x-www-form-urlencoded"]
            head = request("POST", "/sign-in", *form, f"Content-Length: {len(body)}")
            answer = await server.ask(head + body)
            assert answer.status == status
            assert not server.scene.sign_in.asked

    on_reactor(scenario())


def test_a_body_without_a_length_is_refused(
    on_reactor: OnReactor, reactor: Any, authority: Authority
) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            head = request("POST", "/sign-in", "Transfer-Encoding: chunked")
            answer = await server.ask(head + b"5\r\nabcde\r\n0\r\n\r\n")
            assert answer.status == 413

    on_reactor(scenario())


def test_a_page_that_fails_shows_no_code_and_its_text_is_not_logged(
    on_reactor: OnReactor, reactor: Any, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:

            def fail() -> bool:
                raise RuntimeError("sword" + "fish")

            server.scene.sign_in.duo_is_away = fail  # type: ignore[method-assign]
            answer = await server.get("/")
            assert answer.status == 500
            assert b"RuntimeError" not in answer.body
            assert "swordfish" not in caplog.text
            assert "test_portal_http.py" in caplog.text

    on_reactor(scenario())


@pytest.mark.parametrize(
    "sent", [b"OPTIONS * HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"]
)
def test_nothing_tells_what_serves_it(
    on_reactor: OnReactor, reactor: Any, authority: Authority, sent: bytes
) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            connection = await server.connect()
            await connection.send(sent.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            said = await connection.rest()
            assert said.startswith(b"HTTP/1.")
            assert b"twisted" not in said.lower()

    on_reactor(scenario())


def test_head_is_refused_since_a_page_may_be_there_once_only(
    on_reactor: OnReactor, reactor: Any, authority: Authority
) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            connection = await server.connect()
            await connection.send(request("HEAD", "/", "Connection: close"))
            assert (await connection.rest()).startswith(b"HTTP/1.1 405 ")

    on_reactor(scenario())
