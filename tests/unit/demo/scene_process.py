"""The scene of the demo in a process of its own, without the proxy.

Owns the process. Twisted's reactor is chosen once per process, and ldaptor wants it early: hence not
pytest's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ldapproxy.demo.scene import Scene, SceneOptions

_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class RunningScene:
    """What the scene said when it was ready."""

    configuration_file: Path
    instructions: str


@contextlib.contextmanager
def running_scene(options: SceneOptions) -> Iterator[RunningScene]:
    """Runs a scene; when the context is left, it must have stopped in order."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.unit.demo.scene_process", json.dumps(asdict(options))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=_ROOT,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate(timeout=20)[1])
        ready = json.loads(line)
        yield RunningScene(Path(ready["configuration_file"]), ready["instructions"])
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=20)
        assert (process.returncode, output, errors) == (0, "", "")
    finally:
        process.kill()
        process.communicate()


def _main(options: SceneOptions) -> int:
    from ldapproxy.net.bridge import run_soon
    from ldapproxy.net.reactor import install_reactor

    reactor: Any = install_reactor()
    scene = Scene(reactor, options)
    tasks: list[asyncio.Task[Any]] = []
    failures: list[BaseException] = []

    def started(task: asyncio.Task[Path]) -> None:
        if error := task.exception():
            failures.append(error)
            reactor.stop()
            return
        asyncio.get_event_loop().add_signal_handler(signal.SIGTERM, stop)
        ready = {"configuration_file": str(task.result()), "instructions": scene.instructions()}
        print(json.dumps(ready), flush=True)

    def stop() -> None:
        tasks.append(run_soon(scene.stop(), lambda task: reactor.stop()))

    reactor.callWhenRunning(lambda: tasks.append(run_soon(scene.start(), started)))
    reactor.run(installSignalHandlers=False)
    for failure in failures:
        print(f"{type(failure).__name__}: {failure}", file=sys.stderr)
    return len(failures)


if __name__ == "__main__":
    sys.exit(_main(SceneOptions(**json.loads(sys.argv[1]))))
