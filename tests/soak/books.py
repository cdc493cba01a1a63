"""Do the books agree? Clients, audit log and metrics, after all clients have left.

Owns the comparison. It must not know how any of the three came about.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.soak.audit import Line
from tests.soak.ledger import Account, Caller

Outcome = tuple[str, str, str]
"""Listener, verdict, reason: the labels of `ldapproxy_binds_total`."""

_BINDS = re.compile(r'ldapproxy_binds_total\{listener="(.+)",reason="(.+)",verdict="(.+)"\}')
_BEGUN = re.compile(r'ldapproxy_operations_total\{listener=".+",operation="bind"\}')

# Reasons that admit although Duo did not say so, and what the second factor must have been then.
_WITHOUT_DUO = {
    "fail_mode_open": {"unavailable"},
    "offline_code": {"unavailable", "interrupted", "untrusted", "rate_limited", "misconfigured"},
}


@dataclass(slots=True)
class Totals:
    """The books of all rounds so far.

    Attributes:
        sent: binds that clients sent.
        answered: binds that clients got an answer to.
        lines: audit lines by outcome.
        begun: binds that the proxy's metrics count as begun.
        counted: binds that they count as ended, by outcome.
    """

    sent: int = 0
    answered: int = 0
    lines: Counter[Outcome] = field(default_factory=Counter)
    begun: int = 0
    counted: Counter[Outcome] = field(default_factory=Counter)

    @property
    def accepted(self) -> int:
        """How many were accepted."""
        return sum(count for (_, verdict, _), count in self.lines.items() if verdict == "accepted")

    @property
    def rejected(self) -> int:
        """How many were rejected."""
        return self.lines.total() - self.accepted


class Books:
    """Compares, and remembers what does not agree.

    Attributes:
        totals: of all rounds.
        problems: sentences.
    """

    def __init__(self) -> None:
        self.totals = Totals()
        self.problems: list[str] = []

    def close(
        self, accounts: Mapping[Caller, Account], lines: Iterable[Line], metrics: Mapping[str, float]
    ) -> None:
        """Closes a round: no client is there any more, and no bind is pending."""
        totals = self.totals
        by_caller: dict[Caller, list[Line]] = defaultdict(list)
        for line in lines:
            by_caller[Caller(line.listener, line.address)].append(line)
            totals.lines[line.listener, line.verdict, line.reason] += 1
        for caller in by_caller.keys() - accounts.keys():
            self._wrong(f"{caller} is in the audit log, but sent no bind")
        for caller, account in accounts.items():
            totals.sent += account.sent
            totals.answered += account.codes.total()
            self._compare(caller, account, by_caller.get(caller, []))
        self._compare_with(metrics)

    def _compare(self, caller: Caller, account: Account, lines: list[Line]) -> None:
        """What one caller sent and was answered, with the audit log."""
        codes = Counter(line.code for line in lines if line.code is not None)
        if len(lines) > account.sent:
            self._wrong(f"{caller} sent {account.sent} binds, but {len(lines)} are in the audit log: {lines}")
        if not account.codes <= codes:
            self._wrong(f"{caller} was answered {dict(account.codes)}, but the audit log says {lines}")
        for line in lines:
            if line.reason == "internal_error":
                self._wrong(f"nobody foresaw what became of {line}")
            if line.verdict != "accepted":
                continue
            if line.reason not in account.admits.get(line.name, set()):
                self._wrong(f"accepted without a reason that admits: {line}")
            if line.second_factor not in _WITHOUT_DUO.get(line.reason, {line.second_factor}):
                self._wrong(f"accepted without Duo, which was there: {line}")

    def _compare_with(self, metrics: Mapping[str, float]) -> None:
        """The audit log of all rounds with the proxy's counters."""
        totals = self.totals
        totals.counted = Counter()
        totals.begun = 0
        for sample, value in metrics.items():
            if found := _BINDS.fullmatch(sample):
                listener, reason, verdict = found.groups()
                totals.counted[listener, verdict, reason] += int(value)
            elif _BEGUN.fullmatch(sample):
                totals.begun += int(value)
        for outcome in sorted(totals.counted.keys() | totals.lines.keys()):
            counted, written = totals.counted[outcome], totals.lines[outcome]
            if counted != written:
                self._wrong(f"{outcome}: {counted} in ldapproxy_binds_total, {written} audit lines")
        if totals.begun != totals.counted.total():
            self._wrong(f"{totals.begun} binds began, {totals.counted.total()} ended")

    def _wrong(self, sentence: str) -> None:
        self.problems.append(sentence)
