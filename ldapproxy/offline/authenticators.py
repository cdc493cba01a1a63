"""Is this code a way in? Replay, locks and limits of an account's offline authenticators. Pure.

Owns the decision, as a function from an account's state, a code and the time to a verdict and the next state.
It must not know where states are kept, nor who asks.

The order: an account without a usable authenticator; a lock; the limits; only then the code. So a code that
arrives while the account is locked or its limits are used up is neither looked at nor used up, and tells a
guesser nothing.

A code admits once. Of a TOTP authenticator the last accepted time step is remembered, and no step up to it is
accepted again (RFC 6238, 5.2). Should one code fit several authenticators or steps, by a chance of some
millionths, it is used up for all of them.

Wrong codes count for the account, however many authenticators it has: more of them give a guess more codes to
hit, but never more guesses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from ldapproxy.auth.enrolment import OfflineStanding
from ldapproxy.auth.outcomes import OfflineVerdict
from ldapproxy.offline.codes import TotpKey, recovery_digest
from ldapproxy.offline.spans import span
from ldapproxy.secret import Secret

FREE_WRONG_CODES = 4
"""Wrong codes that cost nothing: a mistyped one, the app's wrong entry, a code that has just run out. The
next one locks. With one TOTP authenticator a guess hits with 3 in a million (three steps are accepted), so
five with 15."""

SHORTEST_LOCK = 60.0
"""Seconds of the first lock: two codes later, for somebody who only mistyped. Each further wrong code doubles
it."""

LONGEST_LOCK = 3600.0
"""Seconds. At 24 guesses a day it takes 26 years to hit one TOTP authenticator with even odds; and somebody
whose account a thief of the password keeps locked gets a turn within the hour."""

FORGET_WRONG_CODES = 86_400.0
"""Seconds without a wrong code after which they no longer count: those of last month are no sign of guessing.
Nobody guesses faster by waiting for it. An accepted code clears them, too. An online login does not, or a
thief of the password would get new guesses whenever the owner logs in."""

CLOCK_TOLERANCE = 300.0
"""Seconds that the last online login may lie in the future: clocks of proxies that share a store differ. More
means that the clock was turned back, and then nobody knows how long ago that login was."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is allowed without an online login.

    Attributes:
        max_logins: offline logins since the last online one.
        max_age: seconds since the last online login.
    """

    max_logins: int
    max_age: float


@dataclass(frozen=True, slots=True)
class Usage:
    """How an account used its offline authenticators. Times are seconds since 1970.

    Attributes:
        last_online: the last online login, or the enrolment, which follows one.
        logins: offline logins since.
        wrong_codes: wrong codes in a row.
        last_wrong: when the last of them came; without meaning while there is none.
    """

    last_online: float
    logins: int = 0
    wrong_codes: int = 0
    last_wrong: float = 0.0


@dataclass(frozen=True, slots=True)
class Totp:
    """A TOTP authenticator: its key, and the last time step that was accepted (None before the first)."""

    key: TotpKey
    last_step: int | None = None


@dataclass(frozen=True, slots=True)
class RecoverySheet:
    """A sheet of recovery codes: the key of their digests, and which are unused and used."""

    key: Secret
    unused: frozenset[str]
    used: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Authenticator:
    """One authenticator of an account.

    Attributes:
        id: what the store knows it by.
        label: what people know it by.
        means: what makes its codes.
        is_confirmed: False means that it opens nothing yet.
        last_used: seconds since 1970; None before the first login.
    """

    id: str
    label: str
    means: Totp | RecoverySheet
    is_confirmed: bool = True
    last_used: float | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Everything that a verdict depends on."""

    usage: Usage
    authenticators: tuple[Authenticator, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """A verdict, and the account's state from now on.

    Attributes:
        verdict: what became of the code.
        account: the next state; the same as before when nothing changed.
        detail: a sentence for the log. Never a code.
        label: the authenticator that verified the code, if one did.
    """

    verdict: OfflineVerdict
    account: Account
    detail: str
    label: str | None = None


def verify(account: Account, code: Secret, limits: Limits, now: float) -> Verification:
    """Decides about a code.

    Args:
        account: the account's state.
        code: what was typed; any bytes.
        limits: what is allowed without an online login.
        now: seconds since 1970.
    """
    confirmed = [each for each in account.authenticators if each.is_confirmed]
    if not confirmed:
        return Verification(OfflineVerdict.NOT_ENROLLED, account, "no confirmed offline authenticator")
    barred = _barred(account, limits, now)
    if barred is not None:
        return barred
    shown = [each for each in confirmed if _fits(each, code, now)]
    if not shown:
        return _wrong(account, now)
    if any(_is_replay(each, code, now) for each in shown):
        return Verification(OfflineVerdict.REPLAYED, account, "the code was used before")
    first = shown[0]
    used = {each.id: _used_up(each, code, now) for each in shown}
    used[first.id] = replace(used[first.id], last_used=now)
    usage = replace(account.usage, logins=account.usage.logins + 1, wrong_codes=0)
    left = standing(usage, limits, now)
    return Verification(
        OfflineVerdict.VERIFIED,
        Account(usage, tuple(used.get(each.id, each) for each in account.authenticators)),
        f"{left.logins_left} more offline logins within {span(left.seconds_left)}, then an online one is due",
        first.label,
    )


def renewed(usage: Usage, at: float) -> Usage:
    """The usage after an online login `at` (seconds since 1970): the limits begin anew, wrong codes stay."""
    ran_ahead = usage.last_online > at + CLOCK_TOLERANCE
    return replace(
        usage,
        last_online=at if ran_ahead else max(usage.last_online, at),
        logins=0,
        # A clock that ran ahead must not keep the account locked until it is reached again.
        last_wrong=min(usage.last_wrong, at),
    )


def confirmed_at(authenticator: Authenticator, code: Secret, now: float) -> Authenticator | None:
    """The authenticator, confirmed by one of its codes, which is then used up; None for a wrong code."""
    if not _fits(authenticator, code, now):
        return None
    return replace(_used_up(authenticator, code, now), is_confirmed=True)


def standing(usage: Usage, limits: Limits, now: float) -> OfflineStanding:
    """What is left of the limits at `now`."""
    age = now - usage.last_online
    return OfflineStanding(
        logins_left=max(limits.max_logins - usage.logins, 0),
        seconds_left=0.0 if age < -CLOCK_TOLERANCE else min(max(limits.max_age - age, 0.0), limits.max_age),
        last_online=usage.last_online,
        locked_for=max(usage.last_wrong + lock_after(usage.wrong_codes) - now, 0.0),
    )


def lock_after(wrong_codes: int) -> float:
    """Seconds for which the account is locked after that many wrong codes in a row."""
    if wrong_codes <= FREE_WRONG_CODES:
        return 0.0
    doublings = min(wrong_codes - FREE_WRONG_CODES - 1, 10)  # far past the longest lock
    return min(SHORTEST_LOCK * (1 << doublings), LONGEST_LOCK)


def _barred(account: Account, limits: Limits, now: float) -> Verification | None:
    """The verdict when the account may not even try a code now."""
    usage = account.usage
    left = standing(usage, limits, now)
    if left.locked_for > 0:
        detail = f"locked for {span(left.locked_for)} after {usage.wrong_codes} wrong codes"
        return Verification(OfflineVerdict.LOCKED, account, detail)
    if left.logins_left == 0:
        detail = f"{usage.logins} offline logins since the last online login, {limits.max_logins} are allowed"
        return Verification(OfflineVerdict.LOGINS_USED_UP, account, detail)
    if left.seconds_left <= 0:
        age = now - usage.last_online
        detail = (
            f"the last online login was {span(age)} ago, {span(limits.max_age)} are allowed"
            if age > 0
            else "the last online login lies in the future: the clock was turned back"
        )
        return Verification(OfflineVerdict.TOO_LONG_OFFLINE, account, detail)
    return None


def _wrong(account: Account, now: float) -> Verification:
    """The verdict on a code that nothing shows, and the count of such codes."""
    usage = account.usage
    is_long_ago = now - usage.last_wrong >= FORGET_WRONG_CODES
    count = 1 if is_long_ago else usage.wrong_codes + 1
    lock = lock_after(count)
    detail = f"wrong code number {count} in a row" + (f", locked for {span(lock)}" if lock else "")
    counted = replace(account, usage=replace(usage, wrong_codes=count, last_wrong=now))
    return Verification(OfflineVerdict.WRONG_CODE, counted, detail)


def _fits(authenticator: Authenticator, code: Secret, now: float) -> bool:
    """Whether the code is one that the authenticator shows about now, used or not."""
    match authenticator.means:
        case Totp(key):
            return bool(key.steps_showing(code, now))
        case RecoverySheet(key, unused, used):
            # Looking a keyed digest up tells nothing about the code, however long it takes.
            return recovery_digest(key, code) in unused | used
        case _:
            assert_never(authenticator.means)


def _is_replay(authenticator: Authenticator, code: Secret, now: float) -> bool:
    """Whether a code that fits was used before."""
    match authenticator.means:
        case Totp(key, last_step):
            return last_step is not None and min(key.steps_showing(code, now)) <= last_step
        case RecoverySheet(key, used=used):
            return recovery_digest(key, code) in used
        case _:
            assert_never(authenticator.means)


def _used_up(authenticator: Authenticator, code: Secret, now: float) -> Authenticator:
    """The authenticator after a code that fits was accepted."""
    match authenticator.means:
        case Totp(key) as totp:
            return replace(authenticator, means=replace(totp, last_step=max(key.steps_showing(code, now))))
        case RecoverySheet(key, unused, used) as sheet:
            digest = frozenset({recovery_digest(key, code)})
            return replace(authenticator, means=replace(sheet, unused=unused - digest, used=used | digest))
        case _:
            assert_never(authenticator.means)
