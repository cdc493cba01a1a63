"""What flows between a session and its directory connection, raw, in both directions.

Owns the session's directory connection: taken at the first need, kept while the identity on it is the
session's, closed on any doubt. It must not know verdicts of binds, nor decode anything.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Protocol

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from ldapproxy.ldap.framing import Frame, Head
from ldapproxy.ldap.messages import WHO_AM_I_OID, Tag, decode_extended_request
from ldapproxy.net.bridge import run_soon
from ldapproxy.net.held import Held, Place
from ldapproxy.net.leftover import Leftover
from ldapproxy.net.pressure import Cause, ClientReading, DirectoryPace
from ldapproxy.net.servers import Directory, DirectoryUnavailable
from ldapproxy.net.transport import Transport
from ldapproxy.net.upstream import DirectoryConnection

# Answers of our own that may wait for the end of a message of the directory before the client is read no
# further.
_WAITING_ANSWERS = 100

_EXTENDED = int(Tag.EXTENDED_REQUEST)


class RelayEvents(Protocol):
    """What the relay tells its session's connection (`server.ClientConnection`)."""

    def directory_answered(self, size: int, heads: list[Head]) -> bool:
        """So many bytes came, and these messages began in them; False refuses them."""

    def directory_gone(self, why: str, *, within_message: bool) -> None:
        """The directory connection closed by itself, or misbehaved.

        `within_message` tells that the client got only a part of a message: nothing can follow it.
        """

    def directory_unreachable(self, unsent: list[Frame], why: str) -> None:
        """No connection could be made; these requests were not sent."""


