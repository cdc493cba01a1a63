"""What is measured, by the name that `--only` takes, in the order of a whole run.

throughput      bind, connect, connect-tls, search, bulk: next to slapd, back-ldap and HAProxy
logins          duo, waiting: logins with Duo, alone and beside 5,000 people who look for their phone
sessions        idle: 9,000 sessions that do nothing
large_results   beside, slow-reader: a result of 100 MB
outage          fail-open: while Duo is known to be away
processes       two-processes: on one port
"""

from __future__ import annotations

from collections.abc import Callable

from tests.bench.cases import large_results, logins, outage, processes, sessions, throughput
from tests.bench.figures import Result
from tests.bench.place import Place
from tests.bench.plan import Plan

CASES: dict[str, Callable[[Place, Plan], Result]] = {
    "bind": throughput.bind,
    "connect": throughput.connect,
    "connect-tls": throughput.connect_tls,
    "search": throughput.search,
    "bulk": throughput.bulk,
    "duo": logins.duo,
    "waiting": logins.waiting,
    "idle": sessions.idle,
    "beside": large_results.beside,
    "slow-reader": large_results.slow_reader,
    "fail-open": outage.fail_open,
    "two-processes": processes.two,
}
