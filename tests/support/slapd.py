"""A real slapd with the example directory in it, for one test or many.

Owns slapd's configuration and its process; what is in the directory is `example_directory`'s.

    with Slapd(tmp_path, people=1000) as slapd:
        slapd.url            # ldap://127.0.0.1:PORT, StartTLS works
        slapd.ldaps_url      # ldaps://127.0.0.1:PORT
        slapd.ca_file        # what signed its certificate
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import example_directory
from tests.support.certificates import LOOPBACK_NAMES, Authority
from tests.support.example_directory import ADMIN_DN, ADMIN_PASSWORD, POLICIES, SUFFIX
from tests.support.ports import free_port

_MODULES = Path("/usr/lib/ldap")
_SCHEMAS = Path("/etc/ldap/schema")
_SLAPD = "/usr/sbin/slapd"
_SLAPADD = "/usr/sbin/slapadd"
# UnbindRequest with messageID 1: the server closes the connection (RFC 4511 section 4.3).
_UNBIND = b"\x30\x05\x02\x01\x01\x42\x00"
# slapd is ready in under 0.1 s; a machine under load may take far longer.
_READY_WITHIN = 20.0


class SlapdMissingError(Exception):
    """slapd cannot be started on this machine at all."""


@dataclass(frozen=True, slots=True)
class SlapdCertificate:
    """PEM files of slapd's certificate chain, its key, and the authority that clients trust."""

    ca_file: Path
    certificate_file: Path
    private_key_file: Path


def make_certificate(folder: Path, *names: str) -> SlapdCertificate:
    """A certificate for `names` (DNS names or addresses) from an authority of its own, as PEM files."""
    authority = Authority(folder)
    server = authority.server(*names)
    return SlapdCertificate(authority.ca_file, server.certificate_file, server.private_key_file)


