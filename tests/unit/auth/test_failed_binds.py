"""Limits on wrong passwords: counts per user and client address, without a clock."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ldapproxy.auth.failed_binds import FailedBindRules, FailedBinds, user_key

HERE = ip_address("192.0.2.1")
THERE = ip_address("192.0.2.2")
ALICE = "uid=alice,ou=people,dc=example,dc=com"
BOB = "uid=bob,ou=people,dc=example,dc=com"


def fail(counts: FailedBinds, name: str = ALICE, now: float = 0.0, client: str = "192.0.2.1") -> bool:
    """One bind that fails, if it is let through."""
    attempt = counts.begin(name, ip_address(client), now)
    if attempt is not None:
        attempt.failed(now)
    return attempt is not None


def test_nothing_is_limited_by_default() -> None:
    rules = FailedBindRules()
    assert rules.are_off
    counts = FailedBinds(rules)
    assert all(fail(counts) for _ in range(1000))


def test_so_many_of_one_user_in_so_long() -> None:
    counts = FailedBinds(FailedBindRules(per_user=3, per=600))
    assert [fail(counts, now=now) for now in (0, 1, 2, 3)] == [True, True, True, False]
    assert fail(counts, BOB, 3)
    assert not fail(counts, now=599.9)
    assert fail(counts, now=600), "the first one was 600 s ago"
    assert not fail(counts, now=600.5)


def test_so_many_of_one_client_whoever_it_is() -> None:
    counts = FailedBinds(FailedBindRules(per_client=3))
    assert [fail(counts, f"uid=u{number},dc=example") for number in range(4)] == [True, True, True, False]
    assert fail(counts, client="192.0.2.2")


def test_refused_binds_count_neither_way() -> None:
    counts = FailedBinds(FailedBindRules(per_user=2, per=10))
    assert [fail(counts, now=now) for now in (0, 1, 2, 3, 9)] == [True, True, False, False, False]
    assert fail(counts, now=10)


def test_binds_under_way_count_as_if_they_failed() -> None:
    counts = FailedBinds(FailedBindRules(per_user=3, per_client=100))
    attempts = [counts.begin(ALICE, HERE, 0) for _ in range(3)]
    assert counts.begin(ALICE, THERE, 0) is None
    assert attempts[0] is not None
    attempts[0].came_to_nothing()
    assert counts.begin(ALICE, THERE, 0) is not None
    assert counts.begin(ALICE, THERE, 0) is None


def test_a_success_forgets_the_user_and_not_the_client() -> None:
    counts = FailedBinds(FailedBindRules(per_user=2, per_client=3))
    assert fail(counts)
    success = counts.begin(ALICE, HERE, 1)
    assert success is not None
    success.succeeded()
    assert fail(counts, now=2)
    assert fail(counts, now=3)
    assert not fail(counts, BOB, 4), "three of this address have failed"
    assert fail(counts, BOB, 4, client="192.0.2.2")


def test_only_the_first_word_about_an_attempt_counts() -> None:
    counts = FailedBinds(FailedBindRules(per_user=1))
    attempt = counts.begin(ALICE, HERE, 0)
    assert attempt is not None
    attempt.failed(0)
    attempt.succeeded()
    attempt.came_to_nothing()
    attempt.failed(5)
    assert not fail(counts, now=599)
    assert fail(counts, now=600)


@pytest.mark.parametrize(
    "spelling",
    [
        "UID=Alice, OU=People, DC=example, DC=com",
        "uid=\\61lice,ou=people,dc=example,dc=com",
        '0.9.2342.19200300.100.1.1="alice",ou=people,dc=example,dc=com',
        "uid=#0405616c696365,ou=people,dc=example,dc=com",
    ],
)
def test_one_count_for_every_spelling_of_a_dn(spelling: str) -> None:
    assert user_key(spelling) == user_key(ALICE)
    counts = FailedBinds(FailedBindRules(per_user=1))
    assert fail(counts)
    assert not fail(counts, spelling)


def test_names_that_are_no_dns() -> None:
    assert user_key("Alice@Example.com") == user_key("alice@example.COM ") != user_key("bob@example.com")
    assert user_key("EXAMPLE\\alice") == user_key("example\\ALICE")
    assert user_key("\uff21lice") == user_key("alice"), "compatibility forms are the same letters"
    # What a directory may read as a DN although we do not.
    assert user_key("uid=alice;ou=people") == user_key("uid;lang-en=alice,ou=people")
    assert user_key("uid=alice;ou=people") != user_key(ALICE)


@pytest.mark.parametrize(
    "spelling",
    [
        "\u00e1l\u00ecc\u00e9",
        "a\u0301lice",
        "al\u200bi\u00adce",
        "\uff41\uff4c\uff49\uff43\uff45",
        "\u00c1LICE",
    ],
    ids=["accents", "a combining accent", "invisible characters", "full width", "a capital"],
)
def test_spellings_that_active_directory_holds_equal_bring_no_further_guesses(spelling: str) -> None:
    assert user_key(spelling) == user_key("alice")
    assert user_key(f"EXAMPLE\\{spelling}") == user_key("EXAMPLE\\alice")
    assert user_key(f"cn={spelling},dc=example") == user_key("cn=alice,dc=example")


def test_both_kinds_of_kana_are_one() -> None:
    assert user_key("\u30a2\u30ea\u30b9") == user_key("\u3042\u308a\u3059")


def test_what_is_remembered_of_a_name_does_not_grow_with_it() -> None:
    """`\ufdfa` is one character of three octets, and eighteen when it is composed."""
    long = "\ufdfa" * 2000
    for name in ("a", f"{long}@example.com", f"uid={long},dc=example", "uid=;" + long):
        assert len(user_key(name)) == 16


def test_memory_is_bounded() -> None:
    counts = FailedBinds(FailedBindRules(per_user=1, per=1e9), capacity=100)
    for number in range(1000):
        assert fail(counts, f"uid=u{number},dc=example", number)
    assert len(counts.users._failed) == 100
    assert not counts.users._pending
    assert fail(counts, "uid=u0,dc=example", 1000), "the oldest was forgotten"
    assert not fail(counts, "uid=u999,dc=example", 1000)
