"""The record of one bind, as the audit log and the metrics need it.

Owns the fields and their order (design 8). It must not know the clock, nor where records are written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ldapproxy.auth.bind_flow import Conclusion
from ldapproxy.auth.outcomes import FailMode, Joined, Reason, SecondFactorOutcome, Verdict
from ldapproxy.auth.policy import Address, ListenerPolicy


@dataclass(frozen=True, slots=True)
class Durations:
    """How long the stages of a bind took, in seconds; None for a stage that was not reached."""

    primary: float | None = None
    lookup: float | None = None
    second_factor: float | None = None
    total: float = 0.0

    def as_milliseconds(self) -> dict[str, float | None]:
        """The durations by stage, as the audit log writes them."""
        return {
            stage: None if seconds is None else round(seconds * 1000, 3)
            for stage, seconds in (
                ("primary", self.primary),
                ("lookup", self.lookup),
                ("second_factor", self.second_factor),
                ("total", self.total),
            )
        }


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One bind.

    Attributes:
        id: unique for the bind; also in the lines of the program's log that belong to it.
        name: the name as sent, undecodable bytes replaced.
        dn: normalised name of the entry; None when none is known.
        username: the name sent to Duo; None when none was.
        result_code: what the client was answered; None when it had left before.
        joined: how the bind came by another bind's second factor; None when it asked itself.
        detail: a sentence about what went wrong; empty when nothing did.
    """

    id: str
    listener: str
    client_address: str
    name: str
    dn: str | None
    username: str | None
    verdict: Verdict
    reason: Reason
    factor: str | None
    device: str | None
    second_factor: SecondFactorOutcome | None
    fail_mode: FailMode
    offline_authenticator: str | None
    result_code: int | None
    durations: Durations
    joined: Joined | None = None
    detail: str = ""

    def as_fields(self) -> dict[str, object]:
        """The fields of the JSON line, without the timestamp, in the order in which they are written."""
        return {
            "event": "bind",
            "id": self.id,
            "listener": self.listener,
            "client_address": self.client_address,
            "name": self.name,
            "dn": self.dn,
            "username": self.username,
            "verdict": self.verdict.value,
            "reason": self.reason.value,
            "factor": self.factor,
            "device": self.device,
            "second_factor": None if self.second_factor is None else self.second_factor.value,
            "fail_mode": self.fail_mode.value,
            "offline_authenticator": self.offline_authenticator,
            "result_code": self.result_code,
            "durations_ms": self.durations.as_milliseconds(),
            "joined": None if self.joined is None else self.joined.value,
            "detail": self.detail,
        }


def record_of(
    conclusion: Conclusion,
    *,
    bind_id: str,
    name: str,
    policy: ListenerPolicy,
    client: Address,
    result_code: int | None,
    durations: Durations,
) -> AuditRecord:
    """The record of a bind that came to this conclusion.

    Args:
        conclusion: how it ended.
        bind_id: its `id`.
        name: the name as sent.
        policy: the listener's policy.
        client: the client's address.
        result_code: what the client was answered; None when it had left before.
        durations: how long the stages took.
    """
    factor = conclusion.second_factor
    return AuditRecord(
        id=bind_id,
        listener=policy.listener,
        client_address=_text_of(client),
        name=name,
        dn=None if conclusion.dn is None else conclusion.dn.normalised,
        username=conclusion.username,
        verdict=conclusion.verdict,
        reason=conclusion.reason,
        factor=None if factor is None else factor.factor,
        device=None if factor is None else factor.device,
        second_factor=None if factor is None else factor.outcome,
        fail_mode=policy.fail_mode,
        offline_authenticator=None if conclusion.offline is None else conclusion.offline.authenticator,
        result_code=result_code,
        durations=durations,
        joined=_joined(conclusion),
        detail=conclusion.detail,
    )


@lru_cache(maxsize=1024)  # ipaddress writes an address anew each time
def _text_of(client: Address) -> str:
    return str(client)


def _joined(conclusion: Conclusion) -> Joined | None:
    if conclusion.reason is Reason.REMEMBERED:
        return Joined.REMEMBERED
    return None if conclusion.second_factor is None else conclusion.second_factor.joined
