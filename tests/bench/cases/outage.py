"""Fail-open logins while Duo is known to be away: what the decision adds to a bind.

Owns that measurement. How an outage is found out, and what it costs until then, is `tests.bench.outage`'s.
"""

from __future__ import annotations

from functools import partial

from tests.bench.figures import Figure, Goal, Result
from tests.bench.place import QUICK_PEOPLE, Place
from tests.bench.plan import Plan, in_turn
from tests.support.example_directory import numbered
from tests.support.proxy import ProxyProcess

# Several people at the same time, and still fewer than a machine of two cores is filled by.
_AT_A_TIME = 4


def fail_open(place: Place, plan: Plan) -> Result:
    """The p99 of binds that fail open, and of binds of exempt accounts, in turn."""
    with place.proxy() as proxy:
        place.duo.power("off")
        try:
            _wait_until_known(proxy)
            loads = in_turn(
                plan,
                {
                    listener: partial(
                        place.load.run,
                        "bind",
                        proxy.port(listener),
                        seconds=plan.seconds,
                        connections=_AT_A_TIME,
                        users=QUICK_PEOPLE,
                    )
                    for listener in ("exempt", "open")
                },
            )
        finally:
            place.duo.power("on")
    added = tuple(
        (ours.p99 - exempt.p99) / 1000 for ours, exempt in zip(loads["open"], loads["exempt"], strict=True)
    )
    name = "what a fail-open decision adds to the p99 of a bind"
    return Result(figures=[Figure(name, "ms", added, Goal(5, less_is_better=True))])


def _wait_until_known(proxy: ProxyProcess) -> None:
    account = numbered(1)

    def is_known() -> bool:
        with proxy.client("open") as client:
            assert client.bind(account.dn, account.password).result_code == 0
        return proxy.metrics()['ldapproxy_duo_state{duo="prod",state="down"}'] == 1

    proxy.wait_for(is_known, "Duo to be known as away")
