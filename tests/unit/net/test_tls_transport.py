"""TLS around a listener: what is written leaves at once, and nothing is begun before the client speaks."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from ldapproxy.net.bridge import wait_for
from ldapproxy.net.settings import ServerTls, TlsVersion
from ldapproxy.net.tls import ServerContext
from ldapproxy.net.tls_transport import TlsFromTheStart
from tests.support.certificates import Authority
from tests.support.reactor import OnReactor, eventually


class Side(Protocol):
    """The end of a connection that is ours."""

    transport: Any

    def __init__(self) -> None:
        self.got = b""
        self.is_lost = False

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_lost = True


class Sides(Factory):
    """Makes ends, or refuses."""

    noisy = False

    def __init__(self, *, refuses: bool = False) -> None:
        self.made: list[Side] = []
        self._refuses = refuses

    def buildProtocol(self, addr: IAddress | None) -> Side | None:
        if self._refuses:
            return None
        self.made.append(Side())
        return self.made[-1]


class Client:
    """A TLS client of the standard library, whose bytes go where the test sends them."""

    def __init__(self, authority: Authority, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=str(authority.ca_file))
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")

    def feed(self) -> bool:
        """Takes what has come; False at the end."""
        try:
            data = self.socket.recv(1 << 20)
        except BlockingIOError:
            return True
        self.incoming.write(data)
        return bool(data)

    def shakes_hands(self) -> bool:
        """Goes on with the handshake; True when it is done."""
        self.feed()
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self.socket.sendall(self.outgoing.read())
        return True


def listening(reactor: Any, sides: Sides, authority: Authority) -> Any:
    certificate = authority.server()
    context = ServerContext(
        ServerTls(
            certificate_file=certificate.certificate_file,
            private_key_file=certificate.private_key_file,
            minimum_version=TlsVersion.V1_2,
        )
    )
    return reactor.listenTCP(0, TlsFromTheStart(context, False, sides), interface="127.0.0.1")


def test_a_message_is_sent_before_write_returns(on_reactor: OnReactor, reactor: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        authority, sides = Authority(tmp_path), Sides()
        port = listening(reactor, sides, authority)
        client = Client(authority, port.getHost().port)
        await eventually(client.shakes_hands, "TLS")
        client.tls.write(b"request")
        client.socket.sendall(client.outgoing.read())
        [side] = sides.made
        await eventually(lambda: side.got == b"request", "the request")
        client.feed()
        side.transport.write(b"answer")
        client.feed()
        assert client.tls.read(100) == b"answer"
        side.transport.write(b"last words")
        side.transport.loseConnection()
        client.feed()
        assert client.tls.read(100) == b"last words"
        client.socket.close()
        await eventually(lambda: side.is_lost, "the end")
        await wait_for(port.stopListening())

    on_reactor(scenario())


def test_a_client_that_says_nothing_hears_nothing(
    on_reactor: OnReactor, reactor: Any, tmp_path: Path
) -> None:
    async def scenario() -> None:
        authority, sides = Authority(tmp_path), Sides()
        port = listening(reactor, sides, authority)
        client = Client(authority, port.getHost().port)
        await eventually(lambda: sides.made, "the connection")
        [side] = sides.made
        side.transport.loseConnection()
        await eventually(lambda: side.is_lost, "the end")
        assert client.incoming.pending == 0
        client.socket.close()
        await wait_for(port.stopListening())

    on_reactor(scenario())


def test_a_client_that_is_refused_is_closed(on_reactor: OnReactor, reactor: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        authority, sides = Authority(tmp_path), Sides(refuses=True)
        port = listening(reactor, sides, authority)
        client = Client(authority, port.getHost().port)
        await eventually(lambda: not client.feed(), "the end")
        client.socket.close()
        await wait_for(port.stopListening())

    on_reactor(scenario())
