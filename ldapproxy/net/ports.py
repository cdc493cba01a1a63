"""What the third floor needs of its neighbours, as protocols; `app.py` wires them.

Owns the ports of `net`. It must not know who is behind them.
"""

from __future__ import annotations

from typing import Protocol

from ldapproxy.auth.audit import AuditRecord
from ldapproxy.auth.effects import FindEntry, LookUpEntry, VerifyOffline, VerifySecondFactor
from ldapproxy.auth.names import SecurityIdentifier
from ldapproxy.auth.outcomes import (
    FindOutcome,
    LookupOutcome,
    LookupUnavailable,
    OfflineResult,
    PrimaryOutcome,
    SecondFactorResult,
)
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.secret import Secret


class PrimaryQuestions(Protocol):
    """Asks the directory on the session's own connection (`primary.Primary`)."""

    async def verify(self, password: Secret | None, name: DistinguishedName | None) -> PrimaryOutcome:
        """Sends the BindRequest, as it came or with another password or name."""

    async def who_is_bound(self) -> DistinguishedName | LookupUnavailable | None:
        """Whose the password was; None when the directory does not say."""

    async def security_identifier(self) -> SecurityIdentifier | LookupUnavailable | None:
        """Whose the password was, in Active Directory; None when the directory is another one."""

    async def identifier_of(self, entry: DistinguishedName) -> SecurityIdentifier | LookupUnavailable | None:
        """The SID of an entry; None when there is none to be read."""


class EntryLookup(Protocol):
    """Reads entries of one directory (`directory.lookup.Lookup`)."""

    async def entry(self, query: LookUpEntry) -> LookupOutcome:
        """Answers the query; never raises for what a directory may do."""

    async def find(self, wanted: FindEntry) -> FindOutcome:
        """Finds the one entry; never raises for what a directory may do."""


class SecondFactor(Protocol):
    """Asks one Duo application (`duo.client.DuoClient`)."""

    async def verify(self, question: VerifySecondFactor, budget: float) -> SecondFactorResult:
        """Asks for the second factor and waits for its end, at most `budget` seconds.

        Cancelling the task ends the waiting. Never raises for what Duo or the network may do.
        """


class OfflineCodes(Protocol):
    """Keeps offline authenticators (`offline.store.OfflineStore`)."""

    async def verify(self, question: VerifyOffline) -> OfflineResult:
        """Decides about an offline code; never raises for what a store may do."""

    async def online_login(self, identity: str) -> None:
        """Duo allowed a login of this user: the limits of offline logins begin anew. Returns at once."""


class Observer(Protocol):
    """Counts what happens (`observe.metrics.Metrics`). Label values never come from clients."""

    def session_opened(self, listener: str) -> None:
        """A client connected."""

    def session_closed(self, listener: str) -> None:
        """A client's connection is gone."""

    def relayed(self, listener: str, to_directory: int, to_client: int) -> None:
        """So many bytes were relayed in each direction since the last call."""

    def operation(self, listener: str, operation: str) -> None:
        """A request arrived; `operation` is its name in lower case (`bind`, `search`, ..., `other`)."""

    def bind_pending(self, listener: str, change: int) -> None:
        """One bind more (+1) or less (-1) waits for an answer."""

    def bind_ended(self, record: AuditRecord) -> None:
        """A bind ended."""

    def limit_hit(self, listener: str, limit: str) -> None:
        """A limit of `limits:` refused something; `limit` is its key."""

    def client_left(self, listener: str, waited: float) -> None:
        """A client hung up on a pending bind after `waited` seconds."""

    def fail_mode_decided(self, listener: str, mode: str, decision: str) -> None:
        """The fail mode was asked, and decided `accept`, `reject` or `offline_code`."""

    def joined(self, listener: str, kind: str) -> None:
        """A bind came by a second factor that another bind had asked for; `kind` is a value of `Joined`."""

    def offline_code(self, listener: str, outcome: str) -> None:
        """An offline code was asked for; `outcome` is a value of `OfflineVerdict`."""

    def directory_up(self, directory: str, server: str, up: bool) -> None:
        """A server of a directory answered, or did not."""

    def directory_connections(self, directory: str, state: str, change: int) -> None:
        """One connection more or less is `active` or `idle`."""


class Audit(Protocol):
    """Where records of binds go (`observe.logs.AuditLog`)."""

    def write(self, record: AuditRecord) -> None:
        """Writes one record; never raises."""
