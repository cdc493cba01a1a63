"""PAM by nslcd (Debian's libpam-ldapd): one nslcd for each listener, tried by pamtester.

Owns their configuration and processes. nslcd's configuration, its socket and PAM's services have fixed paths,
so each nslcd lives in a mount namespace of its own, where those are the test's: nothing of the machine's own
PAM is touched, and several run side by side. Needs root.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.applications.attempts import Attempt, People, Place, timed
from tests.support.applications.own_mounts import OwnMounts, pamtester, require_own_mounts
from tests.support.skips import require_program

SERVICE = "ldapproxy-test"
_PAM_MODULES = ("/usr/lib/x86_64-linux-gnu/security", "/usr/lib/aarch64-linux-gnu/security", "/lib/security")
_READY_WITHIN = 30.0
# What each nslcd runs in: its own /etc/nslcd.conf, /etc/pam.d and /run/nslcd.
_ENTER = """
mount --bind "$1/nslcd.conf" /etc/nslcd.conf
mount --bind "$1/pam.d" /etc/pam.d
mount -t tmpfs tmpfs /run
mkdir /run/nslcd
chown nslcd:nslcd /run/nslcd
if [ -e "$1/ca.pem" ]; then
    # nslcd is its own user by then, who may not enter the test's folder.
    install -m 644 "$1/ca.pem" /run/nslcd/ca.pem
fi
exec nslcd --nofork
"""


def require_pam() -> None:
    """Skips the test where nslcd cannot run."""
    for program in ("nslcd", "pamtester"):
        require_program(program)
    if not any((Path(folder) / "pam_ldap.so").exists() for folder in _PAM_MODULES):
        pytest.skip("the package libpam-ldapd is not installed; `make test` installs it where it may")
    require_own_mounts()


class Pam:
    """One nslcd for each listener; a context manager (`attempts.Application`).

    Args:
        folder: an existing folder of the test's own; it keeps to `folder/pam`.
        places: the listeners.
        people: where people are.
        object_class: of people, who need not be posixAccounts to be authenticated.
        scheme: `ldap` or `ldaps`.
        ca_file: whom TLS trusts.
        start_tls: True starts TLS towards the listeners.
        bind_timeout: nslcd's `bind_timelimit`, in seconds.
    """

    def __init__(
        self,
        folder: Path,
        places: Iterable[Place],
        people: People,
        object_class: str = "inetOrgPerson",
        scheme: str = "ldap",
        ca_file: Path | None = None,
        start_tls: bool = False,
        bind_timeout: int = 60,
    ) -> None:
        self._folder = folder / "pam"
        self._running: dict[str, OwnMounts] = {}
        self._names: list[str] = []
        for place in places:
            own = self._folder / place.name
            (own / "pam.d").mkdir(parents=True)
            (own / "pam.d" / SERVICE).write_text(
                "auth required pam_ldap.so minimum_uid=0 no_warn\naccount required pam_permit.so\n"
            )
            configuration = own / "nslcd.conf"
            configuration.write_text(
                "\n".join(
                    [
                        "uid nslcd",
                        "gid nslcd",
                        f"uri {scheme}://127.0.0.1:{place.port}/",
                        f"base {people.base_dn}",
                        f"binddn {people.search_dn}",
                        f"bindpw {people.search_password}",
                        f"filter passwd (objectClass={object_class})",
                        f"map passwd uid {people.username_attribute}",
                        f"bind_timelimit {bind_timeout}",
                        f"timelimit {bind_timeout}",
                        "tls_reqcert demand",
                        *(["ssl start_tls"] if start_tls else []),
                        *([] if ca_file is None else ["tls_cacertfile /run/nslcd/ca.pem"]),
                        "",
                    ]
                )
            )
            configuration.chmod(0o640)
            if ca_file is not None:
                shutil.copy(ca_file, own / "ca.pem")
            self._names.append(place.name)

    def __enter__(self) -> Self:
        try:
            for name in self._names:
                self._start(name)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def login(self, listener: str, user: str, credential: str, patience: float = 60.0) -> Attempt:
        """Authenticates through PAM."""

        mounts = self._running[listener]
        return timed(lambda: pamtester(mounts, SERVICE, user, credential, patience))

    def log(self, listener: str) -> str:
        """What the listener's nslcd wrote."""
        return (self._folder / listener / "log").read_text(errors="replace")

    def _start(self, name: str) -> None:
        own = self._folder / name
        mounts = self._running[name] = OwnMounts(_ENTER, own, own / "log")
        deadline = time.monotonic() + _READY_WITHIN
        # The socket is there as soon as nslcd answers.
        while not mounts.has("/run/nslcd/socket"):
            if mounts.has_ended or time.monotonic() > deadline:
                raise RuntimeError(f"nslcd did not start: {self.log(name)[-2000:]}")
            time.sleep(0.02)

    def _stop(self) -> None:
        for mounts in self._running.values():
            mounts.stop()
        self._running.clear()
