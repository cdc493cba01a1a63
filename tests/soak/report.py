"""What a run found, as text.

Owns the layout. It must not know how anything was found out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.soak.soak import MEMORY_MAY_GROW, Findings, warm

_MOST_PROBLEMS = 25


def report(findings: Findings) -> str:
    """The report."""
    return "\n".join(
        [
            *_rounds(findings),
            *_outcomes(findings),
            *_counts("What clients did", findings.visits),
            *_counts(
                f"What went wrong around them ({len(findings.weather)} of {findings.kinds_of_weather} kinds)",
                findings.weather,
            ),
            *_conclusion(findings),
        ]
    )


def _rounds(findings: Findings) -> Iterable[str]:
    yield "In calm behind each round (memory in MiB; descriptors: directory, Duo, others):"
    yield ""
    yield "round  binds  binds/s  sessions  memory at most  memory  descriptors       threads     idle"
    for number, each in enumerate(findings.rounds, 1):
        calm = each.calm
        yield (
            f"{number:5}  {each.binds:5}  {each.binds / each.seconds:7.1f}  {each.sessions:8}  "
            f"{each.peak / 1024:14.1f}  {calm.memory / 1024:6.1f}  "
            f"{calm.descriptors:4} ({calm.directory:2}, {calm.duo}, {calm.others:3})  "
            f"{calm.threads:7}  {each.idle:7.1%}"
        )
    yield ""


def _outcomes(findings: Findings) -> Iterable[str]:
    reasons: Counter[str] = Counter()
    for (_, verdict, reason), count in findings.totals.lines.items():
        reasons[f"{verdict}: {reason}"] += count
    yield from _counts("What became of the binds, in the audit log", reasons)


def _counts(title: str, counts: Counter[str]) -> Iterable[str]:
    yield f"{title}:"
    yield ""
    yield from (f"{count:8}  {what}" for what, count in counts.most_common())
    yield ""


def _conclusion(findings: Findings) -> Iterable[str]:
    totals = findings.totals
    first, last = warm(findings.rounds), findings.rounds[-1].calm
    yield (
        f"Clients sent {totals.sent} binds and were answered {totals.answered} times; the others had left. "
        f"The proxy began {totals.begun}: {totals.accepted} accepted and {totals.rejected} rejected in "
        f"{totals.lines.total()} audit lines, {totals.counted.total()} in ldapproxy_binds_total."
    )
    yield (
        f"Memory behind the warm-up {first.memory / 1024:.1f} MiB, at the end {last.memory / 1024:.1f} MiB "
        f"({last.memory / first.memory - 1:+.1%}, allowed {MEMORY_MAY_GROW:+.0%}); descriptors that are no "
        f"connection {first.others}, {last.others}; threads {first.threads}, {last.threads}."
    )
    yield ""
    if findings.is_good:
        yield "Nothing is left behind, and nothing happened that must not."
        return
    yield f"{len(findings.problems)} PROBLEMS:"
    yield from (f"  - {problem}" for problem in findings.problems[:_MOST_PROBLEMS])
    if len(findings.problems) > _MOST_PROBLEMS:
        yield "  - ..."
