"""A real Active Directory domain controller (Samba) with the example domain in it.

    def test_something(samba: Samba) -> None:
        samba.ldaps_url      # ldaps://127.77.X.Y, port 636: Samba's ports are fixed, so its address is not
        samba.url            # ldap://127.77.X.Y; StartTLS works, binds in clear text are refused
        samba.ca_file        # what signed its certificate

Owns Samba's provisioning, configuration and process, and the fixture; what is in the domain is
`example_domain`'s. Needs root, as Samba does.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support import example_domain
from tests.support.certificates import Authority
from tests.support.example_domain import ADMINISTRATOR, ADMINISTRATOR_PASSWORD, NETBIOS_DOMAIN, REALM, SUFFIX
from tests.support.skips import require_program

# One second; a machine under load may take far longer.
_READY_WITHIN = 60.0


@pytest.fixture(scope="session")
def samba(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samba]:
    """The domain controller of this test process, which no test may stop or change."""
    require_samba()
    own = tmp_path_factory.getbasetemp()
    # The workers of pytest-xdist have folders of their own in a common one.
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with Samba(tmp_path_factory.mktemp("samba"), provisioned(common)) as running:
        yield running


def require_samba() -> None:
    """Skips the test when no domain controller can run here."""
    for program in ("samba", "samba-tool", "ldbmodify", "ldapmodify"):
        require_program(program)
    if os.geteuid() != 0:
        pytest.skip("a domain controller needs root; CI and `make test-apps` in a container have it")


def provisioned(folder: Path) -> Path:
    """The database of the example domain, made once for all test processes that share the folder.

    Args:
        folder: shared by them; it exists.
    """
    database = folder / "samba-database"
    with _locked(folder / "samba-database.lock"):
        if not database.exists():
            # Seconds of work, so other processes wait for it rather than do it once more.
            made = folder / "samba-database.part"
            shutil.rmtree(made, ignore_errors=True)
            _provision(made)
            made.rename(database)
    return database


class Samba:
    """One domain controller; a context manager.

    Args:
        folder: an existing folder of the test's own; it keeps to `folder/samba`.
        database: a `provisioned` domain, which is copied.
    """

    def __init__(self, folder: Path, database: Path) -> None:
        self.folder = folder / "samba"
        shutil.copytree(database, self.folder, symlinks=True)
        self.address = _free_address()
        self._authority = Authority(self.folder / "certificates")
        self._process: subprocess.Popen[bytes] | None = None
        self._log = self.folder / "samba.log"

    @property
    def url(self) -> str:
        """The clear-text address; StartTLS works on it."""
        return f"ldap://{self.address}"

    @property
    def ldaps_url(self) -> str:
        """The TLS address."""
        return f"ldaps://{self.address}"

    @property
    def ca_file(self) -> Path:
        """PEM file of the authority that signed the certificate."""
        return self._authority.ca_file

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it, and returns when it answers."""
        certificate = self._authority.server(self.address)
        options = {
            "workgroup": NETBIOS_DOMAIN,
            "realm": REALM,
            "netbios name": "DC1",
            "server role": "active directory domain controller",
            "server services": "ldap",
            "interfaces": f"{self.address}/8",
            "bind interfaces only": "yes",
            "private dir": self.folder / "private",
            "state directory": self.folder / "state",
            "lock directory": self.folder,
            "cache directory": self.folder / "cache",
            "pid directory": self.folder,
            "ncalrpc dir": self.folder / "ncalrpc",
            "ntp signd socket directory": self.folder / "ntp_signd",
            "winbindd socket directory": self.folder / "winbindd",
            "log file": self._log,
            "tls enabled": "yes",
            "tls cafile": self.ca_file,
            "tls certfile": certificate.certificate_file,
            "tls keyfile": certificate.private_key_file,
        }
        configuration = self.folder / "smb.conf"
        lines = [f"{name} = {value}" for name, value in options.items()]
        configuration.write_text("\n".join(["[global]", *lines, ""]))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    require_program("samba"), "--foreground", "--no-process-group", "--model=single",
                    f"--configfile={configuration}",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(),
            )  # fmt: skip
        deadline = time.monotonic() + _READY_WITHIN
        while not (self._listens(389) and self._listens(636)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"Samba did not start: {self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def modify(self, ldif: str) -> None:
        """Applies LDIF change records over LDAP, as the administrator."""
        _run(
            ["ldapmodify", "-x", "-H", self.ldaps_url, "-D", ADMINISTRATOR, "-w", ADMINISTRATOR_PASSWORD],
            ldif,
            LDAPTLS_CACERT=str(self.ca_file),
        )

    def value(self, dn: str, attribute: str) -> bytes:
        """The one value of an entry's binary attribute."""
        said = _run(
            [
                "ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-x", "-H", self.ldaps_url, "-D", ADMINISTRATOR,
                "-w", ADMINISTRATOR_PASSWORD, "-b", dn, "-s", "base", attribute,
            ],
            LDAPTLS_CACERT=str(self.ca_file),
        )  # fmt: skip
        (encoded,) = re.findall(f"^{attribute}:: (.*)$", said, re.MULTILINE)
        return base64.b64decode(encoded)

    def _listens(self, port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.address, port)) == 0


