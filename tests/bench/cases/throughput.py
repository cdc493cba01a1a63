"""How much goes through: binds, new connections, searches, large results; next to peers.

Owns these comparisons. It must not know how peers are started.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from tests.bench import data
from tests.bench.figures import Figure, Goal, Result, ratio
from tests.bench.load import Option
from tests.bench.paid import Paid, pay, series
from tests.bench.place import Place
from tests.bench.plan import Plan, in_turn
from tests.support.example_directory import numbered

# As many as a busy application with its pool, and what the first comparison of the peers was made with.
CONNECTIONS = 32
SUBTREE = 2
# Of large results few are under way at a time.
_READERS = 4

# More than connections, so that no two binds of one person are under way.
_PEOPLE = 200

OURS, DIRECT, RELAY, PEER = "ldapproxy", "slapd, direct", "haproxy", "back-ldap"
_WITHOUT = "ldapproxy without pool"


def bind(place: Place, plan: Plan) -> Result:
    """Binds on connections that stay open; for us, of exempt accounts."""
    loads = _with_peers(place, plan, "bind", connections=CONNECTIONS, users=_PEOPLE)
    return _result("bind", loads, "bind (exempt) / back-ldap", PEER, Goal(1.0, 1.3))


def connect(place: Place, plan: Plan) -> Result:
    """Every bind on a connection of its own."""
    loads = _with_peers(place, plan, "connect", connections=CONNECTIONS, users=_PEOPLE)
    case = "bind on a new connection"
    return _result(case, loads, f"{case} / back-ldap", PEER, Goal(1.0, 1.3))


def connect_tls(place: Place, plan: Plan) -> Result:
    """The same with TLS to the proxy and TLS to the directory; with the pool, and without."""
    with place.proxy() as ours, place.proxy("tests.bench.without_pool") as without:
        options: dict[str, Option] = {"connections": CONNECTIONS, "users": _PEOPLE}

        def run(pid: int, port: int, ca_file: Option) -> Callable[[], Paid]:
            load = partial(place.load.run, "connect", port, seconds=plan.seconds, ca=ca_file, **options)
            return partial(pay, pid, load)

        loads = in_turn(
            plan,
            {
                DIRECT: run(place.slapd.pid, place.slapd.ldaps_port, place.slapd.ca_file),
                OURS: run(ours.pid, ours.port("exempt_tls"), ours.ca_file),
                _WITHOUT: run(without.pid, without.port("exempt_tls"), without.ca_file),
            },
        )
    name = "new connection, TLS on both sides / without pool"
    return _result("new connection, TLS", loads, name, _WITHOUT, Goal(3.0))


def search(place: Place, plan: Plan) -> Result:
    """Searches for one entry by its DN."""
    options: dict[str, Option] = {"base": numbered(1).dn, "scope": 0, "entries": 1}
    loads = _with_peers(place, plan, "search", connections=CONNECTIONS, **options)
    return _result("base search", loads, "base search / back-ldap", PEER, Goal(1.2, 1.4))


def bulk(place: Place, plan: Plan) -> Result:
    """Searches that find 1,000 entries of 1 KB."""
    options: dict[str, Option] = {"base": data.BULK, "scope": SUBTREE, "entries": data.BULK_ENTRIES + 1}
    loads = _with_peers(place, plan, "search", connections=_READERS, **options)
    return _result("1,000 entries", loads, "1,000 entries / haproxy", RELAY, Goal(0.9), megabytes=True)


def _with_peers(place: Place, plan: Plan, mode: str, **options: Option) -> dict[str, list[Paid]]:
    with place.proxy() as ours:
        peers = {
            DIRECT: (place.slapd.pid, place.slapd.port),
            RELAY: (place.haproxy.pid, place.haproxy.port),
            PEER: (place.back_ldap.pid, place.back_ldap.port),
            OURS: (ours.pid, ours.port("exempt")),
        }
        return in_turn(
            plan,
            {
                peer: partial(pay, pid, partial(place.load.run, mode, port, seconds=plan.seconds, **options))
                for peer, (pid, port) in peers.items()
            },
        )


def _result(
    case: str,
    loads: Mapping[str, list[Paid]],
    name: str,
    other: str,
    goal: Goal,
    *,
    megabytes: bool = False,
) -> Result:
    """Everybody's speed; ours in terms of another's; and our processor time, which history watches, too."""
    speeds = {peer: series(case, peer, rounds, megabytes=megabytes) for peer, rounds in loads.items()}
    figures = [
        ratio(name, speeds[OURS].rounds, speeds[other].rounds, goal),
        Figure(f"processor time: {case}", "us", speeds[OURS].processor, less_is_better=True),
    ]
    return Result(list(speeds.values()), figures)
