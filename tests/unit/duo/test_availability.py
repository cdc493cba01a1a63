"""Transcripts of outages, and what no sequence of events may lead to."""

from __future__ import annotations

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ldapproxy.auth.outcomes import SecondFactorOutcome, SecondFactorResult
from ldapproxy.duo.availability import THRESHOLD, Ask, Availability, Away, Change, Probe, State
from ldapproxy.duo.calls import AWAY, CallOutcome, Endpoint

O = SecondFactorOutcome  # noqa: E741 -- it stands in half of the lines below
INTERVAL = 10.0
REFUSED = CallOutcome.UNREACHABLE
OK = CallOutcome.OK


class Story:
    """An availability with a clock, and short words for what happens to it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.availability = Availability(self.now, INTERVAL)
        self.changes: list[Change] = []

    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.now += seconds

    def ping(self, outcome: CallOutcome = OK) -> None:
        """A ping ends."""
        self._note(self.availability.call_ended(self.now, Endpoint.PING, outcome, "why"))

    def preauth(self, outcome: CallOutcome = OK) -> None:
        """A preauth call ends."""
        self._note(self.availability.call_ended(self.now, Endpoint.PREAUTH, outcome, "why"))

    def admit(self) -> Ask | Probe | Away:
        """A login wants to ask."""
        return self.availability.admit(self.now)

    def end(
        self,
        admission: Ask | Probe | Away,
        outcome: SecondFactorOutcome | None,
        user: str = "alice",
        factor: str | None = "push",
    ) -> None:
        """An admitted login ends; None means that it was cancelled."""
        assert not isinstance(admission, Away)
        result = None if outcome is None else SecondFactorResult(outcome, factor=factor, detail="why")
        self._note(self.availability.login_ended(self.now, admission, user, result))

    def login(self, outcome: SecondFactorOutcome | None, user: str = "alice") -> None:
        """A login is admitted and ends."""
        self.end(self.admit(), outcome, user)

    @property
    def state(self) -> str:
        """The state, as its word (mypy believes that an enum does not change between two lines)."""
        return self.availability.state.value

    def _note(self, change: Change | None) -> None:
        if change is not None:
            assert change.after.value == self.state
            self.changes.append(change)


def down(outcome: CallOutcome = REFUSED) -> Story:
    """Duo is down, as pings found out."""
    story = Story()
    for _ in range(THRESHOLD):
        story.ping(outcome)
    assert story.state == "down"
    return story


def degraded() -> Story:
    """Duo does not complete pushes."""
    story = Story()
    for user in ("alice", "bob", "carol"):
        story.preauth()
        story.login(O.INTERRUPTED, user)
    assert story.state == "degraded"
    return story


def test_at_first_duo_is_up_and_a_ping_is_due() -> None:
    story = Story()
    assert story.state == "up"
    assert story.availability.reason == ""
    assert story.availability.next_ping <= story.now
    assert story.admit() == Ask(story.now)
    story.ping()
    assert story.availability.next_ping == story.now + INTERVAL


# Down.


@pytest.mark.parametrize("outcome", [item for item in CallOutcome if item in AWAY])
def test_three_failures_in_a_row_are_down(outcome: CallOutcome) -> None:
    story = Story()
    story.ping(outcome)
    story.preauth(outcome)
    assert story.state == "up"
    story.ping(outcome)
    assert story.state == "down"
    assert story.changes == [Change(State.UP, State.DOWN, "3 calls in a row found Duo away: why")]
    assert story.availability.reason == "3 calls in a row found Duo away: why"
    assert story.admit() == Away(story.availability.reason)


def test_an_answer_breaks_the_row() -> None:
    story = Story()
    for _ in range(5):
        story.ping(REFUSED)
        story.ping(REFUSED)
        story.preauth()
    assert not story.changes


@pytest.mark.parametrize("outcome", [item for item in CallOutcome if item not in AWAY])
def test_nothing_but_absence_leads_to_down(outcome: CallOutcome) -> None:
    story = Story()
    for _ in range(10):
        story.ping(outcome)
        story.preauth(outcome)
    assert not story.changes


def test_failures_are_confirmed_by_early_pings() -> None:
    """The first login that runs into an outage waits; a few seconds later it is known."""
    story = Story()
    story.ping()
    story.wait(5)
    story.preauth(CallOutcome.CONNECT_TIMEOUT)
    assert story.availability.next_ping <= story.now
    story.ping(CallOutcome.CONNECT_TIMEOUT)
    assert story.now < story.availability.next_ping <= story.now + 1
    story.wait(1)
    story.ping(CallOutcome.CONNECT_TIMEOUT)
    assert story.state == "down"


def test_an_early_ping_that_works_calms_down() -> None:
    story = Story()
    story.preauth(REFUSED)
    story.ping()
    assert story.availability.next_ping == story.now + INTERVAL


def test_down_is_probed_by_pings_alone_and_often() -> None:
    story = down()
    for _ in range(100):
        assert isinstance(story.admit(), Away)
        assert story.availability.next_ping <= story.now + 2
        story.wait(2)
        story.ping(REFUSED)
    assert len(story.changes) == 1


@pytest.mark.parametrize(
    "outcome",
    [OK, CallOutcome.UNTRUSTED, CallOutcome.RATE_LIMITED, CallOutcome.NONSENSE, CallOutcome.REFUSED],
)
def test_any_ping_but_an_absent_one_ends_down(outcome: CallOutcome) -> None:
    story = down()
    story.ping(outcome)
    assert story.changes[-1] == Change(State.DOWN, State.UP, "ping was answered")
    assert isinstance(story.admit(), Ask)


@pytest.mark.parametrize("outcome", [CallOutcome.EXHAUSTED, CallOutcome.ABANDONED, CallOutcome.NOT_MADE])
def test_trouble_of_our_own_says_nothing_about_duo(outcome: CallOutcome) -> None:
    story = down()
    story.ping(outcome)
    assert story.state == "down"
    story = Story()
    story.ping(REFUSED)
    story.ping(REFUSED)
    story.ping(outcome)
    story.ping(REFUSED)
    assert story.state == "down", "nor does it break a row"


def test_after_down_three_more_failures_are_needed() -> None:
    story = down()
    story.ping()
    story.ping(REFUSED)
    story.ping(REFUSED)
    assert story.state == "up"


def test_a_late_answer_to_preauth_ends_down() -> None:
    story = down()
    story.preauth()
    assert story.state == "up"


def test_waiting_pushes_say_nothing_about_new_connections() -> None:
    story = Story()
    story.ping(REFUSED)
    story.ping(REFUSED)
    story.availability.call_ended(story.now, Endpoint.AUTH_STATUS, OK)
    story.availability.call_ended(story.now, Endpoint.AUTH, CallOutcome.LOST)
    assert story.state == "up"
    story.availability.call_ended(story.now, Endpoint.AUTH, REFUSED)
    assert story.state == "down"


# Down because of preauth, while pings work.


def preauth_down() -> Story:
    """Preauth fails, and pings in between do not."""
    story = Story()
    for _ in range(THRESHOLD):
        story.preauth(CallOutcome.SERVER_ERROR)
        story.ping()
    assert story.changes == [Change(State.UP, State.DOWN, "3 preauth calls in a row found Duo away: why")]
    return story


def test_preauth_has_to_work_again_and_no_login_waits_for_it() -> None:
    story = preauth_down()
    for outcome in (CallOutcome.SERVER_ERROR, CallOutcome.RESPONSE_TIMEOUT, CallOutcome.EXHAUSTED):
        story.wait(INTERVAL)
        story.ping()
        assert story.state == "down"
        assert story.availability.wants_preauth
        assert isinstance(story.admit(), Away)
        story.preauth(outcome)
        assert not story.availability.wants_preauth, "once behind each ping"
        assert isinstance(story.admit(), Away)
    story.ping()
    story.preauth()
    assert story.changes[-1] == Change(State.DOWN, State.UP, "preauth was answered")
    assert not story.availability.wants_preauth
    assert isinstance(story.admit(), Ask)


@pytest.mark.parametrize("outcome", [CallOutcome.UNTRUSTED, CallOutcome.RATE_LIMITED, CallOutcome.NONSENSE])
def test_any_preauth_but_an_absent_one_ends_down(outcome: CallOutcome) -> None:
    story = preauth_down()
    story.ping()
    story.preauth(outcome)
    assert story.state == "up"


def test_a_burst_of_failed_preauths_is_told_from_an_outage_by_pings() -> None:
    story = Story()
    story.ping()
    for _ in range(THRESHOLD):
        story.preauth(REFUSED)
    assert story.state == "down"
    story.ping()
    assert story.state == "down", "preauth has to work too"
    story.ping(REFUSED)
    story.ping()
    assert story.state == "up", "it was an outage after all"


def test_preauth_is_not_tried_while_pings_fail_nor_unless_it_is_what_failed() -> None:
    story = preauth_down()
    story.ping(REFUSED)
    assert not story.availability.wants_preauth
    story = down()
    story.ping(REFUSED)
    assert not story.availability.wants_preauth
    assert not Story().availability.wants_preauth
    assert not degraded().availability.wants_preauth


# Degraded.


def test_interrupted_logins_of_three_users_are_degraded() -> None:
    story = degraded()
    assert story.changes == [
        Change(State.UP, State.DEGRADED, "logins of 3 users in a row were interrupted: why")
    ]
    assert isinstance(story.admit(), Away)
    assert story.availability.next_ping <= story.now + INTERVAL


def test_one_user_alone_does_not_degrade_duo() -> None:
    story = Story()
    for _ in range(10):
        story.login(O.INTERRUPTED, "alice")
        story.login(O.INTERRUPTED, "bob")
    assert story.state == "up"


@pytest.mark.parametrize("completed", [O.ALLOWED, O.DENIED])
def test_a_completed_login_breaks_the_row(completed: SecondFactorOutcome) -> None:
    story = Story()
    for user in ("alice", "bob", "carol", "dave"):
        story.login(O.INTERRUPTED, user)
        story.login(O.INTERRUPTED, "alice")
        story.login(completed)
    assert story.state == "up"


@pytest.mark.parametrize(
    "outcome", [O.TIMED_OUT, O.DENIED, O.NOT_ENROLLED, O.NO_FACTOR, O.PAUSED, O.BYPASSED, O.ALLOWED, None]
)
def test_people_never_count(outcome: SecondFactorOutcome | None) -> None:
    story = Story()
    for number in range(50):
        story.login(outcome, f"user {number}")
    assert not story.changes


@pytest.mark.parametrize(
    "outcome", [O.ALLOWED, O.DENIED, O.BYPASSED, O.UNTRUSTED, O.RATE_LIMITED, O.MISCONFIGURED]
)
def test_one_login_at_a_time_tries_and_its_completion_ends_it(outcome: SecondFactorOutcome) -> None:
    story = degraded()
    story.wait(INTERVAL)
    probe = story.admit()
    assert isinstance(probe, Probe)
    assert isinstance(story.admit(), Away)
    story.end(probe, outcome)
    assert story.changes[-1] == Change(State.DEGRADED, State.UP, f"a login ended with {outcome.value}")
    assert isinstance(story.admit(), Ask)


@pytest.mark.parametrize("outcome", [O.INTERRUPTED, O.TIMED_OUT, O.UNAVAILABLE, O.NO_FACTOR, None])
def test_a_trial_that_completes_nothing_is_repeated_an_interval_later(
    outcome: SecondFactorOutcome | None,
) -> None:
    story = degraded()
    for _ in range(5):
        story.wait(INTERVAL)
        probe = story.admit()
        assert isinstance(probe, Probe)
        story.wait(60)
        assert isinstance(story.admit(), Away)
        story.end(probe, outcome)
        assert isinstance(story.admit(), Away)
    assert story.state == "degraded"


@pytest.mark.parametrize("outcome", [O.DENIED, O.BYPASSED, O.NOT_ENROLLED])
def test_what_preauth_decides_alone_does_not_end_degraded(outcome: SecondFactorOutcome) -> None:
    story = degraded()
    story.wait(INTERVAL)
    story.end(story.admit(), outcome, factor=None)
    assert story.state == "degraded"


def test_pings_do_not_end_degraded_but_may_lead_to_down() -> None:
    story = degraded()
    story.ping()
    assert story.state == "degraded"
    for _ in range(THRESHOLD):
        story.ping(REFUSED)
    assert story.state == "down"


def test_logins_from_before_an_outage_do_not_degrade_the_duo_that_came_back() -> None:
    story = Story()
    before = [story.admit() for _ in range(5)]
    story.wait(1)
    for _ in range(THRESHOLD):
        story.ping(REFUSED)
    story.end(before[0], O.INTERRUPTED, "alice")
    story.wait(20)
    story.ping()
    for number, admission in enumerate(before[1:]):
        story.end(admission, O.INTERRUPTED, str(number))
    assert story.state == "up"


class AnySequence(RuleBasedStateMachine):
    """Whatever happens, in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story()
        self.open: list[Ask | Probe] = []
        self.failures_heard = 0
        self.interrupted_heard = 0

    @rule(seconds=st.floats(0, 30))
    def time_goes_by(self, seconds: float) -> None:
        self.story.wait(seconds)

    @rule(endpoint=st.sampled_from(Endpoint), outcome=st.sampled_from(CallOutcome))
    def a_call_ends(self, endpoint: Endpoint, outcome: CallOutcome) -> None:
        was = self.story.state
        self.failures_heard += outcome in AWAY
        change = self.story.availability.call_ended(self.story.now, endpoint, outcome)
        if change is not None:
            assert change.before.value == was != change.after.value
            assert change.reason
            if change.after is State.DOWN:
                assert outcome in AWAY
                assert self.failures_heard >= THRESHOLD
                self.failures_heard = 0
            else:
                assert outcome not in AWAY
                assert endpoint in (Endpoint.PING, Endpoint.CHECK, Endpoint.PREAUTH)
        elif was == "down":
            assert (
                endpoint is not Endpoint.PREAUTH
                or outcome in AWAY
                or outcome.value
                in (
                    "exhausted",
                    "abandoned",
                    "not_made",
                )
            ), "an answered preauth always ends down"

    @rule()
    def a_login_wants_to_ask(self) -> None:
        admission = self.story.admit()
        if self.story.state == "up":
            assert isinstance(admission, Ask)
        elif self.story.state == "down":
            assert isinstance(admission, Away)
        else:
            assert not isinstance(admission, Ask)
        if not isinstance(admission, Away):
            self.open.append(admission)
        else:
            assert admission.reason

    @precondition(lambda self: self.open)
    @rule(
        data=st.data(),
        outcome=st.none() | st.sampled_from(SecondFactorOutcome),
        user=st.sampled_from("abcd"),
        factor=st.sampled_from([None, "push"]),
    )
    def a_login_ends(
        self, data: st.DataObject, outcome: SecondFactorOutcome | None, user: str, factor: str | None
    ) -> None:
        admission = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        was = self.story.state
        self.interrupted_heard += outcome is O.INTERRUPTED
        self.story.end(admission, outcome, user, factor)
        if self.story.state != was:
            if self.story.state == "degraded":
                assert outcome is O.INTERRUPTED
                assert self.interrupted_heard >= THRESHOLD
                self.interrupted_heard = 0
            else:
                assert (was, self.story.state) == ("degraded", "up")

    @invariant()
    def at_most_one_login_probes(self) -> None:
        assert sum(isinstance(admission, Probe) for admission in self.open) <= 1

    @invariant()
    def a_ping_is_never_further_away_than_the_interval(self) -> None:
        assert self.story.availability.next_ping <= self.story.now + INTERVAL

    @invariant()
    def nothing_but_a_preauth_that_works_is_wanted_while_pings_work(self) -> None:
        assert not self.story.availability.wants_preauth or self.story.state == "down"

    @invariant()
    def there_is_a_reason_unless_all_is_well(self) -> None:
        assert bool(self.story.availability.reason) == (self.story.state != "up")


AnySequence.TestCase.settings = hypothesis_settings(max_examples=100, stateful_step_count=60)
TestAnySequence = AnySequence.TestCase
