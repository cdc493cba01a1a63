"""Signing in to the self-service portal: the listener's directory and Duo, asked as for a bind.

Owns the way from a typed name to a person or a reason, and one audit record for each. It must not know pages;
what it takes to get in is `auth.sign_in`'s to say.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from ldapproxy.auth.audit import Durations
from ldapproxy.auth.bind_flow import Conclusion
from ldapproxy.auth.effects import FindEntry, LookUpEntry, VerifySecondFactor
from ldapproxy.auth.failed_binds import FailedBinds
from ldapproxy.auth.names import AccountName
from ldapproxy.auth.outcomes import FindOutcome, LookupOutcome, Reason, SecondFactorResult, Verdict
from ldapproxy.auth.policy import Address, ListenerPolicy
from ldapproxy.auth.portal_audit import PortalAction, PortalRecord
from ldapproxy.auth.sign_in import admits, sign_in_policy
from ldapproxy.config import names
from ldapproxy.directory.lookup import Lookup
from ldapproxy.directory.settings import LookupSettings
from ldapproxy.duo.availability import State
from ldapproxy.duo.watch import WatchedDuo
from ldapproxy.net.lessons import Lessons
from ldapproxy.net.lone_binds import LoneBinds
from ldapproxy.net.ports import SecondFactor
from ldapproxy.net.servers import Directory
from ldapproxy.observe.audit_log import AuditLog
from ldapproxy.secret import Secret
from ldapproxy.web.portal_ports import Person


@dataclass(frozen=True, slots=True)
class ListenerParts:
    """What the portal shares with its listener.

    Attributes:
        policy: what the listener asks of a bind.
        directory: where passwords are checked.
        lookup: reads entries.
        looked_up: how; what it says of names.
        failed: counts wrong passwords.
        second_factor: asks Duo within the push limits.
        duo: how Duo stands.
        lessons: what a login means for later ones.
    """

    policy: ListenerPolicy
    directory: Directory
    lookup: Lookup
    looked_up: LookupSettings
    failed: FailedBinds
    second_factor: SecondFactor
    duo: WatchedDuo
    lessons: Lessons


class PortalSignIn:
    """Lets people into the portal of one listener (`web.portal_ports.SignIn`).

    Args:
        parts: of the listener.
        audit: gets a record of each sign-in.
        clock: a monotonic clock in seconds.
    """

    def __init__(self, parts: ListenerParts, audit: AuditLog, clock: Callable[[], float]) -> None:
        self._policy = sign_in_policy(parts.policy, names.nobody(parts.looked_up.base_dn))
        self._duo = parts.duo
        self._lessons = parts.lessons
        self._audit = audit
        self._binds = LoneBinds(
            policy=self._policy,
            directory=parts.directory,
            failed=parts.failed,
            lookup=TypedNames(parts.lookup, parts.looked_up),
            second_factor=OwnPush(parts.second_factor),
            clock=clock,
        )

    @property
    def shown_as(self) -> str:
        """What the phone shows as the place where somebody logs in."""
        return _shown_as(self._policy.listener)

    async def sign_in(self, name: str, password: Secret, client: Address) -> Person | Reason:
        """Asks the directory and Duo; one audit record says how it ended.

        Args:
            name: as typed: a DN, a plain user name, or another form that the directory takes.
            password: the directory's.
            client: the browser's address.

        Raises:
            asyncio.CancelledError: the person does not wait any longer.
        """
        try:
            conclusion, durations = await self._binds.bind(name, password, client)
        except asyncio.CancelledError:
            left = Conclusion(Verdict.REJECTED, Reason.CLIENT_LEFT)
            self._record(name, left, client, Durations(), admitted=False)
            raise
        self._lessons.signed_in(conclusion, password)
        person = _person(conclusion)
        self._record(name, conclusion, client, durations, admitted=person is not None)
        return conclusion.reason if person is None else person

    def duo_is_away(self) -> bool:
        """Whether Duo is known to be away, or not to complete logins."""
        return self._duo.state is not State.UP

    def _record(
        self, name: str, conclusion: Conclusion, client: Address, durations: Durations, *, admitted: bool
    ) -> None:
        result = conclusion.second_factor
        self._audit.write(
            PortalRecord(
                id=secrets.token_hex(8),
                action=PortalAction.SIGN_IN,
                listener=self._policy.listener,
                client_address=str(client),
                name=name,
                dn=None if conclusion.dn is None else conclusion.dn.normalised,
                username=conclusion.username,
                verdict=Verdict.ACCEPTED if admitted else Verdict.REJECTED,
                reason=conclusion.reason,
                factor=None if result is None else result.factor,
                device=None if result is None else result.device,
                second_factor=None if result is None else result.outcome,
                durations=durations,
                detail=conclusion.detail,
            )
        )


class TypedNames:
    """Look-ups for people who type their user name (`net.ports.EntryLookup`).

    Where the directory has no `username_search`, a name is looked for in `username_attribute`.

    Args:
        lookup: reads entries.
        settings: of the directory.
    """

    def __init__(self, lookup: Lookup, settings: LookupSettings) -> None:
        self._lookup = lookup
        self._has_search = settings.username_search is not None

    async def entry(self, query: LookUpEntry) -> LookupOutcome:
        """Reads an entry."""
        return await self._lookup.entry(query)

    async def find(self, wanted: FindEntry) -> FindOutcome:
        """Finds the one entry."""
        match wanted.by:
            case AccountName(text) if not self._has_search:
                return await self._lookup.named(text)
            case _:
                return await self._lookup.find(wanted)


class OwnPush:
    """A push for this sign-in alone (`net.ports.SecondFactor`).

    A sign-in never joins a bind that waits for Duo, and no approval of a bind is good for it: that somebody
    is to get into the portal has to be on the phone when they tap.

    Args:
        second_factor: asks Duo within the push limits.
    """

    def __init__(self, second_factor: SecondFactor) -> None:
        self._second_factor = second_factor

    async def verify(self, question: VerifySecondFactor, budget: float) -> SecondFactorResult:
        """Asks under a name, and for a credential, that no bind has."""
        own = replace(
            question, credential=Secret(secrets.token_bytes(32)), listener=_shown_as(question.listener)
        )
        return await self._second_factor.verify(own, budget)


def _shown_as(listener: str) -> str:
    return f"{listener} (offline authenticators)"


def _person(conclusion: Conclusion) -> Person | None:
    """Who gets in; None when nobody does."""
    if not admits(conclusion):
        return None
    assert conclusion.identity is not None
    assert conclusion.username is not None
    assert conclusion.dn is not None
    assert conclusion.second_factor is not None
    return Person(
        identity=conclusion.identity,
        username=conclusion.username,
        dn=conclusion.dn.normalised,
        device=conclusion.second_factor.device,
    )