class Slapd:
    """One slapd on loopback with a database of its own.

    Entering the context loads the data and starts it; leaving stops it. In between it can be stopped, killed,
    suspended and started again on the same ports, with the same data.

    Args:
        folder: an existing folder of the test's own (`tmp_path`); slapd keeps to `folder/slapd-N`.
        people: how many numbered people (`u0001`, ...) there are, besides the named ones.
        allow_unauthenticated: True makes a simple bind with a name and an empty password succeed
            (anonymously), as many directories do (`allow bind_anon_dn`), and one with a password
            and no name, too (`allow bind_anon_cred`).
        anonymous_read: False lets only those who have bound read.
        password_policy: the ppolicy overlay.
        member_of: the memberof overlay.
        certificate: another certificate than the one made for 127.0.0.1, ::1 and localhost.
        log_operations: True keeps slapd's `stats` log, see `log` and `operations`.
        global_lines: further lines of slapd.conf before the database.
        access_lines: access rules that come before the ordinary ones (`access to attrs=mail by * none`).
        database_lines: further lines of slapd.conf behind the database's own, overlays included.
        entries: LDIF of further entries.
    """

    def __init__(
        self,
        folder: Path,
        *,
        people: int = 5,
        allow_unauthenticated: bool = False,
        anonymous_read: bool = True,
        password_policy: bool = True,
        member_of: bool = True,
        certificate: SlapdCertificate | None = None,
        log_operations: bool = False,
        global_lines: tuple[str, ...] = (),
        access_lines: tuple[str, ...] = (),
        database_lines: tuple[str, ...] = (),
        entries: str = "",
    ) -> None:
        for program in (_SLAPD, _SLAPADD):
            if not Path(program).exists():
                raise SlapdMissingError(f"{program} is missing; install it: apt-get install slapd ldap-utils")
        self.folder = _new_folder(folder)
        self.people = people
        self.port = 0
        self.ldaps_port = 0
        self._certificate = certificate or make_certificate(self.folder, *LOOPBACK_NAMES)
        self._log_operations = log_operations
        self._process: subprocess.Popen[bytes] | None = None
        self._config = self.folder / "slapd.conf"
        self._log = self.folder / "slapd.log"
        self._pid_file = self.folder / "slapd.pid"
        self._data = example_directory.ldif(people, password_policy=password_policy, member_of=member_of)
        if entries:
            self._data += f"\n{entries}"
        self._config.write_text(
            "\n".join(
                [
                    *(
                        f"include {_SCHEMAS}/{name}.schema"
                        for name in ("core", "cosine", "nis", "inetorgperson")
                    ),
                    f"modulepath {_MODULES}",
                    "moduleload back_mdb",
                    *(["moduleload ppolicy"] if password_policy else []),
                    *(["moduleload memberof"] if member_of else []),
                    f"pidfile {self._pid_file}",
                    f"TLSCACertificateFile {self._certificate.ca_file}",
                    f"TLSCertificateFile {self._certificate.certificate_file}",
                    f"TLSCertificateKeyFile {self._certificate.private_key_file}",
                    "sizelimit unlimited",
                    *(["allow bind_anon_cred bind_anon_dn"] if allow_unauthenticated else []),
                    *global_lines,
                    "database mdb",
                    "maxsize 268435456",
                    f'suffix "{SUFFIX}"',
                    f'rootdn "{ADMIN_DN}"',
                    f"rootpw {ADMIN_PASSWORD}",
                    f"directory {self.folder}/db",
                    "dbnosync",
                    "index objectClass,uid,cn,entryUUID,member,uniqueMember,memberUid eq",
                    *access_lines,
                    "access to attrs=userPassword by anonymous auth by self write by * none",
                    f"access to * by {'*' if anonymous_read else 'users'} read",
                    *(
                        ["overlay ppolicy", f'ppolicy_default "cn=default,{POLICIES}"']
                        if password_policy
                        else []
                    ),
                    *(["overlay memberof"] if member_of else []),
                    *database_lines,
                    "",
                ]
            )
        )

    @property
    def url(self) -> str:
        """The clear-text address; StartTLS works on it."""
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def ldaps_url(self) -> str:
        """The TLS address."""
        return f"ldaps://127.0.0.1:{self.ldaps_port}"

    @property
    def ca_file(self) -> Path:
        """PEM file of the authority that signed the server's certificate."""
        return self._certificate.ca_file

    @property
    def log_file(self) -> Path:
        """Where it writes what it has to say."""
        return self._log

    @property
    def pid(self) -> int:
        """The process id of the running slapd."""
        return self._running().pid

    def __enter__(self) -> Self:
        self.load()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def load(self) -> None:
        """Puts the example directory into a fresh database. slapd must not run."""
        shutil.rmtree(self.folder / "db", ignore_errors=True)
        (self.folder / "db").mkdir()
        done = subprocess.run(
            [_SLAPADD, "-q", "-f", str(self._config)],
            input=self._data.encode(),
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"slapadd failed: {done.stderr.decode(errors='replace')}")

    def start(self) -> None:
        """Starts slapd: on free ports the first time, on the same ports later. Returns when it answers."""
        first = self.port == 0
        for _ in range(5 if first else 1):
            if first:
                self.port, self.ldaps_port = free_port(), free_port()
            self._pid_file.unlink(missing_ok=True)
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [
                        _SLAPD,
                        *("-h", f"{self.url}/ {self.ldaps_url}/"),
                        *("-f", str(self._config)),
                        *("-d", "stats" if self._log_operations else "0"),
                    ],
                    stdout=log,
                    stderr=log,
                )
            if self._wait_until_ready():
                return
            self._process = None
            # Somebody else may have taken a port between our choice and slapd's bind: choose again.
        raise RuntimeError(f"slapd ended at once; its log: {self.log()[-2000:]}")

    def stop(self) -> None:
        """Stops slapd in good order (SIGTERM); does nothing if it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends slapd without a word (SIGKILL); its connections are reset or closed by the kernel."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stops slapd and starts it again on the same ports with the same data."""
        self.stop()
        self.start()

    def suspend(self) -> None:
        """Makes slapd hang (SIGSTOP): the kernel still accepts connections, nothing answers."""
        self._running().send_signal(signal.SIGSTOP)
        # The signal has been sent, not obeyed: a thread on another processor may still answer.
        threads = Path(f"/proc/{self.pid}/task")
        while any(_state(thread) != "T" for thread in threads.iterdir()):
            time.sleep(0.001)

    def resume(self) -> None:
        """Ends `suspend`."""
        self._running().send_signal(signal.SIGCONT)

    def modify(self, ldif: str) -> None:
        """Applies LDIF change records (or adds entries) as the administrator."""
        done = subprocess.run(
            ["ldapmodify", "-a", "-x", "-H", self.url, "-D", ADMIN_DN, "-w", ADMIN_PASSWORD],
            input=ldif.encode(),
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"ldapmodify failed: {done.stderr.decode(errors='replace')}")

    def log(self) -> str:
        """What slapd has written so far; its operations only with `log_operations`."""
        return self._log.read_text(errors="replace")

    def operations(self, kind: str) -> list[str]:
        """The lines of slapd's log about requests of one kind, oldest first.

        Args:
            kind: slapd's word: `BIND`, `SRCH`, `CMP`, `MOD`, `EXT`, `UNBIND`, `ABANDON`, ...

        A line looks like `... conn=1000 op=0 BIND dn="uid=alice,..." method=128`; answers are left out.
        """
        if not self._log_operations:
            raise ValueError("start Slapd with log_operations=True")
        # `BIND dn=... mech=SIMPLE` and `SRCH attr=` tell more about a request that was already counted.
        more = (" mech=", " SRCH attr=")
        return [
            line
            for line in self.log().splitlines()
            if f" {kind}" in line and not any(text in line for text in more)
        ]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("slapd does not run")
        return self._process

    def _wait_until_ready(self) -> bool:
        """False when it has ended instead, as it does when somebody else has taken one of its ports."""
        process = self._running()
        deadline = time.monotonic() + _READY_WITHIN
        while process.poll() is None:
            # It writes the file when both ports are its own, and serves a little later.
            if self._pid_file.exists() and self._serves():
                return True
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"slapd does not serve after {_READY_WITHIN} s: {self.log()}")
            time.sleep(0.01)
        return False

    def _serves(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(_UNBIND)
                return connection.recv(1) == b""
        except OSError:
            return False

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)  # a suspended process takes no SIGTERM
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _state(thread: Path) -> str:
    """The state of a thread (proc(5)): `T` is stopped. Its name, in brackets before it, may hold anything."""
    return (thread / "stat").read_text().rpartition(") ")[2][0]


def _new_folder(parent: Path) -> Path:
    """A new folder of slapd's own, so that several fit into one `tmp_path`."""
    number = 1
    while (folder := parent / f"slapd-{number}").exists():
        number += 1
    folder.mkdir()
    return folder
