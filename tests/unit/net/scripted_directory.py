"""A directory server that says exactly what a scenario wants, byte by byte.

    async with ScriptedDirectory() as directory:
        ...                                # something connects
        peer = await directory.accept()
        request = await peer.receive()
        await peer.send(bind_response(request.message_id))

Owns the listening socket and the answers as bytes. It must not know the product: answers are encoded by hand.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.support.certificates import ServerCertificate
from tests.support.ldap_bytes import controls, message, octets, tlv
from tests.unit.net.wire import READ_AHEAD, Wire

_PATIENCE = 15.0

START_TLS = "1.3.6.1.4.1.1466.20037"
NOTICE = "1.3.6.1.4.1.1466.20036"


class ScriptedDirectory:
    """Listens on 127.0.0.1; an asynchronous context manager.

    Args:
        certificate: given, TLS begins at once.
        port: 0 takes a free one.
    """

    def __init__(self, certificate: ServerCertificate | None = None, port: int = 0) -> None:
        self._context = None if certificate is None else server_context(certificate)
        self.port = port
        self._accepted: asyncio.Queue[Wire] = asyncio.Queue()
        self._peers: list[Wire] = []
        self._server: asyncio.Server | None = None
        # Does something with each new connection, instead of handing it to the scenario.
        self.greeting: Callable[[Wire], object] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listens, again on the port that it had."""
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", self.port, ssl=self._context, limit=READ_AHEAD
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Closes the listening socket and every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for peer in self._peers:
            peer.writer.transport.abort()
        if server is not None:
            await server.wait_closed()

    @property
    def accepted(self) -> int:
        """How many connections have been made."""
        return len(self._peers)

    async def accept(self, patience: float = _PATIENCE) -> Wire:
        """The next connection."""
        async with asyncio.timeout(patience):
            return await self._accepted.get()

    def nobody_else_came(self) -> bool:
        """True when every connection has been accepted by the scenario."""
        return self._accepted.empty()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Wire(reader, writer)
        self._peers.append(peer)
        if self.greeting is None:
            self._accepted.put_nowait(peer)
        else:
            self.greeting(peer)


def server_context(certificate: ServerCertificate) -> ssl.SSLContext:
    """TLS as the server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate_file, certificate.private_key_file)
    return context


# Answers


def result(message_id: int, tag: int, code: int = 0, text: str = "", behind: bytes = b"") -> bytes:
    """A message that holds an LDAPResult."""
    return message(message_id, tlv(tag, tlv(0x0A, bytes([code])), octets(""), octets(text), behind))


def bind_response(message_id: int, code: int = 0, text: str = "", with_controls: bytes = b"") -> bytes:
    """A BindResponse."""
    response = tlv(0x61, tlv(0x0A, bytes([code])), octets(""), octets(text))
    return message(message_id, response, with_controls)


def referral(message_id: int, code: int = 10) -> bytes:
    """A BindResponse that refers to another server."""
    return result(message_id, 0x61, code, "", tlv(0xA3, octets("ldap://elsewhere.example.com/")))


def entry(message_id: int, size: int = 10) -> bytes:
    """A SearchResultEntry with a value of so many octets."""
    value = tlv(0x30, octets("description"), tlv(0x31, octets(b"x" * size)))
    return message(message_id, tlv(0x64, octets("uid=bob"), tlv(0x30, value)))


def search_done(message_id: int, code: int = 0) -> bytes:
    """A SearchResultDone."""
    return result(message_id, 0x65, code)


def who_am_i_response(message_id: int, authorization: str | None, code: int = 0) -> bytes:
    """An answer to "Who am I?"."""
    value = b"" if authorization is None else tlv(0x8B, authorization.encode())
    return result(message_id, 0x78, code, "", value)


def start_tls_response(message_id: int, code: int = 0) -> bytes:
    """An answer to StartTLS."""
    return result(message_id, 0x78, code, "", tlv(0x8A, START_TLS.encode()))


def notice(code: int = 52) -> bytes:
    """A Notice of Disconnection."""
    return result(0, 0x78, code, "", tlv(0x8A, NOTICE.encode()))


def password_policy() -> bytes:
    """Controls with a password-policy response (draft-behera-ldap-password-policy)."""
    return controls(("1.3.6.1.4.1.42.2.27.8.5.1", tlv(0x30, tlv(0x81, b"\x00"))))
