"""What was measured, and on what: commit, versions, processors.

Owns the finding out. It must not know the results.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def describe() -> dict[str, object]:
    """Date, commit, versions and machine, as `latest.json` shows them."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _output("git", "-C", str(_ROOT), "rev-parse", "--short=12", "HEAD"),
        "changed": bool(_output("git", "-C", str(_ROOT), "status", "--porcelain", "--", "ldapproxy")),
        "versions": {
            "python": platform.python_version(),
            "twisted": metadata.version("twisted"),
            "uvloop": metadata.version("uvloop"),
            "slapd": _first(r"slapd ([\d.]+)", _output("/usr/sbin/slapd", "-VV")),  # -V starts it
            "haproxy": _first(r"version (\S+)", _output("/usr/sbin/haproxy", "-v")),
            "linux": platform.release(),
        },
        "machine": {
            "cores": os.cpu_count(),
            "processor": _processor(),
            "load_before": round(os.getloadavg()[0], 2),
        },
    }


def _output(*command: str) -> str:
    """What a command says on both its outputs; slapd uses the one, others the other."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode in (0, 1) else ""


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""


def _processor() -> str:
    return _first(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) or platform.machine()
