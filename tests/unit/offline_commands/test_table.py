"""The table of accounts."""

from __future__ import annotations

from ldapproxy.auth.enrolment import AuthenticatorKind, OfflineAccount, OfflineAuthenticator, OfflineStanding
from ldapproxy.offline_commands.table import Listed, table

NOW = 1_795_521_600.0  # 2026-11-24 12:00 UTC
DAY = 86_400.0


def totp(label: str, *, is_confirmed: bool = True, last_used: float | None = None) -> OfflineAuthenticator:
    return OfflineAuthenticator(label, AuthenticatorKind.TOTP, NOW - DAY, is_confirmed, last_used, None)


def sheet(codes_left: int) -> OfflineAuthenticator:
    return OfflineAuthenticator("codes", AuthenticatorKind.RECOVERY_CODES, NOW, True, NOW, codes_left)


def account(name: str, *authenticators: OfflineAuthenticator, **standing: float) -> Listed:
    left = {"logins_left": 9, "seconds_left": DAY, "last_online": NOW, "locked_for": 0.0, **standing}
    return Listed(
        OfflineAccount(f"id-{name}", name, len(authenticators)),
        OfflineStanding(
            int(left["logins_left"]), left["seconds_left"], left["last_online"], left["locked_for"]
        ),
        authenticators,
    )


def test_a_line_for_each_authenticator() -> None:
    listed = [
        account("alice", totp("phone", last_used=NOW), sheet(7)),
        account("bob", totp("Token 4711"), locked_for=180.0),
    ]
    assert table(listed, NOW) == (
        "account  logins left  until (UTC)       locked until (UTC)   authenticator  "
        "kind                      added       last used   identity\n"
        "alice    9            2026-11-25 12:00                       phone          "
        "TOTP                      2026-11-23  2026-11-24  id-alice\n"
        "                                                             codes          "
        "recovery codes, 7 unused  2026-11-24  2026-11-24\n"
        "bob      9            2026-11-25 12:00  2026-11-24 12:03:00  Token 4711     "
        "TOTP                      2026-11-23  never       id-bob\n"
    )


def first_line(listed: Listed) -> str:
    return " ".join(table([listed], NOW).splitlines()[1].split())


def test_what_is_not_confirmed_is_marked() -> None:
    assert "phone TOTP, not confirmed 2026-11-23" in first_line(
        account("a", totp("phone", is_confirmed=False))
    )


def test_limits_that_are_used_up() -> None:
    assert first_line(account("a", totp("p"), logins_left=0)).startswith("a 0 the next online login p")
    assert first_line(account("a", totp("p"), seconds_left=0.0)).startswith("a 0 the next online login p")


def test_a_lock_takes_nothing_from_the_limits() -> None:
    until = "2026-11-24 12:03:00 p"
    assert first_line(account("a", totp("p"), locked_for=180.0)).startswith(f"a 9 2026-11-25 12:00 {until}")
    used_up = account("a", totp("p"), locked_for=180.0, logins_left=0)
    assert first_line(used_up).startswith(f"a 0 the next online login {until}")


def test_an_account_whose_limits_are_not_known() -> None:
    listed = Listed(OfflineAccount("id", "a", 1), None, [totp("p")])
    assert first_line(listed).startswith("a ? ? p TOTP")
