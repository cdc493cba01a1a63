"""The self-service portal for offline authenticators: which request leads to which page.

Owns the paths, what has to be signed in for, and the limits of sign-ins. It must not know sockets, the
directory, Duo or the store. Every change is a form with a token of ours; every page can be used without
JavaScript.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, IPv6Network
from typing import Final

from ldapproxy.auth.enrolment import StoreUnavailableError
from ldapproxy.auth.failed_binds import Attempt, FailedBindRules, FailedBinds
from ldapproxy.auth.outcomes import Reason
from ldapproxy.auth.policy import Address
from ldapproxy.secret import Secret
from ldapproxy.web import portal_pages, portal_words
from ldapproxy.web.portal_enrolment import Enrolment
from ldapproxy.web.portal_forms import BROWSER, SESSION, FormTokens, Visit, drop_cookie, set_cookie
from ldapproxy.web.portal_pages import Answer, Pages, see
from ldapproxy.web.portal_ports import Authenticators, Person, SignIn
from ldapproxy.web.portal_sessions import Sessions, WaitingSignIns, new_token

SIGN_IN_LIMITS: Final = FailedBindRules(per_user=5, per_client=30, per=600)
"""Sign-ins that fail, of one name and from one address, in ten minutes. People mistype a few times, fewer
than what makes a directory lock an account; behind one address may be an office. Who fails that often on
purpose keeps a name out of the portal for as long, and out of nothing else."""

# A refusal takes at least so many seconds, so that its time does not tell whether the name exists: the
# directory is not asked about the password of a name that nobody has.
_REFUSED_AFTER: Final = 1.0
# Seconds that the answer to the sign-in form waits: a wrong password is then said at once, on the same page.
_AT_ONCE: Final = 1.5
# Seconds that an answer to the script waits: below what middle boxes and we ourselves allow a connection.
_HELD: Final = 20.0


_Step = Callable[[Visit], Awaitable[Answer]]


class Portal:
    """The portal of one listener.

    Args:
        sign_in: lets people in.
        authenticators: keeps their authenticators.
        pages: what is shown.
        clock: a monotonic clock in seconds.
        key: of the forms' tokens.
    """

    def __init__(
        self,
        sign_in: SignIn,
        authenticators: Authenticators,
        pages: Pages,
        clock: Callable[[], float],
        key: Secret,
    ) -> None:
        self._sign_in = sign_in
        self._pages = pages
        self._clock = clock
        self._tokens = FormTokens(key)
        self._failed = FailedBinds(SIGN_IN_LIMITS)
        self.sessions = Sessions(clock)
        self.waiting = WaitingSignIns(clock)
        self._files = portal_pages.files_of_pages()
        self._enrolment = Enrolment(authenticators, sign_in.duo_is_away, pages, self._tokens)
        self._steps: dict[str, dict[str, _Step]] = {
            "/": {"GET": self._first_page},
            "/sign-in": {"GET": self._first_page, "POST": self._begin},
            "/sign-in/cancel": {"POST": self._cancel},
            "/waiting": {"GET": self._wait},
            "/waiting/state": {"GET": self._state},
            "/sign-out": {"POST": self._sign_out},
        }

    async def answer(self, visit: Visit) -> Answer:
        """Answers one request."""
        if visit.path in self._files and visit.method == "GET":
            return Answer(self._files[visit.path])
        steps = self._steps.get(visit.path) or self._enrolment.steps.get(visit.path)
        if steps is None:
            return self._note(404, "Nothing is here", "This address does not exist.")
        if visit.method not in steps:
            answer = self._note(405, "That cannot be done here", "This address is not used in this way.")
            answer.page.headers["Allow"] = ", ".join(steps)
            return answer
        if visit.path in self._steps:
            return await self._steps[visit.path][visit.method](visit)
        session = self.sessions.find(visit.session)
        if session is None:
            return see("/")
        if visit.method == "POST" and not self._is_genuine(visit, visit.session):
            return self._note(403, "Please try again", portal_words.BAD_FORM)
        try:
            return await self._enrolment.steps[visit.path][visit.method](visit, session)
        except StoreUnavailableError:
            return self._note(503, "Not possible at the moment", portal_words.STORE_AWAY)

    async def aclose(self) -> None:
        """Gives up all sign-ins that wait."""
        await self.waiting.aclose()

    # Signing in and out.

    async def _first_page(self, visit: Visit) -> Answer:
        session = self.sessions.find(visit.session)
        if session is not None:
            try:
                return await self._enrolment.overview(visit, session)
            except StoreUnavailableError:
                return self._note(503, "Not possible at the moment", portal_words.STORE_AWAY)
        if visit.session:
            form = self._form(visit, notice=portal_words.SIGNED_OUT)
            return Answer(form.page, (*form.cookies, drop_cookie(SESSION)))
        return self._form(visit)

    async def _begin(self, visit: Visit) -> Answer:
        """The sign-in form was sent."""
        name = visit.fields.get("name", "").strip()
        if not self._is_genuine(visit, visit.browser):
            return self._form(visit, name, portal_words.BAD_FORM, 403)
        if self.waiting.knows(visit.browser):
            # A second click must not be a second push.
            return see("/waiting")
        if self.waiting.is_full:
            return self._form(visit, name, portal_words.TOO_MANY_WAITING, 503)
        attempt = self._failed.begin(name, _counted_as(visit.client), self._clock())
        if attempt is None:
            return self._form(visit, name, portal_words.TOO_MANY, 429)
        password = Secret(visit.fields.get("password", ""))
        self.waiting.begin(visit.browser, self._signing_in(attempt, name, password, visit.client))
        await self.waiting.wait(visit.browser, _AT_ONCE)
        return self._ended(visit, name) or see("/waiting")

    async def _signing_in(
        self, attempt: Attempt, name: str, password: Secret, client: Address
    ) -> Person | Reason:
        began = self._clock()
        end: Person | Reason = Reason.INTERNAL_ERROR
        try:
            end = await self._sign_in.sign_in(name, password, client)
            if isinstance(end, Reason):
                await asyncio.sleep(max(0.0, began + _REFUSED_AFTER - self._clock()))
            return end
        finally:
            match end:
                case Person():
                    attempt.succeeded()
                case reason if portal_words.is_nobodys_fault(reason):
                    attempt.came_to_nothing()
                case _:
                    attempt.failed(self._clock())

    async def _wait(self, visit: Visit) -> Answer:
        """The page that is shown while the phone is asked; it leads on once that has ended."""
        ended = self._ended(visit)
        if ended is not None:
            return ended
        if not self.waiting.knows(visit.browser):
            return see("/")
        return Answer(self._pages.waiting(self._tokens.of(visit.browser), str(visit.client)))

    async def _state(self, visit: Visit) -> Answer:
        """The script asks whether it has ended; the answer waits for that."""
        return Answer(portal_pages.state(ended=await self.waiting.wait(visit.browser, _HELD)))

    async def _cancel(self, visit: Visit) -> Answer:
        if self._is_genuine(visit, visit.browser):
            self.waiting.give_up(visit.browser)
        return see("/")

    async def _sign_out(self, visit: Visit) -> Answer:
        if self.sessions.find(visit.session) is not None:
            if not self._is_genuine(visit, visit.session):
                return self._note(403, "Please try again", portal_words.BAD_FORM)
            self.sessions.end(visit.session)
        return see("/", drop_cookie(SESSION))

    def _ended(self, visit: Visit, name: str = "") -> Answer | None:
        """What the end of the browser's sign-in leads to; None while there is no end."""
        match self.waiting.take(visit.browser):
            case None:
                return None
            case Person() as person:
                self.sessions.end(visit.session)
                # Another name than before the sign-in: whoever knew that one knows nothing now.
                return see("/", set_cookie(SESSION, self.sessions.open(person)), drop_cookie(BROWSER))
            case reason:
                sentence = portal_words.sentence(reason)
                return self._form(visit, name, sentence, portal_words.status(reason))

    def _form(
        self, visit: Visit, name: str = "", problem: str = "", status: int = 200, notice: str = ""
    ) -> Answer:
        """The sign-in form, for a browser that is given a cookie if it has none."""
        browser = visit.browser or new_token()
        page = self._pages.sign_in(
            self._tokens.of(browser),
            duo_is_away=self._sign_in.duo_is_away(),
            name=name,
            problem=problem,
            notice=notice,
            status=status,
        )
        return Answer(page, () if visit.browser else (set_cookie(BROWSER, browser),))

    def _is_genuine(self, visit: Visit, cookie: str) -> bool:
        """Whether a form was sent by a page that we have shown in this browser."""
        return visit.is_ours and self._tokens.fits(cookie, visit.fields.get("token", ""))

    def _note(self, status: int, title: str, sentence: str) -> Answer:
        return Answer(self._pages.note(status, title, sentence))


def _counted_as(client: Address) -> Address:
    """The address under which failures are counted: of IPv6 the network, in which one machine has 2^64."""
    if isinstance(client, IPv6Address):
        return IPv6Network((client, 64), strict=False).network_address
    return client
