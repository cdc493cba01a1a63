"""The portal's way to the store of offline authenticators: who did what, and nothing new while Duo is away.

Owns the refusal while Duo is away, the audit records, and the threads between the loop and the store, which
blocks. It must not know pages, nor what makes an authenticator.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import TypeVar

from ldapproxy.auth.enrolment import (
    EnrolmentRefusedError,
    OfflineAuthenticator,
    OfflineStanding,
    StoreUnavailableError,
)
from ldapproxy.auth.outcomes import Verdict
from ldapproxy.auth.policy import Address
from ldapproxy.auth.portal_audit import ActionEnd, PortalAction, PortalRecord
from ldapproxy.observe.audit_log import AuditLog
from ldapproxy.offline import qr
from ldapproxy.offline.administration import Administration
from ldapproxy.secret import Secret
from ldapproxy.web.portal_ports import NewAuthenticator, Person

_log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

_QR_TITLE = "QR code with the secret, for an authenticator app"


class DuoIsAwayError(EnrolmentRefusedError):
    """Nothing is added while Duo is away."""


class SelfService:
    """A person's offline authenticators (`web.portal_ports.Authenticators`).

    Args:
        administration: of the store; blocking.
        duo_is_away: whether Duo is away now.
        listener: whose portal it is, for the audit log.
        audit: gets a record of every change that was asked for.
    """

    def __init__(
        self,
        administration: Administration,
        duo_is_away: Callable[[], bool],
        listener: str,
        audit: AuditLog,
    ) -> None:
        self._administration = administration
        self._duo_is_away = duo_is_away
        self._listener = listener
        self._audit = audit

    async def owned_by(self, person: Person) -> tuple[OfflineAuthenticator, ...]:
        """All of them, the oldest first."""
        return await self._ask(lambda: self._administration.authenticators(person.identity))

    async def standing(self, person: Person) -> OfflineStanding | None:
        """What is left of the account's limits."""
        return await self._ask(lambda: self._administration.standing(person.identity))

    async def add(self, person: Person, client: Address, label: str) -> NewAuthenticator:
        """Adds an authenticator app."""

        def enroll() -> NewAuthenticator:
            added = self._administration.enroll_totp(person.identity, person.username, label)
            return NewAuthenticator(added, Secret(qr.svg(added.uri, _QR_TITLE)))

        return await self._change(PortalAction.ADD, person, client, label, enroll)

    async def confirm(self, person: Person, client: Address, label: str, code: Secret) -> None:
        """Makes one usable."""
        await self._change(
            PortalAction.CONFIRM,
            person,
            client,
            label,
            lambda: self._administration.confirm(person.identity, label, code),
        )

    async def new_recovery_codes(self, person: Person, client: Address, label: str) -> tuple[Secret, ...]:
        """Makes a sheet of codes."""
        return await self._change(
            PortalAction.RECOVERY_CODES,
            person,
            client,
            label,
            lambda: self._administration.new_recovery_codes(person.identity, person.username, label),
        )

    async def remove(self, person: Person, client: Address, label: str) -> None:
        """Removes one, also while Duo is away: it only takes a way in."""
        await self._change(
            PortalAction.REMOVE,
            person,
            client,
            label,
            lambda: self._administration.revoke(person.identity, label),
        )

    async def _change(
        self,
        action: PortalAction,
        person: Person,
        client: Address,
        label: str,
        change: Callable[[], _Answer],
    ) -> _Answer:
        """Makes a change and records it, whatever becomes of it."""
        end, detail = ActionEnd.STORE_UNAVAILABLE, "the change was broken off"
        try:
            if action is not PortalAction.REMOVE:
                self._refuse_without_duo()
            answer = await self._ask(change)
        except DuoIsAwayError:
            end, detail = ActionEnd.DUO_UNAVAILABLE, ""
            raise
        except EnrolmentRefusedError as refused:
            end, detail = ActionEnd.REFUSED, str(refused)
            raise
        except StoreUnavailableError as error:
            detail = str(error)
            raise
        else:
            end, detail = ActionEnd.DONE, ""
            return answer
        finally:
            self._audit.write(
                PortalRecord(
                    id=secrets.token_hex(8),
                    action=action,
                    listener=self._listener,
                    client_address=str(client),
                    name=None,
                    dn=person.dn,
                    username=person.username,
                    verdict=Verdict.ACCEPTED if end is ActionEnd.DONE else Verdict.REJECTED,
                    reason=end,
                    device=person.device,
                    offline_authenticator=label,
                    detail=detail,
                )
            )

    def _refuse_without_duo(self) -> None:
        if self._duo_is_away():
            raise DuoIsAwayError(
                "Duo cannot be reached at the moment, and nothing is added without it; try again when it is "
                "back"
            )

    async def _ask(self, question: Callable[[], _Answer]) -> _Answer:
        """Asks the store on another thread; it has time limits of its own."""
        try:
            return await asyncio.to_thread(question)
        except StoreUnavailableError as error:
            _log.warning("the portal cannot use the offline store: %s", error)
            raise
