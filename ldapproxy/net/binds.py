"""The binds of one listener: examined, performed, answered, recorded.

Owns the way of a BindRequest from the session to its answer, the count of pending binds, and one audit record
for each. It must not know the state of the session, nor decide what the flow decides.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from ldapproxy.auth import fail_mode, preconditions, replies
from ldapproxy.auth.audit import Durations, record_of
from ldapproxy.auth.bind_flow import Conclusion, bind_flow
from ldapproxy.auth.failed_binds import Attempt, FailedBinds
from ldapproxy.auth.outcomes import Reason, Verdict
from ldapproxy.auth.policy import Address, ListenerPolicy
from ldapproxy.auth.preconditions import AnonymousBind, Refused, SimpleBind, examine
from ldapproxy.ldap.actions import StartBind
from ldapproxy.ldap.messages import BindRequest, Tag, encode_result
from ldapproxy.ldap.result_codes import ResultCode
from ldapproxy.net.bridge import run_soon
from ldapproxy.net.counted import CountedPrimary
from ldapproxy.net.lessons import Lessons
from ldapproxy.net.perform import BindPorts, Progress, perform
from ldapproxy.net.ports import Audit, EntryLookup, Observer, OfflineCodes, SecondFactor
from ldapproxy.net.primary import Primary
from ldapproxy.net.relay import Relay

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BindEnd:
    """A bind has its answer.

    Attributes:
        reply: the BindResponse for the client.
        bound: True when the session is somebody's now; otherwise its directory connection has to go.
    """

    reply: bytes
    bound: bool


class Binds:
    """The binds of one listener.

    Args:
        policy: what the listener asks of a bind.
        limit: binds that may be pending at a time.
        failed: counts wrong passwords.
        lookup: reads entries.
        second_factor: asks Duo.
        response_timeout: of the directory, in seconds.
        offline: checks offline codes; None when there is no store.
        lessons: what binds mean for later ones.
        answer_before: seconds after which a pending bind is answered `busy`; None is never.
        audit: gets a record of each bind.
        observer: counts.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        policy: ListenerPolicy,
        limit: int,
        failed: FailedBinds,
        lookup: EntryLookup,
        second_factor: SecondFactor,
        response_timeout: float,
        offline: OfflineCodes | None,
        lessons: Lessons,
        answer_before: float | None,
        audit: Audit,
        observer: Observer,
        clock: Callable[[], float],
    ) -> None:
        self.policy = policy
        self._limit = limit
        self._failed = failed
        self._lookup = lookup
        self._second_factor = second_factor
        self._response_timeout = response_timeout
        self._offline = offline
        self._lessons = lessons
        self.answer_before = answer_before
        self._audit = audit
        self._observer = observer
        self._clock = clock
        self._pending: set[PendingBind] = set()

    def __len__(self) -> int:
        """How many are pending."""
        return len(self._pending)

    def begin(
        self,
        start: StartBind,
        relay: Relay,
        client: Address,
        *,
        confidential: bool,
        ended: Callable[[BindEnd], None],
    ) -> PendingBind | BindEnd:
        """Begins a bind.

        Args:
            start: the bind, as the session hands it out.
            relay: the session's relay, suspended.
            client: the client's address.
            confidential: True when the client's connection is protected by TLS.
            ended: is called later with the end of a pending bind, unless that is cancelled.

        Returns:
            The end, if it needs no I/O; otherwise the pending bind.
        """
        began = self._clock()
        examined = examine(start.request, self.policy, confidential=confidential)
        match examined:
            case SimpleBind():
                if self._limit and len(self._pending) >= self._limit:
                    self._observer.limit_hit(self.policy.listener, "pending_binds")
                    return self._refuse(start.request, preconditions.TOO_MANY_PENDING, client, began)
                attempt = self._failed.begin(examined.name, client, began)
                if attempt is None:
                    self._observer.limit_hit(self.policy.listener, "failed_binds")
                    return self._refuse(start.request, preconditions.TOO_MANY_FAILED, client, began)
                primary = CountedPrimary(
                    Primary(relay, start.request, start.raw, self._response_timeout),
                    attempt,
                    examined.name,
                    self._lookup,
                    self.policy.nobody,
                    self._clock,
                )
                ports = BindPorts(
                    primary,
                    self._lookup,
                    self._second_factor,
                    lambda question: self._lessons.recall(question, client),
                    self._offline,
                )
                progress = Progress(self._clock)
                return PendingBind(self, start.request, examined, ports, attempt, client, progress, ended)
            case Refused():
                return self._refuse(start.request, examined, client, began)
            case AnonymousBind():
                reply = encode_result(start.request.message_id, Tag.BIND_RESPONSE, ResultCode.SUCCESS)
                conclusion = Conclusion(Verdict.ACCEPTED, Reason.ANONYMOUS)
                self._record(start.request, conclusion, client, ResultCode.SUCCESS, self._at_once(began))
                return BindEnd(reply, bound=False)
            case _:
                assert_never(examined)

    async def run(self, bind: PendingBind) -> tuple[Conclusion, Durations]:
        """Performs the flow of a pending bind."""
        flow = bind_flow(bind.examined, self.policy, bind.client)
        return await perform(flow, bind.ports, self.policy.bind_timeout, self._clock, bind.progress)

    def started(self, bind: PendingBind) -> None:
        """A bind is pending from now on."""
        self._pending.add(bind)
        self._observer.bind_pending(self.policy.listener, +1)

    def finished(self, bind: PendingBind, result: tuple[Conclusion, Durations]) -> BindEnd:
        """A pending bind has come to its conclusion."""
        conclusion, durations = result
        if conclusion.reason is Reason.TOO_MANY_FAILED:
            self._observer.limit_hit(self.policy.listener, "failed_binds")
        self._lessons.concluded(conclusion, bind.client, bind.examined.credential)
        own_code = replies.result_code(conclusion)
        code = conclusion.primary_code if own_code is None else own_code
        self._record(bind.request, conclusion, bind.client, code, durations)
        reply = replies.reply(bind.request.message_id, conclusion)
        return BindEnd(reply, conclusion.verdict is Verdict.ACCEPTED)

    def answered_before(self, bind: PendingBind) -> BindEnd:
        """A pending bind has reached `answer_before`: the client may come back for the push that goes on."""
        waits = bind.progress.waits_for_person
        text = "the push still waits; try again to use it" if waits else "no answer yet; try again"
        conclusion = bind.progress.broken_off(Reason.ANSWERED_BEFORE, text)
        self._record(bind.request, conclusion, bind.client, ResultCode.BUSY, bind.progress.durations())
        return BindEnd(replies.reply(bind.request.message_id, conclusion), bound=False)

    def left(self, bind: PendingBind) -> None:
        """The client of a pending bind has left."""
        durations = bind.progress.durations()
        self._lessons.left(durations.total, self.policy.bind_timeout)
        conclusion = bind.progress.broken_off(Reason.CLIENT_LEFT)
        self._record(bind.request, conclusion, bind.client, None, durations)

    def ended(self, bind: PendingBind) -> None:
        """A bind is no longer pending."""
        self._pending.discard(bind)
        self._observer.bind_pending(self.policy.listener, -1)

    def _refuse(self, request: BindRequest, refused: Refused, client: Address, began: float) -> BindEnd:
        conclusion = Conclusion(Verdict.REJECTED, refused.reason)
        self._record(request, conclusion, client, refused.result_code, self._at_once(began))
        return BindEnd(replies.refusal(request.message_id, refused), bound=False)

    def _at_once(self, began: float) -> Durations:
        return Durations(total=self._clock() - began)

    def _record(
        self,
        request: BindRequest,
        conclusion: Conclusion,
        client: Address,
        code: int | None,
        durations: Durations,
    ) -> None:
        record = record_of(
            conclusion,
            bind_id=secrets.token_hex(8),
            name=request.name.decode(errors="replace"),
            policy=self.policy,
            client=client,
            result_code=code,
            durations=durations,
        )
        self._audit.write(record)
        self._observer.bind_ended(record)
        if conclusion.offline is not None:
            self._observer.offline_code(self.policy.listener, conclusion.offline.verdict.value)
        result = conclusion.second_factor
        if result is None or not fail_mode.is_asked(result.outcome):
            return
        accepted = conclusion.verdict is Verdict.ACCEPTED
        decision = "reject" if not accepted else "accept" if conclusion.offline is None else "offline_code"
        self._observer.fail_mode_decided(self.policy.listener, self.policy.fail_mode.value, decision)
        if accepted:
            _log.warning(
                "listener %s: %s logged in by fail mode %s without Duo (%s: %s)",
                self.policy.listener,
                record.dn,
                record.fail_mode.value,
                result.outcome.value,
                result.detail,
            )


