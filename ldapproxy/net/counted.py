"""The directory's answer to a bind, counted where it is a wrong password (`limits.failed_binds`).

Owns which answers count, and for whom. It must not know how many are too many.
"""

from __future__ import annotations

from collections.abc import Callable

from ldapproxy.auth.effects import FindEntry
from ldapproxy.auth.failed_binds import Attempt
from ldapproxy.auth.names import SecurityIdentifier, as_login_name
from ldapproxy.auth.outcomes import (
    LookupUnavailable,
    PrimaryAccepted,
    PrimaryNotAsked,
    PrimaryOutcome,
    PrimaryRefused,
)
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.result_codes import ResultCode
from ldapproxy.net.ports import EntryLookup, PrimaryQuestions
from ldapproxy.secret import Secret


class CountedPrimary:
    """Asks the directory, and tells the attempt how it ended.

    Args:
        primary: who asks.
        attempt: the bind that was let through.
        typed: the name as it was typed.
        lookup: finds whose a login name is.
        nobody: the name under which the directory is asked about nobody (`ListenerPolicy.nobody`). What was
            typed keeps its own count then: one for all who do not exist would tell them from those who do.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        primary: PrimaryQuestions,
        attempt: Attempt,
        typed: str,
        lookup: EntryLookup,
        nobody: DistinguishedName | None,
        clock: Callable[[], float],
    ) -> None:
        self._primary = primary
        self._attempt = attempt
        self._typed = typed
        self._lookup = lookup
        self._nobody = nobody
        self._clock = clock

    async def verify(self, password: Secret | None, name: DistinguishedName | None) -> PrimaryOutcome:
        """Asks; only invalidCredentials counts as failed, and what nobody waited for.

        A bind whose name was found counts as its entry's own, so that no other form of a name is worth
        further guesses.
        """
        entry = await self._entry(name)
        if entry is not None and not self._attempt.belongs_to(entry, self._clock()):
            return PrimaryNotAsked()
        try:
            outcome = await self._primary.verify(password, name)
        except BaseException:
            # The client has left. The directory counts a wrong password whether we hear of it or not; if we
            # did not, who hangs up early could go on for ever.
            self._attempt.failed(self._clock())
            raise
        match outcome:
            case PrimaryAccepted():
                self._attempt.succeeded()
            case PrimaryRefused(result_code=ResultCode.INVALID_CREDENTIALS):
                self._attempt.failed(self._clock())
            case _:
                self._attempt.came_to_nothing()
        return outcome

    async def _entry(self, found: DistinguishedName | None) -> DistinguishedName | None:
        """Whose password is tried, if that is another name than the one that was typed and can be told.

        A login name is sent to the directory as it was typed; it is looked up for the count alone. Where that
        fails, or does not find exactly one entry, the name that was typed keeps its own count.
        """
        if found is not None:
            return None if found == self._nobody else found
        login_name = as_login_name(self._typed) if self._attempt.counts_for_a_user else None
        if login_name is None:
            return None
        entry = await self._lookup.find(FindEntry(login_name))
        return entry if isinstance(entry, DistinguishedName) else None

    async def who_is_bound(self) -> DistinguishedName | LookupUnavailable | None:
        """Asks."""
        return await self._primary.who_is_bound()

    async def security_identifier(self) -> SecurityIdentifier | LookupUnavailable | None:
        """Asks."""
        return await self._primary.security_identifier()

    async def identifier_of(self, entry: DistinguishedName) -> SecurityIdentifier | LookupUnavailable | None:
        """Asks."""
        return await self._primary.identifier_of(entry)
