"""deploy/docker/compose.yml, read and run service by service with plain `docker`.

Owns the translation of the few keys that the file uses; any other key is an error, so that nothing in the
file goes untested. It must not know what the services are.

All services share one network namespace with nothing but loopback in it, and find each other there by name.
So the tests need no bridge, meet no other program's ports, and reach nobody.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.container.docker import Docker

_READY_WITHIN = 30.0
_UNDERSTOOD = {
    "image", "build", "depends_on", "ports", "volumes", "secrets", "read_only", "cap_drop", "security_opt",
    "stop_grace_period", "restart", "command", "entrypoint", "network_mode", "tmpfs",
}  # fmt: skip


class Compose:
    """The services of a compose file.

    Args:
        docker: the daemon; it has every image that the file names.
        file: the compose file.
    """

    def __init__(self, docker: Docker, file: Path) -> None:
        self._docker = docker
        self._folder = file.parent
        self._document: dict[str, Any] = yaml.safe_load(file.read_text())
        self.services: dict[str, dict[str, Any]] = self._document["services"]
        self._prefix = self._document["name"]

    def __enter__(self) -> Self:
        names = [f"--add-host={name}:127.0.0.1" for name in self.services]
        # Holds the network namespace that the others join.
        image = next(iter(self.services.values()))["image"]
        self._docker(
            "run", "--detach", f"--name={self._prefix}-network", "--network=none", *names,
            "--entrypoint=sleep", image, "3600",
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in [*self.services, "network"]:
            self._docker("rm", "--force", "--volumes", f"{self._prefix}-{name}")
        for volume in self._document.get("volumes", {}):
            self._docker("volume", "rm", "--force", f"{self._prefix}_{volume}")

    def up(self, name: str) -> None:
        """Starts a service in the background."""
        self._docker("run", "--detach", *self._arguments(name))

    def run(self, name: str) -> str:
        """Runs a service to its end and returns what it printed."""
        return self._docker("run", *self._arguments(name))

    def exec(self, name: str, *command: str) -> str:
        """Runs a command inside a running service.

        Raises:
            DockerError: it failed.
        """
        return self._docker("exec", self.container(name), *command)

    def stop(self, name: str) -> tuple[int, float]:
        """Sends SIGTERM and waits: the exit code, and how long it took in seconds."""
        begin = time.monotonic()
        self._docker("stop", "--time=60", self.container(name), within=90)
        return self._docker.inspect(self.container(name))["State"]["ExitCode"], time.monotonic() - begin

    def wait_until_healthy(self, name: str) -> None:
        """Waits for the image's HEALTHCHECK.

        Raises:
            AssertionError: it did not turn healthy; the message holds the service's log.
        """
        deadline = time.monotonic() + _READY_WITHIN
        while (state := self._docker.inspect(self.container(name))["State"])["Health"]["Status"] != "healthy":
            if not state["Running"] or time.monotonic() > deadline:
                raise AssertionError(f"{name} did not turn healthy: {state}\n{self.log(name)}")
            time.sleep(0.2)

    def log(self, name: str) -> str:
        """What the service has printed, both streams."""
        return self._docker("logs", self.container(name))

    def container(self, name: str) -> str:
        """The name of the service's container."""
        return f"{self._prefix}-{name}"

    def _arguments(self, name: str) -> list[str]:
        service = self.services[name]
        assert service.keys() <= _UNDERSTOOD, f"compose.py does not understand {service.keys() - _UNDERSTOOD}"
        arguments = [f"--name={self.container(name)}", f"--network=container:{self._prefix}-network"]
        arguments += [f"--volume={self._source(volume)}" for volume in service.get("volumes", [])]
        for secret in service.get("secrets", []):
            file = self._folder / self._document["secrets"][secret]["file"]
            arguments.append(f"--volume={file.resolve()}:/run/secrets/{secret}:ro")
        arguments += [f"--tmpfs={path}" for path in service.get("tmpfs", [])]
        arguments += [f"--cap-drop={capability}" for capability in service.get("cap_drop", [])]
        arguments += [f"--security-opt={option}" for option in service.get("security_opt", [])]
        if service.get("read_only"):
            arguments.append("--read-only")
        program, *first = service.get("entrypoint", [None])
        if program is not None:
            arguments.append(f"--entrypoint={program}")
        return [*arguments, service["image"], *map(str, first), *map(str, service.get("command", []))]

    def _source(self, volume: str) -> str:
        source, rest = volume.split(":", 1)
        if source.startswith("."):
            return f"{(self._folder / source).resolve()}:{rest}"
        assert source in self._document["volumes"]
        return f"{self._prefix}_{source}:{rest}"
