"""Approvals that came when the client had already left, and are good for its next try.

Owns the memory and its rules (design 4.6): an approval is honoured once, within its time, for the same login
and no other, and what makes it void before. It must not know the clock (`now` is passed in), nor how an
approval came about. As with remembered logins, keys are HMACs, and no credential is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ldapproxy.auth.outcomes import SecondFactorResult
from ldapproxy.auth.remembered import LoginKey


@dataclass(frozen=True, slots=True)
class _Approval:
    until: float
    identity: str
    credential: bytes
    result: SecondFactorResult


class LateApprovals:
    """The unused approvals of one listener.

    Args:
        lasts: seconds from the approval on; the same for all of them.
        capacity: how many are kept; the oldest goes first.
    """

    def __init__(self, lasts: float, capacity: int) -> None:
        self._lasts = lasts
        self._capacity = capacity
        self._approvals: OrderedDict[bytes, _Approval] = OrderedDict()

    def __len__(self) -> int:
        return len(self._approvals)

    def keep(self, key: LoginKey, identity: str, result: SecondFactorResult, now: float) -> None:
        """A push or call for this login was approved, and no answer had been written to anybody."""
        self._approvals[key.login] = _Approval(now + self._lasts, identity, key.credential, result)
        self._approvals.move_to_end(key.login)
        while len(self._approvals) > self._capacity:
            self._approvals.popitem(last=False)

    def take(self, key: LoginKey, now: float) -> SecondFactorResult | None:
        """An approval for this login that is still good; it is used up then."""
        # All are kept for the same time, so the oldest is the first: what is over goes, whoever asks.
        while self._approvals and next(iter(self._approvals.values())).until <= now:
            self._approvals.popitem(last=False)
        approval = self._approvals.pop(key.login, None)
        return None if approval is None else approval.result

    def forget_credential(self, credential: bytes) -> None:
        """The directory has refused it: a changed password ends what the old one had opened."""
        self._forget(lambda approval: approval.credential == credential)

    def forget_user(self, identity: str) -> None:
        """Duo has denied a login of this user: what was tapped before may have been a mistake."""
        self._forget(lambda approval: approval.identity == identity)

    def forget_all(self) -> None:
        """An administrator purges the memory."""
        self._approvals.clear()

    def _forget(self, concerns: Callable[[_Approval], bool]) -> None:
        # There are as many as people who tapped within `lasts` and have not come back yet: few. So no index.
        for key in [key for key, approval in self._approvals.items() if concerns(approval)]:
            del self._approvals[key]
