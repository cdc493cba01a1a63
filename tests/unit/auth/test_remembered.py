"""What is remembered, for whom, and what makes it forgotten."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.auth.remembered import LoginKey, LoginKeys, RememberedLogins
from ldapproxy.secret import Secret

KEYS = LoginKeys(Secret(b"k" * 32))


def key(
    listener: str = "vpn", client: str = "192.0.2.1", user: str = "alice-id", credential: str = "secret"
) -> LoginKey:
    return KEYS.of(listener, ip_address(client), user, Secret(credential))


def remembering(lasts: float = 600, idle: float = 0, capacity: int = 100) -> RememberedLogins:
    logins = RememberedLogins(lasts, idle, capacity)
    logins.remember(key(), "alice-id", 0)
    return logins


def test_the_same_login_is_recalled() -> None:
    assert remembering().recall(key(), 1)


@pytest.mark.parametrize(
    "other",
    [
        key(credential="other"),
        key(credential="secret,push"),
        key(user="bob-id"),
        key(client="192.0.2.2"),
        key(client="::1"),
        key(listener="web"),
        LoginKeys(Secret(b"j" * 32)).of("vpn", ip_address("192.0.2.1"), "alice-id", Secret("secret")),
    ],
)
def test_another_login_is_not(other: LoginKey) -> None:
    assert not remembering().recall(other, 1)


def test_it_ends_with_its_time_however_often_it_is_used() -> None:
    logins = remembering(lasts=600)
    assert all(logins.recall(key(), now) for now in range(600))
    assert not logins.recall(key(), 600)
    assert not logins.recall(key(), 1)
    assert len(logins) == 0


def test_it_ends_when_it_is_idle() -> None:
    logins = remembering(lasts=600, idle=60)
    assert logins.recall(key(), 59)
    assert logins.recall(key(), 118)
    assert not logins.recall(key(), 178)


def test_off_remembers_nothing() -> None:
    assert not remembering(lasts=0).recall(key(), 0)


def test_a_refused_credential_is_forgotten_and_no_other() -> None:
    logins = remembering()
    logins.remember(key(client="192.0.2.2"), "alice-id", 0)
    logins.remember(key(credential="new"), "alice-id", 0)
    logins.forget_credential(KEYS.of_credential("vpn", Secret("secret")))
    assert not logins.recall(key(), 1)
    assert not logins.recall(key(client="192.0.2.2"), 1)
    assert logins.recall(key(credential="new"), 1)


def test_a_denial_forgets_all_of_that_user() -> None:
    logins = remembering()
    logins.remember(key(credential="other"), "alice-id", 0)
    logins.remember(key(user="bob-id"), "bob-id", 0)
    logins.forget_user("alice-id")
    assert not logins.recall(key(), 1)
    assert not logins.recall(key(credential="other"), 1)
    assert logins.recall(key(user="bob-id"), 1)


def test_purge() -> None:
    logins = remembering()
    logins.forget_all()
    assert not logins.recall(key(), 1)
    logins.forget_user("alice-id")


def test_memory_is_bounded_and_the_longest_unused_goes_first() -> None:
    logins = remembering(capacity=3)
    for number in range(2):
        logins.remember(key(user=f"user {number}"), f"user {number}", 1)
    assert logins.recall(key(), 2)
    logins.remember(key(user="one more"), "one more", 3)
    assert len(logins) == 3
    assert logins.recall(key(), 4)
    assert not logins.recall(key(user="user 0"), 4)


def test_keys_show_nothing() -> None:
    assert b"secret" not in repr(key()).encode()
    assert len(key().login) == len(key().credential) == 32


@given(st.tuples(st.text(), st.text(), st.binary()), st.tuples(st.text(), st.text(), st.binary()))
def test_different_logins_have_different_keys(
    one: tuple[str, str, bytes], two: tuple[str, str, bytes]
) -> None:
    """Also when the parts would be the same bytes one behind the other."""
    client = ip_address("192.0.2.1")
    keys = [
        KEYS.of(listener, client, user, Secret(credential)).login for listener, user, credential in (one, two)
    ]
    assert (keys[0] == keys[1]) == (one == two)
