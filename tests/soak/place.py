"""Where the soak takes place: slapd, the Duo simulator, and one proxy in front of both.

Owns the processes and the legs between them. It must not know what clients do, nor what goes wrong.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pyotp
from cryptography.fernet import Fernet

from ldapproxy.offline.administration import Administration, open_administration
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.secret import Secret
from tests.e2e.world import directory_settings, duo_settings
from tests.soak.listeners import LISTENERS, settings_of
from tests.soak.people import People, Person
from tests.support.fault_proxy import FaultProxy
from tests.support.proxy import ProxyProcess, Settings
from tests.support.simulator import SimulatorProcess
from tests.support.slapd import Slapd

DIRECTORY_PEOPLE = 1000
# Short, so that an outage is over, and noticed, within seconds.
_TIMEOUTS: Settings = {"connect_timeout": "1s", "response_timeout": "2s"}
_TOTP_STEP = 30


class Place:
    """All processes; a context manager.

    Args:
        folder: an empty folder for everything that they write.
        people: the cast.

    Attributes:
        slapd, duo, proxy: the processes.
        leg: between the proxy and slapd.
        second_leg: the same for the directory with two servers, whose other server is slapd itself.
    """

    def __init__(self, folder: Path, people: People) -> None:
        self.folder = folder
        self._people = people
        self._exit = contextlib.ExitStack()
        self.slapd = Slapd(folder, people=DIRECTORY_PEOPLE, password_policy=False, member_of=False)
        self.duo = SimulatorProcess(folder / "duo")
        self.leg: FaultProxy
        self.second_leg: FaultProxy
        self.proxy: ProxyProcess

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.slapd)
            stack.enter_context(self.duo)
            self.leg = stack.enter_context(FaultProxy(self.slapd.port))
            self.second_leg = stack.enter_context(FaultProxy(self.slapd.port))
            self._people.enroll(self.duo)
            self.proxy = self._proxy()
            self.proxy.start()
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The proxy first, and only if nobody has stopped it yet.
        self.proxy.__exit__(kind, error, trace)
        self._exit.close()

    @property
    def directory_ports(self) -> frozenset[int]:
        """The ports that the proxy reaches the directory on."""
        return frozenset({self.leg.port, self.second_leg.port, self.slapd.port})

    def _proxy(self) -> ProxyProcess:
        store, key = f"sqlite:///{self.folder}/offline.db", Fernet.generate_key()
        administration = open_administration(OfflineSettings(store, (Secret(key),), 10, 7 * 86400.0))
        for person in self._people.with_codes():
            self._people.enroll_offline(person.number, _app_of(administration, person))
        directory = directory_settings(
            self.slapd, **_TIMEOUTS, lookup_cache="1s", urls=[f"ldap://127.0.0.1:{self.leg.port}"]
        )
        pair = directory | {
            "urls": [f"ldap://127.0.0.1:{self.second_leg.port}", self.slapd.url],
            "username_search": "(uid={name})",
        }
        extra: Settings = {
            "directories": {"pair": pair},
            "listeners": {"pair": {"directory": "pair"}},
            "offline": {"store": store, "encryption_key": key.decode()},
            # Tens of thousands of logins: a line for each step of each would be hundreds of megabytes.
            "log": {"level": "info"},
        }
        return ProxyProcess(
            self.folder / "proxy",
            directory,
            duo_settings(self.duo, **_TIMEOUTS, ping_interval="1s"),
            {name: settings_of(name) for name in LISTENERS},
            extra,
        )


def _app_of(administration: Administration, person: Person) -> pyotp.TOTP:
    """An authenticator app; its codes from now on are unused."""
    identity = person.account.entry_uuid
    provisioning = administration.enroll_totp(identity, person.account.dn, "app")
    app = pyotp.parse_uri(provisioning.uri.reveal_text())
    assert isinstance(app, pyotp.TOTP)
    administration.confirm(identity, "app", Secret(app.at(int(time.time()) - _TOTP_STEP)))
    return app
