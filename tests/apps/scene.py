"""A proxy in front of a directory, with the listeners that applications are pointed at, and Alice in it all.

Owns the configuration that the applications' tests share, and Alice's phone, passcode and offline codes. It
must not know any application.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.fernet import Fernet

from ldapproxy.offline.administration import open_administration
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.secret import Secret
from tests.e2e.world import duo_settings
from tests.support.applications.attempts import Place
from tests.support.proxy import ProxyProcess, Settings
from tests.support.simulator import SimulatorProcess, phone, token

PASSCODE = "123456"
WRONG_PASSCODE = "654321"

IMPATIENT = 2.0
"""Seconds that `impatient` gives a login, push included."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who logs in.

    Attributes:
        user: as typed into the application.
        password: without anything behind it.
        duo_name: as Duo knows them.
        identity: of their entry, for offline authenticators.
    """

    user: str
    password: str
    duo_name: str
    identity: str


class Scene:
    """The proxy and what is around it; a context manager.

    Args:
        folder: an empty folder.
        directory: `directories.corp`.
        duo: the simulator.
        alice: who logs in.
        other: who logs in meanwhile.
        exempt: the accounts with which applications search.
        listeners: further listeners, each with what is different there.
    """

    def __init__(
        self,
        folder: Path,
        directory: Settings,
        duo: SimulatorProcess,
        alice: Person,
        other: Person,
        exempt: Iterable[str],
        listeners: Mapping[str, Settings] | None = None,
    ) -> None:
        self.duo = duo
        self.alice = alice
        self.other = other
        key = Fernet.generate_key().decode()
        store = f"sqlite:///{folder}/offline.db"
        administration = open_administration(
            OfflineSettings(store, (Secret(key),), max_logins=100, max_age=86_400.0)
        )
        sheet = administration.new_recovery_codes(alice.identity, alice.duo_name)
        self._codes = [code.reveal().decode() for code in sheet]
        usual: Settings = {
            "exempt": [{"dn": dn} for dn in exempt],
            "tls": {"start_tls": "optional"},
        }
        different: dict[str, Settings] = {
            "here": {},
            "impatient": {"bind_timeout": f"{IMPATIENT:.0f}s"},
            "away_closed": {"fail_mode": "closed"},
            "away_open": {"fail_mode": "open"},
            "away_offline": {"fail_mode": "offline"},
            **(listeners or {}),
        }
        away = [name for name in different if name.startswith("away_")]
        # Bound and not listening: connections are refused, and nobody else takes the port.
        self._nobody = socket.socket()
        self._nobody.bind(("127.0.0.1", 0))
        dead_host = f"127.0.0.1:{self._nobody.getsockname()[1]}"
        self.proxy = ProxyProcess(
            folder / "proxy",
            directory,
            duo_settings(duo),
            {name: {**usual, **settings} for name, settings in different.items()},
            {
                # A Duo at whose address nobody listens: nothing has to be switched off, nor comes back.
                "duo": {"away": {**duo_settings(duo), "api_host": dead_host}},
                "listeners": {name: {"duo": "away"} for name in away},
                "offline": {"store": store, "encryption_key": key},
            },
        )
        self._listeners = tuple(different)

    def __enter__(self) -> Self:
        self.proxy.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.proxy.__exit__(kind, error, trace)
        self._nobody.close()

    @property
    def places(self) -> tuple[Place, ...]:
        """The listeners, for applications."""
        return tuple(Place(name, self.proxy.port(name)) for name in self._listeners)

    def enroll(self) -> None:
        """Both have a phone in Duo, alice a token, too."""
        self.duo.add_user(self.other.duo_name, [phone("another phone")])
        self.duo.add_user(self.alice.duo_name, [phone("Alice's phone"), token()], passcodes=[PASSCODE])

    def offline_code(self) -> str:
        """A recovery code of alice's that was not used yet."""
        return self._codes.pop()

    def reasons(self, since: int) -> list[str]:
        """The reasons of alice's logins behind so many audit lines; the applications' own are left out."""
        return [
            line["reason"]
            for line in self.proxy.audit()[since:]
            if line["reason"] not in ("exempt_dn", "anonymous")
        ]
