"""A bind flow is driven to its end: each effect a call, one deadline, and whatever is thrown rejects."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from enum import Enum, unique
from ipaddress import ip_address
from typing import Any

import pytest

from ldapproxy.auth import replies
from ldapproxy.auth.audit import Durations
from ldapproxy.auth.bind_flow import BindFlow, Conclusion, bind_flow
from ldapproxy.auth.effects import Effect, FindEntry, RecallLogin, VerifyOffline
from ldapproxy.auth.names import AccountName, SecurityIdentifier
from ldapproxy.auth.outcomes import (
    FailMode,
    LookupUnavailable,
    OfflineResult,
    OfflineVerdict,
    PrimaryAccepted,
    PrimaryOutcome,
    PrimaryRefused,
    Reason,
    SecondFactorOutcome,
    SecondFactorResult,
    Verdict,
)
from ldapproxy.auth.policy import ExemptDn
from ldapproxy.auth.preconditions import SimpleBind
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.net.perform import BindPorts, perform
from ldapproxy.secret import Secret
from tests.support.reactor import OnReactor, eventually
from tests.unit.net.neighbours import ScriptedLookup, ScriptedSecondFactor
from tests.unit.net.scripted_directory import bind_response
from tests.unit.net.usual_settings import ALICE, ALLOWED, DENIED, ENTRY, POLICY, listener_settings

ACCEPTED = PrimaryAccepted(bind_response(1))
REFUSED = PrimaryRefused(bind_response(1, 49), 49, is_referral=False)
UNAVAILABLE = SecondFactorResult(SecondFactorOutcome.UNAVAILABLE)


@unique
class Nothing(Enum):
    """The directory answers, and says nothing."""

    SAID = "said"


Answer = DistinguishedName | SecurityIdentifier | Nothing | BaseException | None


class Neighbours:
    """The ports of one bind. An answer is a value, an exception to raise, or None to hang."""

    def __init__(self) -> None:
        self.primary_answer: PrimaryOutcome | BaseException | None = ACCEPTED
        self.who: Answer = DistinguishedName.parse(ALICE)
        self.identifier: Answer = Nothing.SAID
        self.lookup = ScriptedLookup()
        self.second_factor = ScriptedSecondFactor()
        self.offline_answer: OfflineResult | BaseException | None = OfflineResult(OfflineVerdict.VERIFIED)
        self.recalls: bool | BaseException = False
        self.passwords: list[Secret | None] = []
        self.names: list[DistinguishedName | None] = []
        self.identified: list[DistinguishedName] = []
        self.asked_offline: list[VerifyOffline] = []
        self.hanging = 0

    async def _say(self, answer: Any) -> Any:
        if answer is None:
            self.hanging += 1
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.hanging -= 1
        if isinstance(answer, BaseException):
            raise answer
        return None if answer is Nothing.SAID else answer

    async def verify(self, question: Any, name: DistinguishedName | None = None) -> Any:
        """The primary's, and the offline store's."""
        if isinstance(question, VerifyOffline):
            self.asked_offline.append(question)
            return await self._say(self.offline_answer)
        self.passwords.append(question)
        self.names.append(name)
        return await self._say(self.primary_answer)

    async def who_is_bound(self) -> DistinguishedName | LookupUnavailable | None:
        found: DistinguishedName | None = await self._say(self.who)
        return found

    async def security_identifier(self) -> SecurityIdentifier | LookupUnavailable | None:
        found: SecurityIdentifier | None = await self._say(self.identifier)
        return found

    async def identifier_of(self, entry: DistinguishedName) -> SecurityIdentifier | LookupUnavailable | None:
        self.identified.append(entry)
        found: SecurityIdentifier | None = await self._say(self.identifier)
        return found

    async def online_login(self, identity: str) -> None:
        raise AssertionError("not asked here")

    def recall(self, question: RecallLogin) -> bool:
        if isinstance(self.recalls, BaseException):
            raise self.recalls
        return self.recalls

    def hang_at(self, stage: str) -> None:
        """Nothing answers at this stage."""
        match stage:
            case "primary":
                self.primary_answer = None
            case "who":
                self.who = None
            case "identifier":
                self.who, self.identifier = Nothing.SAID, None
            case "find":
                self.who, self.lookup.found = Nothing.SAID, None
            case "lookup":
                self.lookup.answer = None
            case "second_factor":
                self.second_factor.answer = None

    @property
    def waiting(self) -> int:
        """How many questions wait for an answer."""
        return self.hanging + self.lookup.waiting + self.second_factor.waiting

    @property
    def ports(self) -> BindPorts:
        return BindPorts(self, self.lookup, self.second_factor, self.recall, self)


def flow(name: str = ALICE, credential: str = "secret", **policy: Any) -> BindFlow:
    """The flow of one login."""
    bind = SimpleBind(name, Secret(credential))
    return bind_flow(bind, listener_settings(**policy).policy, ip_address("192.0.2.7"))


Performed = Coroutine[Any, Any, tuple[Conclusion, Durations]]


def performing(neighbours: Neighbours, budget: float = 5.0, **flow_of: Any) -> Performed:
    """The login, on its way."""
    return perform(flow(**flow_of), neighbours.ports, budget, time.monotonic)


def code_of(conclusion: Conclusion) -> int:
    """The result code that the client gets."""
    own = replies.result_code(conclusion)
    return conclusion.primary_code if own is None else own


def test_a_login(on_reactor: OnReactor) -> None:
    neighbours = Neighbours()
    conclusion, durations = on_reactor(performing(neighbours))
    assert (conclusion.verdict, conclusion.reason) == (Verdict.ACCEPTED, Reason.SECOND_FACTOR)
    assert conclusion.primary_response == ACCEPTED.response
    assert neighbours.passwords == [None], "the request goes as it came"
    ((_, budget),) = neighbours.second_factor.asked
    assert 4.25 < budget <= 4.5, "a moment is kept for what follows"
    assert None not in (durations.primary, durations.lookup, durations.second_factor)
    assert durations.total >= (durations.primary or 0) + (durations.lookup or 0)


def test_a_split_credential(on_reactor: OnReactor) -> None:
    neighbours = Neighbours()
    on_reactor(performing(neighbours, credential="secret,push"))
    (password,) = neighbours.passwords
    assert password is not None
    assert password.reveal() == b"secret"


def test_stages_that_were_not_reached_have_no_duration(on_reactor: OnReactor) -> None:
    neighbours = Neighbours()
    neighbours.primary_answer = REFUSED
    conclusion, durations = on_reactor(performing(neighbours))
    assert conclusion.reason is Reason.PRIMARY_REFUSED
    assert durations.primary is not None
    assert (durations.lookup, durations.second_factor) == (None, None)
    assert not neighbours.second_factor.asked


def test_who_is_bound_and_the_look_up_are_one_stage(on_reactor: OnReactor) -> None:
    neighbours = Neighbours()
    ticks = iter(range(100))

    def clock() -> float:
        return float(next(ticks))

    conclusion, durations = on_reactor(perform(flow("alice@example.com"), neighbours.ports, 500.0, clock))
    assert conclusion.verdict is Verdict.ACCEPTED
    assert durations.lookup == 2.0, "two questions of one tick each"


def test_a_name_that_was_found_is_sent_on(on_reactor: OnReactor) -> None:
    neighbours = Neighbours()
    neighbours.lookup.found = ENTRY.dn
    conclusion, durations = on_reactor(
        performing(neighbours, name="alice", nobody=DistinguishedName.parse("cn=nobody,dc=example,dc=com"))
    )
    assert conclusion.verdict is Verdict.ACCEPTED
    assert neighbours.names == [ENTRY.dn]
    assert neighbours.lookup.wanted == [FindEntry(AccountName("alice"))]
    assert durations.lookup is not None


def test_a_name_that_nobody_explains(on_reactor: OnReactor) -> None:
    neighbours = Neighbours()
    neighbours.who, neighbours.identifier = Nothing.SAID, SecurityIdentifier(b"sid")
    neighbours.lookup.found = ENTRY.dn
    conclusion, _ = on_reactor(performing(neighbours, name="alice@example.com"))
    assert conclusion.verdict is Verdict.ACCEPTED
    assert neighbours.lookup.wanted == [FindEntry(SecurityIdentifier(b"sid"))]


def test_an_exempt_name_is_confirmed(on_reactor: OnReactor) -> None:
    neighbours = Neighbours()
    neighbours.identifier = SecurityIdentifier(b"sid")
    exempt: dict[str, Any] = {"exempt": (ExemptDn(ENTRY.dn),), "confirms_names": True}
    conclusion, durations = on_reactor(performing(neighbours, **exempt))
    assert (conclusion.verdict, conclusion.reason) == (Verdict.ACCEPTED, Reason.EXEMPT_DN)
    assert neighbours.identified == [ENTRY.dn]
    assert durations.lookup is not None


# What is thrown rejects.


class Unforeseen(Exception):
    """Its text must not be seen."""


def _primary(neighbours: Neighbours, error: BaseException) -> None:
    neighbours.primary_answer = error


def _who(neighbours: Neighbours, error: BaseException) -> None:
    neighbours.who = error


def _identifier(neighbours: Neighbours, error: BaseException) -> None:
    neighbours.who, neighbours.identifier = Nothing.SAID, error


def _find(neighbours: Neighbours, error: BaseException) -> None:
    neighbours.who, neighbours.lookup.found = Nothing.SAID, error


def _lookup(neighbours: Neighbours, error: BaseException) -> None:
    neighbours.lookup.answer = error


def _second_factor(neighbours: Neighbours, error: BaseException) -> None:
    neighbours.second_factor.answer = error


def _offline(neighbours: Neighbours, error: BaseException) -> None:
    neighbours.second_factor.answer = UNAVAILABLE
    neighbours.offline_answer = error


def _recall(neighbours: Neighbours, error: BaseException) -> None:
    neighbours.recalls = error


EVERY_MODE = tuple(FailMode)
PLACES = [
    (_primary, 80, EVERY_MODE),
    (_who, 49, EVERY_MODE),
    (_identifier, 49, EVERY_MODE),
    (_find, 49, EVERY_MODE),
    (_lookup, 49, EVERY_MODE),
    (_second_factor, 49, EVERY_MODE),
    (_recall, 49, EVERY_MODE),
    (_offline, 49, (FailMode.OFFLINE,)),
]
ERRORS = [Unforeseen, KeyError, AssertionError, RecursionError, asyncio.CancelledError]


@pytest.mark.parametrize(("break_at", "code", "modes"), PLACES)
@pytest.mark.parametrize("error", ERRORS)
def test_whatever_a_port_throws_rejects(
    on_reactor: OnReactor,
    caplog: pytest.LogCaptureFixture,
    error: type[BaseException],
    break_at: Callable[[Neighbours, BaseException], None],
    code: int,
    modes: tuple[FailMode, ...],
) -> None:
    """The fail mode is never asked: not even `open` lets an exception in."""
    for mode in modes:
        neighbours = Neighbours()
        break_at(neighbours, error("secret,123456"))
        login: dict[str, Any] = {
            "name": "alice@example.com",
            "credential": "secret,123456",
            "remembers": True,
        }
        with caplog.at_level(logging.DEBUG):
            conclusion, durations = on_reactor(performing(neighbours, fail_mode=mode, **login))
        assert (conclusion.verdict, conclusion.reason) == (Verdict.REJECTED, Reason.INTERNAL_ERROR)
        assert code_of(conclusion) == code
        assert durations.total >= 0
        said = f"{conclusion} {caplog.text}"
        assert error.__name__ in said, "who reads the log learns what it was"
        assert "123456" not in said


@pytest.mark.parametrize("break_at", [_lookup, _second_factor])
def test_a_time_out_that_a_port_lets_out_rejects(
    on_reactor: OnReactor, break_at: Callable[[Neighbours, BaseException], None]
) -> None:
    neighbours = Neighbours()
    break_at(neighbours, TimeoutError())
    conclusion, _ = on_reactor(performing(neighbours, fail_mode=FailMode.OPEN))
    assert conclusion.verdict is Verdict.REJECTED


def test_an_effect_that_nobody_answers_rejects(on_reactor: OnReactor) -> None:
    class Unheard(Effect[None]):
        pass

    def asks() -> BindFlow:
        yield from Unheard()
        return Conclusion(Verdict.ACCEPTED, Reason.SECOND_FACTOR, ACCEPTED.response)

    conclusion, _ = on_reactor(perform(asks(), Neighbours().ports, 5.0, lambda: 0.0))
    assert (conclusion.verdict, conclusion.reason) == (Verdict.REJECTED, Reason.INTERNAL_ERROR)


def test_a_flow_that_breaks_rejects(on_reactor: OnReactor) -> None:
    def breaks() -> BindFlow:
        raise Unforeseen
        yield

    conclusion, _ = on_reactor(perform(breaks(), Neighbours().ports, 5.0, lambda: 0.0))
    assert (conclusion.verdict, conclusion.reason) == (Verdict.REJECTED, Reason.INTERNAL_ERROR)


# The budget.


@pytest.mark.parametrize(
    ("stage", "reason", "code"),
    [
        ("primary", Reason.PRIMARY_UNAVAILABLE, 52),
        ("who", Reason.LOOKUP_UNAVAILABLE, 52),
        ("identifier", Reason.LOOKUP_UNAVAILABLE, 52),
        ("find", Reason.LOOKUP_UNAVAILABLE, 52),
        ("lookup", Reason.LOOKUP_UNAVAILABLE, 52),
        ("second_factor", Reason.TIMED_OUT, 49),
    ],
)
def test_the_budget_ends_at_each_stage(on_reactor: OnReactor, stage: str, reason: Reason, code: int) -> None:
    neighbours = Neighbours()
    neighbours.hang_at(stage)
    conclusion, durations = on_reactor(
        performing(neighbours, budget=0.6, name="alice@example.com", fail_mode=FailMode.OPEN)
    )
    assert (conclusion.verdict, conclusion.reason, code_of(conclusion)) == (Verdict.REJECTED, reason, code)
    assert durations.total < 0.6, "the application hears before its own time-out"
    assert neighbours.waiting == 0


def test_the_budget_ends_at_the_offline_store(on_reactor: OnReactor) -> None:
    neighbours = Neighbours()
    neighbours.second_factor.answer = UNAVAILABLE
    neighbours.offline_answer = None
    conclusion, _ = on_reactor(
        performing(neighbours, budget=0.6, credential="secret,123456", fail_mode=FailMode.OFFLINE)
    )
    assert (conclusion.verdict, conclusion.reason) == (
        Verdict.REJECTED,
        Reason.OFFLINE_STORE_UNAVAILABLE,
    )


def test_a_second_factor_that_takes_all_its_time_leaves_some_for_an_offline_code(
    on_reactor: OnReactor,
) -> None:
    """Duo was lost behind the push: that is known only at the end of the budget."""
    neighbours = Neighbours()
    neighbours.second_factor.answer = SecondFactorResult(SecondFactorOutcome.INTERRUPTED)
    seconds = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.8]

    def clock() -> float:
        return seconds.pop(0) if seconds else 9.8

    performed = perform(
        flow(credential="secret,123456", fail_mode=FailMode.OFFLINE), neighbours.ports, 10.0, clock
    )
    conclusion, _ = on_reactor(performed)
    assert (conclusion.verdict, conclusion.reason) == (Verdict.ACCEPTED, Reason.OFFLINE_CODE)


def test_what_earlier_stages_took_is_missing_later(on_reactor: OnReactor) -> None:
    neighbours = Neighbours()
    seconds = [0.0, 0.0, 3.0, 3.0, 4.0, 4.0]

    def clock() -> float:
        return seconds.pop(0) if seconds else 4.0

    on_reactor(perform(flow(), neighbours.ports, 10.0, clock))
    ((_, budget),) = neighbours.second_factor.asked
    assert budget == pytest.approx(10.0 - 4.0 - 0.5)


def test_nobody_is_asked_for_a_push_that_could_not_be_answered(on_reactor: OnReactor) -> None:
    """The look-up has used up everything: a push now would be answered by nobody."""
    neighbours = Neighbours()
    seconds = [0.0, 0.0, 1.0, 1.0, 9.9]

    def clock() -> float:
        return seconds.pop(0) if seconds else 9.9

    conclusion, _ = on_reactor(perform(flow(), neighbours.ports, 10.0, clock))
    assert conclusion.verdict is Verdict.REJECTED
    assert not neighbours.second_factor.asked


# The client leaves.


@pytest.mark.parametrize("stage", ["primary", "lookup", "second_factor"])
def test_cancelling_ends_the_waiting(on_reactor: OnReactor, stage: str) -> None:
    async def scenario() -> None:
        neighbours = Neighbours()
        neighbours.hang_at(stage)
        task = asyncio.create_task(performing(neighbours))
        await eventually(lambda: neighbours.waiting, "the stage")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert neighbours.waiting == 0

    on_reactor(scenario())


@pytest.mark.parametrize(("answer", "verdict"), [(ALLOWED, Verdict.ACCEPTED), (DENIED, Verdict.REJECTED)])
def test_the_second_factor_decides(
    on_reactor: OnReactor, answer: SecondFactorResult, verdict: Verdict
) -> None:
    neighbours = Neighbours()
    neighbours.second_factor.answer = answer
    conclusion, _ = on_reactor(performing(neighbours))
    assert conclusion.verdict is verdict
    assert conclusion.dn == ENTRY.dn
    assert POLICY.fail_mode is FailMode.CLOSED
