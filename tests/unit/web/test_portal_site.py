"""The portal's port: TLS only, so many connections, so much time, and an end."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest

from ldapproxy.net.bridge import wait_for
from ldapproxy.net.settings import TlsVersion
from ldapproxy.web import portal_site
from ldapproxy.web.portal_site import PortalError, PortalSite
from ldapproxy.web.settings import PortalSettings
from tests.support.certificates import Authority
from tests.support.reactor import OnReactor
from tests.unit.web.portal_client import Connection, PortalServer, request


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_clear_text_gets_no_answer(on_reactor: OnReactor, reactor: Any, authority: Authority) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.site.port)
            writer.write(request("GET", "/"))
            data = await Connection(reader, writer).rest()
            assert b"HTTP" not in data
            writer.transport.abort()

    on_reactor(scenario())


def test_older_tls_is_refused(on_reactor: OnReactor, reactor: Any, authority: Authority) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority, TlsVersion.V1_3) as server:
            server._trust.maximum_version = ssl.TLSVersion.TLSv1_2
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await server.connect()

    on_reactor(scenario())


def test_several_requests_on_one_connection(
    on_reactor: OnReactor, reactor: Any, authority: Authority
) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            connection = await server.connect()
            for path in ("/", "/portal.css", "/nothing"):
                await connection.send(request("GET", path))
                assert (await connection.receive()).status in (200, 404)
            await connection.send(request("GET", "/") * 2)
            assert [(await connection.receive()).status for _ in range(2)] == [200, 200]

    on_reactor(scenario())


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HT", request("POST", "/sign-in", "Content-Length: 10") + b"name"],
    ids=["nothing", "half a line", "half a form"],
)
def test_who_is_too_slow_is_cut_off(
    on_reactor: OnReactor,
    reactor: Any,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    sent: bytes,
) -> None:
    monkeypatch.setattr(portal_site, "_REQUEST_WITHIN", 0.3)

    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            connection = await server.connect()
            await connection.send(sent)
            assert await connection.rest() == b""

    on_reactor(scenario())


def test_a_byte_now_and_then_buys_no_time(
    on_reactor: OnReactor, reactor: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portal_site, "_REQUEST_WITHIN", 0.3)

    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            connection = await server.connect()
            ended = asyncio.create_task(connection.rest())
            for octet in request("GET", "/", "X: " + "x" * 500):
                if ended.done():
                    break
                connection.writer.write(bytes([octet]))
                await asyncio.sleep(0.02)
            assert ended.done(), "cut off in the middle of its request"
            await ended

    on_reactor(scenario())


def test_a_handshake_that_never_ends_is_cut_off(
    on_reactor: OnReactor, reactor: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portal_site, "_REQUEST_WITHIN", 0.3)

    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.site.port)
            assert await Connection(reader, writer).rest() == b""
            writer.transport.abort()

    on_reactor(scenario())


def test_an_answer_that_waits_is_not_cut_off(
    on_reactor: OnReactor, reactor: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portal_site, "_REQUEST_WITHIN", 0.2)

    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            portal = server.scene.portal
            answered = asyncio.Event()
            answer = portal.answer

            async def slowly(visit: Any) -> Any:
                await answered.wait()
                return await answer(visit)

            monkeypatch.setattr(portal, "answer", slowly)
            connection = await server.connect()
            await connection.send(request("GET", "/"))
            await asyncio.sleep(0.5)
            answered.set()
            assert (await connection.receive()).status == 200

    on_reactor(scenario())


def test_who_leaves_before_the_answer_leaves_nothing_behind(
    on_reactor: OnReactor, reactor: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            portal = server.scene.portal
            asked, answered = asyncio.Event(), asyncio.Event()
            answer = portal.answer

            async def slowly(visit: Any) -> Any:
                asked.set()
                await answered.wait()
                return await answer(visit)

            monkeypatch.setattr(portal, "answer", slowly)
            connection = await server.connect()
            await connection.send(request("GET", "/"))
            await asked.wait()
            connection.close()
            while server.site._site._channels:
                await asyncio.sleep(0.005)
            answered.set()
            assert (await server.get("/")).status == 200

    on_reactor(scenario())


@pytest.mark.parametrize("limit", ["_MOST", "_MOST_OF_ONE"])
def test_so_many_connections_at_a_time(
    on_reactor: OnReactor, reactor: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(portal_site, limit, 2)

    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            first = await server.connect()
            await server.connect()
            with pytest.raises((ConnectionError, ssl.SSLError)):
                await server.connect()
            first.close()
            while len(server.site._site._channels) > 1:
                await asyncio.sleep(0.005)
            await first_answer(await server.connect())

    async def first_answer(connection: Connection) -> None:
        await connection.send(request("GET", "/"))
        assert (await connection.receive()).status == 200

    on_reactor(scenario())


def test_stopping_closes_every_connection(on_reactor: OnReactor, reactor: Any, authority: Authority) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            server.scene.sign_in.answers.clear()
            idle, waiting = await server.connect(), await server.connect()
            await idle.send(request("GET", "/"))
            await idle.receive()
            await waiting.send(request("GET", "/waiting/state"))
            await wait_for(server.site.stop())
            assert await idle.rest() == b""
            await waiting.rest()

    on_reactor(scenario())


def test_a_taken_port_is_said_in_one_sentence(
    on_reactor: OnReactor, reactor: Any, authority: Authority
) -> None:
    async def scenario() -> None:
        async with PortalServer(reactor, authority) as server:
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                port = taken.getsockname()[1]
                settings = PortalSettings("127.0.0.1", port, "vpn")
                site = PortalSite(reactor, settings, server.tls, server.scene.portal)
                with pytest.raises(PortalError) as refused:
                    site.start()
                assert str(refused.value) == (
                    f"the portal cannot listen on https://127.0.0.1:{port}: Address already in use"
                )

    on_reactor(scenario())
