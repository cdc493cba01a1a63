"""The soak from the command line: `python -m tests.soak --minutes 20`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak.report import report
from tests.soak.soak import Plan, soak

_A_ROUND = 120.0  # seconds: room for a dozen disturbances


def main() -> int:
    """Runs it and prints the report; 1 when there is something that must not be."""
    parser = argparse.ArgumentParser(description="Mixed traffic and faults against a real proxy.")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=60.0, help="binds a second, if this machine can")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="an empty folder to keep logs and databases in")
    arguments = parser.parse_args()
    seconds = arguments.minutes * 60
    plan = Plan(seconds, max(3, round(seconds / _A_ROUND)), rate=arguments.rate, seed=arguments.seed)
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        findings = soak(plan, arguments.keep, _tell)
    else:
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            findings = soak(plan, Path(folder), _tell)
    print(report(findings))
    return 0 if findings.is_good else 1


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
