"""The table of accounts and their authenticators, for `ldapproxy offline list`. Pure.

Owns its columns. It must not know where accounts come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ldapproxy.auth.enrolment import AuthenticatorKind, OfflineAccount, OfflineAuthenticator, OfflineStanding

_HEADINGS = (
    "account",
    "logins left",
    "until (UTC)",
    "locked until (UTC)",
    "authenticator",
    "kind",
    "added",
    "last used",
    "identity",
)
_KINDS = {AuthenticatorKind.TOTP: "TOTP", AuthenticatorKind.RECOVERY_CODES: "recovery codes"}


@dataclass(frozen=True, slots=True)
class Listed:
    """One account, what is left of its limits (None when the store does not know), and what it has."""

    account: OfflineAccount
    standing: OfflineStanding | None
    authenticators: Sequence[OfflineAuthenticator]


def table(accounts: Sequence[Listed], now: float) -> str:
    """The table, a line for each authenticator; what is the account's stands in its first line.

    Args:
        accounts: in the order in which they are shown.
        now: seconds since 1970.
    """
    rows: list[tuple[str, ...]] = [_HEADINGS]
    for listed in accounts:
        own: tuple[str, ...] = (
            listed.account.account_name,
            *_limits(listed.standing, now),
            _lock(listed.standing, now),
        )
        identity = listed.account.identity
        for each in listed.authenticators:
            last_used = "never" if each.last_used is None else _day(each.last_used)
            rows.append((*own, each.label, _kind(each), _day(each.created), last_used, identity))
            own, identity = ("",) * len(own), ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _limits(standing: OfflineStanding | None, now: float) -> tuple[str, str]:
    if standing is None:
        return "?", "?"
    if not standing.logins_left or standing.seconds_left <= 0:
        return "0", "the next online login"
    end = datetime.fromtimestamp(now + standing.seconds_left, UTC)
    return str(standing.logins_left), f"{end:%Y-%m-%d %H:%M}"


def _lock(standing: OfflineStanding | None, now: float) -> str:
    """Until when wrong codes keep the account locked; that takes nothing from its limits."""
    if standing is None or standing.locked_for <= 0:
        return ""
    return f"{datetime.fromtimestamp(now + standing.locked_for, UTC):%Y-%m-%d %H:%M:%S}"


def _kind(authenticator: OfflineAuthenticator) -> str:
    words = _KINDS[authenticator.kind]
    if not authenticator.is_confirmed:
        return f"{words}, not confirmed"
    if authenticator.codes_left is not None:
        return f"{words}, {authenticator.codes_left} unused"
    return words


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