def _provision(folder: Path) -> None:
    folder.mkdir()
    empty = folder / "empty.conf"
    empty.write_text("[global]\n")
    _run(
        [
            "samba-tool", "domain", "provision", f"--configfile={empty}", f"--targetdir={folder}",
            f"--realm={REALM}", f"--domain={NETBIOS_DOMAIN}", "--server-role=dc", "--dns-backend=NONE",
            f"--adminpass={ADMINISTRATOR_PASSWORD}", "--host-name=dc1", "--host-ip=127.0.0.1",
            "--option=interfaces=lo", "--option=bind interfaces only=yes",
        ]
    )  # fmt: skip
    with contextlib.ExitStack() as stack:
        scratch = folder.with_suffix(".scratch")
        scratch.mkdir()
        stack.callback(shutil.rmtree, scratch)
        samba = Samba(scratch, folder)
        with samba:
            samba.modify(example_domain.ldif())
        # Past the rules of the directory, straight into its file.
        partition = next((samba.folder / "private" / "sam.ldb.d").glob(f"{SUFFIX.upper()}.ldb"))
        forced = samba.folder / "forced.ldif"
        forced.write_text(example_domain.forced_ldif())
        _run(["ldbmodify", "-H", str(partition), str(forced)])
        shutil.rmtree(folder)
        shutil.copytree(samba.folder, folder, symlinks=True, ignore=_ignored)


def _ignored(folder: str, names: list[str]) -> list[str]:
    """What belongs to one process and not to the domain: sockets, pid files, certificates, logs."""
    return [
        name
        for name in names
        if name in ("certificates", "ncalrpc", "winbindd", "ntp_signd", "msg.sock", "msg.lock")
        or name.endswith((".pid", ".log", ".ldif", ".conf"))
        or (Path(folder) / name).is_socket()
    ]


def _run(command: list[str], given: str | None = None, **environment: str) -> str:
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        env=_environment() | environment,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-500:]} {done.stderr[-2000:]}")
    return done.stdout


def _environment() -> dict[str, str]:
    """Samba's tools are Python programs of Debian's, which the settings of our own Python must not reach."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") and name not in ("VIRTUAL_ENV", "LDAPNOINIT", "LDAPCONF")
    }


def _free_address() -> str:
    """An address of loopback on which nobody listens: Samba's ports cannot be chosen."""
    while True:
        address = f"127.77.{random.randint(1, 254)}.{random.randint(1, 254)}"
        with socket.socket() as probe:
            try:
                probe.bind((address, 636))
            except OSError:
                continue
        return address


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
