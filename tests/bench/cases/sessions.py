"""What sessions that do nothing cost.

Owns that measurement. It must not know what a session consists of.
"""

from __future__ import annotations

import time

from tests.bench.figures import Figure, Goal, Result
from tests.bench.load import Option
from tests.bench.place import Place
from tests.bench.plan import Plan, tell
from tests.bench.processes import resident_kib
from tests.support.proxy import ProxyProcess

SESSIONS = 9_000
_SETTLES = 2.0
# So many before the first look: what is loaded with the first sessions is not theirs.
_FIRST = 200
# An anonymous bind is answered by the proxy itself: nobody is bound, and nothing goes to the directory. A
# session that has said nothing at all would be closed after `handshake_timeout`.
_NOBODY: dict[str, Option] = {"name": "", "password": ""}


def idle(place: Place, plan: Plan) -> Result:
    """9,000 sessions in clear and with TLS to the client; bound (a directory connection each) and not."""
    goal = Goal(15, less_is_better=True)
    return Result(
        figures=[
            _measure(place, "memory of an idle session, bound", "exempt", {}, goal),
            _measure(place, "memory of an idle session, not bound", "exempt", _NOBODY, goal),
            _measure(place, "memory of an idle session, TLS, bound", "idle_tls", {}, None),
            _measure(place, "memory of an idle session, TLS, not bound", "idle_tls", _NOBODY, None),
        ]
    )


def _measure(place: Place, name: str, listener: str, who: dict[str, Option], goal: Goal | None) -> Figure:
    tell(f"  {SESSIONS} sessions: {name}")
    with place.proxy() as proxy:
        options = dict(who)
        if listener == "idle_tls":
            options["ca"] = proxy.ca_file
        with place.load.hold(proxy.port(listener), _FIRST, options):
            before = _resident(proxy)
            with place.load.hold(proxy.port(listener), SESSIONS, options):
                each = (_resident(proxy) - before) / SESSIONS
    return Figure(name, "KiB", (each,), goal, less_is_better=True)


def _resident(proxy: ProxyProcess) -> float:
    time.sleep(_SETTLES)
    return resident_kib(proxy.pid)
