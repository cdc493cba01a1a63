"""The vocabulary of the table: what an attacker does, step by step, and what must come of each step.

Owns the steps and how they are carried out on a connection. It must not know any attack, nor the product:
result codes and tags are written here by number, as RFC 4511 has them.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Protocol

from tests.support import ldap_bytes
from tests.support.example_directory import Account
from tests.support.ldap_client import LdapClient, Message
from tests.support.simulator import SimulatorProcess
from tests.support.slapd import Slapd


class Code(IntEnum):
    """Result codes of RFC 4511 appendix A."""

    SUCCESS = 0
    OPERATIONS_ERROR = 1
    PROTOCOL_ERROR = 2
    COMPARE_FALSE = 5
    COMPARE_TRUE = 6
    AUTH_METHOD_NOT_SUPPORTED = 7
    CONFIDENTIALITY_REQUIRED = 13
    NO_SUCH_OBJECT = 32
    INVALID_DN_SYNTAX = 34
    INAPPROPRIATE_AUTHENTICATION = 48
    INVALID_CREDENTIALS = 49
    INSUFFICIENT_ACCESS_RIGHTS = 50
    BUSY = 51
    UNAVAILABLE = 52
    UNWILLING_TO_PERFORM = 53


class To(IntEnum):
    """What an answer answers, by the tag of the answer."""

    BIND = 0x61
    SEARCH = 0x65
    MODIFY = 0x67
    ADD = 0x69
    DELETE = 0x6B
    RENAME = 0x6D
    COMPARE = 0x6F
    EXTENDED = 0x78


_ENTRY = 0x64
_NOTICE_OID = b"1.3.6.1.4.1.1466.20036"
_PROBE_ID = 0x7A7A


class Stage(Protocol):
    """Where an attack takes place."""

    slapd: Slapd
    duo: SimulatorProcess
    insider: Account
    victim: Account
    client: LdapClient

    @property
    def ca_file(self) -> Path:
        """Who signed the listeners' certificates."""

    def wait_for_operations(self, kind: str, count: int) -> None:
        """Waits until so many operations of this kind have reached the directory."""

    def count_login(self) -> None:
        """An honest login took place."""


class Step(ABC):
    """One step."""

    @abstractmethod
    def take(self, stage: Stage) -> None:
        """Does it, or waits for it; an AssertionError when something else came."""


class Send(Step):
    """Sends messages in one piece."""

    def __init__(self, *messages: bytes) -> None:
        self.messages = messages

    def take(self, stage: Stage) -> None:
        """Sends. The proxy may have closed already, which a later step then finds out."""
        with contextlib.suppress(OSError):
            stage.client.send(*self.messages)


@dataclass(frozen=True)
class Answer(Step):
    """The next message is this answer.

    Attributes:
        to: what it answers.
        code: its result code.
        message_id: its messageID, if that matters.
    """

    to: To
    code: Code
    message_id: int | None = None

    def take(self, stage: Stage) -> None:
        """Waits."""
        message = _next(stage, self)
        assert (To(message.tag), Code(message.result_code)) == (self.to, self.code), message.diagnostic
        assert self.message_id in (None, message.message_id)


@dataclass(frozen=True)
class Entry(Step):
    """The next message is a search entry that holds this text."""

    text: str

    def take(self, stage: Stage) -> None:
        """Waits."""
        message = _next(stage, self)
        assert message.tag == _ENTRY
        assert self.text.encode() in message.raw


@dataclass(frozen=True)
class Identity(Step):
    """The next message answers "Who am I?" with this DN; empty for nobody."""

    dn: str

    def take(self, stage: Stage) -> None:
        """Waits."""
        message = _next(stage, self)
        assert (message.tag, message.result_code) == (To.EXTENDED, Code.SUCCESS)
        _, _, said = message.raw.rpartition(b"dn:")
        assert (said if b"dn:" in message.raw else b"") == self.dn.encode()


@dataclass(frozen=True)
class Notice(Step):
    """A Notice of Disconnection (RFC 4511 section 4.4.1), and the end."""

    code: Code

    def take(self, stage: Stage) -> None:
        """Waits."""
        message = _next(stage, self)
        assert (message.message_id, To(message.tag)) == (0, To.EXTENDED)
        assert _NOTICE_OID in message.raw
        assert Code(message.result_code) == self.code, message.diagnostic
        Closed().take(stage)


