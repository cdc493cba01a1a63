"""Several processes on one port (SO_REUSEPORT): whether they pay.

Owns that comparison. It must not know what they would share.
"""

from __future__ import annotations

from functools import partial

from tests.bench.cases.throughput import CONNECTIONS
from tests.bench.figures import Result, ratio
from tests.bench.place import Place
from tests.bench.plan import Plan, in_turn
from tests.support.example_directory import numbered

_MODULE = "tests.bench.shared_port"


def two(place: Place, plan: Plan) -> Result:
    """Two processes on one port, next to one alone."""
    with place.proxy() as one, place.proxy(_MODULE) as first, place.proxy(_MODULE, beside=first):
        loads = in_turn(
            plan,
            {
                f"{mode} {number}": partial(
                    place.load.run,
                    mode,
                    proxy.port(listener),
                    seconds=plan.seconds,
                    connections=CONNECTIONS,
                    users=200,
                    base=numbered(1).dn,
                )
                for mode, listener in (("bind", "exempt"), ("connect", "exempt"), ("search", "exempt"))
                for number, proxy in (("one", one), ("two", first))
            },
        )
    return Result(
        figures=[
            ratio(
                f"two processes / one, {what}",
                [load.per_second for load in loads[f"{mode} two"]],
                [load.per_second for load in loads[f"{mode} one"]],
            )
            for mode, what in (
                ("bind", "binds"),
                ("connect", "binds on new connections"),
                ("search", "searches"),
            )
        ]
    )