class PendingBind:
    """One bind that waits for the directory, a look-up or Duo."""

    def __init__(
        self,
        binds: Binds,
        request: BindRequest,
        examined: SimpleBind,
        ports: BindPorts,
        attempt: Attempt,
        client: Address,
        progress: Progress,
        ended: Callable[[BindEnd], None],
    ) -> None:
        self.request = request
        self.examined = examined
        self.ports = ports
        self.client = client
        self.progress = progress
        self._attempt = attempt
        self._binds = binds
        self._ended = ended
        self._is_over = False
        binds.started(self)
        self._task = run_soon(binds.run(self), self._done)
        self._early: asyncio.TimerHandle | None = None
        if binds.answer_before is not None:
            self._early = asyncio.get_running_loop().call_later(binds.answer_before, self._answer_before)

    def cancel(self) -> None:
        """The client has left: nobody waits for the answer any more."""
        if not self._is_over:
            self._over()
            self._task.cancel()
            self._binds.left(self)

    def _over(self) -> None:
        self._is_over = True
        self._binds.ended(self)
        if self._early is not None:
            self._early.cancel()

    def _answer_before(self) -> None:
        if not self._is_over:
            self._over()
            self._task.cancel()
            self._end_with(partial(self._binds.answered_before, self))

    def _done(self, task: asyncio.Task[tuple[Conclusion, Durations]]) -> None:
        self._attempt.came_to_nothing()  # unless the directory was asked, and its answer counted
        if self._is_over:
            if not task.cancelled():
                task.exception()
            return
        self._over()
        if task.cancelled() or task.exception() is not None:
            # `perform` catches everything; this is for what breaks `perform` itself.
            _log.error("a bind was broken off; it is rejected")
            conclusion = Conclusion(Verdict.REJECTED, Reason.INTERNAL_ERROR, detail="the bind was broken off")
            self._end_with(partial(self._binds.finished, self, (conclusion, Durations())))
        else:
            self._end_with(partial(self._binds.finished, self, task.result()))

    def _end_with(self, end: Callable[[], BindEnd]) -> None:
        """Answers the client whatever goes wrong on the way, then with a no: it must not wait for ever."""
        try:
            ended = end()
        except Exception as error:
            _log.error("the end of a bind failed; it is rejected: %s", type(error).__name__)
            conclusion = Conclusion(Verdict.REJECTED, Reason.INTERNAL_ERROR)
            ended = BindEnd(replies.reply(self.request.message_id, conclusion), bound=False)
        self._ended(ended)
