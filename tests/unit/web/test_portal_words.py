"""Sentences for every reason; times and spans."""

from __future__ import annotations

import pytest

from ldapproxy.auth.outcomes import Reason
from ldapproxy.web import portal_words


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_and_a_status(reason: Reason) -> None:
    sentence = portal_words.sentence(reason)
    assert sentence.endswith(".")
    assert sentence[0].isupper()
    assert "_" not in sentence, "words for people, not for the audit log"
    assert portal_words.status(reason) in (403, 429, 503)


@pytest.mark.parametrize(
    "reason",
    [
        Reason.PRIMARY_REFUSED,
        Reason.NO_ENTRY,
        Reason.SEVERAL_ENTRIES,
        Reason.INVALID_CREDENTIALS_FORM,
        Reason.UNAUTHENTICATED_BIND,
        Reason.PRIMARY_REFERRAL,
    ],
)
def test_a_wrong_name_and_a_wrong_password_read_the_same(reason: Reason) -> None:
    assert portal_words.sentence(reason) == "The user name or the password is wrong."
    assert portal_words.status(reason) == portal_words.status(Reason.PRIMARY_REFUSED)
    assert not portal_words.is_nobodys_fault(reason)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.value.startswith("duo_")])
def test_while_duo_is_away_the_page_says_why_nobody_gets_in(reason: Reason) -> None:
    assert "Duo cannot be reached" in portal_words.sentence(reason)
    assert portal_words.status(reason) == 503
    assert portal_words.is_nobodys_fault(reason)


@pytest.mark.parametrize(
    "reason", [Reason.DENIED, Reason.FRAUD, Reason.TIMED_OUT, Reason.BYPASSED, Reason.INTERNAL_ERROR]
)
def test_what_may_be_a_guess_counts(reason: Reason) -> None:
    assert not portal_words.is_nobodys_fault(reason)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute"),
        (59.9, "less than a minute"),
        (60, "1 minute"),
        (3599, "59 minutes"),
        (3600, "1 hour"),
        (3661, "1 hour and 1 minute"),
        (86400, "1 day"),
        (93_780, "1 day and 2 hours"),
        (7 * 86400 - 1, "6 days and 23 hours"),
        (86_460, "1 day and 1 minute"),
    ],
)
def test_spans(seconds: float, words: str) -> None:
    assert portal_words.span(seconds) == words


def test_moments() -> None:
    assert portal_words.moment(1_795_000_000.9) == "2026-11-18 11:06 UTC"
    assert portal_words.machine_moment(1_795_000_000.9) == "2026-11-18T11:06:40Z"
