"""The peers: OpenLDAP's own proxy (back-ldap) and HAProxy as a bare TCP relay, both in front of one slapd.

Owns their configuration and their processes. It must not know what is measured.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.example_directory import SUFFIX
from tests.support.ports import free_port

_READY_WITHIN = 20.0


class Server:
    """A program that listens on one port of loopback while the context lasts.

    Args:
        folder: where its log goes.
        command: how it is started; it must stay in the foreground.
        port: where it listens.
    """

    def __init__(self, folder: Path, command: list[str], port: int) -> None:
        self.port = port
        self._log = folder / f"{Path(command[0]).name}-{port}.log"
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + _READY_WITHIN
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self._command[0]} did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def _listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False


def back_ldap(folder: Path, directory_port: int) -> Server:
    """A slapd that relays everything to another one, binds included."""
    port = free_port()
    schemas = "/etc/ldap/schema"
    configuration = folder / "back-ldap.conf"
    configuration.write_text(
        "\n".join(
            [
                *(f"include {schemas}/{name}.schema" for name in ("core", "cosine", "nis", "inetorgperson")),
                "modulepath /usr/lib/ldap",
                "moduleload back_ldap",
                "sizelimit unlimited",
                "database ldap",
                f'suffix "{SUFFIX}"',
                f'uri "ldap://127.0.0.1:{directory_port}/"',
                "rebind-as-user yes",
                "",
            ]
        )
    )
    command = ["-h", f"ldap://127.0.0.1:{port}/", "-f", str(configuration), "-d", "0"]
    return Server(folder, [_program("slapd"), *command], port)


def haproxy(folder: Path, directory_port: int) -> Server:
    """A relay of TCP that knows nothing of LDAP: what no proxy that reads messages can beat."""
    port = free_port()
    configuration = folder / "haproxy.cfg"
    configuration.write_text(
        f"""global
    maxconn 2000
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen ldap
    bind 127.0.0.1:{port}
    server directory 127.0.0.1:{directory_port}
"""
    )
    return Server(folder, [_program("haproxy"), "-db", "-f", str(configuration)], port)


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise RuntimeError(
            f"{name} is missing; .ci/bench-packages.txt and system-packages.txt name the packages"
        )
    return found
