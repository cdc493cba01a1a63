"""One client connection: transport bytes to and from the session, the relay and the binds.

Owns the carrying out of the session's actions, TLS on this side, and the two time-outs. It must not know
verdicts, nor what a message means.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, assert_never

from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ldapproxy.auth.policy import Address
from ldapproxy.ldap.actions import Action, Disconnect, LimitHit, StartBind, StartTls, ToClient, ToDirectory
from ldapproxy.ldap.framing import Frame, Head
from ldapproxy.ldap.messages import encode_result, notice_of_disconnection, operation_name, response_tag
from ldapproxy.ldap.result_codes import ResultCode
from ldapproxy.ldap.session import Phase, Session
from ldapproxy.net.binds import BindEnd, PendingBind
from ldapproxy.net.held import Held, Place
from ldapproxy.net.relay import Relay
from ldapproxy.net.transport import Transport

if TYPE_CHECKING:
    from ldapproxy.net.listener import Listener

_log = logging.getLogger(__name__)

# How long a closed connection may take to deliver what was written before. A client that does not read would
# otherwise hold its descriptor for as long as it likes.
_LINGER = 5.0

# To look a member up in its enum takes six times as long.
_REQUESTS = Place.REQUESTS


@implementer(IHandshakeListener)
class ClientConnection(Protocol):
    """One client connection.

    Args:
        listener: the listener that it came to.
        client: the client's address.
    """

    transport: Transport  # type: ignore[assignment]  # Twisted declares less than it gives

    def __init__(self, listener: Listener, client: Address) -> None:
        self._listener = listener
        self.client = client
        self._held = Held(listener.held, self._too_much_held)
        self._session = Session(listener.session_rules, confidential=listener.settings.ldaps)
        self._relay: Relay
        self._pending: PendingBind | None = None
        self._todo: deque[Action] = deque()
        self._is_busy = False
        self._is_closing = False
        self._is_stopping = False
        self._has_spoken = False
        self._last_traffic = 0.0
        self._loop: asyncio.AbstractEventLoop
        self._timer: asyncio.TimerHandle | None = None

    # What Twisted tells.

    def connectionMade(self) -> None:
        """TCP is up."""
        listener = self._listener
        self._loop = asyncio.get_running_loop()
        buffered = listener.settings.limits.buffered
        self._relay = Relay(listener.directory, self.transport, self, buffered, self._held)
        self._last_traffic = self._loop.time()
        self._timer = self._loop.call_later(listener.settings.limits.handshake_timeout, self._time_out)
        listener.opened(self)

    def handshakeCompleted(self) -> None:
        """TLS is up. Behind StartTLS this ends the wait for it; TLS from the start needs a message, too."""
        if not self._listener.settings.ldaps:
            self._note_message()

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the client."""
        if self._is_closing:
            return
        self._last_traffic = self._loop.time()
        self._do(self._session.receive(data))
        self._held.now(_REQUESTS, self._session.held)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone (reset, closed, or half-closed, which means the same here)."""
        self._end()
        self._wait(None)
        self.transport.tell_queued(None)
        self._held.nothing()
        self._listener.closed(self)
        # Nothing happens any more. The relay holds this session: without it both go at once, and not when a
        # collector of garbage finds them, whose search was a tenth of what a bind on a new connection costs.
        self._is_closing = True
        del self._relay

    # What the relay tells.

    def directory_answered(self, size: int, heads: list[Head]) -> bool:
        """The directory sent something."""
        self._last_traffic = self._loop.time()
        self._listener.count_to_client(size)
        return self._session.answered(heads)

    def directory_gone(self, why: str, *, within_message: bool) -> None:
        """The directory connection is gone, and with it an identity or answers that were awaited."""
        if within_message:
            self._close(None, why)
        elif self._session.phase is Phase.BOUND or not self._session.is_quiet:
            self._close(notice_of_disconnection(ResultCode.UNAVAILABLE, "the directory is gone"), why)

    def directory_unreachable(self, unsent: list[Frame], why: str) -> None:
        """No directory connection could be made for these requests."""
        _log.warning("listener %s: no directory connection: %s", self._listener.name, why)
        self._session.connection_dropped()
        for frame in unsent:
            tag = response_tag(frame.tag)
            if tag is not None:
                text = "the directory is not reachable"
                self._relay.answer(encode_result(frame.message_id, tag, ResultCode.UNAVAILABLE, text))

    # What the listener tells.

    def stop(self) -> None:
        """The proxy is stopping: end now, or with the answer to the pending bind."""
        self._is_stopping = True
        if self._pending is None:
            self._close(notice_of_disconnection(ResultCode.UNAVAILABLE, "the proxy is stopping"), "stopping")

    # The session's actions.

    def _do(self, actions: Iterable[Action]) -> None:
        """Carries out actions in order. An action may bring further ones: they follow behind."""
        self._todo.extend(actions)
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._todo and not self._is_closing:
                action = self._todo.popleft()
                if isinstance(action, ToDirectory):  # as nearly always
                    self._relay_requests(action.frame)
                else:
                    self._carry_out(action)
        finally:
            self._is_busy = False

    def _carry_out(self, action: ToClient | StartBind | StartTls | Disconnect | LimitHit) -> None:
        match action:
            case ToClient(raw):
                self._note_message()
                self._relay.answer(raw)
            case StartBind():
                self._note_request("bind")
                self._start_bind(action)
            case StartTls(raw):
                self._note_request("extended")
                if not self._relay.at_boundary:
                    self._close(None, "StartTLS while a message was half through")
                    return
                self._relay.answer(raw)
                self.transport.startTLS(self._listener.tls_context())
                self._session.tls_started()
                self._has_spoken = False
                self._wait(self._listener.settings.limits.handshake_timeout)
            case LimitHit(limit):
                self._listener.limit_hit(limit)
            case Disconnect(notice, detail, limit):
                if limit is not None:
                    self._listener.limit_hit(limit)
                self._close(notice, detail)
            case _:
                assert_never(action)

    def _relay_requests(self, first: Frame) -> None:
        """Relays a request and those that came right behind it, in one piece."""
        frames = [first]
        while self._todo and isinstance(following := self._todo[0], ToDirectory):
            frames.append(following.frame)
            self._todo.popleft()
        self._note_message()
        size = 0
        for frame in frames:
            self._listener.count_operation(operation_name(frame.tag))
            size += len(frame.raw)
        self._listener.count_to_directory(size)
        if not self._relay.send(frames):
            self._listener.limit_hit("buffered")
            notice = notice_of_disconnection(
                ResultCode.BUSY, "too much was sent before the directory answered"
            )
            self._close(notice, "too much waits for a directory connection")

    def _note_request(self, operation: str) -> None:
        self._note_message()
        self._listener.count_operation(operation)

    def _note_message(self) -> None:
        """A whole message has come; from the first on, silence is measured by `idle_timeout`."""
        if not self._has_spoken:
            self._has_spoken = True
            self._wait(self._listener.settings.limits.idle_timeout)

    def _start_bind(self, start: StartBind) -> None:
        if start.needs_fresh_connection:
            self._relay.suspend()
            self._relay.drop("answers for the identity before the bind may be under way")
        else:
            self._relay.suspend()
        begun = self._listener.binds.begin(
            start, self._relay, self.client, confidential=self._session.confidential, ended=self._bind_ended
        )
        match begun:
            case BindEnd():
                self._bind_ended(begun)
            case PendingBind():
                self._pending = begun
            case _:
                assert_never(begun)

    def _bind_ended(self, end: BindEnd) -> None:
        self._pending = None
        self._last_traffic = self._loop.time()
        is_relaying = end.bound and self._relay.resume()
        if not end.bound:
            # Before anything else of this session can reach it.
            self._relay.drop("the bind on it was not accepted")
        self._do(self._session.bind_ended(end.reply, bound=end.bound))
        self._held.now(_REQUESTS, self._session.held)
        if self._is_stopping and self._pending is None:
            self.stop()
        elif end.bound and not is_relaying:
            self.directory_gone(
                "the directory connection was lost while the bind was pending", within_message=False
            )

    # The end.

    def _too_much_held(self, place: Place) -> None:
        """All sessions together hold too much (`limits.buffered_total`), and this one was to hold more."""
        self._loop.call_soon(self._give_up_what_is_held, place)

    def _give_up_what_is_held(self, place: Place) -> None:
        if not self._is_closing:
            self._listener.limit_hit("buffered_total")
            notice = notice_of_disconnection(ResultCode.BUSY, "too much waits here already")
            self._close(notice, f"all sessions hold too much, and this one more {place.name}")
            if place is Place.TO_CLIENT:
                # It reads nothing; what waits for it is what has to go.
                self.transport.abortConnection()

    def _time_out(self) -> None:
        """Looks whether the client has been silent for too long; otherwise looks again later."""
        limits = self._listener.settings.limits
        if not self._has_spoken:
            self._listener.limit_hit("handshake_timeout")
            self._close(None, "no complete message, or TLS, within handshake_timeout")
            return
        # A pending bind has its own time-out. Operations have none: a hanging directory holds nobody.
        left = limits.idle_timeout - (self._loop.time() - self._last_traffic)
        if self._pending is None and left <= 0:
            self._listener.limit_hit("idle_timeout")
            notice = notice_of_disconnection(ResultCode.UNAVAILABLE, "the connection was idle for too long")
            self._close(notice, "no traffic within idle_timeout")
            return
        self._wait(max(left, 1.0))

    def _wait(self, seconds: float | None) -> None:
        """Waits so long, instead of what was waited for before; None waits no longer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self._time_out)

    def _end(self) -> None:
        """Ends the session and all that belongs to it, but for the client's transport."""
        is_quiet = self._session.is_quiet and self._pending is None
        self._session.close()
        self._todo.clear()
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.cancel()
        self._relay.close(is_quiet=is_quiet)

    def _close(self, notice: bytes | None, why: str) -> None:
        """Closes the client's connection, after a notice if there is one and no message is half through."""
        if self._is_closing:
            return
        self._is_closing = True
        _log.debug("listener %s: closing the session of %s: %s", self._listener.name, self.client, why)
        is_between_messages = self._relay.at_boundary
        self._end()
        self.transport.unregisterProducer()
        if notice is not None and is_between_messages:
            self.transport.write(notice)
        self.transport.loseConnection()
        self._wait(None)
        self._timer = self._loop.call_later(_LINGER, self.transport.abortConnection)
