"""The long run: `python -m tests.fuzz.long --codec 2000000 --wire 200000`, called by `make fuzz`.

Owns the order and the figures at the end. What atheris finds is kept in `--findings`, and so is the corpus
that it grows.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz.make_corpus import CORPUS
from tests.fuzz.targets import TARGETS


def codec(target: str, runs: int, findings: Path, seed: int) -> tuple[bool, str]:
    """Runs one target; whether all held, and a line about it."""
    grown = findings / target
    grown.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.coverage", target),
            *(f"-runs={runs}", f"-seed={seed}", "-max_len=4096", f"-artifact_prefix={findings}/{target}-"),
            *(str(grown), str(CORPUS / target)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    if done.returncode != 0:
        return False, f"{target}: FAILED after {seconds:.0f} s\n{done.stderr[-3000:]}"
    covered = re.findall(r"DONE +cov: (\d+)", done.stderr)
    return True, f"{target}: {runs} inputs held, {covered[-1] if covered else '?'} edges, {seconds:.0f} s"


def main() -> int:
    """Runs everything; 1 if anything did not hold."""
    parser = argparse.ArgumentParser(description="Fuzzes for long.")
    parser.add_argument("--codec", type=int, default=2_000_000, help="inputs for each target")
    parser.add_argument("--wire", type=int, default=200_000, help="messages on the wire")
    parser.add_argument("--findings", type=Path, default=Path(".fuzz"))
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    failed = False
    for target in TARGETS:
        held, line = codec(target, arguments.codec, arguments.findings, arguments.seed)
        failed |= not held
        print(line, flush=True)
    wire = [
        sys.executable,
        "-m",
        "tests.fuzz.wire",
        f"--messages={arguments.wire}",
        f"--seed={arguments.seed}",
    ]
    failed |= subprocess.run(wire, check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
