"""The ports of a listener as plain objects that do as a scenario says, and remember what they were told.

Owns the answers and the records. It must not know what a scenario expects.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ldapproxy.auth.audit import AuditRecord
from ldapproxy.auth.effects import FindEntry, LookUpEntry, VerifySecondFactor
from ldapproxy.auth.outcomes import EntryNotFound, FindOutcome, LookupOutcome, SecondFactorResult
from tests.unit.net.usual_settings import ALLOWED, ENTRY


@dataclass
class ScriptedSecondFactor:
    """Answers with `answer`: a result, an exception to raise, or None for a person who does not answer."""

    answer: SecondFactorResult | BaseException | None = ALLOWED
    asked: list[tuple[VerifySecondFactor, float]] = field(default_factory=list)
    waiting: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def verify(self, question: VerifySecondFactor, budget: float) -> SecondFactorResult:
        """Answers."""
        self.asked.append((question, budget))
        self.waiting += 1
        try:
            if self.answer is None:
                await self.released.wait()
            await asyncio.sleep(0)
        finally:
            self.waiting -= 1
        answer = self.answer
        if isinstance(answer, BaseException):
            raise answer
        assert answer is not None, "a scenario that releases the person says what the answer is"
        return answer

    def release(self, answer: SecondFactorResult | BaseException) -> None:
        """The person answers now, and so does everybody after."""
        self.answer = answer
        self.released.set()


@dataclass
class ScriptedLookup:
    """Answers with `answer` and `found`: an outcome, an exception to raise, or None to hang."""

    answer: LookupOutcome | BaseException | None = ENTRY
    found: FindOutcome | BaseException | None = field(default_factory=EntryNotFound)
    asked: list[LookUpEntry] = field(default_factory=list)
    wanted: list[FindEntry] = field(default_factory=list)
    waiting: int = 0

    async def entry(self, query: LookUpEntry) -> LookupOutcome:
        """Answers with `answer`."""
        self.asked.append(query)
        answer: LookupOutcome = await self._say(self.answer)
        return answer

    async def find(self, wanted: FindEntry) -> FindOutcome:
        """Answers with `found`."""
        self.wanted.append(wanted)
        found: FindOutcome = await self._say(self.found)
        return found

    async def _say(self, answer: Any) -> Any:
        if answer is None:
            self.waiting += 1
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.waiting -= 1
        if isinstance(answer, BaseException):
            raise answer
        return answer


@dataclass
class Recorder:
    """Observer and audit log: remembers everything."""

    records: list[AuditRecord] = field(default_factory=list)
    audited: list[AuditRecord] = field(default_factory=list)
    sessions: int = 0
    sessions_total: int = 0
    pending: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    limits: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    left: list[float] = field(default_factory=list)
    fail_modes: list[tuple[str, str]] = field(default_factory=list)
    joins: Counter[str] = field(default_factory=Counter)
    offline: Counter[str] = field(default_factory=Counter)
    up: dict[str, bool] = field(default_factory=dict)
    connections: Counter[str] = field(default_factory=Counter)
    audit_fails_with: Exception | None = None

    def write(self, record: AuditRecord) -> None:
        """The audit log's."""
        if self.audit_fails_with is not None:
            raise self.audit_fails_with
        self.audited.append(record)

    def session_opened(self, listener: str) -> None:
        self.sessions += 1
        self.sessions_total += 1

    def session_closed(self, listener: str) -> None:
        self.sessions -= 1

    def relayed(self, listener: str, to_directory: int, to_client: int) -> None:
        self.bytes["to_directory"] += to_directory
        self.bytes["to_client"] += to_client

    def operation(self, listener: str, operation: str) -> None:
        self.operations[operation] += 1

    def bind_pending(self, listener: str, change: int) -> None:
        self.pending += change

    def bind_ended(self, record: AuditRecord) -> None:
        self.records.append(record)

    def limit_hit(self, listener: str, limit: str) -> None:
        self.limits[limit] += 1

    def client_left(self, listener: str, waited: float) -> None:
        self.left.append(waited)

    def fail_mode_decided(self, listener: str, mode: str, decision: str) -> None:
        self.fail_modes.append((mode, decision))

    def joined(self, listener: str, kind: str) -> None:
        self.joins[kind] += 1

    def offline_code(self, listener: str, outcome: str) -> None:
        self.offline[outcome] += 1

    def directory_up(self, directory: str, server: str, up: bool) -> None:
        self.up[server] = up

    def directory_connections(self, directory: str, state: str, change: int) -> None:
        self.connections[state] += change

    @property
    def ends(self) -> list[tuple[str, int | None]]:
        """Reason and result code of each bind."""
        return [(record.reason.value, record.result_code) for record in self.records]
