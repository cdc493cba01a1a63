"""One client connection as a state table (RFC 4511, RFC 4513 section 4): client bytes in, actions out.

Owns the order of things: one bind at a time, what waits behind it, which operations are outstanding, when the
session is anonymous. It must not know transports, directories, policies or time.

    phase       a Bind arrives            another request arrives      the bind ends ANONYMOUS   BINDING
    relayed if anonymous may     - BINDING     waits                     waits                        BOUND or
    ANONYMOUS, then what waited runs BOUND       BINDING (identity gone)   relayed                      -
    CLOSED      ignored                   ignored                      ignored

In every phase Unbind ends the session, and bytes that cannot be decoded end it with a Notice of
Disconnection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, unique

from ldapproxy.ldap.actions import Action, Disconnect, LimitHit, StartBind, StartTls, ToClient, ToDirectory
from ldapproxy.ldap.admission import AdmissionRules, Refusal, Standing, examine
from ldapproxy.ldap.errors import DecodeError, MessageTooLarge
from ldapproxy.ldap.framing import Frame, Head, MessageFramer
from ldapproxy.ldap.messages import (
    START_TLS_OID,
    Tag,
    decode_abandon_request,
    decode_bind_request,
    decode_extended_request,
    decode_unbind_request,
    encode_result,
    notice_of_disconnection,
    response_tag,
)
from ldapproxy.ldap.outstanding import Outstanding
from ldapproxy.ldap.result_codes import ResultCode

# Before anybody has logged in, a message is a bind or a root DSE search. 64 KiB holds the largest bind seen
# in practice (long names, controls) and keeps what strangers can make the process hold small.
ANONYMOUS_MESSAGE_SIZE = 64 * 1024

# What keeping a message costs in memory beside its octets. Without it the smallest messages behind a pending
# bind would take seventeen times of what `buffered` says.
_KEEPING_COSTS = 128


# Requests that the session looks at itself. One look into a set for all others, because they are most.
_OURS = frozenset(map(int, (Tag.BIND_REQUEST, Tag.UNBIND_REQUEST, Tag.ABANDON_REQUEST, Tag.EXTENDED_REQUEST)))


@unique
class Phase(Enum):
    """Where the session stands."""

    ANONYMOUS = "anonymous"
    BINDING = "binding"
    BOUND = "bound"
    CLOSED = "closed"


# Members of enums as globals: to look one up in its enum takes six times as long; every request needs ten.
_ANONYMOUS, _BINDING, _BOUND, _CLOSED = Phase.ANONYMOUS, Phase.BINDING, Phase.BOUND, Phase.CLOSED
_FROM_CLEAR, _FROM_BOUND, _FROM_ANYBODY = Standing.IN_CLEAR, Standing.BOUND, Standing.ANONYMOUS


@dataclass(frozen=True, slots=True)
class SessionRules:
    """What one listener asks of its sessions.

    Attributes:
        admission: which requests are relayed.
        start_tls_offered: the listener has a certificate and the session did not begin with TLS.
        confidentiality_required: nothing but StartTLS, Unbind and root DSE reads is answered in clear text.
        outstanding: operations that may wait for an answer at a time; 0 means any number.
        buffered: bytes of memory that what waits behind a pending bind may take.
        message_size: bytes of one request once bound.
    """

    admission: AdmissionRules
    start_tls_offered: bool
    confidentiality_required: bool
    outstanding: int
    buffered: int
    message_size: int


class Session:
    """The state of one client connection.

    Args:
        rules: the listener's rules.
        confidential: True when the connection is protected by TLS from its start.
    """

    __slots__ = (
        "_framer",
        "_outstanding",
        "_rules",
        "_waiting",
        "_waiting_bytes",
        "confidential",
        "phase",
    )

    def __init__(self, rules: SessionRules, *, confidential: bool) -> None:
        self.phase = _ANONYMOUS
        self.confidential = confidential
        self._rules = rules
        self._framer = MessageFramer(ANONYMOUS_MESSAGE_SIZE)
        self._waiting: deque[Frame] = deque()
        self._waiting_bytes = 0
        # 1,000 as for `outstanding`'s default.
        self._outstanding = Outstanding(abandoned=max(rules.outstanding, 1000))

    @property
    def is_quiet(self) -> bool:
        """True when no operation of the session can still be answered by the directory."""
        return self._outstanding.is_quiet

    @property
    def held(self) -> int:
        """Bytes of memory that requests take which are not whole yet, or wait behind a pending bind."""
        return self._framer.buffered + self._waiting_bytes

    def receive(self, data: bytes) -> list[Action]:
        """Takes bytes of the client and returns what is to be done, in order."""
        actions: list[Action] = []
        if self.phase is not _CLOSED:
            self._framer.append(data)
            self._take_all(actions)
        return actions

    def bind_ended(self, response: bytes, *, bound: bool) -> list[Action]:
        """The pending bind has its answer; what waited behind it runs now.

        Args:
            response: the BindResponse for the client.
            bound: True when the bind was accepted for somebody; False when it failed or was anonymous.
        """
        if self.phase is not _BINDING:
            return []
        self.phase = _BOUND if bound else _ANONYMOUS
        self._framer.limit = self._rules.message_size if bound else ANONYMOUS_MESSAGE_SIZE
        actions: list[Action] = [ToClient(response)]
        while self._waiting and self._is_open_for_requests():
            frame = self._waiting.popleft()
            self._waiting_bytes -= len(frame.raw) + _KEEPING_COSTS
            self._guarded(frame, actions)
        if not self._waiting:
            self._take_all(actions)
        return actions

    def tls_started(self) -> None:
        """The connection is protected from now on."""
        self.confidential = True

    def answered(self, heads: Iterable[Head]) -> bool:
        """Notes messages that came from the directory.

        Returns:
            False when one of them answers nothing that this session asked: the connection must then be
            closed.
        """
        return self._outstanding.answered(heads)

    def connection_dropped(self) -> None:
        """The directory connection is gone: nothing that was asked on it will be answered."""
        self._outstanding.forget()

    def close(self) -> None:
        """The client is gone, or the session was ended from outside."""
        self.phase = _CLOSED
        self._waiting.clear()
        self._waiting_bytes = 0

    def _is_open_for_requests(self) -> bool:
        return self.phase is _ANONYMOUS or self.phase is _BOUND

    def _take_all(self, actions: list[Action]) -> None:
        while self.phase is not _CLOSED:
            try:
                frame = self._framer.next()
                if frame is None:
                    break
                if self.phase is _BINDING:
                    self._wait(frame, actions)
                elif frame.tag in _OURS:
                    self._take(frame, actions)
                else:
                    self._request(frame, actions)
            except DecodeError as error:
                self._refuse_bytes(error, actions)
                return
        if self.phase is _BINDING and self.held > self._rules.buffered:
            self._disconnect(
                ResultCode.BUSY, "too much was sent behind a pending bind", actions, limit="buffered"
            )

    def _wait(self, frame: Frame, actions: list[Action]) -> None:
        """A request behind a pending bind waits (RFC 4511 section 4.2.1); an Unbind ends all."""
        if frame.tag == Tag.UNBIND_REQUEST:
            self._guarded(frame, actions)
            return
        self._waiting.append(frame)
        self._waiting_bytes += len(frame.raw) + _KEEPING_COSTS

    def _guarded(self, frame: Frame, actions: list[Action]) -> None:
        try:
            self._take(frame, actions)
        except DecodeError as error:
            self._refuse_bytes(error, actions)

    def _take(self, frame: Frame, actions: list[Action]) -> None:
        tag = frame.tag
        if tag not in _OURS:
            self._request(frame, actions)
        elif tag == Tag.BIND_REQUEST:
            self._begin_bind(frame, actions)
        elif tag == Tag.UNBIND_REQUEST:
            decode_unbind_request(frame)
            self.close()
            actions.append(Disconnect(None, "the client unbound"))
        elif tag == Tag.ABANDON_REQUEST:
            self._abandon(frame, actions)
        elif tag == Tag.EXTENDED_REQUEST and decode_extended_request(frame).oid == START_TLS_OID:
            self._start_tls(frame, actions)
        else:
            self._request(frame, actions)

    def _begin_bind(self, frame: Frame, actions: list[Action]) -> None:
        request = decode_bind_request(frame)
        fresh = not self.is_quiet
        self.phase = _BINDING
        self._framer.limit = ANONYMOUS_MESSAGE_SIZE
        if fresh:
            self.connection_dropped()
        actions.append(StartBind(request, frame.raw, fresh))

    def _abandon(self, frame: Frame, actions: list[Action]) -> None:
        """Passes an Abandon on if the directory has the operation; binds are never abandoned."""
        abandoned = decode_abandon_request(frame).abandoned
        if self._outstanding.abandon(abandoned):
            actions.append(ToDirectory(frame))

    def _start_tls(self, frame: Frame, actions: list[Action]) -> None:
        """StartTLS (RFC 4511 section 4.14) ends here: it protects the leg between client and proxy."""
        if self._waiting or self._framer.buffered:
            # Whatever came in clear behind the request may be an attacker's, to be read as if it were
            # protected.
            self.close()
            actions.append(Disconnect(None, "bytes came in clear behind a StartTLS request"))
            return
        if self.confidential:
            refusal = Refusal(ResultCode.OPERATIONS_ERROR, "TLS is already in use")
        elif not self._rules.start_tls_offered:
            refusal = Refusal(ResultCode.PROTOCOL_ERROR, "StartTLS is not offered here")
        elif not self.is_quiet:
            refusal = Refusal(ResultCode.OPERATIONS_ERROR, "operations are outstanding")
        else:
            success = encode_result(
                frame.message_id, Tag.EXTENDED_RESPONSE, ResultCode.SUCCESS, oid=START_TLS_OID
            )
            actions.append(StartTls(success))
            return
        answer = encode_result(
            frame.message_id, Tag.EXTENDED_RESPONSE, refusal.code, refusal.text, oid=START_TLS_OID
        )
        actions.append(ToClient(answer))

    def _request(self, frame: Frame, actions: list[Action]) -> None:
        rules = self._rules
        running = self._outstanding.running
        if rules.confidentiality_required and not self.confidential:
            standing = _FROM_CLEAR
        elif self.phase is _BOUND:
            standing = _FROM_BOUND
        else:
            standing = _FROM_ANYBODY
        refusal = examine(frame, standing, rules.admission)
        message_id = frame.message_id
        if refusal is None and rules.outstanding and len(running) >= rules.outstanding:
            refusal = Refusal(ResultCode.BUSY, "too many operations are outstanding")
            actions.append(LimitHit("outstanding"))
        if message_id in running:
            # RFC 4511 section 4.1.1.1: answers could not be told apart.
            self._disconnect(ResultCode.PROTOCOL_ERROR, "a messageID was used twice at a time", actions)
        elif refusal is None:
            self._outstanding.begin(message_id)
            actions.append(ToDirectory(frame))
        elif (tag := response_tag(frame.tag)) is not None:
            actions.append(ToClient(encode_result(message_id, tag, refusal.code, refusal.text)))
        else:
            self._disconnect(refusal.code, refusal.text, actions)

    def _refuse_bytes(self, error: DecodeError, actions: list[Action]) -> None:
        limit = "message_size" if isinstance(error, MessageTooLarge) else None
        self._disconnect(ResultCode.PROTOCOL_ERROR, str(error), actions, limit=limit)

    def _disconnect(
        self, code: ResultCode, text: str, actions: list[Action], limit: str | None = None
    ) -> None:
        self.close()
        actions.append(Disconnect(notice_of_disconnection(code, text), text, limit))
