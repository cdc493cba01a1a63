"""One Duo application: asks for a second factor and waits for its end.

Owns the order of the calls, their time limits, and when a call is repeated. It must not know what an answer
means (`responses`), nor how it travels (`transport`).

The clock: nobody has to ping first. Requests carry our own date until Duo refuses a signature; then Duo's
clock is asked for with a ping, and if it differs, the refused call, which Duo has not acted on, is signed
anew and repeated once. Every ping, the background ones included, renews the offset.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from ldapproxy.auth.effects import VerifySecondFactor
from ldapproxy.auth.outcomes import Factor, SecondFactorOutcome, SecondFactorResult
from ldapproxy.duo import everybody, requests, responses
from ldapproxy.duo.calls import TRANSIENT, CallOutcome, Endpoint, Failure, Reply
from ldapproxy.duo.factors import AskDevice, AskEverybody, NoFactor, Question, choose
from ldapproxy.duo.ports import RequestObserver
from ldapproxy.duo.responses import Response, Waiting
from ldapproxy.duo.settings import DuoSettings
from ldapproxy.duo.signing import Signer
from ldapproxy.duo.transport import Transport

_CLOCK_TOLERANCE: Final = 60.0
# Seconds. Duo refuses dates that are minutes off; below this the clock is not the reason for a refusal.

_POLL_INTERVAL: Final = 1.0
# Seconds between two auth_status calls when Duo does not hold the call until something changes, as it
# normally does.

_PAUSES: Final = (0.25, 0.5, 1.0, 2.0)
# Seconds before auth_status is asked again after failures in a row; the last one repeats. Quick at first,
# since a single lost connection should not delay an approval; then slow enough for a Duo that is coming back.

_TOO_SHORT: Final = 0.01
# Seconds in which no answer comes over a network. A timer may fire a little before the end of the time.

_NO_END: Final = float("inf")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Health:
    """What a ping or check found out.

    Attributes:
        outcome: OK, or what went wrong.
        detail: a sentence about what went wrong; empty when nothing did.
        clock_offset: Duo's clock minus ours, in seconds, as exact as the round trip; None when Duo did not
            tell.
    """

    outcome: CallOutcome
    detail: str = ""
    clock_offset: float | None = None


class DuoClient:
    """Asks one Duo application; safe for any number of logins at a time on one event loop.

    Args:
        settings: the application.
        observer: is told about every call.
        clock: our clock, in seconds since 1970.
        keeps_connections: whether a later call may use the connection of an earlier one.

    Raises:
        ValueError: `ca_file` cannot be used.
    """

    def __init__(
        self,
        settings: DuoSettings,
        observer: RequestObserver,
        clock: Callable[[], float] = time.time,
        *,
        keeps_connections: bool = True,
    ) -> None:
        self._name = settings.name
        self._response_timeout = settings.response_timeout
        self._observer = observer
        self._clock = clock
        self._signer = Signer(settings, clock)
        self._transport = Transport(settings, keeps_connections)

    async def verify(
        self,
        question: VerifySecondFactor,
        budget: float,
        while_nobody_is_asked: AbstractAsyncContextManager[object] | None = None,
    ) -> SecondFactorResult:
        """Asks for the second factor and waits for its end.

        Never raises for what Duo or the network may do. Cancelling it ends the waiting and closes the
        connection.

        Args:
            question: the login.
            budget: seconds for all of it. The result comes at the end of the budget at the latest.
            while_nobody_is_asked: is entered for preauth; what it raises ends the login.
        """
        end = asyncio.get_running_loop().time() + budget
        async with while_nobody_is_asked or contextlib.nullcontext():
            preauth = await self._call(
                Endpoint.PREAUTH, requests.preauth(question), responses.preauth, end, self._response_timeout
            )
        if isinstance(preauth, Failure):
            return responses.never_asked(preauth)
        if isinstance(preauth, SecondFactorResult):
            return preauth
        chosen = choose(question.choice, question.factors, preauth.devices)
        if isinstance(chosen, NoFactor):
            return SecondFactorResult(SecondFactorOutcome.NO_FACTOR, detail=chosen.detail)
        # Once around the loop, so that a connection that Duo closed right behind its answer is seen to be
        # closed: the auth call must not be written to it, because it can not be repeated.
        await asyncio.sleep(0)
        if isinstance(chosen, AskEverybody):
            return await self._ask_everybody(question, chosen, end)
        return await self._ask(question, chosen, end)

    async def ping(self) -> Health:
        """Asks whether Duo is there, and for its clock; no keys are involved."""
        return await self._ping(_NO_END)

    async def try_preauth(self, username: str) -> None:
        """Calls preauth, which asks nobody anything, to see whether it works; the observer hears the outcome.

        Args:
            username: whose devices are asked for.
        """
        await self._call(
            Endpoint.PREAUTH, {"username": username}, responses.preauth, _NO_END, self._response_timeout
        )

    async def check(self) -> Health:
        """Asks whether Duo is there and accepts our keys."""
        health = await self.ping()
        if health.outcome is not CallOutcome.OK:
            return health
        answer = await self._call(Endpoint.CHECK, {}, responses.server_time, _NO_END, self._response_timeout)
        if isinstance(answer, Failure):
            return replace(health, outcome=answer.outcome, detail=answer.detail)
        return health

    async def aclose(self) -> None:
        """Closes all connections to Duo. Logins that still wait get a failure."""
        await self._transport.aclose()

    async def _ask(self, question: VerifySecondFactor, chosen: Question, end: float) -> SecondFactorResult:
        """Asks one device, or lets Duo verify a passcode, and waits for the end of it."""
        transaction = await self._call(
            Endpoint.AUTH,
            requests.auth(question, chosen),
            responses.transaction,
            end,
            self._response_timeout,
        )
        if isinstance(transaction, Failure):
            result = responses.auth_failed(transaction)
        else:
            result = await self._follow(transaction, end)
        device = chosen.device.shown if isinstance(chosen, AskDevice) else None
        return replace(result, factor=chosen.factor.value, device=device)

    async def _ask_everybody(
        self, question: VerifySecondFactor, chosen: AskEverybody, end: float
    ) -> SecondFactorResult:
        """Pushes to all devices at once, until one answer decides.

        The others are no longer followed then; Duo has no call that takes a push back.
        """
        asking = [
            asyncio.create_task(self._ask(question, AskDevice(Factor.PUSH, device), end))
            for device in chosen.devices
        ]
        try:
            pending = set(asking)
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                if any(everybody.ends_it(task.result()) for task in done):
                    break
        finally:
            # Also when the login was cancelled, or one of them failed in a way that nobody foresaw.
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        return everybody.verdict([task.result() for task in asking if not task.cancelled()])

    async def _follow(self, transaction: str, end: float) -> SecondFactorResult:
        """Asks how the transaction stands until it has ended, or the time is up.

        Duo answers the first call at once, and holds the later ones until something changes. What was heard
        last decides at the end of the time (design 4.1).
        """
        loop = asyncio.get_running_loop()
        heard: Waiting | Failure | None = None
        acknowledged = False
        failures = 0
        while True:
            asked_at = loop.time()
            limit = None if acknowledged else self._response_timeout
            answer = await self._call(
                Endpoint.AUTH_STATUS, {"txid": transaction}, responses.auth_status, end, limit
            )
            match answer:
                case SecondFactorResult():
                    return answer
                case Waiting():
                    is_news = answer != heard or loop.time() - asked_at >= _POLL_INTERVAL
                    pause = 0.0 if is_news else _POLL_INTERVAL
                    acknowledged, failures = True, 0
                case Failure(CallOutcome.ABANDONED | CallOutcome.NOT_MADE):
                    if isinstance(heard, Waiting):
                        return SecondFactorResult(
                            SecondFactorOutcome.TIMED_OUT, detail="nobody answered in time"
                        )
                    return responses.already_asked(heard or answer)
                case Failure() if answer.outcome in TRANSIENT:
                    pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
                    failures += 1
                case Failure():
                    return responses.already_asked(answer)
            heard = answer
            if pause:
                await asyncio.sleep(min(pause, max(0.0, end - loop.time())))

    async def _ping(self, end: float) -> Health:
        loop = asyncio.get_running_loop()
        before, asked_at = self._clock(), loop.time()
        answer = await self._call(Endpoint.PING, {}, responses.server_time, end, self._response_timeout)
        if isinstance(answer, Failure):
            return Health(answer.outcome, answer.detail)
        # Duo cuts off fractions, and read its clock about half-way through the call.
        self._signer.offset = answer + 0.5 - (before + (loop.time() - asked_at) / 2)
        return Health(CallOutcome.OK, clock_offset=self._signer.offset)

    async def _call(
        self,
        endpoint: Endpoint,
        parameters: requests.Parameters,
        read: Callable[[Response], Answer],
        end: float,
        limit: float | None,
    ) -> Answer | Failure:
        """Makes one call, reads its answer with `read`, and tells the observer.

        Args:
            endpoint: where to.
            parameters: what to say.
            read: what to make of the `response` object.
            end: the loop's time at which the login is over.
            limit: seconds for the call; None for as long as there is time.
        """
        if end - asyncio.get_running_loop().time() < _TOO_SHORT:
            return Failure(CallOutcome.NOT_MADE, "the time for the login was up")
        started = time.monotonic()
        outcome = CallOutcome.ABANDONED
        try:
            reply = await self._exchange(endpoint, parameters, end, limit)
            response = reply if isinstance(reply, Failure) else responses.response_of(reply)
            answer = response if isinstance(response, Failure) else read(response)
            outcome = answer.outcome if isinstance(answer, Failure) else CallOutcome.OK
            return answer
        finally:
            self._observer.duo_request(self._name, endpoint.value, outcome.value, time.monotonic() - started)

    async def _exchange(
        self, endpoint: Endpoint, parameters: requests.Parameters, end: float, limit: float | None
    ) -> Reply | Failure:
        """Sends a request, and once more where that is safe and may help."""
        offset = self._signer.offset
        reply = await self._send(endpoint, parameters, end, limit)
        if isinstance(reply, Failure):
            # Most likely a kept connection that Duo has closed. Preauth asks nobody, so it may be repeated;
            # the transport repeats a GET by itself; an auth call is never repeated.
            if reply.outcome is CallOutcome.LOST and endpoint is Endpoint.PREAUTH:
                return await self._send(endpoint, parameters, end, limit)
        elif reply.status == 401 and await self._clock_was_wrong(offset, end):
            return await self._send(endpoint, parameters, end, limit)
        return reply

    async def _send(
        self, endpoint: Endpoint, parameters: requests.Parameters, end: float, limit: float | None
    ) -> Reply | Failure:
        remaining = max(0.0, end - asyncio.get_running_loop().time())
        within = remaining if limit is None else min(limit, remaining)
        reply = await self._transport.send(endpoint, self._signer.sign(endpoint, parameters), within)
        if (
            isinstance(reply, Failure)
            and reply.outcome is CallOutcome.RESPONSE_TIMEOUT
            and within == remaining
        ):
            return Failure(CallOutcome.ABANDONED, "Duo had not answered when the time for the login was up")
        return reply

    async def _clock_was_wrong(self, offset: float, end: float) -> bool:
        """Whether a request signed with this offset carried a wrong date; asks Duo unless that is known."""
        if abs(self._signer.offset - offset) <= _CLOCK_TOLERANCE:
            await self._ping(end)
        return abs(self._signer.offset - offset) > _CLOCK_TOLERANCE
