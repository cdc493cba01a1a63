"""Runs one target under atheris: `python -m tests.fuzz.coverage TARGET [libFuzzer's options] [FOLDER...]`.

Owns the process. What is found is written where libFuzzer's `-artifact_prefix` says, and ends the run.
"""

from __future__ import annotations

import sys

try:
    import atheris
except ImportError:
    sys.exit(
        "atheris cannot be imported; it exists for Linux on x86-64 and Python up to 3.13: pip install atheris"
    )

with atheris.instrument_imports(include=["ldapproxy"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzzes until the options say that it is enough, or something does not hold."""
    target = TARGETS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if target is None:
        sys.exit(f"name one of the targets {', '.join(TARGETS)}")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
