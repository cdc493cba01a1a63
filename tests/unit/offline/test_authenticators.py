"""ldapproxy/offline/authenticators.py: examples, and no sequence of inputs that opens what must be shut."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ldapproxy.auth.outcomes import OfflineVerdict
from ldapproxy.offline.authenticators import (
    CLOCK_TOLERANCE,
    FORGET_WRONG_CODES,
    FREE_WRONG_CODES,
    LONGEST_LOCK,
    Account,
    Authenticator,
    Limits,
    RecoverySheet,
    Totp,
    Usage,
    Verification,
    confirmed_at,
    lock_after,
    renewed,
    standing,
    verify,
)
from ldapproxy.offline.codes import Algorithm, TotpKey, recovery_digest
from ldapproxy.secret import Secret
from tests.unit.offline.people import NOON

DAY = 86_400.0
LIMITS = Limits(max_logins=10, max_age=7 * DAY)

PHONE = TotpKey(Secret(b"phone phone phone phone"))
TOKEN = TotpKey(Secret(b"token token token token"), Algorithm.SHA256, digits=8, period=60)
SPARE = TotpKey(Secret(b"spare spare spare spare"))
SHEET = Secret(b"sheet")
PAPER = (Secret("000000001"), Secret("123456789"), Secret("999999999"))


def sheet(*codes: Secret) -> RecoverySheet:
    return RecoverySheet(SHEET, frozenset(recovery_digest(SHEET, code) for code in codes))


ALL = (
    Authenticator("1", "phone", Totp(PHONE)),
    Authenticator("2", "token", Totp(TOKEN)),
    Authenticator("3", "paper", sheet(*PAPER)),
    Authenticator("4", "spare", Totp(SPARE), is_confirmed=False),
)


def account(*authenticators: Authenticator, **usage: float) -> Account:
    return Account(Usage(**{"last_online": NOON, **usage}), authenticators or ALL)  # type: ignore[arg-type]


def shown(key: TotpKey, now: float = NOON, offset: int = 0) -> Secret:
    return key.code(key.step(now) + offset)


def wrong_for(account: Account, now: float) -> Secret:
    """A code that nothing shows about now."""
    for number in range(1000):
        code = Secret(f"{number:06}")
        if verify(Account(Usage(now), account.authenticators), code, LIMITS, now).verdict is (
            OfflineVerdict.WRONG_CODE
        ):
            return code
    raise AssertionError("every code fits")


def after_wrong_codes(state: Account, count: int, now: float = NOON) -> Account:
    """The state after so many wrong codes, each as soon as it was looked at."""
    for _ in range(count):
        now += standing(state.usage, LIMITS, now).locked_for
        done = verify(state, wrong_for(state, now), LIMITS, now)
        assert done.verdict is OfflineVerdict.WRONG_CODE
        state = done.account
    return state


def test_the_code_of_any_authenticator_opens() -> None:
    for code, label in [(shown(PHONE), "phone"), (shown(TOKEN), "token"), (PAPER[1], "paper")]:
        done = verify(account(), code, LIMITS, NOON)
        assert (done.verdict, done.label) == (OfflineVerdict.VERIFIED, label)


def test_a_login_is_counted_and_dated() -> None:
    done = verify(account(logins=3), shown(PHONE), LIMITS, NOON)
    assert done.account.usage == Usage(NOON, logins=4)
    assert [each.last_used for each in done.account.authenticators] == [NOON, None, None, None]
    assert done.detail == "6 more offline logins within 7 days, then an online one is due"


def test_an_unconfirmed_authenticator_opens_nothing() -> None:
    assert verify(account(), shown(SPARE), LIMITS, NOON).verdict is OfflineVerdict.WRONG_CODE
    alone = account(ALL[3])
    assert verify(alone, shown(SPARE), LIMITS, NOON).verdict is OfflineVerdict.NOT_ENROLLED


def test_an_account_without_authenticators_is_not_enrolled() -> None:
    nobody = Account(Usage(NOON))
    done = verify(nobody, Secret("123456"), LIMITS, NOON)
    assert (done.verdict, done.account) == (OfflineVerdict.NOT_ENROLLED, nobody)


@pytest.mark.parametrize("key", [PHONE, TOKEN], ids=["30 s", "60 s"])
@pytest.mark.parametrize("offset", [-2, -1, 0, 1, 2])
def test_one_step_of_skew(key: TotpKey, offset: int) -> None:
    verdict = verify(account(), shown(key, offset=offset), LIMITS, NOON).verdict
    assert verdict is (OfflineVerdict.VERIFIED if abs(offset) <= 1 else OfflineVerdict.WRONG_CODE)


def test_a_code_opens_once() -> None:
    for code in (shown(PHONE), shown(TOKEN), PAPER[0]):
        first = verify(account(), code, LIMITS, NOON)
        again = verify(first.account, code, LIMITS, NOON + 1)
        assert again.verdict is OfflineVerdict.REPLAYED
        assert again.account == first.account


def test_no_step_before_an_accepted_one_opens() -> None:
    first = verify(account(), shown(PHONE, offset=1), LIMITS, NOON)
    assert first.verdict is OfflineVerdict.VERIFIED
    for offset in (-1, 0, 1):
        again = verify(first.account, shown(PHONE, offset=offset), LIMITS, NOON)
        assert again.verdict is OfflineVerdict.REPLAYED
    later = verify(first.account, shown(PHONE, NOON + 30, 1), LIMITS, NOON + 30)
    assert later.verdict is OfflineVerdict.VERIFIED


def test_a_code_that_two_authenticators_show_opens_once() -> None:
    twins = account(replace(ALL[0], id="a", label="one"), replace(ALL[0], id="b", label="two"))
    first = verify(twins, shown(PHONE), LIMITS, NOON)
    assert (first.verdict, first.label) == (OfflineVerdict.VERIFIED, "one")
    assert verify(first.account, shown(PHONE), LIMITS, NOON).verdict is OfflineVerdict.REPLAYED


def test_a_code_that_one_of_two_has_shown_before_opens_nothing() -> None:
    used = replace(ALL[0], id="b", label="used", means=Totp(PHONE, last_step=PHONE.step(NOON)))
    for pair in ((ALL[0], used), (used, ALL[0])):
        assert verify(account(*pair), shown(PHONE), LIMITS, NOON).verdict is OfflineVerdict.REPLAYED


def test_a_replay_is_no_wrong_code() -> None:
    state = verify(account(), shown(PHONE), LIMITS, NOON).account
    for _ in range(FREE_WRONG_CODES + 5):
        done = verify(state, shown(PHONE), LIMITS, NOON)
        assert done.verdict is OfflineVerdict.REPLAYED
        state = done.account
    assert state.usage.wrong_codes == 0


@pytest.mark.parametrize("authenticators", [ALL[:1], ALL, ALL[:1] * 50], ids=["one", "some", "many"])
def test_guesses_do_not_multiply_with_the_authenticators(authenticators: tuple[Authenticator, ...]) -> None:
    state = account(*authenticators)
    verdicts = []
    for _ in range(20):
        done = verify(state, wrong_for(state, NOON), LIMITS, NOON)
        state = done.account
        verdicts.append(done.verdict)
    looked_at = FREE_WRONG_CODES + 1
    assert verdicts == [OfflineVerdict.WRONG_CODE] * looked_at + [OfflineVerdict.LOCKED] * (20 - looked_at)


def test_a_locked_account_looks_at_no_code() -> None:
    locked = after_wrong_codes(account(), FREE_WRONG_CODES + 1)
    done = verify(locked, shown(PHONE), LIMITS, NOON + 59)
    assert (done.verdict, done.account) == (OfflineVerdict.LOCKED, locked)
    assert done.detail == "locked for 1 seconds after 5 wrong codes"
    assert verify(locked, shown(PHONE, NOON + 60), LIMITS, NOON + 60).verdict is OfflineVerdict.VERIFIED


def test_locks_grow_up_to_the_longest() -> None:
    locks = [lock_after(count) for count in range(FREE_WRONG_CODES + 12)]
    assert locks == [0.0] * 5 + [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0] + [LONGEST_LOCK] * 5
    assert lock_after(10**9) == LONGEST_LOCK


def test_an_accepted_code_clears_the_count() -> None:
    state = after_wrong_codes(account(), FREE_WRONG_CODES)
    accepted = verify(state, shown(PHONE), LIMITS, NOON)
    assert accepted.account.usage.wrong_codes == 0


def test_wrong_codes_of_long_ago_do_not_count() -> None:
    state = after_wrong_codes(account(), FREE_WRONG_CODES)
    just_before, long_ago = NOON + FORGET_WRONG_CODES - 1, NOON + FORGET_WRONG_CODES
    for now, count in [(just_before, FREE_WRONG_CODES + 1), (long_ago, 1)]:
        done = verify(state, wrong_for(state, now), LIMITS, now)
        assert done.account.usage.wrong_codes == count


def test_an_online_login_does_not_unlock() -> None:
    locked = after_wrong_codes(account(), FREE_WRONG_CODES + 1)
    state = replace(locked, usage=renewed(locked.usage, NOON + 1))
    assert verify(state, shown(PHONE), LIMITS, NOON + 1).verdict is OfflineVerdict.LOCKED


def test_so_many_logins_since_the_last_online_one() -> None:
    codes = tuple(Secret(f"{number:09}") for number in range(LIMITS.max_logins + 1))
    state = account(Authenticator("1", "paper", sheet(*codes)))
    for code in codes[:-1]:
        done = verify(state, code, LIMITS, NOON)
        assert done.verdict is OfflineVerdict.VERIFIED
        state = done.account
    done = verify(state, codes[-1], LIMITS, NOON)
    assert (done.verdict, done.account) == (OfflineVerdict.LOGINS_USED_UP, state)
    assert done.detail == "10 offline logins since the last online login, 10 are allowed"
    online = replace(state, usage=renewed(state.usage, NOON + 1))
    assert verify(online, codes[-1], LIMITS, NOON + 1).verdict is OfflineVerdict.VERIFIED


def test_so_long_since_the_last_online_login() -> None:
    end = NOON + LIMITS.max_age
    assert verify(account(), shown(PHONE, end - 1), LIMITS, end - 1).verdict is OfflineVerdict.VERIFIED
    done = verify(account(), shown(PHONE, end), LIMITS, end)
    assert (done.verdict, done.account) == (OfflineVerdict.TOO_LONG_OFFLINE, account())
    assert done.detail == "the last online login was 7 days ago, 7 days are allowed"
    online = replace(done.account, usage=renewed(done.account.usage, end))
    assert verify(online, shown(PHONE, end), LIMITS, end).verdict is OfflineVerdict.VERIFIED


def test_limits_come_before_the_code() -> None:
    """Else a guesser would learn whether a code is right, and wrong ones would lock the account in vain."""
    state = account(logins=LIMITS.max_logins)
    for code in (shown(PHONE), wrong_for(state, NOON)):
        done = verify(state, code, LIMITS, NOON)
        assert (done.verdict, done.account) == (OfflineVerdict.LOGINS_USED_UP, state)


def test_a_clock_that_was_turned_back_does_not_stretch_the_limit() -> None:
    ahead = account(last_online=NOON + CLOCK_TOLERANCE + 1)
    done = verify(ahead, shown(PHONE), LIMITS, NOON)
    assert done.verdict is OfflineVerdict.TOO_LONG_OFFLINE
    assert done.detail == "the last online login lies in the future: the clock was turned back"
    mended = replace(ahead, usage=renewed(ahead.usage, NOON))
    assert verify(mended, shown(PHONE), LIMITS, NOON).verdict is OfflineVerdict.VERIFIED
    assert mended.usage.last_online == NOON


def test_clocks_of_two_proxies_may_differ_somewhat() -> None:
    ahead = account(last_online=NOON + CLOCK_TOLERANCE - 1)
    assert verify(ahead, shown(PHONE), LIMITS, NOON).verdict is OfflineVerdict.VERIFIED
    assert renewed(ahead.usage, NOON).last_online == ahead.usage.last_online
    assert standing(ahead.usage, LIMITS, NOON).seconds_left == LIMITS.max_age


def test_a_clock_that_ran_ahead_does_not_lock_for_years() -> None:
    ahead = account(wrong_codes=20, last_wrong=NOON + 365 * DAY)
    mended = renewed(ahead.usage, NOON)
    assert standing(mended, LIMITS, NOON).locked_for == LONGEST_LOCK
    assert mended.wrong_codes == 20


def test_what_is_left() -> None:
    usage = Usage(NOON, logins=12, wrong_codes=6, last_wrong=NOON)
    left = standing(usage, LIMITS, NOON + 30)
    assert (left.logins_left, left.seconds_left, left.locked_for) == (0, LIMITS.max_age - 30, 90.0)
    assert standing(usage, LIMITS, NOON + 8 * DAY).seconds_left == 0.0


def test_a_code_confirms_and_is_used_up() -> None:
    confirmed = confirmed_at(ALL[3], shown(SPARE), NOON)
    assert confirmed is not None
    assert confirmed.is_confirmed
    assert verify(account(confirmed), shown(SPARE), LIMITS, NOON).verdict is OfflineVerdict.REPLAYED
    assert confirmed_at(ALL[3], shown(PHONE), NOON) is None
    assert confirmed_at(ALL[3], shown(SPARE, offset=2), NOON) is None


@given(st.binary(max_size=60))
def test_no_other_text_opens(text: bytes) -> None:
    right = {key.code(key.step(NOON) + offset).reveal() for key in (PHONE, TOKEN) for offset in (-1, 0, 1)}
    if text not in right | {code.reveal() for code in PAPER}:
        assert verify(account(), Secret(text), LIMITS, NOON).verdict is OfflineVerdict.WRONG_CODE


class OfflineLogins(RuleBasedStateMachine):
    """Any sequence of codes, online logins and waiting, held against a simple account of what happened."""

    @initialize()
    def begin(self) -> None:
        self.limits = Limits(max_logins=3, max_age=2 * DAY)
        self.now = NOON
        self.state = account()
        self.online = NOON
        self.logins = 0
        self.opened: set[tuple[str, int]] = set()
        self.last_steps: dict[str, int] = {}
        self.evaluated: list[float] = []

    @rule(seconds=st.one_of(st.floats(0, 100), st.floats(0, 3 * DAY), st.just(-45.0)))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        if seconds < 0:
            self.evaluated.clear()  # a lock is then measured by a clock that was turned back

    @rule()
    def log_in_online(self) -> None:
        self.state = replace(self.state, usage=renewed(self.state.usage, self.now))
        self.online, self.logins = max(self.online, self.now), 0

    @rule(key=st.sampled_from([PHONE, TOKEN]), offset=st.integers(-2, 2), times=st.integers(1, 3))
    def enter_code(self, key: TotpKey, offset: int, times: int) -> None:
        name = "phone" if key is PHONE else "token"
        step = key.step(self.now) + offset
        for _ in range(times):
            if self.enter(key.code(step)).verdict is OfflineVerdict.VERIFIED:
                assert abs(offset) <= 1
                assert step > self.last_steps.get(name, 0)
                self.last_steps[name] = step
                self.opens(name, step)

    @rule(number=st.integers(0, len(PAPER) - 1), times=st.integers(1, 3))
    def enter_recovery_code(self, number: int, times: int) -> None:
        for _ in range(times):
            if self.enter(PAPER[number]).verdict is OfflineVerdict.VERIFIED:
                self.opens("paper", number)

    @rule(offset=st.integers(-1, 1))
    def enter_code_of_the_unconfirmed(self, offset: int) -> None:
        assert self.enter(shown(SPARE, self.now, offset)).verdict is not OfflineVerdict.VERIFIED

    @rule(text=st.from_regex(r"[0-9]{6,9}", fullmatch=True), times=st.integers(1, 8))
    def guess(self, text: str, times: int) -> None:
        code = Secret(text)
        if any(key.steps_showing(code, self.now) for key in (PHONE, TOKEN)) or code in PAPER:
            return
        for _ in range(times):
            assert self.enter(code).verdict is not OfflineVerdict.VERIFIED

    @precondition(lambda self: len(self.evaluated) > FREE_WRONG_CODES)
    @rule()
    def count_guesses(self) -> None:
        """However authenticators, logins and guesses are mixed: what is looked at stays rare."""
        for first, last in zip(self.evaluated, self.evaluated[FREE_WRONG_CODES + 1 :], strict=False):
            assert last - first >= 60.0

    def enter(self, code: Secret) -> Verification:
        before = self.state
        done = verify(before, code, self.limits, self.now)
        self.state = done.account
        if done.verdict is OfflineVerdict.WRONG_CODE:
            self.evaluated.append(self.now)
        elif done.verdict is OfflineVerdict.VERIFIED:
            self.evaluated.clear()
        else:
            assert done.account == before
        return done

    def opens(self, name: str, number: int) -> None:
        assert (name, number) not in self.opened
        self.opened.add((name, number))
        self.logins += 1
        assert self.logins <= self.limits.max_logins
        assert self.now - self.online < self.limits.max_age


TestOfflineLogins = OfflineLogins.TestCase
