"""The record of what somebody did in the self-service portal, as the audit log needs it.

Owns the fields and their order. They are named as those of a bind, so that one search finds both. It must not
know the clock, nor where records are written.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

from ldapproxy.auth.audit import Durations
from ldapproxy.auth.outcomes import Reason, SecondFactorOutcome, Verdict


@unique
class PortalAction(Enum):
    """What was done, or tried."""

    SIGN_IN = "sign_in"
    ADD = "add"
    CONFIRM = "confirm"
    RECOVERY_CODES = "recovery_codes"
    REMOVE = "remove"


@unique
class ActionEnd(Enum):
    """How an action of somebody who has signed in ended; the `reason` of its record."""

    DONE = "done"
    REFUSED = "refused"
    DUO_UNAVAILABLE = "duo_unavailable"
    STORE_UNAVAILABLE = "store_unavailable"


@dataclass(frozen=True, slots=True)
class PortalRecord:
    """One action in the portal. What is not known, or has no meaning for the action, is None.

    Attributes:
        id: unique for the action.
        listener: the listener whose portal it is.
        name: the name as typed at the sign-in, undecodable characters replaced.
        dn: normalised name of the entry.
        username: the name sent to Duo.
        device: whose tap let somebody in, also in the records of what they did then: several people may
            share an account.
        offline_authenticator: the label of the authenticator that was added, confirmed or removed.
        detail: a sentence about what went wrong; empty when nothing did.
    """

    id: str
    action: PortalAction
    listener: str
    client_address: str
    name: str | None
    dn: str | None
    username: str | None
    verdict: Verdict
    reason: Reason | ActionEnd
    factor: str | None = None
    device: str | None = None
    second_factor: SecondFactorOutcome | None = None
    offline_authenticator: str | None = None
    durations: Durations | None = None
    detail: str = ""

    def as_fields(self) -> dict[str, object]:
        """The fields of the JSON line, without the timestamp, in the order in which they are written."""
        return {
            "event": "portal",
            "id": self.id,
            "action": self.action.value,
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
            "offline_authenticator": self.offline_authenticator,
            "durations_ms": None if self.durations is None else self.durations.as_milliseconds(),
            "detail": self.detail,
        }
