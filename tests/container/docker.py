"""A Docker daemon of the tests' own on a private socket, and the commands the tests give it.

Owns the daemon's process and the command line of `docker`. It must not know which images there are.

The daemon has no bridge and touches neither iptables nor forwarding, so it disturbs nothing else on the
machine; builds and containers share the host's network instead.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.skips import require_program

_READY_WITHIN = 30.0
_STOP_WITHIN = 30.0


class DockerError(Exception):
    """A docker command failed; the message holds what it said."""


class Docker:
    """A running daemon.

    Args:
        folder: a short path of the tests' own: a Unix socket's path must stay under 108 bytes.
    """

    def __init__(self, folder: Path) -> None:
        self._dockerd = require_program("dockerd")
        self._docker = require_program("docker")
        self._folder = folder
        self._socket = f"unix://{folder}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        log = (self._folder / "dockerd.log").open("wb")
        with log:
            self._process = subprocess.Popen(
                [
                    self._dockerd,
                    f"--host={self._socket}",
                    f"--data-root={self._folder}/data",
                    f"--exec-root={self._folder}/exec",
                    f"--pidfile={self._folder}/docker.pid",
                    "--bridge=none",
                    "--iptables=false",
                    "--ip-forward=false",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _READY_WITHIN
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise DockerError(
                    f"dockerd did not start:\n{(self._folder / 'dockerd.log').read_text()[-2000:]}"
                )
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for container in self("ps", "--quiet", "--all").split():
            self("rm", "--force", "--volumes", container)
        self._end()
        # dockerd leaves the mount of the host's network namespace behind.
        subprocess.run(
            ["/bin/umount", f"{self._folder}/exec/netns/default"], capture_output=True, check=False
        )
        shutil.rmtree(self._folder)

    def __call__(self, *arguments: str, stdin: Path | None = None, within: float = 60.0) -> str:
        """Runs `docker ARGUMENTS` and returns what it printed, both streams together, stripped.

        Args:
            arguments: the command's.
            stdin: a file that the command reads; nothing otherwise.
            within: seconds it may take.

        Raises:
            DockerError: it failed.
        """
        with (stdin or Path("/dev/null")).open("rb") as source:
            done = subprocess.run(
                [self._docker, "--host", self._socket, *arguments],
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=within,
                check=False,
            )
        if done.returncode != 0:
            raise DockerError(f"docker {' '.join(arguments)}: exit {done.returncode}\n{done.stdout[-4000:]}")
        return done.stdout.strip()

    def inspect(self, name: str) -> dict[str, Any]:
        """What the daemon knows about an image or a container."""
        found: list[dict[str, Any]] = json.loads(self("inspect", name))
        return found[0]

    def build(
        self, dockerfile: Path, tag: str, *arguments: str, context: Path, within: float = 600.0
    ) -> None:
        """Builds an image with the host's network.

        Raises:
            DockerError: the build failed; the message holds its last lines.
        """
        self(
            "build", "--network=host", f"--file={dockerfile}", f"--tag={tag}", *arguments, str(context),
            within=within,
        )  # fmt: skip

    def _answers(self) -> bool:
        done = subprocess.run(
            [self._docker, "--host", self._socket, "version"], capture_output=True, check=False, timeout=20
        )
        return done.returncode == 0

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
