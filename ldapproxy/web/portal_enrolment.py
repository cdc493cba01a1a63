"""What somebody who has signed in can do in the portal: see, add, confirm, print, remove.

Owns the steps of each. It must not know how anybody signed in, nor how authenticators are kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ldapproxy.auth.enrolment import AuthenticatorKind, EnrolmentRefusedError, OfflineAuthenticator
from ldapproxy.secret import Secret
from ldapproxy.web.portal_forms import FormTokens, Visit
from ldapproxy.web.portal_pages import Answer, Pages, see
from ldapproxy.web.portal_ports import Authenticators
from ldapproxy.web.portal_sessions import Session

_RECOVERY_LABEL: Final = "recovery codes"

SessionStep = Callable[[Visit, Session], Awaitable[Answer]]
"""What answers a request of somebody who has signed in. A StoreUnavailableError may come out of it."""


class Enrolment:
    """The pages behind the sign-in.

    Args:
        authenticators: keeps them.
        duo_is_away: whether Duo is away now; the store's keeper decides, this is for what is offered.
        pages: what is shown.
        tokens: of the forms.

    Attributes:
        steps: what answers, by path and method.
    """

    def __init__(
        self,
        authenticators: Authenticators,
        duo_is_away: Callable[[], bool],
        pages: Pages,
        tokens: FormTokens,
    ) -> None:
        self._authenticators = authenticators
        self._duo_is_away = duo_is_away
        self._pages = pages
        self._tokens = tokens
        self.steps: dict[str, dict[str, SessionStep]] = {
            "/add": {"GET": self._ask_for_label, "POST": self._add},
            "/confirm": {"GET": self._ask_for_code, "POST": self._confirm},
            "/recovery-codes": {"GET": self._offer_codes, "POST": self._make_codes},
            "/recovery-codes/sheet": {"GET": self._show_codes},
            "/remove": {"GET": self._ask_whether, "POST": self._remove},
        }

    async def overview(self, visit: Visit, session: Session) -> Answer:
        """The first page: all authenticators, and what is left of the limits.

        Raises:
            StoreUnavailableError: the store cannot be used.
        """
        person = session.person
        page = self._pages.overview(
            self._tokens.of(visit.session),
            person,
            await self._authenticators.owned_by(person),
            await self._authenticators.standing(person),
            duo_is_away=self._duo_is_away(),
            notice=session.take_notice(),
        )
        return Answer(page)

    # An authenticator app: label, secret, code.

    async def _ask_for_label(self, visit: Visit, session: Session) -> Answer:
        return Answer(self._pages.add(self._tokens.of(visit.session), session.person))

    async def _add(self, visit: Visit, session: Session) -> Answer:
        label = visit.fields.get("label", "").strip()
        try:
            session.adding = await self._authenticators.add(session.person, visit.client, label)
        except EnrolmentRefusedError as refused:
            token = self._tokens.of(visit.session)
            return Answer(self._pages.add(token, session.person, label, _as_sentence(refused)))
        return see("/confirm")

    async def _ask_for_code(self, visit: Visit, session: Session) -> Answer:
        """Of the authenticator that was added last in this session, or of one that the link names."""
        new = session.adding
        label = visit.query.get("label") or (new.provisioning.label if new else "")
        if not label:
            return see("/")
        if new is not None and new.provisioning.label != label:
            new = None
        return Answer(self._pages.confirm(self._tokens.of(visit.session), session.person, label, new))

    async def _confirm(self, visit: Visit, session: Session) -> Answer:
        label = visit.fields.get("label", "")
        code = Secret("".join(visit.fields.get("code", "").split()))
        new = session.adding if session.adding and session.adding.provisioning.label == label else None
        try:
            await self._authenticators.confirm(session.person, visit.client, label, code)
        except EnrolmentRefusedError as refused:
            token = self._tokens.of(visit.session)
            return Answer(
                self._pages.confirm(token, session.person, label, new, problem=_as_sentence(refused))
            )
        if new is not None:
            session.adding = None
        session.notice = f"“{label}” is ready: while Duo is away, its codes let you in."
        return see("/")

    # Recovery codes: shown once.

    async def _offer_codes(self, visit: Visit, session: Session) -> Answer:
        theirs = await self._authenticators.owned_by(session.person)
        token = self._tokens.of(visit.session)
        return Answer(self._pages.recovery_codes(token, session.person, _free_label(theirs), theirs))

    async def _make_codes(self, visit: Visit, session: Session) -> Answer:
        label = visit.fields.get("label", "").strip()
        try:
            codes = await self._authenticators.new_recovery_codes(session.person, visit.client, label)
        except EnrolmentRefusedError as refused:
            theirs = await self._authenticators.owned_by(session.person)
            token = self._tokens.of(visit.session)
            problem = _as_sentence(refused)
            return Answer(self._pages.recovery_codes(token, session.person, label, theirs, problem))
        session.sheet = (label, codes)
        return see("/recovery-codes/sheet")

    async def _show_codes(self, visit: Visit, session: Session) -> Answer:
        sheet, session.sheet = session.sheet, None
        if sheet is None:
            session.notice = (
                "Recovery codes are shown once. If you have not kept them, make new ones under the same "
                "label: the old ones are void then."
            )
            return see("/")
        label, codes = sheet
        return Answer(self._pages.sheet(self._tokens.of(visit.session), session.person, label, codes))

    # Away with it.

    async def _ask_whether(self, visit: Visit, session: Session) -> Answer:
        label = visit.query.get("label", "")
        if not label:
            return see("/")
        return Answer(self._pages.remove(self._tokens.of(visit.session), session.person, label))

    async def _remove(self, visit: Visit, session: Session) -> Answer:
        label = visit.fields.get("label", "")
        try:
            await self._authenticators.remove(session.person, visit.client, label)
        except EnrolmentRefusedError as refused:
            token = self._tokens.of(visit.session)
            return Answer(self._pages.remove(token, session.person, label, _as_sentence(refused)))
        if session.adding is not None and session.adding.provisioning.label == label:
            session.adding = None
        session.notice = f"“{label}” was removed."
        return see("/")


def _free_label(theirs: Sequence[OfflineAuthenticator]) -> str:
    """A label for a first sheet; none when there is one, whose codes nobody should make void by accident."""
    has_sheet = any(each.kind is AuthenticatorKind.RECOVERY_CODES for each in theirs)
    return "" if has_sheet else _RECOVERY_LABEL


def _as_sentence(refused: EnrolmentRefusedError) -> str:
    text = str(refused)
    return f"{text[:1].upper()}{text[1:]}."
