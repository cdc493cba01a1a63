"""The transport below httpx: what it sends, what it lets httpx see, and what it keeps open."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from ldapproxy.duo.connections import BODY_LIMIT, BodyTooLarge, Connections
from ldapproxy.duo.settings import DuoSettings
from tests.support.duo_faults import HOST, Authority, FaultyServer, http, serve
from tests.unit.duo.conftest import MakeSettings, Run

TARGET = b"/auth/v2/auth_status?txid=a%2Fb~%20c"  # a spelling that httpx and yarl would change
ANSWER = (
    b"HTTP/1.1 302 Found\r\nLocation: https://:no-url/\r\nSet-Cookie: a=b\r\nContent-Encoding: gzip\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)


def a_request(port: int, body: bytes = b"", method: str = "GET", target: bytes = TARGET) -> httpx.Request:
    """A request as `transport` prepares it."""
    return httpx.Request(
        method,
        f"https://{HOST}:{port}",
        headers={"Authorization": "Basic abc", "Date": "today"},
        stream=httpx.ByteStream(body),
        extensions={"target": target},
    )


async def status_of(connections: Connections, request: httpx.Request) -> int:
    """Sends one request."""
    return (await connections.handle_async_request(request)).status_code


def test_a_request_is_sent_as_it_was_signed(run: Run, settings: MakeSettings, authority: Authority) -> None:
    async def scene() -> list[bytes]:
        async with serve(http(ANSWER), authority.server_context()) as server:
            connections = Connections(settings(server.port))
            await status_of(connections, a_request(server.port))
            await status_of(connections, a_request(server.port, b"{}", "POST", b"/auth/v2/auth"))
            await connections.aclose()
            host = f"Host: {HOST}:{server.port}\r\n".encode()
            return [request.replace(host, b"") for request in server.requests]

    get, post = run(scene())
    assert get.startswith(b"GET " + TARGET + b" HTTP/1.1\r\n")
    assert post.startswith(b"POST /auth/v2/auth HTTP/1.1\r\n")
    assert post.endswith(b"\r\n\r\n{}")
    assert {b"Authorization: Basic abc", b"Date: today"} < set(get.split(b"\r\n"))
    assert b"Accept" not in get + post, "nothing is added but what HTTP needs"


def test_httpx_sees_status_and_body_alone(run: Run, settings: MakeSettings, authority: Authority) -> None:
    """No header of Duo's can make it keep cookies, follow a redirect, or unpack a body."""

    async def scene() -> httpx.Response:
        async with (
            serve(http(ANSWER), authority.server_context()) as server,
            httpx.AsyncClient(
                transport=Connections(settings(server.port)), follow_redirects=True, trust_env=False
            ) as client,
        ):
            response = await client.send(a_request(server.port))
            assert not client.cookies
            return response

    response = run(scene())
    assert (response.status_code, response.content, dict(response.headers)) == (302, b"{}", {})


@pytest.mark.parametrize("excess", [0, 1])
def test_a_body_is_read_up_to_the_limit(
    run: Run, settings: MakeSettings, authority: Authority, excess: int
) -> None:
    size = BODY_LIMIT + excess
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (size, b" " * size)

    async def scene() -> int:
        async with serve(http(answer), authority.server_context()) as server:
            connections = Connections(settings(server.port))
            try:
                return await status_of(connections, a_request(server.port))
            finally:
                await connections.aclose()

    if excess:
        with pytest.raises(BodyTooLarge):
            run(scene())
    else:
        assert run(scene()) == 200


def test_exceptions_leave_as_aiohttp_made_them(
    run: Run, settings: MakeSettings, authority: Authority
) -> None:
    """The table in `transport` tells them apart."""

    async def scene() -> None:
        async with (
            serve(http(b"", then="close"), authority.server_context()) as server,
            httpx.AsyncClient(transport=Connections(settings(server.port)), trust_env=False) as client,
        ):
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await client.send(a_request(server.port, b"{}", "POST"))

    run(scene())


@pytest.mark.parametrize("content", [None, b"", b"nonsense"], ids=["missing", "empty", "no PEM"])
def test_a_ca_file_that_cannot_be_used_is_named(
    settings: MakeSettings, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"ca\.pem: cannot be used as ca_file of Duo: [Nn]o "):
        Connections(settings(443, ca_file=path))


def test_a_kept_connection_is_used_again(run: Run, settings: MakeSettings, authority: Authority) -> None:
    async def scene() -> None:
        async with serve(http(ANSWER), authority.server_context()) as server:
            connections = Connections(settings(server.port))
            for count in range(1, 4):
                await status_of(connections, a_request(server.port, b"{}", "POST"))
                assert (server.connections, len(server.requests)) == (1, count)
            await connections.aclose()

    run(scene())


def test_a_kept_connection_that_was_closed_is_not(
    run: Run, settings: MakeSettings, authority: Authority
) -> None:
    async def scene() -> None:
        async with serve(http(ANSWER, then="close"), authority.server_context()) as server:
            connections = Connections(settings(server.port))
            for count in range(1, 4):
                await status_of(connections, a_request(server.port, b"{}", "POST"))
                assert server.connections == count
                while server.open:
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0)
            await connections.aclose()

    run(scene())


def test_connections_are_not_limited_to_aiohttps_hundred(
    run: Run, settings: MakeSettings, authority: Authority
) -> None:
    async def scene() -> None:
        async with serve(http(b"", then="hang"), authority.server_context()) as server:
            there = settings(server.port, connect_timeout=30.0)
            async with asyncio.timeout(40), many(there, 150, server):
                assert len(server.open) == 150
            async with asyncio.timeout(5):
                while server.open:
                    await asyncio.sleep(0.01)

    run(scene())


class many:  # noqa: N801 (used like a function)
    """So many requests that get no answer, until the block ends; then they are cancelled."""

    def __init__(self, settings: DuoSettings, count: int, server: FaultyServer) -> None:
        self._connections = Connections(settings)
        self._count = count
        self._server = server
        self._calls: list[asyncio.Task[Any]] = []

    async def __aenter__(self) -> None:
        request = a_request(self._server.port)
        self._calls = [
            asyncio.create_task(self._connections.handle_async_request(request)) for _ in range(self._count)
        ]
        while len(self._server.requests) < self._count:
            await asyncio.sleep(0.01)

    async def __aexit__(self, *_: object) -> None:
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._connections.aclose()


def test_connections_are_made_in_turns_and_waiting_for_one_is_no_time_out(
    run: Run, settings: MakeSettings
) -> None:
    """Five hundred handshakes at once would keep each other from being done in time."""

    async def scene() -> tuple[int, int, set[type[BaseException]]]:
        connected = most = made = 0

        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connected, most, made
            connected, made = connected + 1, made + 1
            most = max(most, connected)
            while await reader.read(4096):
                pass
            connected -= 1
            writer.close()

        server = await asyncio.start_server(say_nothing, HOST, 0)
        port = server.sockets[0].getsockname()[1]
        connections = Connections(settings(port, connect_timeout=0.3))
        sent = [connections.handle_async_request(a_request(port)) for _ in range(80)]
        ends = await asyncio.gather(*sent, return_exceptions=True)
        await connections.aclose()
        server.close()
        return most, made, {type(end) for end in ends if isinstance(end, BaseException)}

    most, made, ends = run(scene())
    assert made == 80, "everybody had a turn, though each turn took as long as it may"
    assert most <= 2 * 32, "those of one turn, and those of the one before that are being closed"
    assert ends == {aiohttp.ConnectionTimeoutError}
