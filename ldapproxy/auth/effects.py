"""What a bind flow asks of the world, as values.

Owns the questions (effects) that `bind_flow` yields and the types of their answers. It must not know who
answers.

An effect is used as `answer = yield from VerifyPrimary(...)`; the type checker then knows the type of the
answer.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from ldapproxy.auth.credentials import FactorChoice
from ldapproxy.auth.names import AccountName, LoginName, SecurityIdentifier
from ldapproxy.auth.outcomes import (
    Factor,
    FindOutcome,
    LookupOutcome,
    LookupUnavailable,
    OfflineResult,
    PrimaryOutcome,
    SecondFactorResult,
)
from ldapproxy.auth.policy import Address
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.secret import Secret

Answer = TypeVar("Answer")


class Effect(Generic[Answer]):
    """A question to the world whose answer has the type `Answer`."""

    __slots__ = ()

    def __iter__(self) -> Generator[Effect[Any], Any, Answer]:
        """Yields itself once and returns what was sent back."""
        return cast(Answer, (yield self))


@dataclass(frozen=True, slots=True)
class VerifyPrimary(Effect[PrimaryOutcome]):
    """Send the BindRequest to the directory on the session's own connection.

    Attributes:
        password: goes in place of the credential; None leaves it as it came.
        name: goes in place of the name; None leaves it as it came. With neither, the client's request is sent
            byte for byte.
    """

    password: Secret | None
    name: DistinguishedName | None = None


@dataclass(frozen=True, slots=True)
class AskWhoIsBound(Effect[DistinguishedName | LookupUnavailable | None]):
    """Ask the directory, on the session's own connection, which entry the last bind made it.

    The answer is None when the directory does not say, or says anything but a name.
    """


@dataclass(frozen=True, slots=True)
class AskSecurityIdentifier(Effect[SecurityIdentifier | LookupUnavailable | None]):
    """Ask Active Directory, on the session's own connection, for the SID of whom the last bind made it.

    The answer is None when the directory has no such thing.
    """


@dataclass(frozen=True, slots=True)
class AskIdentifierOf(Effect[SecurityIdentifier | LookupUnavailable | None]):
    """Ask Active Directory, on the session's own connection, for the SID of an entry.

    The answer is None when there is no such entry, or it may not be read.
    """

    entry: DistinguishedName


@dataclass(frozen=True, slots=True)
class FindEntry(Effect[FindOutcome]):
    """Find, with the service account, the one entry that `by` stands for."""

    by: AccountName | SecurityIdentifier | LoginName


@dataclass(frozen=True, slots=True)
class LookUpEntry(Effect[LookupOutcome]):
    """Read the entry `dn` with the service account, and which of `groups` it is a member of."""

    dn: DistinguishedName
    groups: frozenset[DistinguishedName]


@dataclass(frozen=True, slots=True)
class VerifySecondFactor(Effect[SecondFactorResult]):
    """Ask Duo.

    Attributes:
        username: the name sent to Duo.
        identity: the entry's identity: the key of everything kept per user.
        credential: the whole string that was sent, which tells the same login from another one.
        choice: what the person typed.
        factors: what the listener allows.
        listener: the listener's name, shown on the phone.
        client: the client's address, shown on the phone.
        client_is_user: True sends the address to Duo as `ipaddr`, which may let trusted networks in.
    """

    username: str
    identity: str
    credential: Secret
    choice: FactorChoice
    factors: frozenset[Factor]
    listener: str
    client: Address
    client_is_user: bool


@dataclass(frozen=True, slots=True)
class RecallLogin(Effect[bool]):
    """Whether this very login was allowed in full a while ago and is remembered."""

    identity: str
    credential: Secret


@dataclass(frozen=True, slots=True)
class VerifyOffline(Effect[OfflineResult]):
    """Check an offline code of the user's offline authenticators."""

    identity: str
    code: Secret
