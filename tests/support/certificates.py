"""Certificates for servers that tests start: good ones, expired ones, and ones that name another host.

    authority = Authority(tmp_path)
    server = authority.server()            # 127.0.0.1, localhost, ::1
    authority.ca_file                      # what clients trust
    authority.expired(), authority.wrong_host(), authority.nameless(), Authority(tmp_path / "other").server()

Owns the PEM files. It must not know which server presents them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A certificate (with its chain) and its key, as PEM files."""

    certificate_file: Path
    private_key_file: Path


class Authority:
    """A certificate authority that writes into `folder` (made if need be)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA()
        self._numbers = itertools.count(1)
        self.ca_file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca_file)

    def server(self, *names: str, not_after: datetime | None = None, rsa: bool = False) -> ServerCertificate:
        """A certificate for `names` (addresses or host names), by default loopback's; ECDSA, or RSA."""
        key_type = trustme.KeyType.RSA if rsa else trustme.KeyType.ECDSA
        # trustme's certificates start in the year 2000, so any end after that makes a valid period.
        return self._write(
            self._authority.issue_cert(*(names or LOOPBACK_NAMES), not_after=not_after, key_type=key_type)
        )

    def expired(self, *names: str) -> ServerCertificate:
        """A certificate that ended yesterday."""
        return self.server(*names, not_after=datetime.now(UTC) - timedelta(days=1))

    def wrong_host(self) -> ServerCertificate:
        """A certificate that is good, but for another host."""
        return self.server("somewhere-else.example.com")

    def nameless(self) -> ServerCertificate:
        """A certificate that is good, but names no host at all, as those for people do."""
        return self._write(self._authority.issue_cert(common_name="Mallory"))

    def _write(self, issued: trustme.LeafCert) -> ServerCertificate:
        number = next(self._numbers)
        files = ServerCertificate(
            self._folder / f"server-{number}.pem", self._folder / f"server-{number}.key"
        )
        for part, pem in enumerate(issued.cert_chain_pems):
            pem.write_to_path(files.certificate_file, append=part > 0)
        files.private_key_file.touch(mode=0o600)
        issued.private_key_pem.write_to_path(files.private_key_file)
        return files
