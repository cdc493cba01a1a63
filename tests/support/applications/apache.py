"""Apache httpd with mod_authnz_ldap, whose locations are each guarded by another listener.

Owns its configuration and process, and the requests. It keeps no answers of its own (`LDAPCacheEntries 0`),
so that each login reaches the proxy.
"""

from __future__ import annotations

import base64
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.applications.attempts import Attempt, People, Place, timed
from tests.support.ports import free_port
from tests.support.skips import require_program

_MODULES = Path("/usr/lib/apache2/modules")
_LOADED = ("mpm_event", "authn_core", "authz_core", "authz_user", "auth_basic", "ldap", "authnz_ldap", "env")
_READY_WITHIN = 30.0


class Apache:
    """One server; a context manager. `/WAY/LISTENER` is guarded by that listener, that way.

    Args:
        places: the listeners.
        people: where people are.
        group: a group whose members alone get in at `/group/...`.
        named: who alone gets in at `/named/...`.
        ca_file: whom StartTLS trusts.
        start_tls: True starts TLS towards the listeners.
        settings: further lines of its configuration.
    """

    def __init__(
        self,
        places: Iterable[Place],
        people: People,
        group: str,
        named: Iterable[str],
        ca_file: Path | None = None,
        start_tls: bool = False,
        settings: Iterable[str] = (),
    ) -> None:
        self._program = require_program("apache2")
        # Not pytest's folder: only root may enter that, and Apache's workers are not root.
        self._folder = Path(tempfile.mkdtemp(prefix="ldapproxy-apache-"))
        self._folder.chmod(0o755)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        documents = self._folder / "documents"
        trust = "" if ca_file is None else self._trust(ca_file)
        places = list(places)
        locations = []
        for way, required in (
            ("user", "Require valid-user"),
            ("named", f"Require ldap-user {' '.join(named)}"),
            ("group", f"Require ldap-group {group}"),
        ):
            for place in places:
                page = documents / way / place.name
                page.mkdir(parents=True)
                (page / "page").write_text(f"the page of {place.name}\n")
                locations.append(
                    f'<Location "/{way}/{place.name}">\n'
                    'AuthType Basic\nAuthName "test"\nAuthBasicProvider ldap\n'
                    f'AuthLDAPURL "ldap://127.0.0.1:{place.port}/{people.base_dn}'
                    f'?{people.username_attribute}?sub" {"STARTTLS" if start_tls else "NONE"}\n'
                    f'AuthLDAPBindDN "{people.search_dn}"\nAuthLDAPBindPassword "{people.search_password}"\n'
                    f"{required}\n</Location>"
                )
        self._configuration = self._folder / "httpd.conf"
        self._configuration.write_text(
            "\n".join(
                [
                    f"ServerRoot {self._folder}",
                    "ServerName 127.0.0.1",
                    f"Listen 127.0.0.1:{self.port}",
                    f"PidFile {self._folder}/pid",
                    f"Mutex file:{self._folder}",
                    f"ErrorLog {self._folder}/error.log",
                    "LogLevel authnz_ldap:debug ldap:debug",
                    *(f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in _LOADED),
                    *(["User www-data", "Group www-data"] if os.geteuid() == 0 else []),
                    # One process, so that all requests share its pooled connections.
                    "StartServers 1\nServerLimit 1\nThreadsPerChild 8\nMaxRequestWorkers 8",
                    "LDAPSharedCacheSize 0\nLDAPCacheEntries 0\nLDAPOpCacheEntries 0",
                    trust,
                    *settings,
                    f"DocumentRoot {documents}",
                    *locations,
                    "",
                ]
            )
        )

    def __enter__(self) -> Self:
        with (self._folder / "output.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-f", str(self._configuration), "-DFOREGROUND"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _READY_WITHIN
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                text = self.log()
                self.stop()
                raise RuntimeError(f"Apache did not start: {text[-2000:]}")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it, and removes its files."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def log(self) -> str:
        """What it wrote."""
        files = (self._folder / "output.log", self._folder / "error.log")
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def way(self, way: str) -> ApacheWay:
        """Logins at the locations of one way: `user`, `named` or `group`."""
        return ApacheWay(self, way)

    def _trust(self, ca_file: Path) -> str:
        copy = self._folder / "ca.pem"
        shutil.copy(ca_file, copy)
        copy.chmod(0o644)
        return f"LDAPTrustedGlobalCert CA_BASE64 {copy}"

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class ApacheWay:
    """Logins at the locations of one way (`attempts.Application`)."""

    def __init__(self, apache: Apache, way: str) -> None:
        self._apache = apache
        self._way = way

    def login(self, listener: str, user: str, credential: str, patience: float = 60.0) -> Attempt:
        """Asks for the listener's page."""

        def ask() -> tuple[bool, str]:
            connection = http.client.HTTPConnection("127.0.0.1", self._apache.port, timeout=patience)
            typed = base64.b64encode(f"{user}:{credential}".encode()).decode()
            try:
                connection.request(
                    "GET", f"/{self._way}/{listener}/page", headers={"Authorization": f"Basic {typed}"}
                )
                response = connection.getresponse()
                said = response.read().decode()
                return response.status == 200, f"{response.status} {said}"
            except OSError as error:
                return False, repr(error)
            finally:
                connection.close()

        return timed(ask)
