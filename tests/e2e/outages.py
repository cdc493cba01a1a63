"""What may be wrong with Duo, for real: the one table, and how each of its outages is brought about.

Owns the table of outages (design 4.1, 4.2) and the strikes. It must not know who logs in.
"""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from ldapproxy.auth.outcomes import SecondFactorOutcome
from tests.e2e.world import World
from tests.support import dead_port
from tests.support.certificates import Authority, ServerCertificate
from tests.support.simulator import SimulatorProcess

# `pings` is the state of Duo once several pings in a row have met the outage. The others are the outcome of a
# login that meets it at this call; `-` where there is no such thing, since it concerns all calls alike.
# (Silence behind a push that Duo has acknowledged may be a person who does not answer, and counts as that.)
_TABLE = """
outage                     pings   preauth         auth            auth_status

connections are refused    down    unavailable     -               interrupted
packets are dropped        down    unavailable     -               interrupted
accepted, then silence     down    unavailable     -               interrupted
connections are reset      down    unavailable     -               interrupted
the process hangs          down    unavailable     -               timed_out
no answer                  down    unavailable     interrupted     interrupted
hangs up                   down    unavailable     interrupted     interrupted
hangs up in the body       down    unavailable     interrupted     interrupted

TLS hangs                  down    unavailable     -               interrupted
no TLS                     up      untrusted       -               untrusted
another host's name        up      untrusted       -               untrusted
expired certificate        up      untrusted       -               untrusted
unknown authority          up      untrusted       -               untrusted

HTTP 500                   down    unavailable     interrupted     interrupted
HTTP 502                   down    unavailable     interrupted     interrupted
HTTP 503                   down    unavailable     interrupted     interrupted
HTTP 504                   down    unavailable     interrupted     interrupted
HTTP 429                   up      rate_limited    rate_limited    rate_limited
HTTP 400                   up      misconfigured   misconfigured   misconfigured
HTTP 401                   up      misconfigured   misconfigured   misconfigured
HTTP 403                   up      misconfigured   misconfigured   misconfigured
HTTP 404                   up      misconfigured   misconfigured   misconfigured
a redirect                 up      misconfigured   misconfigured   misconfigured

a web page                 up      misconfigured   misconfigured   misconfigured
an empty body              up      misconfigured   misconfigured   misconfigured
half of the JSON           up      misconfigured   misconfigured   misconfigured
an unknown stat            up      misconfigured   misconfigured   misconfigured
stat FAIL                  up      misconfigured   misconfigured   misconfigured
an unknown result          up      misconfigured   misconfigured   misconfigured
no result                  up      misconfigured   misconfigured   misconfigured
no response                up      misconfigured   misconfigured   misconfigured
"""

Strike = Callable[[SimulatorProcess, str], AbstractContextManager[None]]
"""Makes an endpoint of the simulator go wrong, or all of it, from the beginning of the block on."""


class Outage(NamedTuple):
    """A row of the table.

    Attributes:
        pings: the state of Duo.
        outcomes: the outcome of a login, by the endpoint at which it meets the outage.
        strike: what happens.
    """

    pings: str
    outcomes: dict[str, SecondFactorOutcome]
    strike: Strike

    @property
    def concerns_all(self) -> bool:
        """Whether all of Duo is concerned, not one endpoint."""
        return "auth" not in self.outcomes


def answers(status: int = 200, body: str = "{}", **rest: Any) -> Strike:
    """The endpoint answers with this, instead of well."""
    return spoiled("respond", status=status, body=body, **rest)


def ok(response: str) -> Strike:
    """`stat` OK with this response."""
    return answers(body=f'{{"stat": "OK", "response": {response}}}')


def fails(status: int, code: int) -> Strike:
    """Duo's own form of an error."""
    return answers(status, f'{{"stat": "FAIL", "code": {code}, "message": "Said so"}}')


def spoiled(kind: str, **rest: Any) -> Strike:
    """The endpoint does not answer well."""

    @contextlib.contextmanager
    def strike(duo: SimulatorProcess, endpoint: str) -> Iterator[None]:
        duo.fault(endpoint, kind, **rest)
        yield

    return strike


