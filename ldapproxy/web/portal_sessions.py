"""Who is signed in to the portal, and who is about to be.

Owns sessions and waiting sign-ins: random names for them, how long they last, how many there are. It must not
know HTTP, nor how somebody signs in. Nothing is kept outside of the process's memory: a restart signs
everybody out.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from ldapproxy.auth.outcomes import Reason
from ldapproxy.secret import Secret
from ldapproxy.web.portal_ports import NewAuthenticator, Person

IDLE: Final = 600.0
"""Seconds without a request. Adding an authenticator means to find the phone, install an app and type a code;
a screen that was left alone for longer than that may be anybody's."""

LONGEST: Final = 1800.0
"""Seconds from the sign-in on, however busy: a stolen cookie is soon worth nothing. Everything that can be
done here takes some minutes."""

MOST_SESSIONS: Final = 1000
"""At a time, some KiB each. Only people with a phone in their hand get one; when there are more, the one that
was used least recently ends."""

MOST_WAITING: Final = 200
"""Sign-ins that wait at a time: each holds a connection to the directory."""

KEPT: Final = 60.0
"""Seconds that the end of a sign-in waits for its browser, which asks every few seconds."""

_RANDOM_BYTES: Final = 32
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def new_token() -> str:
    """A name that nobody can guess: 256 random bits."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def is_token(text: str) -> bool:
    """Whether the text has the form of a token."""
    return _TOKEN.fullmatch(text) is not None


@dataclass(slots=True)
class Session:
    """One browser in which somebody is signed in.

    Attributes:
        person: who.
        began: when, in seconds of the clock.
        seen: the last request.
        notice: a sentence to show on the next page; empty for none.
        adding: an authenticator that was added here and is not confirmed yet.
        sheet: label and recovery codes that have been made here and not been shown yet.
    """

    person: Person
    began: float
    seen: float
    notice: str = ""
    adding: NewAuthenticator | None = None
    sheet: tuple[str, tuple[Secret, ...]] | None = None

    def take_notice(self) -> str:
        """The sentence to show, once."""
        notice, self.notice = self.notice, ""
        return notice


class Sessions:
    """All sessions.

    Args:
        clock: a monotonic clock in seconds.
        most: at a time.
    """

    def __init__(self, clock: Callable[[], float], most: int = MOST_SESSIONS) -> None:
        self._clock = clock
        self._most = most
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._sessions)

    def open(self, person: Person) -> str:
        """A new session; the token is its only name."""
        now = self._clock()
        self._forget_ended(now)
        while len(self._sessions) >= self._most:
            self._sessions.popitem(last=False)
        token = new_token()
        self._sessions[_key(token)] = Session(person, began=now, seen=now)
        return token

    def find(self, token: str) -> Session | None:
        """The session of this name, which is used by this; None when there is none, or none any more."""
        now = self._clock()
        key = _key(token)
        session = self._sessions.get(key)
        if session is None:
            return None
        if _is_over(session, now):
            del self._sessions[key]
            return None
        session.seen = now
        self._sessions.move_to_end(key)
        return session

    def end(self, token: str) -> None:
        """Signs out."""
        self._sessions.pop(_key(token), None)

    def _forget_ended(self, now: float) -> None:
        for key in [key for key, session in self._sessions.items() if _is_over(session, now)]:
            del self._sessions[key]


class WaitingSignIns:
    """Sign-ins that are under way, by the browser that began them.

    Args:
        clock: a monotonic clock in seconds.
        most: at a time.
    """

    def __init__(self, clock: Callable[[], float], most: int = MOST_WAITING) -> None:
        self._clock = clock
        self._most = most
        self._waiting: dict[bytes, _Waiting] = {}

    def __len__(self) -> int:
        """How many there are, ended ones that nobody has asked about included."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no further one can begin."""
        self._forget_ended()
        return len(self._waiting) >= self._most

    def knows(self, token: str) -> bool:
        """Whether this browser has one."""
        self._forget_ended()
        return _key(token) in self._waiting

    def begin(self, token: str, signing_in: Coroutine[Any, Any, Person | Reason]) -> None:
        """Begins one for a browser that has none."""
        task = asyncio.get_running_loop().create_task(signing_in)
        waiting = _Waiting(task)
        task.add_done_callback(lambda _: waiting.has_ended(self._clock()))
        self._waiting[_key(token)] = waiting

    async def wait(self, token: str, seconds: float) -> bool:
        """Waits for the end of the browser's sign-in, so long at most.

        Returns:
            True when it has ended, or there is none.
        """
        waiting = self._waiting.get(_key(token))
        if waiting is not None and not waiting.task.done():
            await asyncio.wait([waiting.task], timeout=seconds)
        return waiting is None or waiting.task.done()

    def take(self, token: str) -> Person | Reason | None:
        """How the browser's sign-in ended, once; None while it has not, or when there is none."""
        self._forget_ended()
        waiting = self._waiting.get(_key(token))
        if waiting is None or not waiting.task.done():
            return None
        del self._waiting[_key(token)]
        if waiting.task.cancelled() or waiting.task.exception() is not None:
            return Reason.INTERNAL_ERROR
        return waiting.task.result()

    def give_up(self, token: str) -> None:
        """Nobody waits for the browser's sign-in any more."""
        waiting = self._waiting.pop(_key(token), None)
        if waiting is not None:
            waiting.task.cancel()

    async def aclose(self) -> None:
        """Gives all of them up."""
        tasks = [waiting.task for waiting in self._waiting.values()]
        self._waiting.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget_ended(self) -> None:
        now = self._clock()
        for key in [key for key, waiting in self._waiting.items() if waiting.is_stale(now)]:
            del self._waiting[key]


class _Waiting:
    """One sign-in."""

    def __init__(self, task: asyncio.Task[Person | Reason]) -> None:
        self.task = task
        self._ended: float | None = None

    def has_ended(self, now: float) -> None:
        self._ended = now
        if not self.task.cancelled():
            self.task.exception()  # seen, also when nobody asks how it ended

    def is_stale(self, now: float) -> bool:
        return self._ended is not None and now - self._ended > KEPT


def _is_over(session: Session, now: float) -> bool:
    return now - session.seen > IDLE or now - session.began > LONGEST


def _key(token: str) -> bytes:
    # What is compared, byte by byte, in the look-up is then nothing that anybody can steer.
    return hashlib.sha256(token.encode()).digest()
