"""What a simulator keeps from one start to the next: its certificate and its keys.

Owns the files of the folder that holds them. It must not know the simulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ldapproxy.demo.certificate import CertificateFiles, make_certificate
from ldapproxy.demo.duo_accounts import random_id, random_secret_key
from ldapproxy.secret import Secret


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """The contents of the folder.

    Attributes:
        certificate: with the authority to trust.
        integration_key: Duo's integration key.
        secret_key: Duo's secret key.
        secret_key_file: the file that holds it, as `secret_key_file:` takes it.
    """

    certificate: CertificateFiles
    integration_key: str
    secret_key: Secret
    secret_key_file: Path


def keep(folder: Path, names: list[str]) -> KeptFiles:
    """Reads what the folder holds and makes what it lacks.

    Args:
        folder: made if need be.
        names: the names for a new certificate; one that is there already stays as it is.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: a file does not hold text.
        DemoNotInstalledError: a certificate is to be made and trustme is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    certificate = CertificateFiles(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    if not certificate.private_key_file.exists():
        certificate = make_certificate(folder, *names)
    secret_key_file = folder / "secret-key"
    return KeptFiles(
        certificate=certificate,
        integration_key=_text(folder / "integration-key", random_id("DI")),
        secret_key=Secret(_text(secret_key_file, random_secret_key())),
        secret_key_file=secret_key_file,
    )


def _text(path: Path, default: str) -> str:
    """The text of the file; a file that is not there yet is written with `default`, readable by us only."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(default + "\n")
    return path.read_text().strip()
