"""A proxy between a slapd and a Duo simulator, and the people in both.

Owns what the end-to-end tests have in common: the configuration of both sides, and who has which phone. It
must not know what a test expects.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support import example_domain
from tests.support.example_directory import SERVICE, SUFFIX, Account
from tests.support.ldap_client import LdapClient
from tests.support.proxy import ProxyProcess, Settings
from tests.support.samba import Samba
from tests.support.simulator import SimulatorProcess, phone
from tests.support.slapd import Slapd


def directory_settings(*servers: Slapd, ldaps: bool = False, **changes: Any) -> Settings:
    """`directories.corp` for these servers, in the order of failover."""
    return {
        "urls": [server.ldaps_url if ldaps else server.url for server in servers],
        "ca_file": str(servers[0].ca_file),
        "base_dn": SUFFIX,
        "service_account": {"dn": SERVICE.dn, "password": SERVICE.password},
        "lookup_cache": "0s",
        **changes,
    }


def domain_settings(samba: Samba, **changes: Any) -> Settings:
    """`directories.corp` for a domain controller."""
    return {
        "urls": [samba.ldaps_url],
        "ca_file": str(samba.ca_file),
        "base_dn": example_domain.SUFFIX,
        "username_attribute": "sAMAccountName",
        "service_account": {"dn": example_domain.SERVICE.dn, "password": example_domain.SERVICE.password},
        "lookup_cache": "0s",
        **changes,
    }


def duo_settings(duo: SimulatorProcess, **changes: Any) -> Settings:
    """`duo.prod` for the simulator."""
    return {
        "api_host": duo.api_host,
        "integration_key": duo.integration_key,
        "secret_key": duo.secret_key,
        "ca_file": str(duo.ca_file),
        **changes,
    }


class World:
    """The proxy and its neighbours; a context manager."""

    def __init__(
        self,
        folder: Path,
        slapd: Slapd,
        duo: SimulatorProcess,
        listeners: dict[str, Settings],
        extra: Settings | None = None,
    ) -> None:
        self.slapd = slapd
        self.duo = duo
        directory = directory_settings(slapd)
        self.proxy = ProxyProcess(folder, directory, duo_settings(duo), listeners, extra)
        self._seen = 0

    def __enter__(self) -> Self:
        self.proxy.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.proxy.__exit__(kind, error, trace)

    def enroll(self, account: Account, *devices: dict[str, Any], **details: Any) -> str:
        """Gives an account a user in Duo, with one smartphone unless told otherwise; returns the name."""
        name = account.dn.partition("=")[2].partition(",")[0]
        self.duo.add_user(name, devices or (phone(f"{name}'s phone"),), **details)
        return name

    def slapd_client(self) -> LdapClient:
        """A client connected to the directory itself."""
        return LdapClient(self.slapd.port)

    def audited(self) -> dict[str, Any]:
        """The audit line that was written since the last call; there must be exactly one."""
        lines = self.new_audit_lines(1)
        assert len(lines) == 1, lines
        return lines[0]

    def new_audit_lines(self, at_least: int = 0) -> list[dict[str, Any]]:
        """The audit lines that were written since the last call."""
        self.proxy.wait_for(
            lambda: len(self.proxy.audit()) >= self._seen + at_least, f"{at_least} more audit lines"
        )
        lines = self.proxy.audit()[self._seen :]
        self._seen += len(lines)
        return lines


def run_tool(program: str, *arguments: str, ca_file: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs one of libldap's tools; its exit code is the LDAP result code."""
    environment = {**os.environ, "LDAPNOINIT": "1"}
    if ca_file is not None:
        del environment["LDAPNOINIT"]
        environment |= {"LDAPTLS_CACERT": str(ca_file), "LDAPCONF": "/dev/null"}
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, env=environment, timeout=60, check=False
    )


def whoami(
    url: str, account: Account, credential: str, *options: str, ca_file: Path | None = None
) -> tuple[int, str]:
    """Logs in with `ldapwhoami`; its exit code is the LDAP result code."""
    result = run_tool(
        "ldapwhoami", "-H", url, "-x", "-D", account.dn, "-w", credential, *options, ca_file=ca_file
    )
    return result.returncode, result.stdout.strip() or result.stderr.strip()
