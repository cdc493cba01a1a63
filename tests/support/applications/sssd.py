"""PAM by sssd (Debian's libpam-sss), tried by pamtester.

Owns its process; the configuration is the test's. It runs in a mount namespace of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from configparser import ConfigParser
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.applications.attempts import Attempt, timed
from tests.support.applications.own_mounts import OwnMounts, pamtester, require_own_mounts
from tests.support.skips import require_program

_READY_WITHIN = 60.0
_ENTER = """
mount --bind "$1/pam.d" /etc/pam.d
mount -t tmpfs tmpfs /etc/sssd
install -m 600 "$1/sssd.conf" /etc/sssd/sssd.conf
mkdir /etc/sssd/conf.d /etc/sssd/pki
mount -t tmpfs tmpfs /var/log/sssd
mount -t tmpfs tmpfs /var/lib/sss
mkdir -p /var/lib/sss/db /var/lib/sss/mc /var/lib/sss/pipes/private /var/lib/sss/pubconf/krb5.include.d
mkdir -p /var/lib/sss/gpo_cache /var/lib/sss/secrets /var/lib/sss/deskprofile
mount -t tmpfs tmpfs /run
exec sssd --interactive
"""


def require_sssd() -> None:
    """Skips the test where sssd cannot run."""
    for program in ("sssd", "pamtester"):
        require_program(program)
    require_own_mounts()


class Sssd:
    """One sssd; a context manager.

    Args:
        folder: an existing folder of the test's own; it keeps to `folder/sssd`.
        configuration: its sssd.conf.
        services: the PAM services that are tried, by name.
    """

    def __init__(self, folder: Path, configuration: ConfigParser, services: Mapping[str, str]) -> None:
        self._folder = folder / "sssd"
        (self._folder / "pam.d").mkdir(parents=True)
        for name, text in services.items():
            (self._folder / "pam.d" / name).write_text(text)
        with (self._folder / "sssd.conf").open("w") as file:
            configuration.write(file)
        self._mounts: OwnMounts | None = None

    def __enter__(self) -> Self:
        mounts = self._mounts = OwnMounts(_ENTER, self._folder, self._folder / "log")
        deadline = time.monotonic() + _READY_WITHIN
        while not mounts.has("/var/lib/sss/pipes/private/pam"):
            if mounts.has_ended or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise RuntimeError(f"sssd did not start: {mounts.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mounts, self._mounts = self._mounts, None
        if mounts is not None:
            mounts.stop()

    def login(self, service: str, user: str, credential: str, patience: float = 60.0) -> Attempt:
        """Authenticates through PAM, by one of the services, and asks it whether the account is in order."""
        mounts = self._mounts
        assert mounts is not None
        operations = ("authenticate", "acct_mgmt")
        return timed(lambda: pamtester(mounts, service, user, credential, patience, *operations))
