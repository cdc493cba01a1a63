"""What may happen to a file: no rights, a full disk, a lock, damage. For tests of the offline store."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65_534

_LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def read_only(*paths: Path) -> Iterator[None]:
    """Nobody may write to the paths meanwhile. Root may always, so root becomes somebody else for that time.

    The folders above must let everybody pass.
    """
    with _rights({path: 0o555 if path.is_dir() else 0o444 for path in paths}):
        yield


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Nobody may enter the folder meanwhile."""
    with _rights({folder: 0o000}):
        yield


@contextmanager
def _rights(rights: Mapping[Path, int]) -> Iterator[None]:
    modes = {path: path.stat().st_mode for path in rights}
    for path, mode in rights.items():
        path.chmod(mode)
    is_root = os.geteuid() == 0
    if is_root:
        os.setegid(_NOBODY)
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
            os.setegid(0)
        for path, mode in modes.items():
            path.chmod(mode)


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def locked_by_another_process(path: Path) -> Iterator[None]:
    """Another process holds SQLite's lock meanwhile."""
    with subprocess.Popen(
        [sys.executable, "-c", _LOCKER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as locker:
        assert locker.stdout is not None
        assert locker.stdout.readline() == b"locked\n"
        yield
        locker.communicate()


def overwrite(path: Path, at: int, content: bytes) -> None:
    """Puts other bytes into the middle of a file."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)
