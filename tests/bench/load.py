"""The load generator: compiles `load.c` and runs it.

Owns its command line and its answers. It must not know who is driven.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.example_directory import PEOPLE

_SOURCE = Path(__file__).with_name("load.c")
# `#` is the number of a person, as the example directory numbers them.
NAME, PASSWORD = f"uid=u#,{PEOPLE}", "pw-u#"
# Opening 9,000 connections with TLS takes a quarter of a minute on two processors.
_PATIENCE = 180.0

Option = str | int | float | Path


class LoadError(Exception):
    """The generator got an answer that it had not expected, or none; its message says which."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of the generator measured.

    Attributes:
        operations: how many ended in the time that was measured.
        all: how many there were, warming up included.
        seconds: that time.
        bytes: what was received in it.
        processor: seconds of processor time that the generator itself used in it.
        p50: the median of the latencies, in microseconds.
        p99: what 99 of 100 operations did not exceed.
        slowest: the longest.
    """

    operations: int
    all: int
    seconds: float
    bytes: int
    processor: float
    p50: int
    p99: int
    slowest: int

    @property
    def per_second(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds

    @property
    def megabytes(self) -> float:
        """Millions of bytes received a second."""
        return self.bytes / self.seconds / 1e6

    @property
    def share(self) -> float:
        """How much of one processor the generator needed: at 1 it would be what is measured."""
        return self.processor / self.seconds


class Running:
    """A run under way."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def result(self) -> Load:
        """Waits for its end.

        Raises:
            LoadError: an answer was wrong.
        """
        output, errors = self._process.communicate(timeout=_PATIENCE)
        if self._process.returncode != 0:
            raise LoadError(errors.strip() or f"the generator ended with {self._process.returncode}")
        return Load(**json.loads(output))


class Generator:
    """The compiled program.

    Args:
        folder: where it is put.

    Raises:
        LoadError: it does not compile; without the packages of `.ci/bench-packages.txt`, for example.
    """

    def __init__(self, folder: Path) -> None:
        self._program = folder / "load"
        command = ["cc", "-O2", "-o", str(self._program), str(_SOURCE), "-lssl", "-lcrypto"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise LoadError("there is no C compiler; .ci/bench-packages.txt names the packages") from None
        if done.returncode != 0:
            raise LoadError(f"the load generator does not compile: {done.stderr}")

    def run(self, mode: str, port: int, **options: Option) -> Load:
        """Drives a port of this machine; `load.c` lists modes and options.

        Raises:
            LoadError: an answer was wrong.
        """
        return self.start(mode, port, **options).result()

    def start(self, mode: str, port: int, **options: Option) -> Running:
        """The same, without waiting for the end."""
        return Running(self._popen(mode, port, options))

    @contextlib.contextmanager
    def hold(
        self, port: int, connections: int, options: dict[str, Option], batches: Iterable[object] = ()
    ) -> Iterator[None]:
        """Keeps connections, bound by `options`, while the context lasts.

        Args:
            port: whom to connect to.
            connections: how many.
            options: of `load.c`.
            batches: with the option `batch`, whenever this yields so many more are opened.

        Raises:
            LoadError: they could not be opened, or one was closed.
        """
        process = self._popen("hold", port, {"connections": connections, **options})
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for _ in batches:
                if process.poll() is not None:
                    break
                process.stdin.write("+")
                process.stdin.flush()
            if process.stdout.readline() != "ready\n":
                raise LoadError(process.communicate()[1].strip())
            yield
            if process.poll() is not None:
                raise LoadError(process.communicate()[1].strip())
        finally:
            process.kill()
            process.communicate()

    def _popen(self, mode: str, port: int, options: dict[str, Option]) -> subprocess.Popen[str]:
        words = [
            word
            for name, value in ({"name": NAME, "password": PASSWORD} | options).items()
            for word in (f"--{name.replace('_', '-')}", str(value))
        ]
        return subprocess.Popen(
            [str(self._program), mode, str(port), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
