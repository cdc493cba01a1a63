"""A Duo application that is watched: a login asks only while Duo is there.

Owns the background ping, and preauth behind it where that is what failed; and the way between the client's
calls, `availability` and `doubts`. It must not know what an outcome means for a login, nor how a call is
made.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from ldapproxy.auth.effects import VerifySecondFactor
from ldapproxy.auth.outcomes import SecondFactorOutcome, SecondFactorResult
from ldapproxy.duo.availability import Availability, Away, Change, State
from ldapproxy.duo.calls import CallOutcome, Endpoint
from ldapproxy.duo.client import DuoClient
from ldapproxy.duo.doubts import Doubts, DuoIsAway
from ldapproxy.duo.ports import DuoObserver
from ldapproxy.duo.settings import DuoSettings

_log = logging.getLogger(__name__)

_AFTER_A_SURPRISE = 1.0
# Seconds until the next ping after one that failed in a way that nobody foresaw.


class WatchedDuo:
    """One Duo application and what is known of its state (`net.ports.SecondFactor`).

    Args:
        settings: the application.
        observer: counts calls and shows the state.
        clock: a clock in seconds that never goes back.

    Raises:
        ValueError: `ca_file` cannot be used.
    """

    def __init__(
        self, settings: DuoSettings, observer: DuoObserver, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = settings.name
        self._observer = observer
        self._clock = clock
        self._availability = Availability(clock(), settings.ping_interval)
        self._client = DuoClient(settings, self)
        self._doubts = Doubts(settings, self, self._try_preauth, clock)
        self._ping_is_due = asyncio.Event()
        self._last_username = ""  # whom a preauth in the background asks about: somebody whom Duo may know
        self._pinging: asyncio.Task[None] | None = None
        observer.duo_state(self._name, State.UP.value)

    @property
    def state(self) -> State:
        """How it stands."""
        return self._availability.state

    @property
    def reason(self) -> str:
        """Why the state is not `up`, as a sentence; empty while it is."""
        return self._availability.reason

    def start(self) -> None:
        """Starts the background ping."""
        self._pinging = asyncio.get_running_loop().create_task(self._keep_pinging())

    async def verify(self, question: VerifySecondFactor, budget: float) -> SecondFactorResult:
        """Asks for a second factor, unless Duo is known to be away: then it is UNAVAILABLE at once.

        It is, too, as soon as Duo becomes known to be away while nobody was asked yet.
        """
        admission = self._availability.admit(self._clock())
        if isinstance(admission, Away):
            return SecondFactorResult(SecondFactorOutcome.UNAVAILABLE, detail=admission.reason)
        self._last_username = question.username
        result: SecondFactorResult | None = None
        try:
            result = await self._client.verify(question, budget, self._doubts.waiting())
        except DuoIsAway as away:
            result = SecondFactorResult(SecondFactorOutcome.UNAVAILABLE, detail=str(away))
        finally:
            # Also when the login was cancelled: what was admitted has ended.
            now = self._clock()
            self._note(self._availability.login_ended(now, admission, question.identity, result))
        return result

    async def aclose(self) -> None:
        """Stops the ping and closes all connections."""
        pinging, self._pinging = self._pinging, None
        if pinging is not None:
            pinging.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pinging
        await self._doubts.aclose()
        await self._client.aclose()

    def duo_request(self, duo: str, endpoint: str, outcome: str, seconds: float) -> None:
        """A call ended (`ports.RequestObserver`)."""
        self._observer.duo_request(duo, endpoint, outcome, seconds)
        due = self._availability.next_ping
        ended = CallOutcome(outcome)
        detail = ended.value.replace("_", " ")
        self._doubts.call_ended(Endpoint(endpoint), ended, seconds)
        self._note(self._availability.call_ended(self._clock(), Endpoint(endpoint), ended, detail))
        if self._availability.next_ping != due:
            self._ping_is_due.set()

    async def _keep_pinging(self) -> None:
        while True:
            self._ping_is_due.clear()
            wait = self._availability.next_ping - self._clock()
            if wait <= 0:
                try:
                    await self._client.ping()
                    if self._availability.wants_preauth:
                        await self._try_preauth()
                except Exception:
                    # Calls never raise; were one to, the watch must not end with it.
                    _log.exception("duo %s: a ping failed in a way that nobody foresaw", self._name)
                    await asyncio.sleep(_AFTER_A_SURPRISE)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._ping_is_due.wait()

    async def _try_preauth(self) -> None:
        await self._client.try_preauth(self._last_username)

    def _note(self, change: Change | None) -> None:
        """Shows a change of state: one line in the log, and the metric."""
        if change is None:
            return
        self._observer.duo_state(self._name, change.after.value)
        if change.after is State.DOWN:
            self._doubts.give_up(change.reason)
        level = logging.INFO if change.after is State.UP else logging.WARNING
        _log.log(
            level,
            "duo %s: %s, was %s: %s",
            self._name,
            change.after.value,
            change.before.value,
            change.reason,
        )
