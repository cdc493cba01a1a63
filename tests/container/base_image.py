"""Stand-ins for the base images, made from Debian's packages where no image registry can be reached.

Owns what is in them. It must not know what is built on top.

The stand-in for `python:3.12-slim-bookworm` has the same Debian and Debian's own Python (3.11) where the real
one has a Python 3.12 under /usr/local. Both come without compilers. It also carries this machine's bundle of
certificates, so that pip in a build trusts what pip on this machine trusts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.container.docker import Docker
from tests.support.skips import require_program

PYTHON_IMAGE = "python:3.12-slim-bookworm"
DEBIAN_IMAGE = "debian:bookworm-slim"

_SUITE = "bookworm"
_MIRROR = "http://deb.debian.org/debian"
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# Kept between runs, inside the clone's own environment; `make clean` removes it.
_CACHE = Path(__file__).parents[2] / ".venv" / "container-base.tar"


def provide(docker: Docker) -> None:
    """Gives the daemon both base images."""
    if not _CACHE.exists():
        _make(_CACHE)
    for image in (PYTHON_IMAGE, DEBIAN_IMAGE):
        docker("import", "--change", f"ENV PIP_CERT={_BUNDLE}", "-", image, stdin=_CACHE, within=300)


def _make(archive: Path) -> None:
    """Writes the root file system of a small Debian with Python, as a tar archive."""
    debootstrap = require_program("debootstrap")
    folder = Path(tempfile.mkdtemp(prefix="ldapproxy-base-"))
    try:
        include = "--include=python3,python3-venv,ca-certificates"
        _run(debootstrap, "--variant=minbase", include, _SUITE, str(folder), _MIRROR)
        shutil.copyfile(_BUNDLE, folder / _BUNDLE.relative_to("/"))
        shutil.rmtree(folder / "var/cache/apt/archives", ignore_errors=True)
        archive.parent.mkdir(exist_ok=True)
        unfinished = archive.with_suffix(".part")
        _run("tar", "--create", "--numeric-owner", f"--file={unfinished}", f"--directory={folder}", ".")
        unfinished.rename(archive)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=600)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
