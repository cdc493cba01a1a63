"""What the end of one bind means for later ones.

Owns what makes remembered logins and late approvals of one listener void, the news for the offline store,
and what is learnt about clients that do not wait. It must not know how a bind came to its end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ldapproxy.auth.bind_flow import Conclusion
from ldapproxy.auth.effects import RecallLogin, VerifySecondFactor
from ldapproxy.auth.late_approvals import LateApprovals
from ldapproxy.auth.outcomes import Joined, Reason, SecondFactorOutcome, SecondFactorResult
from ldapproxy.auth.patience import Waits
from ldapproxy.auth.policy import Address
from ldapproxy.auth.remembered import LoginKeys, RememberedLogins
from ldapproxy.net.bridge import run_soon
from ldapproxy.net.ports import Observer, OfflineCodes
from ldapproxy.secret import Secret

_log = logging.getLogger(__name__)


class Lessons:
    """The lessons of one listener.

    Args:
        listener: its name.
        keys: tells the same login from another one.
        remembered: logins that need no second factor for a while.
        approvals: those that came late, and are good for a login that needs no push.
        denied: is told whose login Duo has denied; `forget_user` is to be called on all listeners.
        offline: hears of online logins; None when there is no store.
        observer: counts.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        listener: str,
        keys: LoginKeys,
        remembered: RememberedLogins,
        approvals: LateApprovals,
        denied: Callable[[str], None],
        offline: OfflineCodes | None,
        observer: Observer,
        clock: Callable[[], float],
    ) -> None:
        self._listener = listener
        self._keys = keys
        self._remembered = remembered
        self._approvals = approvals
        self._denied = denied
        self._offline = offline
        self._observer = observer
        self._clock = clock
        self._waits = Waits()
        # asyncio itself holds tasks only weakly.
        self._telling: set[asyncio.Task[None]] = set()

    def recall(self, question: RecallLogin, client: Address) -> bool:
        """Whether this very login is remembered."""
        key = self._keys.of(self._listener, client, question.identity, question.credential)
        is_remembered = self._remembered.recall(key, self._clock())
        if is_remembered:
            self._observer.joined(self._listener, Joined.REMEMBERED.value)
        return is_remembered

    def concluded(self, conclusion: Conclusion, client: Address, credential: Secret) -> None:
        """A bind with this credential has come to its conclusion."""
        self.signed_in(conclusion, credential)
        result, identity = conclusion.second_factor, conclusion.identity
        # Only what Duo itself allowed: no bypass, no fail mode, no offline code.
        if result is not None and result.outcome is SecondFactorOutcome.ALLOWED and identity is not None:
            key = self._keys.of(self._listener, client, identity, credential)
            self._remembered.remember(key, identity, self._clock())

    def signed_in(self, conclusion: Conclusion, credential: Secret) -> None:
        """A sign-in to the portal has come to its conclusion. It opens the portal and is not remembered."""
        if conclusion.reason is Reason.PRIMARY_REFUSED:
            refused = self._keys.of_credential(self._listener, credential)
            self._remembered.forget_credential(refused)
            self._approvals.forget_credential(refused)
        result, identity = conclusion.second_factor, conclusion.identity
        if result is None or identity is None:
            return
        match result.outcome:
            case SecondFactorOutcome.ALLOWED if self._offline is not None:
                self._telling.add(run_soon(self._offline.online_login(identity), self._telling.discard))
            case SecondFactorOutcome.DENIED:
                self._denied(identity)
            case _:
                pass

    def left(self, waited: float, bind_timeout: float) -> None:
        """The client of a pending bind has hung up after `waited` seconds, though `bind_timeout` were its."""
        self._observer.client_left(self._listener, waited)
        patience = self._waits.left(self._clock(), waited)
        if patience is not None:
            _log.warning("%s", patience.advice(self._listener, bind_timeout))

    def unheard(self, question: VerifySecondFactor, result: SecondFactorResult) -> None:
        """A push or call has ended when no client waited for it any more: no audit line will tell its end."""
        if result.outcome is SecondFactorOutcome.DENIED:
            self._denied(question.identity)
        _log.log(
            logging.WARNING if result.outcome is SecondFactorOutcome.DENIED else logging.INFO,
            "listener %s: a login of %s from %s ended without its client: %s",
            self._listener,
            question.username,
            question.client,
            "fraud" if result.fraud else result.outcome.value,
            extra={"factor": result.factor, "device": result.device},
        )

    def forget_user(self, identity: str) -> None:
        """Duo has denied a login of this user, here or on another listener."""
        self._remembered.forget_user(identity)
        self._approvals.forget_user(identity)

    def forget_all(self) -> None:
        """An administrator wants every login to ask for the second factor again."""
        self._remembered.forget_all()
        self._approvals.forget_all()
