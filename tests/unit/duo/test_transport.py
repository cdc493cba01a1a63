"""Every row of the table of failures, with a real socket behind it, on both event loops."""

from __future__ import annotations

import contextlib
import datetime
import os
import resource
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ldapproxy.duo.calls import AWAY, CallOutcome, Endpoint, Failure, Reply
from ldapproxy.duo.settings import DuoSettings
from ldapproxy.duo.signing import Signer
from ldapproxy.duo.transport import Transport, failure_of
from tests.support import duo_faults
from tests.support.duo_faults import HOST, Authority, Behaviour, FaultyServer, http, serve
from tests.support.fault_proxy import FaultProxy
from tests.unit.duo.conftest import MakeSettings, Run

Build = Callable[[FaultyServer], Behaviour]

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
WITHIN = 5.0  # nothing reaches it by accident
SILENCE = 0.4  # for faults that only a time-out ends


async def send(
    settings: DuoSettings, endpoint: Endpoint = Endpoint.PREAUTH, within: float = WITHIN
) -> Reply | Failure:
    """One request over a transport of its own."""
    transport = Transport(settings)
    try:
        return await transport.send(
            endpoint, Signer(settings, time.time).sign(endpoint, {"username": "alice"}), within
        )
    finally:
        await transport.aclose()


def outcome(reply: Reply | Failure) -> CallOutcome:
    """The outcome of a failed call."""
    assert isinstance(reply, Failure), reply
    assert reply.detail
    return reply.outcome


BELOW_TLS = {
    "silent": (duo_faults.silent, CallOutcome.CONNECT_TIMEOUT),
    "resets in the handshake": (duo_faults.resets, CallOutcome.UNREACHABLE),
    "closes in the handshake": (duo_faults.closes, CallOutcome.UNREACHABLE),
    "speaks HTTP without TLS": (duo_faults.PLAIN_HTTP, CallOutcome.UNTRUSTED),
    "sends a TLS alert": (duo_faults.TLS_ALERT, CallOutcome.UNTRUSTED),
    "sends garbage": (duo_faults.says(b"\x00" * 64), CallOutcome.UNTRUSTED),
}


@pytest.mark.parametrize("fault", BELOW_TLS)
def test_faults_below_tls(run_on_each_loop: Run, settings: MakeSettings, fault: str) -> None:
    build, expected = BELOW_TLS[fault]

    async def scene() -> None:
        async with serve(build, tls=None) as server:
            began = time.monotonic()
            limit = 0.2 if expected is CallOutcome.CONNECT_TIMEOUT else WITHIN
            reply = await send(settings(server.port, connect_timeout=limit))
            assert outcome(reply) is expected
            assert time.monotonic() - began < 2.0

    run_on_each_loop(scene())


