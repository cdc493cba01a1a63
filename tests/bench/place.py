"""Where it is measured: slapd, its peers, a Duo simulator, the load generator; proxies, as cases need them.

Owns what is started and how it is configured. It must not know what is measured.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench import data, servers
from tests.bench.load import Generator
from tests.e2e.world import directory_settings, duo_settings
from tests.support.example_directory import PEOPLE
from tests.support.proxy import ProxyProcess, Settings, merged
from tests.support.simulator import SimulatorProcess, phone
from tests.support.slapd import Slapd

# Those whose phones approve at once come first, behind them those who look for their phone.
QUICK_PEOPLE = 200
WAITING_PEOPLE = 5_000
FIRST_WAITING = QUICK_PEOPLE + 1

_EVERYBODY: Settings = {"exempt": [{"subtree": PEOPLE}]}
# The product's own default; the tests' is none.
_PUSH_LIMITS: Settings = {
    "push_limits": {"pushes": 6, "per": "10m", "pause_after_denial": "1m", "pause_after_fraud": "30m"}
}
# They cost nothing, and a machine that is busy with something else for a moment is no outage.
_TIMEOUTS: Settings = {"connect_timeout": "30s", "response_timeout": "30s"}
LISTENERS: dict[str, Settings] = {
    "exempt": _EVERYBODY,  # a name decides, without look-up; in clear text on both sides
    "exempt_tls": {**_EVERYBODY, "scheme": "ldaps"},  # TLS on both sides
    "idle_tls": {**_EVERYBODY, "scheme": "ldaps"},  # TLS towards the client alone
    "duo": _PUSH_LIMITS,
    "fresh": _PUSH_LIMITS,  # every look-up asks the directory
    "patient": {**_PUSH_LIMITS, "bind_timeout": "10m", "limits": {"pending_binds": 6000}},
    "open": {**_PUSH_LIMITS, "fail_mode": "open"},
}


class Place:
    """Everything but the proxies; a context manager.

    Args:
        folder: an empty folder for what all of them write.

    Attributes:
        slapd: the directory.
        back_ldap: OpenLDAP's proxy in front of it.
        haproxy: a TCP relay in front of it.
        duo: the Duo simulator, in a process of its own.
        load: the load generator.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._exit = contextlib.ExitStack()
        self._is_enrolled = False
        self.load = Generator(folder)
        self.slapd = Slapd(
            folder,
            people=FIRST_WAITING + WAITING_PEOPLE,
            password_policy=False,
            member_of=False,
            entries=data.ldif(),
        )
        self.duo = SimulatorProcess(folder / "duo")
        self.back_ldap: servers.Server
        self.haproxy: servers.Server

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.slapd)
            stack.enter_context(self.duo)
            self.back_ldap = stack.enter_context(servers.back_ldap(self._folder, self.slapd.port))
            self.haproxy = stack.enter_context(servers.haproxy(self._folder, self.slapd.port))
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    @contextlib.contextmanager
    def proxy(self, module: str = "ldapproxy", beside: ProxyProcess | None = None) -> Iterator[ProxyProcess]:
        """A proxy with all the listeners, as long as the context lasts.

        Args:
            module: what runs it; another one than the product changes a thing that it has no switch for.
            beside: another proxy that listens on the same ports.
        """
        corp = directory_settings(self.slapd, lookup_cache="60s", **_TIMEOUTS)
        # Look-ups go the same way as the sessions, so each of these is one directory in two guises.
        extra: Settings = {
            "directories": {
                "tls": {**corp, "urls": [self.slapd.ldaps_url]},
                "fresh": {**corp, "lookup_cache": "0s"},
            },
            "listeners": {"exempt_tls": {"directory": "tls"}, "fresh": {"directory": "fresh"}},
            "log": {"level": "info"},
        }
        if beside is not None:
            ports = {name: f"ldap://127.0.0.1:{beside.port(name)}" for name in ("exempt", "duo")}
            extra = merged(extra, {"listeners": {name: {"url": url} for name, url in ports.items()}})
        proxy = ProxyProcess(
            self._folder / f"proxy-{next(self._numbers)}",
            corp,
            duo_settings(self.duo, **_TIMEOUTS),
            LISTENERS,
            extra,
            module=module,
        )
        proxy.start()
        try:
            yield proxy
        finally:
            # In good order it would wait for thousands of people who look for their phone.
            proxy.stop(signal.SIGKILL)

    def enroll(self) -> None:
        """Gives everybody a phone: those of the first answer at once, the others never."""
        if self._is_enrolled:
            return
        self._is_enrolled = True
        for number in range(1, FIRST_WAITING + WAITING_PEOPLE):
            self.duo.add_user(f"u{number:04}", [phone("phone")])
        for number in range(1, FIRST_WAITING):
            self.duo.answer_always("approve", user=f"u{number:04}")
        self.duo.settings(push_timeout=900)
