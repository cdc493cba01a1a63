"""A result of 100 MB: what it does to others, and what it costs when its reader is slow.

Owns these two measurements. It must not know how bytes are relayed.
"""

from __future__ import annotations

import time
from functools import partial

from tests.bench import data
from tests.bench.cases.throughput import DIRECT, OURS, RELAY, SUBTREE
from tests.bench.figures import Figure, Goal, Result, ratio
from tests.bench.load import Load
from tests.bench.place import Place
from tests.bench.plan import Plan, in_turn
from tests.bench.processes import resident_kib
from tests.support import ldap_bytes
from tests.support.example_directory import numbered
from tests.support.ldap_client import LdapClient

# Seconds in which the slow reader reads, and how: 64 KiB, twenty times a second, a tenth of the 100 MB.
_SLOW_FOR = 8.0
_PIECE, _PAUSE = 64 * 1024, 0.05
# Warming up, starting a process, and the end of the last search: so much longer is the large result fetched.
_MARGIN = 2.0

_AROUND = "ldapproxy, beside one around it"


def beside(place: Place, plan: Plan) -> Result:
    """Searches of one session while another fetches 100 MB, again and again; the same at peers.

    Peers, and a large result that is fetched from the directory itself meanwhile, show how much of it is the
    machine, whose processors the directory and the clients need too.
    """
    with place.proxy() as proxy:
        ports = {OURS: proxy.port("exempt"), RELAY: place.haproxy.port, DIRECT: place.slapd.port}
        runs = {_AROUND: partial(_search_beside, place, plan, ports[OURS], ports[DIRECT])}
        for peer, port in ports.items():
            runs[peer] = partial(_search, place, plan, port)
            runs[f"{peer}, beside"] = partial(_search_beside, place, plan, port, port)
        loads = in_turn(plan, runs)
    p99 = {name: [float(load.p99) for load in rounds] for name, rounds in loads.items()}
    figures = [
        ratio(
            "p99 of a search, beside a result of 100 MB / alone",
            p99[f"{OURS}, beside"],
            p99[OURS],
            Goal(2.0, less_is_better=True),
        ),
        ratio(
            "p99 of a search, beside a result of 100 MB / beside one that goes around the proxy",
            p99[f"{OURS}, beside"],
            p99[_AROUND],
            cost=True,
        ),
    ]
    for name, values in p99.items():
        milliseconds = tuple(value / 1000 for value in values)
        figures.append(Figure(f"p99 of a search ({name})", "ms", milliseconds, less_is_better=True))
    return Result(figures=figures)


def slow_reader(place: Place, plan: Plan) -> Result:
    """How much the proxy grows while a client reads 100 MB slowly."""
    with place.proxy() as proxy, LdapClient(proxy.port("exempt")) as client:
        account = numbered(1)
        assert client.bind(account.dn, account.password).result_code == 0
        before = most = resident_kib(proxy.pid)
        client.send(ldap_bytes.search(client.next_id(), data.LARGE, SUBTREE))
        ends = time.monotonic() + _SLOW_FOR
        read = 0
        while time.monotonic() < ends:
            read += len(client.socket.recv(_PIECE))
            time.sleep(_PAUSE)
            most = max(most, resident_kib(proxy.pid))
        assert 0 < read < data.LARGE_ENTRIES * 9_000, "it was not slow"
    # Less than 4 MiB: the buffers of two sockets, and what Python does not give back.
    goal = Goal(4, less_is_better=True)
    return Result(
        figures=[Figure("memory for a slow reader of 100 MB", "MiB", ((most - before) / 1024,), goal)]
    )


def _search(place: Place, plan: Plan, port: int) -> Load:
    return place.load.run("search", port, seconds=plan.seconds, connections=1, base=numbered(1).dn)


def _search_beside(place: Place, plan: Plan, port: int, fetched_from: int) -> Load:
    fetching = place.load.start(
        "search",
        fetched_from,
        seconds=plan.seconds + _MARGIN,
        warmup=0,
        connections=1,
        base=data.LARGE,
        scope=SUBTREE,
        entries=data.LARGE_ENTRIES + 1,
    )
    load = _search(place, plan, port)
    fetching.result()  # an error if it has got anything but whole results
    return load
