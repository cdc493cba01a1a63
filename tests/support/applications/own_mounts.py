"""A program in a mount namespace of its own, where files with fixed paths are the test's.

Owns the namespace, and commands that run inside. It must not know which program it is. Nothing of the
machine's own files is touched, and several such programs run side by side. Needs root.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.skips import require_program


def require_own_mounts() -> None:
    """Skips the test where no mount namespace can be made."""
    for program in ("unshare", "nsenter"):
        require_program(program)
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        pytest.skip("PAM's fixed paths need root and a mount namespace; CI has both (docker: --privileged)")


class OwnMounts:
    """One program; started at once.

    Args:
        script: of `sh`: it mounts what is to be mounted, and replaces itself with the program (`exec`).
        folder: the script's `$1`.
        log: what the program writes goes there.
    """

    def __init__(self, script: str, folder: Path, log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def has_ended(self) -> bool:
        """True when the program has ended by itself."""
        return self._process.poll() is not None

    def has(self, path: str) -> bool:
        """Whether a path exists inside."""
        return Path(f"/proc/{self._process.pid}/root{path}").exists()

    def run(self, *command: str, given: str, patience: float) -> subprocess.CompletedProcess[str]:
        """Runs a command inside.

        Raises:
            subprocess.TimeoutExpired: it did not end within `patience` seconds.
        """
        return subprocess.run(
            ["nsenter", f"--mount=/proc/{self._process.pid}/ns/mnt", *command],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=patience,
        )

    def stop(self) -> None:
        """Ends the program."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def pamtester(
    mounts: OwnMounts, service: str, user: str, credential: str, patience: float, *operations: str
) -> tuple[bool, str]:
    """Logs in by PAM; returns whether the person is in, and what was said."""
    command = ("pamtester", service, user, *(operations or ("authenticate",)))
    try:
        done = mounts.run(*command, given=f"{credential}\n", patience=patience)
    except subprocess.TimeoutExpired:
        return False, "pamtester was given up"
    return done.returncode == 0, done.stdout + done.stderr
