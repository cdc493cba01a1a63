"""What the portal needs of the rest of the program, as protocols; `app.py` wires them.

Owns the ports and the values that go through them. It must not know who is behind them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ldapproxy.auth.enrolment import OfflineAuthenticator, OfflineStanding, Provisioning
from ldapproxy.auth.outcomes import Reason
from ldapproxy.auth.policy import Address
from ldapproxy.secret import Secret


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the directory and Duo have let in.

    Attributes:
        identity: the entry's identity (entryUUID or objectGUID): whose authenticators these are.
        username: the name in Duo, which authenticator apps show.
        dn: the name of the entry, normalised.
        device: whose tap let them in, which on a shared account tells its people apart; None when not known.
    """

    identity: str
    username: str
    dn: str
    device: str | None = None


@dataclass(frozen=True, slots=True)
class NewAuthenticator:
    """What a person puts into an authenticator app; shown until it is confirmed.

    Attributes:
        provisioning: label, secret and URI.
        qr_code: the URI as an `<svg>` element, which holds the secret.
    """

    provisioning: Provisioning
    qr_code: Secret


class SignIn(Protocol):
    """Lets people in (`sign_in.PortalSignIn`)."""

    async def sign_in(self, name: str, password: Secret, client: Address) -> Person | Reason:
        """Asks the directory and Duo; it takes as long as the person does.

        Args:
            name: as typed: a DN, or a plain user name.
            password: the directory's.
            client: the browser's address.

        Returns:
            The person, or why not. Never raises for what a directory or Duo may do.
        """

    def duo_is_away(self) -> bool:
        """Whether Duo is known to be away now, so that nobody can be let in and nothing added."""


class Authenticators(Protocol):
    """A person's offline authenticators (`self_service.SelfService`).

    Every method raises StoreUnavailableError when the store cannot be used. Those that change something take
    the address for the audit log, and raise EnrolmentRefusedError with a sentence for the person when it
    cannot be done; those that add something do so also while Duo is away.
    """

    async def owned_by(self, person: Person) -> tuple[OfflineAuthenticator, ...]:
        """All of them, the oldest first."""

    async def standing(self, person: Person) -> OfflineStanding | None:
        """What is left of the account's limits; None for an account without any authenticator yet."""

    async def add(self, person: Person, client: Address, label: str) -> NewAuthenticator:
        """Adds one that opens nothing until it is confirmed."""

    async def confirm(self, person: Person, client: Address, label: str, code: Secret) -> None:
        """Makes one usable."""

    async def new_recovery_codes(self, person: Person, client: Address, label: str) -> tuple[Secret, ...]:
        """Makes a sheet of codes; an earlier one with the same label is void."""

    async def remove(self, person: Person, client: Address, label: str) -> None:
        """Removes one; none of its codes is accepted from now on."""
