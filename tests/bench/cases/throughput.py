"""How much goes through: binds, new connections, searches, large results; next to peers.

Owns these comparisons. It must not know how peers are started.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from tests.bench import data
from tests.bench.figures import Figure, Goal, Result, Series, ratio
from tests.bench.load import Load, Option
from tests.bench.place import Place
from tests.bench.plan import Plan, in_turn
from tests.support.example_directory import numbered

# As many as a busy application with its pool, and what the first comparison of the peers was made with.
CONNECTIONS = 32
SUBTREE = 2
# Of large results few are under way at a time.
_READERS = 4

OURS, DIRECT, RELAY, PEER = "ldapproxy", "slapd, direct", "haproxy", "back-ldap"


def bind(place: Place, plan: Plan) -> Result:
    """Binds on connections that stay open; for us, of exempt accounts."""
    loads = _with_peers(place, plan, "bind", connections=CONNECTIONS, users=200)
    goal = Goal(1.0, 1.3)
    return Result(_series("bind", loads), [_ratio("bind (exempt) / back-ldap", loads, OURS, PEER, goal)])


def connect(place: Place, plan: Plan) -> Result:
    """Every bind on a connection of its own."""
    loads = _with_peers(place, plan, "connect", connections=CONNECTIONS, users=200)
    goal = Goal(1.0, 1.3)
    name = "bind on a new connection / back-ldap"
    return Result(_series("bind on a new connection", loads), [_ratio(name, loads, OURS, PEER, goal)])


def connect_tls(place: Place, plan: Plan) -> Result:
    """The same with TLS to the proxy and TLS to the directory; with the pool, and without."""
    with place.proxy() as ours, place.proxy("tests.bench.without_pool") as without:
        options: dict[str, Option] = {"connections": CONNECTIONS, "users": 200}

        def run(port: int, ca_file: Option) -> Callable[[], Load]:
            return partial(place.load.run, "connect", port, seconds=plan.seconds, ca=ca_file, **options)

        loads = in_turn(
            plan,
            {
                DIRECT: run(place.slapd.ldaps_port, place.slapd.ca_file),
                OURS: run(ours.port("exempt_tls"), ours.ca_file),
                "ldapproxy without pool": run(without.port("exempt_tls"), without.ca_file),
            },
        )
    name = "new connection, TLS on both sides / without pool"
    figure = _ratio(name, loads, OURS, "ldapproxy without pool", Goal(3.0))
    return Result(_series("new connection, TLS", loads), [figure])


def search(place: Place, plan: Plan) -> Result:
    """Searches for one entry by its DN."""
    options: dict[str, Option] = {"base": numbered(1).dn, "scope": 0, "entries": 1}
    loads = _with_peers(place, plan, "search", connections=CONNECTIONS, **options)
    goal = Goal(1.2, 1.4)
    return Result(_series("base search", loads), [_ratio("base search / back-ldap", loads, OURS, PEER, goal)])


def bulk(place: Place, plan: Plan) -> Result:
    """Searches that find 1,000 entries of 1 KB."""
    options: dict[str, Option] = {"base": data.BULK, "scope": SUBTREE, "entries": data.BULK_ENTRIES + 1}
    loads = _with_peers(place, plan, "search", connections=_READERS, **options)
    series = [
        Series(
            "1,000 entries",
            peer,
            "MB/s",
            tuple(load.megabytes for load in rounds),
            tuple(load.share for load in rounds),
        )
        for peer, rounds in loads.items()
    ]
    speeds = {one.peer: one.rounds for one in series}
    return Result(series, [ratio("1,000 entries / haproxy", speeds[OURS], speeds[RELAY], Goal(0.9))])


def _with_peers(place: Place, plan: Plan, mode: str, **options: Option) -> dict[str, list[Load]]:
    with place.proxy() as ours:
        ports = {
            DIRECT: place.slapd.port,
            RELAY: place.haproxy.port,
            PEER: place.back_ldap.port,
            OURS: ours.port("exempt"),
        }
        return in_turn(
            plan,
            {
                peer: partial(place.load.run, mode, port, seconds=plan.seconds, **options)
                for peer, port in ports.items()
            },
        )


def _series(case: str, loads: Mapping[str, list[Load]]) -> list[Series]:
    return [
        Series(
            case,
            peer,
            "/s",
            tuple(load.per_second for load in rounds),
            tuple(load.share for load in rounds),
        )
        for peer, rounds in loads.items()
    ]


def _ratio(name: str, loads: Mapping[str, list[Load]], ours: str, other: str, goal: Goal) -> Figure:
    return ratio(
        name, [load.per_second for load in loads[ours]], [load.per_second for load in loads[other]], goal
    )
