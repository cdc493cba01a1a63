"""One connection to a directory: TLS, questions of our own, the raw stream of a session.

Owns one directory connection. It must not know sessions, binds, or which server comes next (`servers.py`
does).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol as TypingProtocol

from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.framing import Frame, Head, MessageFramer
from ldapproxy.ldap.messages import START_TLS_OID, Tag, decode_result, encode_extended_request
from ldapproxy.ldap.result_codes import ResultCode
from ldapproxy.ldap.streaming import StreamFramer
from ldapproxy.net.failures import why_lost
from ldapproxy.net.transport import Transport

# A BindResponse or the answer to a question of ours. The largest seen are a few KiB (diagnosticMessage,
# controls).
_ANSWER_SIZE = 64 * 1024


class DirectoryLost(Exception):
    """The connection is gone, or said something that no directory should say; the message tells which."""


class Sink(TypingProtocol):
    """Who gets what the directory sends (`relay.Relay`)."""

    def from_directory(self, data: bytes, heads: list[Head]) -> None:
        """Bytes to pass on, and the messages that began in them."""

    def directory_lost(self) -> None:
        """The connection is gone; nothing more will come."""


@implementer(IHandshakeListener)
class DirectoryConnection(Protocol):
    """One connection to a directory server.

    It is in one of two modes: *asked*, when a whole answer to one request is awaited (`ask`), and *relaying*,
    when everything that comes goes to a sink. In between nothing may come; whatever does closes it.
    """

    transport: Transport  # type: ignore[assignment]  # Twisted declares less than it gives

    def __init__(self, server: str) -> None:
        self.server = server
        self.is_open = False
        self._has_transport = False
        self._framer = MessageFramer(_ANSWER_SIZE, allow_zero_id=True)
        self._answer: asyncio.Future[Frame] | None = None
        self._awaited = (0, 0)
        self._entries: list[Frame] | None = None
        self._stream: StreamFramer | None = None
        self._sink: Sink | None = None
        self._secured: asyncio.Future[None] | None = None
        self._why_lost = "the directory closed the connection"
        # An extended operation may have changed what the connection is: no other session may use it then.
        self.is_tainted = False
        self.when_lost: Callable[[], None] | None = None
        # Is told, with the reason, when the server cannot be well: it left a question without an answer.
        self.when_unanswered: Callable[[str], None] | None = None
        self._has_answered = False

    @property
    def is_idle(self) -> bool:
        """True when it is open, and nothing is awaited or half through."""
        nothing_awaited = self._answer is None and self._sink is None and self._stream is None
        return self.is_open and nothing_awaited and not self._framer.buffered

    @property
    def is_relaying(self) -> bool:
        """True while what comes goes to a sink."""
        return self._sink is not None

    # What the connection is asked to do.

    async def ask(self, raw: bytes, message_id: int, tag: Tag, timeout: float) -> Frame:
        """Sends a request and waits for the one message that answers it.

        Args:
            raw: the request.
            message_id: its messageID.
            tag: the operation tag of the answer.
            timeout: seconds to wait.

        Raises:
            DirectoryLost: no answer came, or something else did. The connection is closed then: a request
                that was written is never sent again.
        """
        if self._framer.buffered:
            self.abort("the directory sent something that nobody had asked for")
        if not self.is_open or self._answer is not None or self._sink is not None:
            raise DirectoryLost(self._why_lost)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Frame] = loop.create_future()
        self._answer = answer
        self._awaited = (message_id, tag)
        # A timer of its own costs a tenth of asyncio.timeout, and every bind passes here.
        timer = loop.call_later(timeout, _time_out, answer)
        self.transport.write(raw)
        try:
            frame = await answer
        except TimeoutError:
            self.abort(f"no answer within {timeout:.3g} s")
            self._tell_unanswered()
            raise DirectoryLost(self._why_lost) from None
        except DirectoryLost:
            if not self._has_answered:
                # One that has, and had waited, may have been closed for having been idle.
                self._tell_unanswered()
            raise
        except BaseException:
            # Cancelled: an answer that still comes must not be read as the next one's.
            self.abort("the question was given up")
            raise
        finally:
            timer.cancel()
            self._answer = self._entries = None
        self._has_answered = True
        return frame

    async def search(self, raw: bytes, message_id: int, timeout: float) -> list[Frame]:
        """Sends a search of at most one entry and waits for its end.

        Returns:
            The entry, if there is one, and the SearchResultDone.

        Raises:
            DirectoryLost: as `ask` does.
        """
        entries: list[Frame] = []
        if self.is_idle:
            self._entries = entries
        done = await self.ask(raw, message_id, Tag.SEARCH_RESULT_DONE, timeout)
        return [*entries, done]

    async def start_tls(self, options: IOpenSSLClientConnectionCreator, timeout: float) -> None:
        """StartTLS towards the directory (RFC 4511 section 4.14); refused means lost, never clear text.

        Raises:
            DirectoryLost: refused, or the server did not prove who it is.
        """
        frame = await self.ask(encode_extended_request(1, START_TLS_OID), 1, Tag.EXTENDED_RESPONSE, timeout)
        try:
            code = decode_result(frame).result_code
        except DecodeError as error:
            self.abort(f"undecodable answer to StartTLS: {error}")
            raise DirectoryLost(self._why_lost) from None
        if code != ResultCode.SUCCESS:
            self.abort(f"the directory refused StartTLS with result code {code}")
            raise DirectoryLost(self._why_lost)
        if self._framer.buffered:
            self.abort("bytes came in clear behind the answer to StartTLS")
        if not self.is_open:
            raise DirectoryLost(self._why_lost)
        self._secured = asyncio.get_running_loop().create_future()
        self.transport.startTLS(options)
        await self.wait_secured(timeout)

    async def wait_secured(self, timeout: float) -> None:
        """Waits until the TLS handshake is done and the server's certificate verified.

        Raises:
            DirectoryLost: it failed, or took too long.
        """
        if not self.is_open:
            raise DirectoryLost(self._why_lost)
        if self._secured is None:
            self._secured = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                await self._secured
        except TimeoutError:
            self.abort(f"no TLS within {timeout:.3g} s")
            raise DirectoryLost(self._why_lost) from None

    def relay_to(self, sink: Sink) -> bool:
        """From now on whatever comes goes to `sink`.

        Returns:
            False when the connection is gone, or something came that nobody had asked for.
        """
        if not self.is_open or self._framer.buffered:
            return False
        self._sink = sink
        self._stream = StreamFramer()
        return True

    def stop_relaying(self) -> bool:
        """Nothing is to come any more, until the next question.

        Returns:
            False when a message is only half through: the connection cannot be used for anything else.
        """
        whole = self._stream is None or self._stream.at_boundary
        self._sink = self._stream = None
        return whole and self.is_open

    def pass_to(self, sink: Sink) -> None:
        """Gives what comes to another sink, in the middle of the stream."""
        self._sink = sink

    @property
    def rest_of_message(self) -> int:
        """How many bytes are still to come of the message that is half through; 0 between messages."""
        return 0 if self._stream is None else self._stream.rest_of_message

    def write(self, data: bytes) -> None:
        """Sends bytes."""
        self.transport.write(data)

    def end_pace(self) -> None:
        """Nobody hears of the transport's queue any more; one behind StartTLS cannot be asked once gone."""
        if self._has_transport:
            self.transport.unregisterProducer()
            self.transport.tell_queued(None)

    def abort(self, why: str) -> None:
        """Closes at once. Nothing more comes out of it, not even `directory_lost`."""
        self._sink = None
        if self.is_open:
            self.is_open = False
            self._why_lost = why
            self.transport.abortConnection()
            self._tell_owner()

    # What Twisted tells.

    def connectionMade(self) -> None:
        """TCP is up."""
        self.is_open = self._has_transport = True
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(True)

    def handshakeCompleted(self) -> None:
        """TLS is up and verified."""
        if self._secured is None:
            self._secured = asyncio.get_running_loop().create_future()
        if not self._secured.done():
            self._secured.set_result(None)

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the directory."""
        if not self.is_open:
            return
        try:
            if self._stream is not None and self._sink is not None:
                forward, heads = self._stream.feed(data)
                self._sink.from_directory(forward, heads)
            else:
                self._framer.append(data)
                self._take_answer()
        except DecodeError as error:
            self._fail(f"the directory sent what cannot be decoded: {error}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self._has_transport = False
        if self.is_open:
            self.is_open = False
            self._why_lost = why_lost(reason)
            self._tell_owner()
        self._tell()

    def _take_answer(self) -> None:
        answer = self._answer
        if answer is None or answer.done():
            self._fail("the directory sent something that nobody had asked for")
            return
        frame = self._framer.next()
        if frame is None:
            return
        is_entry = (frame.message_id, frame.tag) == (self._awaited[0], Tag.SEARCH_RESULT_ENTRY)
        if is_entry and self._entries is not None and not self._entries:
            self._entries.append(frame)
            self._take_answer()
            return
        if (frame.message_id, frame.tag) != self._awaited:
            self._fail("the directory answered something else than was asked")
            return
        answer.set_result(frame)

    def _fail(self, why: str) -> None:
        """The directory misbehaved: close, and tell whoever waits."""
        sink = self._sink
        self.abort(why)
        self._sink = sink
        self._tell()

    def _tell_owner(self) -> None:
        when_lost, self.when_lost = self.when_lost, None
        if when_lost is not None:
            when_lost()

    def _tell_unanswered(self) -> None:
        if self.when_unanswered is not None:
            self.when_unanswered(self._why_lost)

    def _tell(self) -> None:
        for waiting in (self._answer, self._secured):
            if waiting is not None and not waiting.done():
                waiting.set_exception(DirectoryLost(self._why_lost))
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.directory_lost()


def _time_out(answer: asyncio.Future[Frame]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())
