"""Logins with Duo: how many a second and a core, and whether thousands of waiting people slow them down.

Owns these two measurements. It must not know how the simulator answers.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from tests.bench.cases.throughput import CONNECTIONS
from tests.bench.figures import Figure, Goal, Result, ratio
from tests.bench.load import Load, Option
from tests.bench.paid import Paid, pay, series
from tests.bench.place import FIRST_WAITING, QUICK_PEOPLE, WAITING_PEOPLE, Place
from tests.bench.plan import Plan, in_turn, ordered, tell
from tests.bench.processes import resident_kib
from tests.support.example_directory import numbered
from tests.support.proxy import ProxyProcess

# The crowd gathers as fast as it can, so many at a time: each needs a new connection to Duo, and 5,000 who
# ask for one at once are overload, not waiting.
_AT_A_TIME = 50
_GATHERED_WITHIN = 180.0
# Seconds after which a process that has just become busy, or idle, is as it stays.
_SETTLES = 2.0

_CACHED, _FRESH = "ldapproxy", "ldapproxy, no look-up cache"


@dataclass(frozen=True, slots=True)
class _Look:
    """How one proxy is at one time: logins with Duo, then searches of one session."""

    login: Paid
    search: Load


def duo(place: Place, plan: Plan) -> Result:
    """Logins whose pushes are approved at once, three to four calls each."""
    place.enroll()
    with place.proxy() as proxy:
        loads = in_turn(
            plan,
            {
                _CACHED: partial(_log_in, place, plan, proxy, "duo"),
                _FRESH: partial(_log_in, place, plan, proxy, "fresh"),
            },
        )
    figures = [
        Figure(
            "logins with Duo in a second of processor time",
            "/s",
            tuple(one.per_core_second for one in loads[_CACHED]),
            Goal(350, 600),
        ),
        Figure("the same, each looked up anew", "/s", tuple(one.per_core_second for one in loads[_FRESH])),
    ]
    return Result([series("login with Duo", name, rounds) for name, rounds in loads.items()], figures)


def waiting(place: Place, plan: Plan) -> Result:
    """What 5,000 waiting pushes cost: others' logins, others' searches, and memory.

    Two proxies, one with the crowd and one without, have their turns: what else the machine does meanwhile
    disturbs both.
    """
    place.enroll()
    with place.proxy() as quiet, place.proxy() as crowded:
        for proxy in (quiet, crowded):
            _log_in(place, plan, proxy, "duo")  # everything is loaded and warm
        before = resident_kib(crowded.pid)
        with _crowd(place, crowded):
            memory = (resident_kib(crowded.pid) - before) / WAITING_PEOPLE
            looks: dict[ProxyProcess, list[_Look]] = {quiet: [], crowded: []}
            for number in range(plan.rounds):
                for proxy in ordered((quiet, crowded), number):
                    looks[proxy].append(_look(place, plan, proxy))
    return Result(
        figures=[
            ratio(
                "processor time of a login, 5,000 waiting / none",
                [look.login.microseconds for look in looks[crowded]],
                [look.login.microseconds for look in looks[quiet]],
                Goal(1.2, less_is_better=True),
            ),
            Figure("memory of a waiting login", "KiB", (memory,), Goal(110, less_is_better=True)),
            ratio(
                "p99 of a search, 5,000 logins waiting / alone",
                [look.search.p99 for look in looks[crowded]],
                [look.search.p99 for look in looks[quiet]],
                Goal(2.0, less_is_better=True),
            ),
        ]
    )


def _log_in(place: Place, plan: Plan, proxy: ProxyProcess, listener: str) -> Paid:
    run = partial(
        place.load.run,
        "bind",
        proxy.port(listener),
        seconds=plan.seconds,
        connections=CONNECTIONS,
        users=QUICK_PEOPLE,
    )
    return pay(proxy.pid, run)


def _look(place: Place, plan: Plan, proxy: ProxyProcess) -> _Look:
    login = _log_in(place, plan, proxy, "duo")
    search = place.load.run(
        "search", proxy.port("exempt"), seconds=plan.seconds, connections=1, base=numbered(1).dn
    )
    return _Look(login, search)


@contextlib.contextmanager
def _crowd(place: Place, proxy: ProxyProcess) -> Iterator[None]:
    """5,000 people who have typed their password and do not find their phone."""
    tell(f"  {WAITING_PEOPLE} people look for their phone")
    options: dict[str, Option] = {
        "batch": _AT_A_TIME,
        "first": FIRST_WAITING,
        "users": WAITING_PEOPLE,
        "no_answer": 1,
    }
    held = place.load.hold(proxy.port("patient"), WAITING_PEOPLE, options, _gathering(place))
    with held:
        time.sleep(_SETTLES)
        yield
        if (count := place.duo.waiting_count()) != WAITING_PEOPLE:
            raise RuntimeError(f"{count} pushes wait at the end")
    place.duo.answer_all("deny")


def _gathering(place: Place) -> Iterator[None]:
    """Yields when so many more may come: while those of before the last time are not all in Duo, none."""
    deadline = time.monotonic() + _GATHERED_WITHIN
    came = 0
    while (waiting := place.duo.waiting_count()) < WAITING_PEOPLE:
        if came < WAITING_PEOPLE and came - waiting <= _AT_A_TIME:
            came += _AT_A_TIME
            yield
            continue
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {waiting} pushes wait")
        time.sleep(0.01)
