"""Every transport that Twisted hands us has what `Transport` says."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from twisted.internet.tcp import Client, Server
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOProtocol

from ldapproxy.net.transport import Transport
from tests.support.certificates import Authority
from tests.support.ldap_bytes import start_tls
from tests.support.reactor import OnReactor
from tests.unit.net.usual_settings import server_tls
from tests.unit.net.wire import Wire, client_context
from tests.unit.net.world import World

METHODS = {name: member for name, member in vars(Transport).items() if not name.startswith("_")}


def test_there_is_something_to_check() -> None:
    assert "write" in METHODS
    assert "abortConnection" in METHODS


def fits(transport: object) -> list[str]:
    """What a transport lacks, or takes otherwise."""
    lacking = []
    for name, declared in METHODS.items():
        method = getattr(transport, name, None)
        if method is None:
            lacking.append(name)
            continue
        arguments = [object()] * (len(inspect.signature(declared).parameters) - 1)
        try:
            inspect.signature(method).bind(*arguments)
        except TypeError as error:
            lacking.append(f"{name}: {error}")
    return lacking


@pytest.mark.parametrize("kind", ["ldap", "ldaps", "start_tls"])
def test_client_side(on_reactor: OnReactor, authority: Authority, kind: str) -> None:
    async def scenario() -> None:
        ldaps = kind == "ldaps"
        async with World(ldaps=ldaps, tls=server_tls(authority.server())) as world:
            client: Wire = await world.client(authority.ca_file if ldaps else None)
            if kind == "start_tls":
                await client.send(start_tls(1))
                await client.receive()
                await client.start_tls(client_context(authority.ca_file), "127.0.0.1")
            (session,) = world.listener._sessions
            transport: Any = session.transport
            assert isinstance(transport, TLSMemoryBIOProtocol if ldaps else Server)
            missing = fits(transport)
            if kind != "ldap" and ldaps:
                # TLS begins once.
                missing = [name for name in missing if not name.startswith("startTLS")]
            assert not missing

    on_reactor(scenario())


@pytest.mark.parametrize("ldaps", [False, True])
def test_directory_side(on_reactor: OnReactor, authority: Authority, ldaps: bool) -> None:
    async def scenario() -> None:
        certificate = authority.server() if ldaps else None
        async with World({"ca_file": authority.ca_file}, certificate) as world:
            async with asyncio.timeout(5):
                connection = await world.servers.connect()
            transport: Any = connection.transport
            assert isinstance(transport, BufferingTLSTransport if ldaps else Client)
            assert not [name for name in fits(transport) if not (ldaps and name.startswith("startTLS"))]
            connection.abort("the end")

    on_reactor(scenario())