INSIDE_TLS = {
    "says nothing": (http(b"", then="hang"), CallOutcome.RESPONSE_TIMEOUT),
    "hangs up": (http(b"", then="close"), CallOutcome.LOST),
    "resets": (http(b"", then="reset"), CallOutcome.LOST),
    "hangs up in the head": (http(b"HTTP/1.1 200 OK\r\nConte", then="close"), CallOutcome.LOST),
    "hangs up in the body": (http(ANSWER[:-1], then="close"), CallOutcome.LOST),
    "resets in the body": (http(ANSWER[:-1], then="reset"), CallOutcome.LOST),
    "hangs up in a chunk": (
        http(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}", then="close"),
        CallOutcome.LOST,
    ),
    "stops in the body": (http(ANSWER[:-1], then="hang"), CallOutcome.RESPONSE_TIMEOUT),
    "goes on with 1xx without end": (
        http(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, then="hang"),
        CallOutcome.RESPONSE_TIMEOUT,
    ),
    "speaks another protocol": (http(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", then="hang"), CallOutcome.NONSENSE),
    "sends a header without end": (
        http(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000, then="hang"),
        CallOutcome.NONSENSE,
    ),
    "sends headers without end": (
        http(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 10_000, then="hang"),
        CallOutcome.NONSENSE,
    ),
    "sends a wrong chunk": (
        http(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}", then="hang"),
        CallOutcome.NONSENSE,
    ),
    "sends a body that is too large": (
        http(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"a" * 300_000, then="hang"),
        CallOutcome.NONSENSE,
    ),
    "sends a body without end": (
        http(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"2\r\nab\r\n" * 200_000, then="hang"
        ),
        CallOutcome.NONSENSE,
    ),
    "leaves TLS": (duo_faults.garbles, CallOutcome.UNTRUSTED),
}


@pytest.mark.parametrize("fault", INSIDE_TLS)
def test_faults_inside_tls(
    run_on_each_loop: Run, settings: MakeSettings, authority: Authority, fault: str
) -> None:
    build, expected = INSIDE_TLS[fault]

    async def scene() -> None:
        async with serve(build, authority.server_context()) as server:
            within = SILENCE if expected is CallOutcome.RESPONSE_TIMEOUT else WITHIN
            assert outcome(await send(settings(server.port), within=within)) is expected
            assert len(server.requests) == 1, "a POST is never repeated"

    run_on_each_loop(scene())


def test_nothing_reaches_duo_over_a_kept_connection(
    run_on_each_loop: Run, settings: MakeSettings, authority: Authority
) -> None:
    """A line that is cut costs a login no more on a kept connection than on a new one, and no second try."""

    async def scene() -> None:
        async with serve(http(ANSWER), authority.server_context()) as server:
            with FaultProxy(server.port) as leg:
                there = settings(leg.port, connect_timeout=1.0)
                transport = Transport(there)
                request = Signer(there, time.time).sign(Endpoint.PREAUTH, {"username": "alice"})
                assert isinstance(await transport.send(Endpoint.PREAUTH, request, WITHIN), Reply)
                leg.lose(True)
                reply = await transport.send(Endpoint.PREAUTH, request, 60.0)
                assert isinstance(reply, Failure)
                assert reply.outcome is CallOutcome.RESPONSE_TIMEOUT
                assert "nothing reaches Duo" in reply.detail
                assert outcome(await transport.send(Endpoint.PREAUTH, request, 60.0)) in AWAY
                leg.lose(False)
                assert isinstance(await transport.send(Endpoint.PREAUTH, request, WITHIN), Reply)
                assert (server.connections, len(server.requests)) == (2, 2)
                await transport.aclose()

    run_on_each_loop(scene())


def _expired(authority: Authority) -> ssl.SSLContext:
    long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = authority.ca.issue_cert(
        HOST, not_before=long_ago, not_after=long_ago + datetime.timedelta(days=1)
    )
    return authority.server_context(certificate)


def _another_name(authority: Authority) -> ssl.SSLContext:
    return authority.server_context(authority.ca.issue_cert("duo.example.com"))


def _another_authority(_: Authority) -> ssl.SSLContext:
    return Authority.create().server_context()


def _old_tls(authority: Authority) -> ssl.SSLContext:
    context = authority.server_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.deprecated_call():
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@pytest.mark.parametrize(
    "presented",
    [_expired, _another_name, _another_authority],
    ids=["expired", "other name", "other authority"],
)
def test_a_certificate_that_does_not_verify_is_untrusted(
    run_on_each_loop: Run,
    settings: MakeSettings,
    authority: Authority,
    presented: Callable[[Authority], ssl.SSLContext],
) -> None:
    async def scene() -> None:
        async with serve(http(ANSWER), presented(authority)) as server:
            assert outcome(await send(settings(server.port))) is CallOutcome.UNTRUSTED
            assert not server.requests

    run_on_each_loop(scene())


def test_tls_below_1_2_is_not_spoken(run: Run, settings: MakeSettings, authority: Authority) -> None:
    async def scene() -> None:
        async with serve(http(ANSWER), _old_tls(authority)) as server:
            assert isinstance(await send(settings(server.port)), Failure)
            assert not server.requests

    run(scene())


def test_without_a_ca_file_the_public_authorities_are_trusted(
    run: Run, settings: MakeSettings, authority: Authority
) -> None:
    async def scene() -> None:
        async with serve(http(ANSWER), authority.server_context()) as server:
            assert outcome(await send(settings(server.port, ca_file=None))) is CallOutcome.UNTRUSTED

    run(scene())


@contextlib.contextmanager
def closed_port() -> Any:
    """A port where nobody listens, and nobody will."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def test_a_refused_connection_is_unreachable(run_on_each_loop: Run, settings: MakeSettings) -> None:
    with closed_port() as port:
        assert outcome(run_on_each_loop(send(settings(port)))) is CallOutcome.UNREACHABLE


def test_a_name_that_does_not_resolve(run_on_each_loop: Run, settings: MakeSettings) -> None:
    reply = run_on_each_loop(send(settings(443, api_host="duo.invalid")))
    assert outcome(reply) is CallOutcome.UNRESOLVED


def test_without_descriptors_duo_is_not_to_blame(run_on_each_loop: Run, settings: MakeSettings) -> None:
    """Otherwise whoever uses up our descriptors would open the listeners that fail open."""

    async def scene() -> list[CallOutcome]:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        transports = [Transport(settings(443, api_host=host)) for host in (HOST, "127.0.0.1", "duo.invalid")]
        signer = Signer(settings(443), time.time)
        lowest = os.open("/dev/null", os.O_RDONLY)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            replies = [await t.send(Endpoint.PING, signer.sign(Endpoint.PING, {}), 5.0) for t in transports]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for transport in transports:
            await transport.aclose()
        return [outcome(reply) for reply in replies]

    assert set(run_on_each_loop(scene())) == {CallOutcome.EXHAUSTED}


PROXY_FAULTS = {
    "silent": (duo_faults.silent, CallOutcome.CONNECT_TIMEOUT),
    "502": (http(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"), CallOutcome.PROXY_UNAVAILABLE),
    "407": (http(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n"), CallOutcome.PROXY_REFUSED),
    "403": (http(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), CallOutcome.PROXY_REFUSED),
    "resets": (duo_faults.resets, CallOutcome.LOST),
    "hangs up": (duo_faults.closes, CallOutcome.LOST),
    "speaks no HTTP": (http(b"hello\r\n\r\n", then="hang"), CallOutcome.NONSENSE),
    "hangs up behind its 200": (http(b"HTTP/1.1 200 OK\r\n\r\n", then="close"), CallOutcome.UNREACHABLE),
}


@pytest.mark.parametrize("fault", PROXY_FAULTS)
def test_faults_of_the_http_proxy(run_on_each_loop: Run, settings: MakeSettings, fault: str) -> None:
    build, expected = PROXY_FAULTS[fault]

    async def scene() -> None:
        async with serve(build, tls=None) as proxy:
            url = f"http://127.0.0.1:{proxy.port}"
            limit = 0.2 if expected is CallOutcome.CONNECT_TIMEOUT else WITHIN
            reply = await send(settings(443, http_proxy=url, connect_timeout=limit))
            assert outcome(reply) is expected

    run_on_each_loop(scene())


def test_an_http_proxy_that_refuses_connections(run_on_each_loop: Run, settings: MakeSettings) -> None:
    with closed_port() as port:
        reply = run_on_each_loop(send(settings(443, http_proxy=f"http://127.0.0.1:{port}")))
    assert outcome(reply) is CallOutcome.PROXY_UNAVAILABLE


def test_the_http_proxy_tunnels_and_certificates_still_count(
    run_on_each_loop: Run, settings: MakeSettings, authority: Authority
) -> None:
    async def scene() -> None:
        async with (
            serve(duo_faults.tunnel, tls=None) as proxy,
            serve(http(ANSWER), authority.server_context()) as good,
            serve(http(ANSWER), _another_name(authority)) as bad,
        ):
            url = f"http://someone:secret@127.0.0.1:{proxy.port}"
            assert await send(settings(good.port, http_proxy=url)) == Reply(200, b"{}")
            assert outcome(await send(settings(bad.port, http_proxy=url))) is CallOutcome.UNTRUSTED
            head = proxy.requests[0]
            assert head.startswith(f"CONNECT {HOST}:{good.port} HTTP/1.1\r\n".encode())
            assert b"Proxy-Authorization: Basic c29tZW9uZTpzZWNyZXQ=" in head
            assert b"uthorization: Basic RElX" not in head, "our keys' signature is for Duo only"
            assert b"Proxy-Authorization" not in good.requests[0]

    run_on_each_loop(scene())


def test_the_environment_is_not_consulted(
    run: Run,
    settings: MakeSettings,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    key_log = tmp_path / "keys"
    (tmp_path / ".netrc").write_text(f"machine {HOST} login someone password else\n")
    with closed_port() as nobody:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{nobody}")
        monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
        monkeypatch.setenv("SSLKEYLOGFILE", str(key_log))
        monkeypatch.setenv("HOME", str(tmp_path))

        async def scene() -> None:
            async with serve(http(ANSWER), authority.server_context()) as server:
                assert await send(settings(server.port)) == Reply(200, b"{}")
                assert b"uthorization: Basic RElX" in server.requests[0]

        run(scene())
    assert not key_log.exists()


def test_redirects_are_not_followed_and_cookies_not_kept(
    run: Run, settings: MakeSettings, authority: Authority
) -> None:
    redirect = (
        b"HTTP/1.1 302 Found\r\nLocation: https://localhost:%d/elsewhere\r\n"
        b"Set-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
    )

    async def scene() -> None:
        async with (
            serve(http(ANSWER), authority.server_context()) as elsewhere,
            serve(http(lambda _: redirect % elsewhere.port), authority.server_context()) as server,
        ):
            there = settings(server.port)
            transport, signer = Transport(there), Signer(there, time.time)
            for _ in range(2):
                reply = await transport.send(Endpoint.PING, signer.sign(Endpoint.PING, {}), WITHIN)
                assert isinstance(reply, Reply)
                assert reply.status == 302
            await transport.aclose()
            assert elsewhere.connections == 0
            assert len(server.requests) == 2
            assert b"ookie" not in server.requests[1]

    run(scene())


def test_after_closing_nothing_is_sent(run: Run, settings: MakeSettings, authority: Authority) -> None:
    async def scene() -> None:
        async with serve(http(ANSWER), authority.server_context()) as server:
            there = settings(server.port)
            transport = Transport(there)
            await transport.aclose()
            request = Signer(there, time.time).sign(Endpoint.PING, {})
            assert outcome(await transport.send(Endpoint.PING, request, WITHIN)) is CallOutcome.ABANDONED
            assert server.connections == 0

    run(scene())


def test_an_unforeseen_exception_is_a_failure_without_its_text() -> None:
    for error in (ZeroDivisionError("secret"), aiohttp.InvalidURL("secret"), OSError("secret")):
        failure = failure_of(error)
        assert failure.outcome is CallOutcome.UNFORESEEN
        assert "secret" not in failure.detail


@pytest.mark.parametrize("error", [ssl.SSLEOFError(8, "eof"), ssl.SSLZeroReturnError(6, "closed")])
def test_an_end_inside_tls_is_no_question_of_trust(error: ssl.SSLError) -> None:
    """OpenSSL reports some lost connections as TLS errors; which of them depends on its version."""
    lost = aiohttp.ClientOSError(*error.args)
    lost.__cause__ = error
    assert failure_of(lost).outcome is CallOutcome.LOST
