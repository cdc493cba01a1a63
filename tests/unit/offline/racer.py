"""A process of its own that verifies codes against a store, as another proxy does.

Reads JSON lines: first the store, its keys and the time, then one line for each code; answers each with its
verdict.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ldapproxy.auth.effects import VerifyOffline
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.offline.store import OfflineStore
from ldapproxy.secret import Secret

_ROOT = Path(__file__).parents[3]


class Racer:
    """The process, seen from the test that starts it."""

    def __init__(self, settings: OfflineSettings, now: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.offline.racer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
        )
        self._write(
            store=settings.store,
            keys=[key.reveal_text() for key in settings.encryption_keys],
            now=now,
        )
        assert self.answer() == "ready"

    def ask(self, identity: str, code: Secret) -> None:
        """Has the process verify a code; `answer` tells what became of it."""
        self._write(identity=identity, code=code.reveal_text())

    def answer(self) -> str:
        """The next verdict; empty when the process is gone."""
        return self._pipe(self._process.stdout).readline().decode().strip()

    def kill(self) -> None:
        """Ends it in the middle of whatever it does."""
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe(self._process.stdin).close()
        self._process.wait(20)
        self._pipe(self._process.stdout).close()

    def _write(self, **values: Any) -> None:
        pipe = self._pipe(self._process.stdin)
        pipe.write(json.dumps(values).encode() + b"\n")
        pipe.flush()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


async def _race() -> None:
    first = json.loads(sys.stdin.readline())
    settings = OfflineSettings(first["store"], tuple(map(Secret, first["keys"])), 1_000_000, 1e9)
    store = OfflineStore(settings, lambda: float(first["now"]))
    print("ready" if await store.check() is None else "no store", flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        result = await store.verify(VerifyOffline(question["identity"], Secret(question["code"])))
        print(result.verdict.value, flush=True)
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(_race())
