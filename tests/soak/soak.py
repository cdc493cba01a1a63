"""A run: rounds of traffic and weather, each followed by calm in which everything is looked at.

Owns the order of things, and what is flat and what is not. It must not know what clients do.
"""

from __future__ import annotations

import os
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ldapproxy.directory import lookup
from ldapproxy.offline import store
from tests.soak.audit import AuditLog
from tests.soak.books import Books, Totals
from tests.soak.connection import SUCCESS, Door, Gone
from tests.soak.ledger import Ledger
from tests.soak.listeners import LISTENERS
from tests.soak.people import People, Phone
from tests.soak.place import Place
from tests.soak.roll_call import call_the_roll
from tests.soak.visits import pay_one
from tests.soak.vitals import Patient, Vitals
from tests.soak.weather import Weather

CLIENTS = 24
"""Clients at a time. Many of them wait: for a person, for Duo, for a directory that hangs."""

MEMORY_MAY_GROW = 0.10
"""From the first calm behind the warm-up to the last one, in parts. What is kept by design (idle connections,
logins remembered for seconds) comes and goes within this; 100 bytes lost per bind would be 5 MB in 50,000."""

OTHERS_MAY_GROW = 4
"""Descriptors that are no connection: log and database files that happen to be open."""

_DIRECTORIES = 2
THREADS_AT_MOST = _DIRECTORIES * lookup.THREADS + store.THREADS + (os.cpu_count() or 1) + 4 + 10 + 4 + 1
"""Threads of the proxy: look-ups, the offline store, asyncio's own pool, Twisted's for host names, libuv's,
and the main one. A pool gets a thread when all it has are busy, and keeps it: so many at last, never more."""

IDLE_MAY_TAKE = 0.10
"""Processor time in calm, in parts: a ping a second, and nobody is there. A task that goes round in circles
takes more."""

# They are kept for four seconds, and the pings, one a second, may use one after the other.
_DUO_CONNECTIONS = 5
_KEPT_FOR_LOOK_UPS = 2 * 10  # per directory
_SAMPLE_EVERY = 1.0
_CALM_WITHIN = 60.0
_STOP_WITHIN = 10.0

