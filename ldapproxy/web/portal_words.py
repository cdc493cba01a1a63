"""What the portal tells people, in words.

Owns the sentence for every way a sign-in can end, which of them count as an attempt to guess, and how times
and spans are written. It must not know pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from ldapproxy.auth.outcomes import Reason

WRONG: Final = "The user name or the password is wrong."

DUO_AWAY: Final = (
    "Duo cannot be reached at the moment, and nobody can be let in here without it: whoever adds an offline "
    "authenticator has to prove who they are with Duo first. Please try again when Duo is back."
)
_DIRECTORY_AWAY: Final = "The directory cannot be reached at the moment. Please try again in some minutes."
_NOT_YOU: Final = (
    "Your account cannot be used here: its entry in the directory is not as it must be. "
    "Your administrator can look the reason up in the audit log."
)

TOO_MANY: Final = "Too many sign-ins have failed. Please wait for some minutes before you try again."
TOO_MANY_WAITING: Final = "Too many people are signing in just now. Please try again in a minute."
SIGNED_OUT: Final = "You were signed out because nothing happened for a while. Sign in again to go on."
BAD_FORM: Final = "This form is too old, or it was not sent by a page of this site. Please try again."
STORE_AWAY: Final = (
    "Authenticators can be neither shown nor changed at the moment, and nothing was changed just now. "
    "Please try again later, or tell your administrator."
)

_SENTENCES: Final[Mapping[Reason, str]] = {
    # The same for a name that nobody has, so that names cannot be found out.
    Reason.PRIMARY_REFUSED: WRONG,
    Reason.PRIMARY_REFERRAL: WRONG,
    Reason.UNAUTHENTICATED_BIND: WRONG,
    Reason.INVALID_CREDENTIALS_FORM: WRONG,
    Reason.NO_ENTRY: WRONG,
    Reason.SEVERAL_ENTRIES: WRONG,
    Reason.TOO_MANY_FAILED: TOO_MANY,
    Reason.PRIMARY_UNAVAILABLE: _DIRECTORY_AWAY,
    Reason.LOOKUP_UNAVAILABLE: _DIRECTORY_AWAY,
    Reason.IDENTITY_UNKNOWN: _NOT_YOU,
    Reason.NO_USERNAME: _NOT_YOU,
    Reason.SEVERAL_USERNAMES: _NOT_YOU,
    Reason.GROUP_REQUIRED: "Your account may not use this. Your administrator decides who may.",
    Reason.DENIED: "Duo, or somebody with your phone, denied the sign-in.",
    Reason.FRAUD: "The sign-in was reported as fraud.",
    Reason.NOT_ENROLLED: "Duo does not know you yet. Enrol there first; your administrator can tell you how.",
    Reason.NO_FACTOR: (
        "Duo knows no phone of yours that could be asked. Without one nobody can sign in here, but your "
        "administrator can add an offline authenticator for you."
    ),
    Reason.PAUSED: "Your phone was asked too often. Please wait for some minutes before you try again.",
    Reason.TIMED_OUT: "Nobody answered on your phone in time. Please try again.",
    Reason.BYPASSED: (
        "Duo would let you in without asking anybody. That is not enough here: your administrator has to end "
        "the bypass first."
    ),
    Reason.DUO_UNAVAILABLE: DUO_AWAY,
    Reason.DUO_INTERRUPTED: DUO_AWAY,
    Reason.DUO_UNTRUSTED: DUO_AWAY,
    Reason.DUO_RATE_LIMITED: DUO_AWAY,
    Reason.DUO_MISCONFIGURED: DUO_AWAY,
}

_OTHERWISE: Final = "The sign-in failed. Your administrator can look the reason up in the audit log."

_AWAY: Final = frozenset(
    reason
    for reason, sentence in _SENTENCES.items()
    if sentence in (DUO_AWAY, _DIRECTORY_AWAY) or reason is Reason.TOO_MANY_FAILED
)


def sentence(reason: Reason) -> str:
    """Why somebody was not let in."""
    return _SENTENCES.get(reason, _OTHERWISE)


def is_nobodys_fault(reason: Reason) -> bool:
    """Whether a sign-in that ended so says nothing about who tried, and does not count against them."""
    return reason in _AWAY


def status(reason: Reason) -> int:
    """The HTTP status of the page that says so."""
    if reason is Reason.TOO_MANY_FAILED:
        return 429
    return 503 if reason in _AWAY else 403


def moment(seconds: float) -> str:
    """A time, from seconds since 1970. In UTC: the server does not know where the browser is."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def machine_moment(seconds: float) -> str:
    """A time for the `datetime` of a `<time>` element; a script shows it in the browser's own time zone."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(seconds: float) -> str:
    """A length of time in the two largest units that matter, never more than there is."""
    minutes = int(seconds) // 60
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [_count(number, unit) for number, unit in ((days, "day"), (hours, "hour"), (minutes, "minute"))]
    shown = [part for part in parts if part][:2]
    return " and ".join(shown) if shown else "less than a minute"


def _count(number: int, unit: str) -> str:
    if not number:
        return ""
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
