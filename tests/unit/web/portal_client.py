"""A portal on a real port, over TLS, in the test's own process, and a client that sends bytes.

    async with PortalServer(reactor, authority) as server:
        answer = await server.ask(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")

Owns the port and the connections. It must not know what a test expects.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from ldapproxy.net.bridge import wait_for
from ldapproxy.net.settings import ServerTls, TlsVersion
from ldapproxy.net.tls import ServerContext
from ldapproxy.web.portal_site import PortalSite
from ldapproxy.web.settings import PortalSettings
from tests.support.certificates import Authority
from tests.unit.web.portal_scene import Scene

_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One HTTP answer; header names in lower case, several values of one as a list."""

    status: int
    headers: dict[str, list[str]]
    body: bytes

    def cookies(self) -> dict[str, str]:
        """What a browser would send back."""
        pairs = [cookie.partition(";")[0].partition("=") for cookie in self.headers.get("set-cookie", ())]
        return {name: value for name, _, value in pairs}


class Connection:
    """One TLS connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Sends bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self) -> HttpAnswer:
        """The next answer.

        Raises:
            asyncio.IncompleteReadError: the connection was closed.
        """
        async with asyncio.timeout(_PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.strip().split("\r\n")
            headers: dict[str, list[str]] = {}
            for line in lines:
                name, _, value = line.partition(": ")
                headers.setdefault(name.lower(), []).append(value)
            length = int(headers.get("content-length", ["0"])[0])
            return HttpAnswer(int(status.split()[1]), headers, await self.reader.readexactly(length))

    async def rest(self) -> bytes:
        """All bytes until the connection is closed."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self.reader.read()
        except (ConnectionError, ssl.SSLError):
            return b""

    def close(self) -> None:
        """Closes at once."""
        self.writer.transport.abort()


class PortalServer:
    """A portal that listens; an asynchronous context manager."""

    def __init__(self, reactor: Any, authority: Authority, version: TlsVersion = TlsVersion.V1_2) -> None:
        self.scene = Scene()
        certificate = authority.server()
        self.tls = ServerContext(
            ServerTls(certificate.certificate_file, certificate.private_key_file, version)
        )
        settings = PortalSettings("127.0.0.1", 0, "vpn")
        self.site = PortalSite(reactor, settings, self.tls, self.scene.portal)
        self._trust = ssl.create_default_context(cafile=authority.ca_file)
        self._connections: list[Connection] = []

    async def __aenter__(self) -> Self:
        self.site.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            connection.close()
        await wait_for(self.site.stop())
        await self.scene.portal.aclose()

    async def connect(self) -> Connection:
        """A TLS connection; the certificate is verified."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.site.port, ssl=self._trust)
        connection = Connection(reader, writer)
        self._connections.append(connection)
        return connection

    async def ask(self, request: bytes) -> HttpAnswer:
        """The answer to a request on a connection of its own."""
        connection = await self.connect()
        await connection.send(request)
        answer = await connection.receive()
        connection.close()
        return answer

    async def get(self, path: str, *headers: str) -> HttpAnswer:
        """Opens a page."""
        return await self.ask(request("GET", path, *headers))

    async def post(self, path: str, body: bytes, *headers: str) -> HttpAnswer:
        """Sends a form."""
        form = "Content-Type: application/x-www-form-urlencoded"
        length = f"Content-Length: {len(body)}"
        return await self.ask(request("POST", path, form, length, *headers) + body)


def request(method: str, path: str, *headers: str) -> bytes:
    """A request's head."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: portal.example.com", *headers, "", ""]).encode()