def port_is(state: str) -> Strike:
    """`off` refuses connections, `silent` takes them and says nothing, `reset` resets them."""

    @contextlib.contextmanager
    def strike(duo: SimulatorProcess, _: str) -> Iterator[None]:
        duo.power(state)
        yield

    return strike


def taken_over(by: Callable[[int], AbstractContextManager[None]]) -> Strike:
    """Something else is where Duo was."""

    @contextlib.contextmanager
    def strike(duo: SimulatorProcess, _: str) -> Iterator[None]:
        duo.power("off")
        with by(duo.port):
            yield

    return strike


def presents(certificate: Callable[[Authority], ServerCertificate]) -> Strike:
    """Duo presents another certificate."""

    @contextlib.contextmanager
    def strike(duo: SimulatorProcess, _: str) -> Iterator[None]:
        duo.present(certificate(duo.authority))
        yield

    return strike


@contextlib.contextmanager
def stopped(duo: SimulatorProcess, _: str) -> Iterator[None]:
    """Nothing answers any more, on old connections or on new ones."""
    duo.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        duo.send_signal(signal.SIGCONT)


def _stranger(ours: Authority) -> ServerCertificate:
    """A good certificate of an authority that nobody trusts."""
    return Authority(ours.ca_file.parent / "stranger").server()


_HTML = "<!DOCTYPE html><title>Sign in to the guest network</title>"
_STRIKES: dict[str, Strike] = {
    "connections are refused": port_is("off"),
    "packets are dropped": taken_over(dead_port.dropping),
    "accepted, then silence": port_is("silent"),
    "connections are reset": port_is("reset"),
    "the process hangs": stopped,
    "no answer": spoiled("hang"),
    "hangs up": spoiled("close"),
    "hangs up in the body": spoiled("truncate"),
    "TLS hangs": taken_over(dead_port.hanging_in_the_handshake),
    "no TLS": taken_over(dead_port.speaking_no_tls),
    "another host's name": presents(Authority.wrong_host),
    "expired certificate": presents(Authority.expired),
    "unknown authority": presents(_stranger),
    "HTTP 500": answers(500),
    "HTTP 502": answers(502, _HTML, content_type="text/html"),
    "HTTP 503": answers(503, ""),
    "HTTP 504": answers(504),
    "HTTP 429": fails(429, 42901),
    "HTTP 400": fails(400, 40002),
    "HTTP 401": fails(401, 40103),
    "HTTP 403": fails(403, 40301),
    "HTTP 404": fails(404, 40401),
    "a redirect": answers(302, "", headers={"Location": "https://127.0.0.1:1/"}),
    "a web page": answers(200, _HTML, content_type="text/html"),
    "an empty body": answers(200, ""),
    "half of the JSON": answers(200, '{"stat": "OK", "respon'),
    "an unknown stat": answers(200, '{"stat": "FINE"}'),
    "stat FAIL": fails(200, 40001),
    "an unknown result": ok('{"result": "sure", "status": "allow"}'),
    "no result": ok("{}"),
    "no response": answers(200, '{"stat": "OK"}'),
}


def _read_table() -> dict[str, Outage]:
    (_, _, *endpoints), *rows = [re.split(" {2,}", line) for line in _TABLE.splitlines() if line]
    outages = {}
    for name, pings, *fields in rows:
        outcomes = {
            endpoint: SecondFactorOutcome(field)
            for endpoint, field in zip(endpoints, fields, strict=True)
            if field != "-"
        }
        outages[name] = Outage(pings, outcomes, _STRIKES[name])
    return outages


OUTAGES = _read_table()
assert OUTAGES.keys() == _STRIKES.keys()


def met_at(endpoint: str) -> list[str]:
    """The outages that a login may meet at this endpoint."""
    return [name for name, outage in OUTAGES.items() if endpoint in outage.outcomes]


def put_right(duo: SimulatorProcess) -> None:
    """Ends whatever was wrong."""
    duo.power("on")
    duo.clear_faults()
    duo.present_good_certificate()
    duo.settings(clock_offset=0)


def state_of_duo(world: World) -> str:
    """What the proxy thinks of Duo: `up`, `degraded` or `down`."""
    metrics = world.proxy.metrics()
    [state] = [
        state
        for state in ("up", "degraded", "down")
        if metrics[f'ldapproxy_duo_state{{duo="prod",state="{state}"}}'] == 1
    ]
    return state