@implementer(IPushProducer)
class Relay:
    """The relay of one session, and the producer of its client's transport.

    Args:
        directory: where connections come from.
        client: the client's transport.
        events: who is told.
        buffered: bytes that may wait while a connection is being made.
        held: is told what waits.
    """

    def __init__(
        self, directory: Directory, client: Transport, events: RelayEvents, buffered: int, held: Held
    ) -> None:
        self._directory = directory
        self._client = client
        self._events = events
        self._buffered = buffered
        self._held = held
        self._reading = ClientReading(client)
        self._connection: DirectoryConnection | None = None
        self._connecting: asyncio.Task[DirectoryConnection] | None = None
        self._leftover: Leftover | None = None
        self._unsent: list[Frame] = []
        self._unsent_bytes = 0
        self._own_answers: list[bytes] = []
        # What the client still has to get of a message of which it has a part.
        self._rest = 0
        self._client_is_slow = False
        self._is_closed = False
        client.registerProducer(self, True)
        client.tell_queued(partial(held.now, Place.TO_CLIENT))

    # Towards the directory.

    def send(self, frames: list[Frame]) -> bool:
        """Sends requests, as soon as there is a connection.

        Returns:
            False when too much waits for a connection already.
        """
        connection = self._connection
        if connection is not None and self._connecting is None:
            for frame in frames:
                if frame.tag == _EXTENDED and decode_extended_request(frame).oid != WHO_AM_I_OID:
                    connection.is_tainted = True
            connection.write(frames[0].raw if len(frames) == 1 else b"".join([frame.raw for frame in frames]))
            return True
        self._unsent += frames
        self._unsent_bytes += sum(len(frame.raw) for frame in frames)
        self._held.now(Place.TO_DIRECTORY, self._unsent_bytes)
        if self._connecting is None:
            self._connecting = run_soon(self.begin_bind(), self._connected)
        return self._unsent_bytes <= self._buffered

    async def begin_bind(self) -> DirectoryConnection:
        """The connection on which a bind can travel, silent now; a new one if there is none.

        Raises:
            DirectoryUnavailable: no server could be reached.
        """
        if self._leftover is not None:
            # Others may wait for it too: who gives up must not cancel it for them.
            await asyncio.shield(self._leftover.gone)
        if self._connection is None:
            connection = await self._directory.take()
            if self._is_closed:
                connection.abort("the client has gone")
                raise DirectoryUnavailable("the client has gone")
            self._connection = connection
            connection.transport.registerProducer(DirectoryPace(self._reading), True)
            connection.transport.tell_queued(partial(self._held.now, Place.TO_DIRECTORY))
        return self._connection

    def suspend(self) -> None:
        """A bind has arrived: no answer to anything older may come from now on.

        A message of which the client has a part already is still brought to its end.
        """
        self._forget_unsent()
        connection = self._connection
        if connection is None:
            return
        if self._rest:
            self._connection = None
            self._detach(connection)
            self._leftover = Leftover(connection, self, self._rest, self._directory.response_timeout)
        elif not connection.stop_relaying():
            self.drop("the beginning of a further answer was there already")
        elif self._client_is_slow:
            # The answer to the bind is small, and has to be read within `response_timeout`.
            connection.transport.resumeProducing()

    def resume(self) -> bool:
        """Relay what comes from now on.

        Returns:
            False when the connection has gone in the meantime.
        """
        if self._connection is None or not self._connection.relay_to(self):
            self.drop("the directory connection was lost while the bind was pending")
            return False
        if self._client_is_slow:
            self._connection.transport.pauseProducing()
        return True

    def drop(self, why: str) -> None:
        """Closes the directory connection, if there is one, at once."""
        self._forget_unsent()
        connection, self._connection = self._connection, None
        if connection is not None:
            self._detach(connection)
            connection.abort(why)

    def release(self) -> None:
        """Gives the directory connection back, if there is one: nothing is outstanding on it."""
        self._forget_unsent()
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._detach(connection)
        if self._client_is_slow:
            connection.transport.resumeProducing()
        if connection.stop_relaying():
            self._directory.give_back(connection)
        else:
            connection.abort("a message was half through")

    def close(self, *, is_quiet: bool) -> None:
        """The session is over.

        Args:
            is_quiet: nothing is outstanding on the directory connection, no bind pending.
        """
        self._is_closed = True
        self._own_answers.clear()
        if is_quiet:
            self.release()
        self.drop("the session is over")
        if self._leftover is not None:
            self._leftover.give_up()

    # Towards the client.

    @property
    def at_boundary(self) -> bool:
        """True when the client has no message only in part."""
        return not self._rest

    def answer(self, raw: bytes) -> None:
        """Sends an answer of our own, between two messages of the directory."""
        if self.at_boundary:
            self._client.write(raw)
        else:
            self._own_answers.append(raw)
        if self._client_is_slow or len(self._own_answers) > _WAITING_ANSWERS:
            # Or a client that asks for refusals and never reads them would fill our memory.
            self._reading.hold(Cause.ANSWERS_WAIT)

    def from_directory(self, data: bytes, heads: list[Head]) -> None:
        """Bytes of the directory (`upstream.Sink`)."""
        if not self._events.directory_answered(len(data), heads):
            self._gone("the directory answered what nobody had asked")
            return
        if data:
            self._client.write(data)
        self._rest = 0 if self._connection is None else self._connection.rest_of_message
        if self._own_answers and self.at_boundary:
            self._write_own_answers()

    def directory_lost(self) -> None:
        """The directory connection closed (`upstream.Sink`)."""
        self._gone("the directory closed the connection")

    def leftover_ended(self, *, whole: bool) -> None:
        """The message that was half through when a bind arrived has reached its end, or never will."""
        self._leftover = None
        if whole:
            self._write_own_answers()
        elif not self._is_closed:
            self._events.directory_gone(
                "the directory closed the connection within a message", within_message=True
            )

    # IPushProducer: the client's transport asks for less or more.

    def pauseProducing(self) -> None:
        """The client reads too slowly: stop reading the directory."""
        self._client_is_slow = True
        if self._producing is not None:
            self._producing.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has caught up."""
        self._client_is_slow = False
        if self._producing is not None and self._producing.is_open:
            self._producing.transport.resumeProducing()
        if not self._own_answers:
            self._reading.release(Cause.ANSWERS_WAIT)

    def stopProducing(self) -> None:
        """The client's transport is gone; `close` follows from there."""

    @property
    def client_is_slow(self) -> bool:
        """True while the client has to catch up, and so nothing is read for it."""
        return self._client_is_slow

    @property
    def _producing(self) -> DirectoryConnection | None:
        """The connection whose bytes go to the client now."""
        if self._leftover is not None:
            return self._leftover.connection
        connection = self._connection
        return connection if connection is not None and connection.is_relaying else None

    def _connected(self, task: asyncio.Task[DirectoryConnection]) -> None:
        if task.cancelled() or self._connecting is not task:
            # Given up; whatever it ended with concerns nobody.
            if not task.cancelled():
                task.exception()
            return
        self._connecting = None
        unsent, self._unsent, self._unsent_bytes = self._unsent, [], 0
        self._held.now(Place.TO_DIRECTORY, 0)
        error = task.exception()
        if error is not None:
            why = str(error) if isinstance(error, DirectoryUnavailable) else type(error).__name__
            self._events.directory_unreachable(unsent, why)
        elif not self.resume():
            self._events.directory_unreachable(unsent, "the directory closed the connection")
        elif unsent:
            self.send(unsent)

    def _gone(self, why: str) -> None:
        within_message = not self.at_boundary
        self.drop(why)
        if not within_message:
            self._write_own_answers()
        self._events.directory_gone(why, within_message=within_message)

    def _forget_unsent(self) -> None:
        if self._unsent:
            self._unsent.clear()
            self._unsent_bytes = 0
            self._held.now(Place.TO_DIRECTORY, 0)
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()

    def _write_own_answers(self) -> None:
        answers, self._own_answers = self._own_answers, []
        if not self._is_closed:
            for raw in answers:
                self._client.write(raw)
        if not self._client_is_slow:
            self._reading.release(Cause.ANSWERS_WAIT)

    def pass_on(self, data: bytes) -> None:
        """Bytes of a message that is being brought to its end."""
        self._client.write(data)
        self._rest -= len(data)

    def _detach(self, connection: DirectoryConnection) -> None:
        """What becomes of the connection's queue does not concern this session any more."""
        connection.end_pace()
        self._held.now(Place.TO_DIRECTORY, 0)
        self._reading.release(Cause.DIRECTORY_SLOW)
