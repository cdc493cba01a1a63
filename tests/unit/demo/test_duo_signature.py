"""Signatures, made by Duo's own libraries and checked by ours."""

from __future__ import annotations

import email.utils
import hashlib
import json
import time
from urllib.parse import parse_qsl

import duo_client.client
import pytest
from duo_hmac.duo_hmac import DuoHmac

from ldapproxy.demo.duo_signature import SignatureProblem, SignedRequest, problem_of

KEY = "DI0123456789ABCDEFGH"
SECRET = "s" * 40
NOW = 1_795_000_000.0
DATE = email.utils.formatdate(NOW)
PARAMETERS = {"username": "älice +&=~/", "device": "auto", "factor": "push"}


def by_duo_client(
    version: int,
    method: str,
    host: str = "api.example.com",
    date: str = DATE,
    secret: str = SECRET,
    **other: str,
) -> SignedRequest:
    """A request as `duo_client` sends it."""
    digest = hashlib.sha1 if other.get("digest") == "sha1" else hashlib.sha512
    in_body = method == "POST" and version != 2
    body = json.dumps(PARAMETERS, sort_keys=True, separators=(",", ":")) if in_body else ""
    parameters = {} if in_body else PARAMETERS
    authorization = duo_client.client.sign(
        KEY,
        secret,
        method,
        host,
        "/auth/v2/preauth",
        date,
        version,
        duo_client.client.normalize_params(parameters),
        body=body,
        digestmod=digest,
    )
    return SignedRequest(
        method=method,
        host=other.get("host_header", host),
        path="/auth/v2/preauth",
        parameters=list(parameters.items()),
        body=body.encode(),
        headers=[("authorization", authorization), ("date", date)],
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("version", [2, 4, 5])
def test_every_version_of_duo_client_is_accepted(version: int, method: str) -> None:
    assert problem_of(by_duo_client(version, method), KEY, SECRET.encode(), NOW) is None


def test_sha1_is_accepted_for_version_2_only() -> None:
    assert problem_of(by_duo_client(2, "POST", digest="sha1"), KEY, SECRET.encode(), NOW) is None
    wrong = by_duo_client(5, "POST", digest="sha1")
    assert problem_of(wrong, KEY, SECRET.encode(), NOW) is SignatureProblem.INVALID_SIGNATURE


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_duo_hmac_is_accepted(method: str) -> None:
    signer = DuoHmac(KEY, SECRET, "api.example.com")
    uri, body, headers = signer.get_authentication_components(
        method, "/auth/v2/preauth", PARAMETERS, {"X-Duo-Further": "header"}
    )
    request = SignedRequest(
        method=method,
        host="api.example.com:8443",
        path="/auth/v2/preauth",
        parameters=parse_qsl(uri.partition("?")[2]),
        body=(body or "").encode(),
        headers=[(name.lower(), value) for name, value in headers.items()],
    )
    assert problem_of(request, KEY, SECRET.encode(), time.time()) is None


@pytest.mark.parametrize("signed", ["127.0.0.1", "127.0.0.1:8443"])
def test_the_host_may_be_signed_with_or_without_its_port(signed: str) -> None:
    request = by_duo_client(5, "POST", host=signed, host_header="127.0.0.1:8443")
    assert problem_of(request, KEY, SECRET.encode(), NOW) is None


@pytest.mark.parametrize("signed", ["::1", "[::1]", "[::1]:8443"])
def test_an_ipv6_host_may_be_signed_in_each_way_it_is_written(signed: str) -> None:
    request = by_duo_client(5, "POST", host=signed, host_header="[::1]:8443")
    assert problem_of(request, KEY, SECRET.encode(), NOW) is None


def replaced(request: SignedRequest, **changes: object) -> SignedRequest:
    """The request after somebody has changed it on its way."""
    fields = {name: getattr(request, name) for name in SignedRequest.__slots__}
    return SignedRequest(**{**fields, **changes})


@pytest.mark.parametrize("version", [2, 4, 5])
def test_whatever_is_changed_breaks_the_signature(version: int) -> None:
    good = by_duo_client(version, "POST")
    changed = [
        replaced(good, method="GET"),
        replaced(good, host="other.example.com"),
        replaced(good, path="/auth/v2/auth"),
        replaced(good, parameters=[*good.parameters, ("factor", "passcode")]),
        replaced(good, headers=[good.headers[0], ("date", email.utils.formatdate(NOW + 1))]),
        by_duo_client(version, "POST", secret="t" * 40),
    ]
    if version != 2:
        changed.append(replaced(good, body=good.body + b" "))
    if version == 5:
        changed.append(replaced(good, headers=[*good.headers, ("x-duo-further", "header")]))
    for request in changed:
        assert problem_of(request, KEY, SECRET.encode(), NOW) is SignatureProblem.INVALID_SIGNATURE


@pytest.mark.parametrize(("offset", "accepted"), [(299, True), (-299, True), (301, False), (-301, False)])
def test_a_clock_may_be_five_minutes_off(offset: float, accepted: bool) -> None:
    problem = problem_of(by_duo_client(5, "POST"), KEY, SECRET.encode(), NOW + offset)
    assert problem is (None if accepted else SignatureProblem.BAD_TIMESTAMP)


def test_a_date_in_another_time_zone_is_the_same_moment() -> None:
    local = time.strftime("%a, %d %b %Y %H:%M:%S +0200", time.gmtime(NOW + 7200))
    assert problem_of(by_duo_client(5, "GET", date=local), KEY, SECRET.encode(), NOW) is None


@pytest.mark.parametrize("date", ["yesterday", "Thu, 99 Foo 2026 00:00:00 -0000"])
def test_a_date_that_is_none_is_a_bad_timestamp(date: str) -> None:
    request = by_duo_client(5, "GET", date=date)
    assert problem_of(request, KEY, SECRET.encode(), NOW) is SignatureProblem.BAD_TIMESTAMP


def test_missing_parts_have_their_own_errors() -> None:
    good = by_duo_client(5, "GET")
    no_date = replaced(good, headers=good.headers[:1])
    assert problem_of(no_date, KEY, SECRET.encode(), NOW) is SignatureProblem.MISSING_TIMESTAMP
    assert problem_of(good, "DIOTHER", SECRET.encode(), NOW) is SignatureProblem.INVALID_INTEGRATION_KEY
    for authorization in ("", "Bearer abc", "Basic !", "Basic bm8gY29sb24=", "Basic /w=="):
        request = replaced(good, headers=[("authorization", authorization), ("date", DATE)])
        assert problem_of(request, KEY, SECRET.encode(), NOW) is SignatureProblem.MISSING_CREDENTIALS