_SAYS_THAT_SOMETHING_IS_WRONG = (
    "Traceback",
    "nobody foresaw",
    "never retrieved",
    "never awaited",
    "Task was destroyed",
    "Exception ignored",
    "ResourceWarning",
    "Unhandled",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    Attributes:
        seconds: for the rounds together, each with its calm; the start and the end come on top.
        rounds: how many; at least 2, for memory is compared between them.
        rate: binds in a second, if this machine can.
        people: how many take part.
        weather_pace: how long each disturbance lasts, in parts of what is usual.
        seed: the same for the same choices, as far as clients and weather run in step.
        compares_memory: False where the rounds are too short for it.
    """

    seconds: float
    rounds: int
    rate: float = 60.0
    people: int = 1000
    weather_pace: float = 1.0
    seed: int = 1
    compares_memory: bool = True


@dataclass(frozen=True, slots=True)
class Round:
    """One round.

    Attributes:
        seconds: with traffic.
        binds: how many were sent in them.
        peak: memory at most while there was traffic, in KiB.
        sessions: at most at a time.
        calm: the process afterwards.
        idle: its processor time then, in parts.
    """

    seconds: float
    binds: int
    peak: int
    sessions: int
    calm: Vitals
    idle: float


@dataclass(slots=True)
class Findings:
    """What a run found.

    Attributes:
        rounds: one after the other.
        totals: the books.
        visits: what clients did, and how often.
        weather: what went wrong, and how often.
        kinds_of_weather: how many different things may go wrong.
        problems: what must not be, in sentences.
        metrics: the last ones.
    """

    rounds: list[Round] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    visits: Counter[str] = field(default_factory=Counter)
    weather: Counter[str] = field(default_factory=Counter)
    kinds_of_weather: int = 0
    problems: list[str] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """True when there is nothing that must not be."""
        return not self.problems


def soak(plan: Plan, folder: Path, tell: Callable[[str], None] = lambda _: None) -> Findings:
    """Carries out a plan.

    Args:
        plan: what to do.
        folder: an empty folder for logs and databases.
        tell: is told how it goes.
    """
    people = People(plan.people)
    with Place(folder, people) as place:
        run = _Run(plan, place, people)
        for number in range(plan.rounds):
            tell(run.round(number))
        return run.end()


def warm(rounds: list[Round]) -> Vitals:
    """The process behind the first quarter, in which caches and pools fill."""
    return rounds[max(1, len(rounds) // 4) - 1].calm


class _Run:
    """A run under way."""

    def __init__(self, plan: Plan, place: Place, people: People) -> None:
        self._plan = plan
        self._place = place
        self._people = people
        self._chance = random.Random(plan.seed)
        self._ledger = Ledger()
        self._door = Door(place, self._ledger)
        self._audit = AuditLog(place.proxy.audit_file)
        self._books = Books()
        self._patient = Patient(place.proxy.pid, place.directory_ports, place.duo.port)
        self._weather = Weather(place, random.Random(plan.seed), plan.weather_pace)
        self._findings = Findings()
        self._lock = threading.Lock()

    def round(self, number: int) -> str:
        """Traffic and weather, then calm; returns a line about it."""
        began = time.monotonic()
        until = began + self._plan.seconds / self._plan.rounds
        self._weather.begin()
        clients = [
            threading.Thread(
                target=self._pay_visits, args=(began, until, self._chance.random()), name="client"
            )
            for _ in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        peak = sessions = 0
        while time.monotonic() < until:
            time.sleep(_SAMPLE_EVERY)
            peak = max(peak, self._patient.look().memory)
            sessions = max(sessions, self._sessions())
        self._weather.end()
        for client in clients:
            client.join()
        seconds, binds = time.monotonic() - began, self._ledger.sent
        self._wait_for_calm()
        self._problems(f"round {number + 1}: ", call_the_roll(self._door, self._people))
        self._wait_for_calm()
        calm, idle = self._look_closely(number)
        self._close_the_books()
        done = Round(seconds, binds, peak, sessions, calm, idle)
        self._findings.rounds.append(done)
        return (
            f"round {number + 1} of {self._plan.rounds}: {binds} binds in {seconds:.0f} s, "
            f"memory {calm.memory / 1024:.1f} MiB, {calm.descriptors} descriptors, "
            f"{len(self._findings.problems)} problems"
        )

    def end(self) -> Findings:
        """Stops the proxy and says what was found."""
        findings, proxy = self._findings, self._place.proxy
        findings.metrics = proxy.metrics()
        began = time.monotonic()
        code = proxy.stop()
        if code != 0:
            self._problem(f"the proxy ended with exit code {code}")
        if (took := time.monotonic() - began) > _STOP_WITHIN:
            self._problem(f"the proxy took {took:.0f} s to end, with nobody there")
        self._look_at_standard_error()
        self._compare_rounds()
        findings.totals = self._books.totals
        findings.weather = self._weather.seen
        findings.kinds_of_weather = self._weather.kinds
        self._problems("books: ", self._books.problems)
        self._problems("weather: ", self._weather.problems)
        return findings

    # Traffic

    def _pay_visits(self, began: float, until: float, seed: float) -> None:
        """One client after the other, no faster than the plan wants."""
        chance = random.Random(seed)
        while (now := time.monotonic()) < until:
            ahead = self._ledger.sent / self._plan.rate - (now - began)
            if ahead > 0:
                time.sleep(min(ahead, 0.2))
                continue
            try:
                became = pay_one(self._door, self._people, chance)
            except Exception as error:
                became = "something that must not happen"
                at = traceback.extract_tb(error.__traceback__)
                places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(at))
                self._problem(f"{type(error).__name__}: {error} ({places})")
            with self._lock:
                self._findings.visits[became] += 1

    def _sessions(self) -> int:
        try:
            metrics = self._place.proxy.metrics()
        except OSError:
            return 0  # it may be suspended
        return int(sum(metrics[f'ldapproxy_sessions{{listener="{name}"}}'] for name in LISTENERS))

    # Calm

    def _wait_for_calm(self) -> None:
        """No session, no pending bind, nobody at the directory, and Duo up as far as the proxy knows."""
        proxy = self._place.proxy
        self._wait_for(lambda: not self._unrest(), self._unrest)

        def duo_is_up() -> bool:
            # One login that Duo completes ends `degraded`, and `down` where preauth had failed.
            try:
                somebody = self._people.at_roll_call[Phone.APPROVES]
                with self._door.connect(self._door.caller("closed")) as connection:
                    is_in = connection.bind(self._people.plain(LISTENERS["closed"], somebody)) == SUCCESS
            except Gone:
                return False
            return is_in and proxy.metrics()['ldapproxy_duo_state{duo="prod",state="up"}'] == 1

        self._wait_for(duo_is_up, lambda: "logins to work, and Duo to be up")
        self._wait_for(lambda: not self._unrest(), self._unrest)

    def _wait_for(self, condition: Callable[[], bool], what_is_left: Callable[[], object]) -> None:
        """Waits; a problem of the proxy's when it never comes."""
        deadline = time.monotonic() + _CALM_WITHIN
        while not condition():
            if time.monotonic() > deadline:
                self._problem(f"{_CALM_WITHIN:g} s after the last client had left: {what_is_left()}")
                return
            time.sleep(0.05)

    def _unrest(self) -> dict[str, float]:
        """What is not yet at rest, by metric."""
        gauges = ("ldapproxy_sessions{", "ldapproxy_binds_pending{")
        return {
            sample: value
            for sample, value in self._place.proxy.metrics().items()
            if value
            and (sample.startswith(gauges) or ("directory_connections{" in sample and "active" in sample))
        }

    def _look_closely(self, number: int) -> tuple[Vitals, float]:
        """The process in calm: connections that nobody needs any more are gone."""
        look = self._patient.look

        def is_alone() -> bool:
            vitals = look()
            return vitals.clients == 0 and vitals.duo <= _DUO_CONNECTIONS

        self._wait_for(is_alone, look)
        before, began = look(), time.monotonic()
        time.sleep(2.0)
        calm = look()
        idle = (calm.processor - before.processor) / (time.monotonic() - began)
        if idle > IDLE_MAY_TAKE:
            self._problem(f"round {number + 1}: {idle:.0%} of a processor in calm")
        metrics = self._place.proxy.metrics()
        waiting = sum(
            value
            for sample, value in metrics.items()
            if sample.startswith("ldapproxy_directory_connections{") and 'state="idle"' in sample
        )
        if not waiting <= calm.directory <= waiting + _KEPT_FOR_LOOK_UPS:
            self._problem(
                f"round {number + 1}: {calm.directory} connections to the directory, but {waiting:.0f} wait"
            )
        return calm, idle

    def _close_the_books(self) -> None:
        metrics = self._place.proxy.metrics()
        if metrics["ldapproxy_audit_lost_total"]:
            self._problem("audit lines were lost")
        self._books.close(self._ledger.take(), self._audit.new_lines(), metrics)

    # The end

    def _look_at_standard_error(self) -> None:
        with self._place.proxy.error_file.open() as lines:
            for line in lines:
                if any(words in line for words in _SAYS_THAT_SOMETHING_IS_WRONG):
                    self._problem(f"standard error: {line.strip()[:1000]}")

    def _compare_rounds(self) -> None:
        first, last = warm(self._findings.rounds), self._findings.rounds[-1].calm
        grown = last.memory / first.memory - 1
        if self._plan.compares_memory and grown > MEMORY_MAY_GROW:
            self._problem(f"memory grew by {grown:.1%}, from {first.memory} to {last.memory} KiB")
        if last.others > first.others + OTHERS_MAY_GROW:
            self._problem(f"descriptors other than connections grew from {first.others} to {last.others}")
        if last.threads > THREADS_AT_MOST:
            self._problem(f"there are {last.threads} threads, and all pools have {THREADS_AT_MOST} at most")

    def _problem(self, sentence: str) -> None:
        with self._lock:
            self._findings.problems.append(sentence)

    def _problems(self, where: str, sentences: list[str]) -> None:
        for sentence in sentences:
            self._problem(where + sentence)
