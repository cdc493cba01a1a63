"""A throw-away certificate authority for the simulated Duo.

Owns the making and writing of it. It must not know who uses it. Needs `trustme` (the `demo` extra).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


class CertificateError(Exception):
    """A certificate cannot be used; the message names the files and says why."""


class DemoNotInstalledError(Exception):
    """A package of the `demo` extra is missing; the message says how to install it."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A server certificate on disk, PEM.

    Attributes:
        certificate_file: the certificate, followed by its chain.
        private_key_file: its key, readable by us only.
        ca_file: what clients have to trust; None when they trust it already.
    """

    certificate_file: Path
    private_key_file: Path
    ca_file: Path | None = None

    def load_into(self, context: ssl.SSLContext) -> None:
        """Makes `context` present this certificate from now on.

        Raises:
            CertificateError: a file cannot be read, or the files are no matching certificate and key.
        """
        try:
            context.load_cert_chain(self.certificate_file, self.private_key_file)
        except OSError as error:  # ssl.SSLError is one
            raise CertificateError(
                f"{self.certificate_file} and {self.private_key_file} are no certificate and its key: "
                f"{error.strerror or error}"
            ) from error


def make_certificate(folder: Path, *names: str) -> CertificateFiles:
    """Makes a certificate authority and a certificate for `names` (host names or addresses), and writes both.

    Args:
        folder: where `ca.pem`, `server.pem` and `server.key` are written; it must exist.
        names: the first one also becomes the certificate's common name.

    Raises:
        DemoNotInstalledError: trustme is not installed.
        OSError: the folder cannot be written to.
    """
    try:
        import trustme
    except ImportError:
        raise DemoNotInstalledError(
            "the throw-away certificate needs the package trustme: pip install 'ldapproxy[demo]', "
            "or give a certificate and its key"
        ) from None
    authority = trustme.CA(organization_name="ldapproxy demo")
    issued = authority.issue_cert(*names, common_name=names[0])
    files = CertificateFiles(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(files.certificate_file, append=pem is not issued.cert_chain_pems[0])
    files.private_key_file.touch(mode=0o600)
    issued.private_key_pem.write_to_path(files.private_key_file)
    return files
