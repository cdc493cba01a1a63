"""One client connection of the soak.

Owns what holds for each answer, whatever happens: it answers what was asked, it comes in time, and nobody is
bound as somebody else. Binds are entered in the ledger. It must not know what a client is up to.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from tests.soak.ledger import Addresses, Caller, Ledger
from tests.soak.listeners import LISTENERS, Tls
from tests.soak.people import Claim
from tests.soak.place import Place
from tests.support import ldap_bytes
from tests.support.ldap_client import LdapClient, Message

PATIENCE = 30.0
"""Seconds that a client waits for anything. No limit of the proxy is longer than a third of it."""

BIND_RESPONSE = 0x61
_SEARCH_DONE = 0x65
_ENTRY = 0x64
_EXTENDED_RESPONSE = 0x78
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
_RESET = struct.pack("ii", 1, 0)

SUCCESS = 0
INSUFFICIENT_ACCESS_RIGHTS = 50
BUSY = 51
UNAVAILABLE = 52


class Gone(Exception):
    """The connection has ended, or the proxy has said that it will."""


class Unexpected(Exception):
    """What must not happen, whatever else goes wrong."""


class Door:
    """Where clients come in.

    Args:
        place: the processes.
        ledger: the binds.
    """

    def __init__(self, place: Place, ledger: Ledger) -> None:
        self.ledger = ledger
        self._proxy = place.proxy
        self._addresses = Addresses()

    def caller(self, listener: str, home: int = 0) -> Caller:
        """Who somebody is to the proxy; a stranger has no home."""
        return Caller(listener, self._addresses.of(listener, home))

    def connect(self, caller: Caller, *, with_tls: bool = True) -> Connection:
        """Connects.

        Args:
            caller: as whom.
            with_tls: False leaves out StartTLS.

        Raises:
            Gone: the proxy did not want the connection.
        """
        with _ends_seen():
            port = self._proxy.port(caller.listener)
            client = LdapClient(port, timeout=PATIENCE, source=caller.address)
        connection = Connection(client, self.ledger, caller)
        try:
            with _ends_seen():
                tls = LISTENERS[caller.listener].tls
                if tls is Tls.FROM_THE_START:
                    client.wrap(self._proxy.ca_file)
                elif tls is Tls.START_TLS and with_tls:
                    client.start_tls(self._proxy.ca_file)
        except BaseException:
            connection.close()
            raise
        return connection


class Connection:
    """One connection; a context manager. Every method raises Gone when it has ended.

    Args:
        client: connected, with TLS if the listener wants it.
        ledger: the binds.
        caller: as whom.
    """

    def __init__(self, client: LdapClient, ledger: Ledger, caller: Caller) -> None:
        self.client = client
        self._ledger = ledger
        self._caller = caller

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes it."""
        self.client.close()

    def reset(self) -> None:
        """Ends it with a RST instead of a FIN."""
        with contextlib.suppress(OSError):
            self.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()

    def bind(self, claim: Claim) -> int:
        """A simple bind, and the result code of its answer."""
        number = self.client.next_id()
        self.send_binds(ldap_bytes.bind(number, claim.name, claim.credential), claim)
        return self.bind_answer(number, claim)

    def send_binds(self, data: bytes, *claims: Claim) -> None:
        """Sends bytes that hold BindRequests, or what the proxy may take for them."""
        self._ledger.sending(self._caller, *claims)
        self.send(data)

    def bind_answer(self, number: int, claim: Claim) -> int:
        """Waits for the answer to a bind."""
        message = self._receive()
        if (message.message_id, message.tag) != (number, BIND_RESPONSE):
            raise Unexpected(f"{message} in answer to bind {number}")
        return self.note_bind_answer(message, claim)

    def note_bind_answer(self, message: Message, claim: Claim) -> int:
        """A bind was answered."""
        code = message.result_code
        self._ledger.answered(self._caller, code)
        if code == SUCCESS and not claim.admits:
            raise Unexpected(f"{claim.name} was let in at {self._caller.listener} without any right to it")
        return code

    def send(self, data: bytes) -> None:
        """Sends bytes."""
        with _ends_seen():
            self.client.send(data)

    def search(self, dn: str, scope: int = 0) -> int:
        """A search, and the result code of its end."""
        number = self.client.next_id()
        self.send(ldap_bytes.search(number, dn, scope))
        return self.search_answer(number)

    def search_answer(self, *numbers: int) -> int:
        """Waits for all answers to searches; returns the result code of the one that ended last."""
        left = set(numbers)
        while True:
            message = self._receive()
            if message.message_id not in left or message.tag not in (_ENTRY, _SEARCH_DONE):
                raise Unexpected(f"{message.tag:#x} with messageID {message.message_id} in answer to {left}")
            if message.tag == _SEARCH_DONE:
                left.discard(message.message_id)
                if not left:
                    return message.result_code

    def look_who_is_bound(self, claim: Claim | None) -> None:
        """Asks the directory, through the proxy, who is bound here.

        Args:
            claim: whose bind was accepted last; None when the last bind was not.
        """
        number = self.client.next_id()
        self.send(ldap_bytes.extended(number, WHO_AM_I))
        message = self._receive()
        if (message.message_id, message.tag) != (number, _EXTENDED_RESPONSE):
            raise Unexpected(f"{message} in answer to {number}")
        if claim is None:
            if message.result_code != INSUFFICIENT_ACCESS_RIGHTS:
                raise Unexpected(f"an operation without a bind was answered with {message.result_code}")
        elif message.result_code not in (SUCCESS, BUSY, UNAVAILABLE):
            raise Unexpected(f"an operation after a bind was answered with {message.result_code}")
        elif message.result_code == SUCCESS and b"dn:" + claim.dn.encode() not in message.raw:
            raise Unexpected(f"{claim.dn} is bound as somebody else: {message.raw!r}")

    def half_close(self) -> None:
        """Says that it will send no more. TLS has no such thing: there the connection ends."""
        if isinstance(self.client.socket, ssl.SSLSocket):
            raise Gone("TLS has no half-close")
        with _ends_seen():
            self.client.socket.shutdown(socket.SHUT_WR)

    def read_to_the_end(self) -> None:
        """Reads until the proxy ends the connection."""
        while True:
            self._receive(notice_ends=False)

    def receive_one(self) -> Message:
        """The next message, whatever it is, but a Notice of Disconnection."""
        return self._receive()

    def _receive(self, *, notice_ends: bool = True) -> Message:
        with _ends_seen():
            message = self.client.receive()
        if message.message_id == 0 and notice_ends:
            raise Gone("a notice of disconnection")
        return message


@contextlib.contextmanager
def _ends_seen() -> Iterator[None]:
    """Tells a connection that has ended from one on which nothing comes."""
    try:
        yield
    except TimeoutError:
        raise Unexpected(f"a client waited {PATIENCE:g} s in vain") from None
    except (EOFError, OSError) as error:
        raise Gone(str(error)) from error
