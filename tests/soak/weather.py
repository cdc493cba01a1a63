"""What goes wrong while clients come and go: Duo, the directory, certificates, signals, the audit file.

Owns the disturbances, and their order in time. It must not know clients, nor what the proxy makes of any.
"""

from __future__ import annotations

import random
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from tests.soak.place import Place

Action = Callable[[], object]

_ENDPOINTS = ("ping", "preauth", "auth", "auth_status")
_NO_JSON = "<html>502 Bad Gateway</html>"
_FAIL = '{"stat": "FAIL", "code": 40002, "message": "Invalid request parameters"}'
# Behind a preauth that is answered at once with HTTP 429.
_RATE_LIMITED = '{"stat": "FAIL", "code": 42901, "message": "Too many requests"}'


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that goes wrong, for a while.

    Attributes:
        name: for the report.
        begin: makes it go wrong.
        end: puts it right.
        lasts: seconds; 0 for what is over at once.
    """

    name: str
    begin: Action
    end: Action
    lasts: float


class Weather:
    """Disturbs a place, one thing after the other, in a thread of its own.

    Args:
        place: the processes.
        chance: for the order.
        pace: how long everything lasts, in parts of what is usual.
    """

    def __init__(self, place: Place, chance: random.Random, pace: float = 1.0) -> None:
        self.seen: Counter[str] = Counter()
        self.problems: list[str] = []
        self._chance = chance
        self._pace = pace
        self._disturbances = [*_of_duo(place), *_of_the_directory(place), *_of_the_machine(place)]
        self._queue: list[Disturbance] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread()

    @property
    def kinds(self) -> int:
        """How many different things may go wrong."""
        return len({disturbance.name for disturbance in self._disturbances})

    def begin(self) -> None:
        """From now on things go wrong."""
        self._is_over.clear()
        self._thread = threading.Thread(target=self._run, name="weather")
        self._thread.start()

    def end(self) -> None:
        """Everything is right when this returns."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(self._chance.uniform(0.5, 2.0) * self._pace):
            disturbance = self._next()
            self.seen[disturbance.name] += 1
            self._do(disturbance.name, disturbance.begin)
            self._is_over.wait(disturbance.lasts * self._pace)
            self._do(disturbance.name, disturbance.end)

    def _do(self, what: str, action: Action) -> None:
        """A disturbance that does not work must be put right all the same, and is a problem of the soak's."""
        try:
            action()
        except Exception as error:
            self.problems.append(f"{what}: {error!r}")

    def _next(self) -> Disturbance:
        """Each of them comes once before any comes again."""
        if not self._queue:
            self._queue = self._chance.sample(self._disturbances, len(self._disturbances))
        return self._queue.pop()


def _of_duo(place: Place) -> Iterator[Disturbance]:
    duo = place.duo
    for state, lasts in (("off", 4.0), ("off", 8.0), ("silent", 5.0), ("reset", 3.0)):
        yield Disturbance(f"Duo {state}", partial(duo.power, state), partial(duo.power, "on"), lasts)
    for endpoint in _ENDPOINTS:
        for kind in ("hang", "close", "truncate"):
            begin = partial(duo.fault, endpoint, kind)
            yield Disturbance(f"Duo {kind}: {endpoint}", begin, duo.clear_faults, 2.0)
        for what, status, body in (
            ("502", 502, _NO_JSON),
            ("nonsense", 200, _NO_JSON),
            ("400", 400, _FAIL),
            ("429", 429, _RATE_LIMITED),
        ):
            begin = partial(duo.fault, endpoint, "respond", status=status, body=body)
            yield Disturbance(f"Duo answers {what}: {endpoint}", begin, duo.clear_faults, 1.5)
        begin = partial(duo.fault, endpoint, "delay", delay=0.7)
        yield Disturbance(f"Duo slow: {endpoint}", begin, duo.clear_faults, 2.0)
    begin = partial(duo.fault, "auth", "close", acts=True)
    yield Disturbance("Duo cut behind a push that was sent", begin, duo.clear_faults, 2.0)
    yield Disturbance("Duo cuts its connections", duo.cut_connections, _nothing, 0.0)
    impostor = duo.authority.wrong_host()
    begin = partial(duo.present, impostor)
    yield Disturbance("Duo with a wrong certificate", begin, duo.present_good_certificate, 2.0)


def _of_the_directory(place: Place) -> Iterator[Disturbance]:
    slapd = place.slapd
    for leg, which in ((place.leg, "the directory"), (place.second_leg, "the first of two servers")):
        yield Disturbance(f"{which}: all connections cut", leg.cut, _nothing, 0.0)
        yield Disturbance(f"{which}: a few connections cut", partial(leg.cut, 3), _nothing, 0.0)
        yield Disturbance(f"{which}: hangs", partial(leg.hang, True), partial(leg.hang, False), 3.0)
        for answered in (0, 10, 60, 3000):
            begin = partial(_cut_within, leg.cut_after, leg.cut, answered)
            end = partial(leg.cut_after, None)
            yield Disturbance(f"{which}: cut behind {answered} bytes", begin, end, 1.0)
    yield Disturbance("slapd suspended", slapd.suspend, slapd.resume, 2.5)
    yield Disturbance("slapd suspended for a moment", slapd.suspend, slapd.resume, 0.3)
    yield Disturbance("slapd killed", slapd.kill, slapd.start, 1.0)
    yield Disturbance("slapd restarted", slapd.stop, slapd.start, 0.0)


def _of_the_machine(place: Place) -> Iterator[Disturbance]:
    proxy = place.proxy
    renew = partial(_renew_certificate, place)
    yield Disturbance("new listener certificate", renew, _nothing, 0.0)
    certificate, _ = _certificate_files(place)
    good = certificate.with_suffix(".good")
    yield Disturbance(
        "broken listener certificate",
        partial(_spoil, certificate, good),
        partial(good.replace, certificate),
        2.0,
    )
    yield Disturbance("SIGUSR1", partial(proxy.send_signal, signal.SIGUSR1), _nothing, 0.0)
    rotate = partial(_rotate, proxy.audit_file)
    yield Disturbance("audit file rotated", rotate, _nothing, 0.0)
    stop, go_on = partial(proxy.send_signal, signal.SIGSTOP), partial(proxy.send_signal, signal.SIGCONT)
    yield Disturbance("the proxy itself suspended", stop, go_on, 0.5)


def _nothing() -> None:
    """There is nothing to put right."""


def _cut_within(cut_after: Callable[[int | None], None], cut: Callable[[], int], answered: int) -> None:
    """New connections break in the middle of answers, and all have to be made anew."""
    cut_after(answered)
    cut()


def _certificate_files(place: Place) -> tuple[Path, Path]:
    """The files that the listeners' certificate and key are read from."""
    configured = yaml.safe_load(place.proxy.config_file.read_text())["listeners"]["ldaps"]["tls"]
    return Path(configured["certificate_file"]), Path(configured["private_key_file"])


def _renew_certificate(place: Place) -> None:
    issued = place.proxy.authority.server()
    certificate, key = _certificate_files(place)
    issued.private_key_file.replace(key)
    issued.certificate_file.replace(certificate)


def _spoil(certificate: Path, good: Path) -> None:
    shutil.copy(certificate, good)
    certificate.write_text("not a certificate")


def _rotate(audit_file: Path) -> None:
    """As logrotate does, without a signal: the proxy notices by itself."""
    if audit_file.exists():
        number = len(list(audit_file.parent.glob(f"{audit_file.name}.*"))) + 1
        audit_file.rename(audit_file.with_name(f"{audit_file.name}.{number}"))
