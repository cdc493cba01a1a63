"""Logins that wait for preauth, and what is asked beside them when Duo is silent.

Owns who waits for preauth, the calls that find out within the same time whether Duo is there, and how the
waiting is cut short once it is known to be away. It must not know what makes Duo away (`availability`), nor
how a call is made (`client`).

Why: an outage is three failures in a row. Were each to be a login's own, three logins would wait, one after
the other; and one whose connection was there before the outage would wait for an answer, which takes longer
than not to get a connection. So when Duo has said nothing to anybody for a moment, three pings go out over
new connections, a little apart, and all of them end before the login's time to connect would. What they find,
`availability` counts like any other call. The first login of an outage is answered after `connect_timeout`
at the latest, unless Duo takes connections; the next ones are answered at once.

Where a ping takes long by itself, three that have no connection in a shorter time say nothing, and none are
made.

A Duo that takes connections and does not answer, pings or preauth alone, cannot be told sooner from one that
is slow: a login waits for `response_timeout`, and no call beside it has less. They begin a little later, two
of preauth behind the first ping that is answered, so the next logins wait as little.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Final

from ldapproxy.duo.availability import THRESHOLD
from ldapproxy.duo.calls import AWAY, TELLS_NOTHING, CallOutcome, Endpoint
from ldapproxy.duo.client import DuoClient
from ldapproxy.duo.ports import RequestObserver
from ldapproxy.duo.settings import DuoSettings

_log = logging.getLogger(__name__)

Call = Callable[[], Coroutine[object, object, object]]

# As parts of `connect_timeout`, 3 s unless configured otherwise.
_SILENCE: Final = 0.15
# After which the pings begin: 0.45 s. Preauth takes 0.1 to 0.3 s, so a Duo that is well is not pinged.
_APART: Final = 0.075
# Between two of them: 0.2 s, so that one short loss of packets does not meet all.
_SPARE: Final = 0.05
# What they end earlier than the login would: 0.15 s, in which a busy proxy gets round to hearing of it.
_SLOW: Final = 1 / 3
# The part of a ping's time to connect that the last ping may have taken. It may have had a connection, and a
# new one costs three round trips more.


class DuoIsAway(Exception):
    """Duo is known to be away by now; whoever waited for preauth need not wait any longer."""


class Doubts:
    """Who waits for preauth of one Duo application, and the calls beside them.

    Args:
        settings: the application.
        observer: is told about every call.
        try_preauth: calls preauth for nobody's login.
        clock: a clock in seconds that never goes back.

    Raises:
        ValueError: `ca_file` cannot be used.
    """

    def __init__(
        self,
        settings: DuoSettings,
        observer: RequestObserver,
        try_preauth: Call,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = settings.name
        self._connect_timeout = settings.connect_timeout
        self._response_timeout = settings.response_timeout
        self._silence = _SILENCE * settings.connect_timeout
        self._apart = _APART * settings.connect_timeout
        to_connect = (1 - _SILENCE - (THRESHOLD - 1) * _APART - _SPARE) * settings.connect_timeout
        self._usual = _SLOW * to_connect
        self._last_ping = 0.0
        self._pinger = DuoClient(
            replace(settings, connect_timeout=to_connect),
            observer,
            keeps_connections=False,  # a connection that hangs says nothing about the next one
        )
        self._try_preauth = try_preauth
        self._clock = clock
        self._waiting: dict[asyncio.Timeout, float] = {}  # since when; the oldest first
        self._away_because = ""
        self._heard = self._preauth_heard = clock()
        self._next_pings = self._next_preauths = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None
        self._asked = Endpoint.PING

    @contextlib.asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """For the time of a login's preauth.

        Raises:
            DuoIsAway: `give_up` was called meanwhile.
        """
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._waiting[scope] = self._clock()
                self._arm()
                try:
                    yield
                finally:
                    self._waiting.pop(scope, None)
        except TimeoutError:
            raise DuoIsAway(self._away_because) from None

    def give_up(self, reason: str) -> None:
        """Duo is away, for this reason: nobody waits for preauth any longer."""
        self._away_because = reason
        waiting, self._waiting = self._waiting, {}
        for scope in waiting:
            scope.reschedule(0.0)

    def call_ended(self, endpoint: Endpoint, outcome: CallOutcome, seconds: float) -> None:
        """Any call ended, after so many seconds; whatever Duo says to anybody ends the doubt."""
        if outcome in AWAY or outcome in TELLS_NOTHING:
            return
        self._heard = self._clock()
        if endpoint is Endpoint.PREAUTH:
            self._preauth_heard = self._heard
        elif endpoint is Endpoint.PING:
            self._last_ping = seconds
        if self._asking is not None and (self._asked is Endpoint.PING or endpoint is Endpoint.PREAUTH):
            self._asking.cancel()  # answered, by this call or by another

    async def aclose(self) -> None:
        """Stops asking, and closes all connections."""
        self._waiting.clear()  # so that nothing begins anew
        if self._timer is not None:
            self._timer.cancel()
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await self._pinger.aclose()

    def _arm(self) -> None:
        """Has `_look` called when there may be something to do; a second too early does no harm."""
        if self._waiting and self._timer is None and self._asking is None:
            wait = max(0.0, min(self._pings_are_due(), self._preauths_are_due()) - self._clock())
            self._timer = asyncio.get_running_loop().call_later(wait, self._look)

    def _pings_are_due(self) -> float:
        if self._last_ping > self._usual:
            return float("inf")
        since = next(iter(self._waiting.values()))
        return max(max(since, self._heard) + self._silence, self._next_pings)

    def _preauths_are_due(self) -> float:
        since = next(iter(self._waiting.values()))
        return max(max(since, self._preauth_heard) + 2 * self._silence, self._next_preauths)

    def _look(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        now = self._clock()
        if now >= self._preauths_are_due():
            # At most two for each time in which a login may wait: a Duo that is slow has enough to do.
            self._next_preauths = now + self._response_timeout
            self._ask(Endpoint.PREAUTH, THRESHOLD - 1, self._try_preauth)
        elif now >= self._pings_are_due():
            self._next_pings = now + self._connect_timeout
            self._ask(Endpoint.PING, THRESHOLD, self._pinger.ping)
        else:
            self._arm()

    def _ask(self, what: Endpoint, times: int, call: Call) -> None:
        self._asked = what
        self._asking = asyncio.get_running_loop().create_task(self._ask_apart(times, call))
        # Not at the end of `_ask_apart`: an answer may come, and cancel it, before it has begun.
        self._asking.add_done_callback(self._asked_enough)

    def _asked_enough(self, _: asyncio.Task[None]) -> None:
        self._asking = None
        self._arm()

    async def _ask_apart(self, times: int, call: Call) -> None:
        """Makes calls, each a little after the one before; `call_ended` cancels it when one is answered."""
        try:
            async with asyncio.TaskGroup() as calls:
                for number in range(times):
                    await asyncio.sleep(self._apart if number else 0.0)
                    calls.create_task(call())
        except Exception:
            # Calls never raise; were one to, the doubt must be there for the next login.
            _log.exception("duo %s: a call beside a login failed in a way that nobody foresaw", self._name)