@dataclass(frozen=True)
class Closed(Step):
    """The connection ends without another word."""

    def take(self, stage: Stage) -> None:
        """Waits."""
        try:
            message = stage.client.receive()
        except (EOFError, ConnectionError, ssl.SSLError):
            return
        raise AssertionError(f"an answer came instead of the end: {message}")


@dataclass(frozen=True)
class Silence(Step):
    """Nothing came so far, and the session goes on: a read of the root DSE is answered next."""

    def take(self, stage: Stage) -> None:
        """Asks for the root DSE."""
        stage.client.send(ldap_bytes.root_dse(_PROBE_ID))
        messages = [_next(stage, self), _next(stage, self)]
        assert [(message.message_id, message.tag) for message in messages] == [
            (_PROBE_ID, _ENTRY),
            (_PROBE_ID, To.SEARCH),
        ]


@dataclass(frozen=True)
class LogIn(Step):
    """The attacker logs in as the insider that he is, second factor included."""

    message_id: int = 0x7001

    def take(self, stage: Stage) -> None:
        """Binds, and expects success."""
        stage.client.send(ldap_bytes.bind(self.message_id, stage.insider.dn, stage.insider.password))
        stage.count_login()
        Answer(To.BIND, Code.SUCCESS, self.message_id).take(stage)


@dataclass(frozen=True)
class Push(Step):
    """A push reaches the victim's phone."""

    def take(self, stage: Stage) -> None:
        """Waits."""
        stage.duo.wait_for_push(_user(stage))


@dataclass(frozen=True)
class Tap(Step):
    """The victim answers the push: `deny`, `fraud`, `approve`."""

    answer: str

    def take(self, stage: Stage) -> None:
        """Answers it."""
        for push in stage.duo.wait_for_push(_user(stage)):
            stage.duo.answer(push, self.answer)


@dataclass(frozen=True)
class Reaches(Step):
    """So many operations of this kind have reached the directory."""

    kind: str
    count: int = 1

    def take(self, stage: Stage) -> None:
        """Waits."""
        stage.wait_for_operations(self.kind, self.count)


@dataclass(frozen=True)
class DirectoryHangs(Step):
    """The directory takes everything and answers nothing, until `DirectoryAnswers`."""

    def take(self, stage: Stage) -> None:
        """Stops the process."""
        stage.slapd.suspend()


@dataclass(frozen=True)
class DirectoryAnswers(Step):
    """The directory goes on."""

    def take(self, stage: Stage) -> None:
        """Wakes the process."""
        stage.slapd.resume()


@dataclass(frozen=True)
class Handshake(Step):
    """TLS is started by the client."""

    def take(self, stage: Stage) -> None:
        """Waits for the handshake."""
        stage.client.wrap(stage.ca_file)


@dataclass(frozen=True)
class HalfClose(Step):
    """The client will send nothing more, and reads on."""

    def take(self, stage: Stage) -> None:
        """Sends FIN."""
        # The socket below TLS: a client without manners.
        socket.socket.shutdown(stage.client.socket, socket.SHUT_WR)


@dataclass(frozen=True)
class Reset(Step):
    """The connection is cut."""

    def take(self, stage: Stage) -> None:
        """Sends RST."""
        stage.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stage.client.socket.close()


def _next(stage: Stage, wanted: object) -> Message:
    try:
        return stage.client.receive()
    except (EOFError, ConnectionError, ssl.SSLError):
        raise AssertionError(f"the connection ended instead of {wanted}") from None


def _user(stage: Stage) -> str:
    return stage.victim.dn.partition("=")[2].partition(",")[0]


@dataclass(frozen=True)
class Ended(Step):
    """The connection ends, and nothing that came before was a message of LDAP (a TLS alert may have come)."""

    def take(self, stage: Stage) -> None:
        """Reads to the end."""
        said = b""
        with contextlib.suppress(ConnectionError):
            while data := stage.client.socket.recv(65536):
                said += data
        assert said[:1] != b"\x30", said


@dataclass(frozen=True)
class OldTls(Step):
    """A TLS handshake in which the client speaks nothing newer than this version fails."""

    version: ssl.TLSVersion

    def take(self, stage: Stage) -> None:
        """Tries."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=str(stage.ca_file))
        # Our own OpenSSL would not even try without this.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = self.version
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            context.wrap_socket(stage.client.socket, server_hostname="127.0.0.1")
            raise AssertionError(f"the listener speaks {self.version.name}")
