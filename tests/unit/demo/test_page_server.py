"""What protects the page and the control API from other pages in the same browser."""

from __future__ import annotations

import http.client
from collections.abc import Mapping

import pytest

from tests.support.simulator import SimulatorProcess

JSON = {"Content-Type": "application/json"}


def status(duo: SimulatorProcess, headers: Mapping[str, str], method: str = "POST") -> int:
    """The status of a request to forget the calls, or for the page."""
    response = ask(duo, headers, method)
    return response.status


def ask(duo: SimulatorProcess, headers: Mapping[str, str], method: str = "POST") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(duo.page_url.split("/")[2], timeout=10)
    try:
        path, body = ("/control/calls/forget", "{}") if method == "POST" else ("/", None)
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        response.read()
        return response
    finally:
        connection.close()


def test_a_program_and_the_page_itself_may_change_things(duo: SimulatorProcess) -> None:
    netloc = duo.page_url.split("/")[2]
    assert status(duo, JSON) == 200
    assert status(duo, {**JSON, "Origin": f"http://{netloc}", "Sec-Fetch-Site": "same-origin"}) == 200


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ({**JSON, "Origin": "https://evil.example.com"}, 403),
        ({**JSON, "Origin": "http://127.0.0.1:1"}, 403),
        ({**JSON, "Origin": "null"}, 403),
        ({**JSON, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**JSON, "Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({**JSON, "Host": "evil.example.com"}, 421),
        ({**JSON, "Host": ""}, 421),
    ],
)
def test_another_page_may_not(duo: SimulatorProcess, headers: dict[str, str], refusal: int) -> None:
    assert status(duo, headers) == refusal


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "[::1]:8080", "localhost", "simulator:8080", "192.0.2.7"])
def test_the_page_is_served_under_addresses_and_local_names(duo: SimulatorProcess, host: str) -> None:
    assert status(duo, {"Host": host}, "GET") == 200


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1.nip.io"])
def test_the_page_is_not_served_under_names_of_the_internet(duo: SimulatorProcess, host: str) -> None:
    assert status(duo, {"Host": host}, "GET") == 421


def test_every_answer_carries_the_protecting_headers(duo: SimulatorProcess) -> None:
    for response in (ask(duo, {}, "GET"), ask(duo, JSON), ask(duo, {"Content-Type": "text/plain"})):
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
