"""What an outage of Duo costs a login: before it is known, while it is known, and until all is well again.

    python -m tests.bench.outage

Real slapd, proxy and Duo simulator. Time-outs and intervals are the defaults. Duo is black-holed in two ways,
on connections that are open as well as on new ones: its packets are lost, as behind a cut line or a mute
firewall; or bytes are taken and nothing comes back, as from a process that hangs. And it is half dead in two
more: it takes connections and requests, and answers none of them, or not preauth.

Owns the measurement. It must not know how availability is found out.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.outages import state_of_duo
from tests.e2e.world import World
from tests.support.example_directory import ALICE
from tests.support.fault_proxy import FaultProxy
from tests.support.simulator import SimulatorProcess
from tests.support.slapd import Slapd

LISTENERS = {"closed": {"bind_timeout": "60s"}, "open": {"fail_mode": "open", "bind_timeout": "60s"}}
KNOWN = 0.5  # a login that takes less has not waited for Duo
IDLE = 5.0  # seconds after which the proxy has no open connection to Duo any more, but for its pings


@dataclass(frozen=True)
class Login:
    """One login: when it began, in seconds since the outage did, how long it took, and what it got."""

    at: float
    took: float
    code: int


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="An outage of Duo, seen by logins.")
    parser.add_argument("--logins", type=int, default=20, help="logins for each median [20]")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        slapd = stack.enter_context(Slapd(folder, people=1))
        duo = stack.enter_context(SimulatorProcess(folder / "duo"))
        leg = stack.enter_context(FaultProxy(duo.port))
        extra = {"duo": {"prod": {"api_host": f"127.0.0.1:{leg.port}"}}}
        world = stack.enter_context(World(folder / "proxy", slapd, duo, LISTENERS, extra))
        world.enroll(ALICE)
        duo.answer_always("approve")
        usual = [log_in(world, "open") for _ in range(arguments.logins)]
        print(f"Duo answers:                a login takes {median(usual)}")
        for what, strike in (
            ("packets are lost", leg.lose),
            ("nothing is answered", leg.hang),
            ("requests are taken and not answered", half_dead(duo, "*")),
            ("preauth is not answered", half_dead(duo, "preauth")),
        ):
            for idle in (0.0, IDLE):
                print(f"\n{what} from {idle:.0f} s after the last login on")
                time.sleep(idle)
                outage(world, strike, arguments.logins)


def half_dead(duo: SimulatorProcess, endpoint: str) -> Callable[[bool], None]:
    """Lets an endpoint hang, or all of them."""
    return lambda begins: duo.fault(endpoint, "hang") if begins else duo.clear_faults()


def outage(world: World, strike: Callable[[bool], None], logins: int) -> None:
    """One outage from its beginning to its end."""
    began = time.monotonic()
    strike(True)
    waited: list[Login] = []
    with ThreadPoolExecutor(1) as another:
        beside = another.submit(log_in_later, world, began)
        while not waited or waited[-1].took > KNOWN:
            waited.append(log_in(world, "open", began))
        waited.insert(1, beside.result())
    for login in waited[:-1]:
        print(f"  not known yet, {login.at:4.1f} s:    a login takes {login.took * 1000:.0f} ms")
    print(f"  known after {waited[-1].at:5.1f} s:      state {state_of_duo(world)}")
    for listener in LISTENERS:
        known = [log_in(world, listener, began) for _ in range(logins)]
        codes = {login.code for login in known}
        print(f"  known, fail mode {listener:7}:  a login takes {median(known)}, result code {codes}")
    ended = time.monotonic()
    strike(False)
    while log_in(world, "closed").code != 0:
        time.sleep(0.05)
    print(f"  over:                     Duo is asked again after {time.monotonic() - ended:.1f} s")


def log_in(world: World, listener: str, since: float = 0.0) -> Login:
    """One login of Alice on a connection of its own."""
    began = time.monotonic()
    with world.proxy.client(listener, timeout=70) as client:
        code = client.bind(ALICE.dn, ALICE.password).result_code
    return Login(began - since, time.monotonic() - began, code)


def log_in_later(world: World, since: float) -> Login:
    """One that begins while the first one waits."""
    time.sleep(1)
    return log_in(world, "open", since)


def median(logins: list[Login]) -> str:
    """The median and the slowest."""
    took = [login.took * 1000 for login in logins]
    return f"{statistics.median(took):.1f} ms (slowest {max(took):.1f} ms)"


if __name__ == "__main__":
    main()
