"""Half a minute of the soak: most of what twenty minutes would find shows at once."""

from __future__ import annotations

from pathlib import Path

from tests.soak.report import report
from tests.soak.soak import Plan, soak
from tests.support.skips import require_program

# Memory is compared in the long run only: caches and pools are still filling here.
PLAN = Plan(seconds=16, rounds=2, rate=40, people=200, weather_pace=0.3, compares_memory=False)


def test_half_a_minute(tmp_path: Path) -> None:
    require_program("slapd")
    findings = soak(PLAN, tmp_path)
    assert findings.is_good, report(findings)
    assert findings.totals.lines.total() > 300, report(findings)
    assert findings.totals.accepted > 100, report(findings)
