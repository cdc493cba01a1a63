"""One directory connection: questions, StartTLS, the raw stream, and what closes it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ldapproxy.ldap.framing import Head
from ldapproxy.ldap.messages import Tag
from ldapproxy.net.servers import Directory, DirectoryUnavailable
from ldapproxy.net.tls import client_options
from ldapproxy.net.upstream import DirectoryConnection, DirectoryLost
from tests.support.certificates import Authority, ServerCertificate
from tests.support.ldap_bytes import bind, root_dse, search
from tests.support.reactor import OnReactor, eventually
from tests.unit.net.neighbours import Recorder
from tests.unit.net.scripted_directory import (
    START_TLS,
    ScriptedDirectory,
    bind_response,
    entry,
    notice,
    result,
    search_done,
    server_context,
    start_tls_response,
)
from tests.unit.net.usual_settings import upstream_settings
from tests.unit.net.wire import Wire
from tests.unit.net.world import REACTOR


class Collected:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.data = b""
        self.heads: list[Head] = []
        self.lost = 0

    def from_directory(self, data: bytes, heads: list[Head]) -> None:
        self.data += data
        self.heads += heads

    def directory_lost(self) -> None:
        self.lost += 1


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[DirectoryConnection, Wire]]:
    """A connection in clear text, and its other end."""
    async with ScriptedDirectory() as server:
        connection = await Directory(upstream_settings(server.port), REACTOR, Recorder()).connect()
        try:
            yield connection, await server.accept()
        finally:
            connection.abort("the end")


async def ask(connection: DirectoryConnection, timeout: float = 2.0) -> bytes:
    return (await connection.ask(bind(1), 1, Tag.BIND_RESPONSE, timeout)).raw


# Questions.


def test_one_question_after_the_other(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with connected() as (connection, peer):
            assert connection.is_idle
            for text in ("first", "second"):
                asking = asyncio.create_task(ask(connection))
                assert (await peer.receive()).raw == bind(1)
                assert not connection.is_idle
                await peer.send(bind_response(1, 0, text))
                assert await asking == bind_response(1, 0, text)
                assert connection.is_idle

    on_reactor(scenario())


def test_one_question_at_a_time(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with connected() as (connection, peer):
            asking = asyncio.create_task(ask(connection))
            await peer.receive()
            with pytest.raises(DirectoryLost):
                await ask(connection)
            await peer.send(bind_response(1))
            assert await asking == bind_response(1), "the first is none the worse"

    on_reactor(scenario())


def test_a_search_of_one_entry(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with connected() as (connection, peer):
            searching = asyncio.create_task(connection.search(root_dse(1), 1, 2.0))
            await peer.receive()
            await peer.send_bytewise(entry(1) + search_done(1))
            assert [frame.raw for frame in await searching] == [entry(1), search_done(1)]
            assert connection.is_idle

    on_reactor(scenario())


def test_cancelling_a_question_closes(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with connected() as (connection, peer):
            asking = asyncio.create_task(ask(connection))
            await peer.receive()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert not connection.is_open
            assert await peer.rest() == b""

    on_reactor(scenario())


def test_an_answer_that_comes_just_when_the_question_is_cancelled(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with connected() as (connection, peer):
            asking = asyncio.create_task(ask(connection))
            await peer.receive()
            connection.dataReceived(bind_response(1))
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert not connection.is_open, "who was bound on it is nobody's business now"

    on_reactor(scenario())


def test_a_question_on_a_connection_that_is_gone(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with connected() as (connection, peer):
            await peer.close()
            await eventually(lambda: not connection.is_open, "the end")
            with pytest.raises(DirectoryLost, match="closed the connection"):
                await ask(connection)
            assert not connection.relay_to(Collected())

    on_reactor(scenario())


@pytest.mark.parametrize("unasked", [notice(), bind_response(1), b"\x30", b"garbage"])
def test_whatever_comes_unasked_closes(on_reactor: OnReactor, unasked: bytes) -> None:
    async def scenario() -> None:
        async with connected() as (connection, peer):
            lost: list[str] = []
            connection.when_lost = lambda: lost.append("lost")
            await peer.send(unasked)
            assert await peer.rest() == b""
            assert not connection.is_open
            assert lost == ["lost"], "its owner is told, once"

    on_reactor(scenario())


# The raw stream.


def test_relaying(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with connected() as (connection, peer):
            sink = Collected()
            assert connection.relay_to(sink)
            assert connection.is_relaying
            connection.write(search(2))
            assert (await peer.receive()).raw == search(2)
            sent = entry(2, 100) + notice() + search_done(2)
            await peer.send_bytewise(sent)
            await eventually(lambda: sink.data == sent, "all of it")
            assert sink.heads == [Head(2, 0x64), Head(0, 0x78), Head(2, 0x65)]
            assert connection.stop_relaying()
            assert not connection.is_relaying
            assert connection.is_idle

    on_reactor(scenario())


@pytest.mark.parametrize("part", [1, 4, 20])
def test_a_message_that_is_half_through(on_reactor: OnReactor, part: int) -> None:
    async def scenario() -> None:
        async with connected() as (connection, peer):
            sink = Collected()
            connection.relay_to(sink)
            message = entry(2, 100)
            await peer.send(search_done(1) + message[:part])
            await eventually(lambda: sink.heads, "the first message")
            rest = len(message) - part if len(sink.heads) == 2 else 0
            assert connection.rest_of_message == rest
            assert not connection.stop_relaying(), "it cannot be used for anything else"

    on_reactor(scenario())


@pytest.mark.parametrize("end", ["close", "reset", "garbage"])
def test_a_sink_is_told_once(on_reactor: OnReactor, end: str) -> None:
    async def scenario() -> None:
        async with connected() as (connection, peer):
            sink = Collected()
            connection.relay_to(sink)
            if end == "close":
                await peer.close()
            elif end == "reset":
                peer.reset()
            else:
                await peer.send(b"garbage")
            await eventually(lambda: sink.lost, "the end")
            await asyncio.sleep(0.01)
            assert sink.lost == 1
            assert not connection.is_open

    on_reactor(scenario())


def test_nothing_comes_out_of_an_aborted_connection(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with connected() as (connection, peer):
            sink = Collected()
            connection.relay_to(sink)
            connection.abort("for a test")
            connection.abort("twice")
            connection.dataReceived(search_done(2))
            assert await peer.rest() == b""
            assert (sink.data, sink.lost) == (b"", 0)
            with pytest.raises(DirectoryLost, match="for a test"):
                await ask(connection)

    on_reactor(scenario())


# StartTLS.


async def start_tls(
    ca_file: Path, answers: bytes, certificate: ServerCertificate | None = None, behind: bytes = b""
) -> str:
    """Connects with StartTLS; returns why it could not, or nothing."""
    # Without a certificate nothing is to come any more.
    timeout = 0.5 if certificate is None else 5.0
    async with ScriptedDirectory() as server:
        settings = upstream_settings(server.port, start_tls=True, ca_file=ca_file, connect_timeout=timeout)
        directory = Directory(settings, REACTOR, Recorder())
        connecting = asyncio.create_task(directory.connect())
        peer = await server.accept()
        request = await peer.receive()
        assert request.tag == 0x77
        assert START_TLS.encode() in request.raw
        await peer.send(answers)
        if certificate is not None:
            with contextlib.suppress(ssl.SSLError, ConnectionError):  # where the certificate is refused
                await peer.start_tls(server_context(certificate))
        if behind:
            await asyncio.sleep(0.02)
            await peer.send(behind)
        try:
            connection = await connecting
        except DirectoryUnavailable as error:
            if certificate is None:
                assert bind(1) not in await peer.rest()
            return str(error)
        asking = asyncio.create_task(ask(connection))
        assert (await peer.receive()).raw == bind(1)
        await peer.send(bind_response(1))
        await asking
        connection.abort("the end")
        return ""


def test_start_tls(on_reactor: OnReactor, authority: Authority) -> None:
    assert on_reactor(start_tls(authority.ca_file, start_tls_response(1), authority.server())) == ""


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("expired", "not valid now"),
        ("wrong_host", "does not name the host"),
        ("nameless", "does not name the host"),
        ("stranger", "trusted authority"),
    ],
)
def test_start_tls_with_a_wrong_certificate(
    on_reactor: OnReactor, authority: Authority, tmp_path: Path, what: str, why: str
) -> None:
    certificate = {
        "expired": authority.expired,
        "wrong_host": authority.wrong_host,
        "nameless": authority.nameless,
        "stranger": Authority(tmp_path / "stranger").server,
    }[what]()
    assert why in on_reactor(start_tls(authority.ca_file, start_tls_response(1), certificate))


@pytest.mark.parametrize(
    "answers",
    [
        start_tls_response(1, 2),
        start_tls_response(1, 52),
        start_tls_response(2),
        start_tls_response(0),
        result(1, 0x61),
        notice(52),
        b"\x30\x05\x02\x01\x01\x78\x00",
        b"garbage",
        b"",
        start_tls_response(1) + bind_response(1),
        start_tls_response(1) + b"\x30",
        start_tls_response(1) + b"\x16\x03\x01",
    ],
)
def test_start_tls_that_fails_is_never_clear_text(
    on_reactor: OnReactor, authority: Authority, answers: bytes
) -> None:
    """Refused, garbled, or with bytes in clear behind the answer (as in CVE-2011-0411)."""
    assert on_reactor(start_tls(authority.ca_file, answers))


@pytest.mark.parametrize("behind", [bind_response(1), b"\x30", b"garbage"])
def test_clear_text_instead_of_a_handshake(
    on_reactor: OnReactor, authority: Authority, behind: bytes
) -> None:
    assert on_reactor(start_tls(authority.ca_file, start_tls_response(1), behind=behind))


def test_a_directory_that_closes_behind_its_answer(on_reactor: OnReactor, authority: Authority) -> None:
    async def scenario() -> None:
        async with ScriptedDirectory() as server:
            settings = upstream_settings(server.port, start_tls=True, ca_file=authority.ca_file)
            connecting = asyncio.create_task(Directory(settings, REACTOR, Recorder()).connect())
            peer = await server.accept()
            await peer.receive()
            peer.writer.write(start_tls_response(1))
            peer.writer.close()
            with pytest.raises(DirectoryUnavailable):
                await connecting

    on_reactor(scenario())


def test_a_connection_that_is_lost_with_the_answer_to_start_tls(
    on_reactor: OnReactor, authority: Authority
) -> None:
    """Both in one turn of the loop: TLS must not be begun on what is gone."""

    async def scenario() -> None:
        async with connected() as (connection, peer):
            options = client_options("127.0.0.1", authority.ca_file)
            starting = asyncio.create_task(connection.start_tls(options, 1.0))
            await peer.receive()
            connection.dataReceived(start_tls_response(1))
            connection.abort("in the same turn")
            with pytest.raises(DirectoryLost, match="in the same turn"):
                await starting

    on_reactor(scenario())
