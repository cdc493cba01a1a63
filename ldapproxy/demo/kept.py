"""What a simulator keeps from one start to the next: its certificate and its keys.

Owns the files of the folder that holds them: each is made when it is asked for and not there yet. It must not
know the simulator.
"""

from __future__ import annotations

from pathlib import Path

from ldapproxy.demo.certificate import CertificateFiles, make_certificate
from ldapproxy.demo.duo_accounts import random_id, random_secret_key


def certificate_in(folder: Path, names: list[str]) -> CertificateFiles:
    """The certificate, with the authority to trust.

    Args:
        folder: an existing folder.
        names: the names for a new certificate; one that is there already stays as it is.

    Raises:
        OSError: a file cannot be written.
        DemoNotInstalledError: a certificate is to be made and trustme is not installed.
    """
    files = CertificateFiles(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    return files if files.private_key_file.exists() else make_certificate(folder, *names)


def integration_key_in(folder: Path) -> str:
    """Duo's integration key.

    Raises:
        OSError: the file cannot be read or written.
    """
    return _filled(folder / "integration-key", random_id("DI")).read_text().strip()


def secret_key_file_in(folder: Path) -> Path:
    """The file that holds Duo's secret key, as `secret_key_file:` takes it.

    Raises:
        OSError: the file cannot be written.
    """
    return _filled(folder / "secret-key", random_secret_key())


def _filled(path: Path, default: str) -> Path:
    """Writes `default` into a file that is not there yet, readable by us only."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(default + "\n")
    return path
