"""The benchmark from the command line: `python -m tests.bench`, which `make bench` runs."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path

from tests.bench import history, machine, record
from tests.bench.cases import CASES
from tests.bench.figures import Result
from tests.bench.place import Place
from tests.bench.plan import Plan, tell
from tests.bench.plot import plot
from tests.bench.processes import raise_descriptor_limit
from tests.bench.report import table

_RESULTS = Path(__file__).with_name("results")


def main() -> int:
    """Measures, prints, and keeps what a whole run found."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="How fast, next to its peers.")
    parser.add_argument("--only", metavar="CASE,...", help=f"some cases only, of {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each peer [5]")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a turn [1.5]")
    parser.add_argument(
        "--results", metavar="FOLDER", type=Path, help="where results are kept [the repository's, if all ran]"
    )
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else list(CASES)
    if unknown := [name for name in names if name not in CASES]:
        parser.error(f"no such case: {', '.join(unknown)}")
    folder = arguments.results or (None if arguments.only else _RESULTS)
    plan = Plan(arguments.rounds, arguments.seconds)
    description = machine.describe()
    results = _measure(names, plan)
    print(table(results.values()))
    if folder is not None:
        _keep(folder, description, plan, results)
    return 0


def _measure(names: list[str], plan: Plan) -> dict[str, Result]:
    raise_descriptor_limit()
    # Whoever ends a run ends what it has started.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    results = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Place(Path(folder)) as place:
        for number, name in enumerate(names, 1):
            tell(f"{number}/{len(names)} {name}")
            results[name] = CASES[name](place, plan)
    return results


def _keep(folder: Path, description: dict[str, object], plan: Plan, results: dict[str, Result]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    document = record.document(description, plan, results)
    (folder / "latest.json").write_text(json.dumps(document, indent=1) + "\n")
    title = (
        f"ldapproxy {document['commit']}, {document['machine']['cores']} processors, {document['date'][:10]}"
    )
    (folder / "plot.svg").write_text(plot(results.values(), title))
    file = folder / "history.jsonl"
    print(f"\n{history.comparison(history.last(file), results.values())}")
    history.append(file, history.line_of(document, results.values()))
    tell(f"kept in {folder}")


if __name__ == "__main__":
    sys.exit(main())
