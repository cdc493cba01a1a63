"""Transcripts of binds whose name is no DN: who is it, and is it always the same one?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from ldapproxy.auth.effects import (
    AskIdentifierOf,
    AskSecurityIdentifier,
    AskWhoIsBound,
    FindEntry,
    LookUpEntry,
    VerifyPrimary,
    VerifySecondFactor,
)
from ldapproxy.auth.names import AccountName, LoginName, SecurityIdentifier
from ldapproxy.auth.outcomes import (
    EntryNotFound,
    FailMode,
    FindOutcome,
    LookupUnavailable,
    PrimaryNotAsked,
    PrimaryUnavailable,
    Reason,
    SecondFactorOutcome,
    SecondFactorResult,
    SeveralEntries,
    Verdict,
)
from ldapproxy.auth.policy import ExemptDn, ExemptSubtree
from ldapproxy.auth.usernames import LowerCase
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.secret import Secret
from tests.unit.auth.flows import ACCEPTED, ALICE, ENTRY, REFUSED, bind, policy, transcript

PEOPLE = DistinguishedName.parse("ou=people,dc=example,dc=com")
NOBODY = DistinguishedName.parse("cn=nobody,dc=example,dc=com")
NAMELESS = DistinguishedName.parse("")
ALLOWED = SecondFactorResult(SecondFactorOutcome.ALLOWED, factor="push", device="iPhone")
SID = SecurityIdentifier(b"\x01\x05")
LOST = LookupUnavailable("the directory closed the connection")

UPN = "alice@example.com"
BY_NAME = policy(nobody=NOBODY)

NOT_ONE = [(EntryNotFound(), Reason.NO_ENTRY), (SeveralEntries(), Reason.SEVERAL_ENTRIES)]


# Who is bound, asked after the primary


def test_the_directory_is_asked_after_the_primary() -> None:
    effects, conclusion = transcript(bind("secret", UPN), policy(), ACCEPTED, ALICE, ENTRY, ALLOWED)
    assert effects[:3] == [VerifyPrimary(None), AskWhoIsBound(), LookUpEntry(ALICE, frozenset())]
    assert (conclusion.verdict, conclusion.dn) == (Verdict.ACCEPTED, ALICE)


def test_active_directory_is_asked_for_the_sid() -> None:
    effects, conclusion = transcript(
        bind("secret", "EXAMPLE\\alice"), policy(), ACCEPTED, None, SID, ALICE, ENTRY, ALLOWED
    )
    assert effects[1:5] == [
        AskWhoIsBound(),
        AskSecurityIdentifier(),
        FindEntry(SID),
        LookUpEntry(ALICE, frozenset()),
    ]
    assert (conclusion.verdict, conclusion.dn) == (Verdict.ACCEPTED, ALICE)


def test_every_reading_is_searched_where_neither_is_answered() -> None:
    effects, conclusion = transcript(
        bind("secret", UPN), policy(), ACCEPTED, None, None, ALICE, ENTRY, ALLOWED
    )
    assert effects[3] == FindEntry(LoginName(UPN))
    assert (conclusion.verdict, conclusion.dn) == (Verdict.ACCEPTED, ALICE)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ((NAMELESS,), Reason.IDENTITY_UNKNOWN),
        ((LOST,), Reason.LOOKUP_UNAVAILABLE),
        ((None, LOST), Reason.LOOKUP_UNAVAILABLE),
        ((None, SID, EntryNotFound()), Reason.NO_ENTRY),
        ((None, SID, SeveralEntries()), Reason.SEVERAL_ENTRIES),
        ((None, SID, LOST), Reason.LOOKUP_UNAVAILABLE),
        ((None, None, EntryNotFound()), Reason.IDENTITY_UNKNOWN),
        ((None, None, SeveralEntries()), Reason.SEVERAL_ENTRIES),
        ((None, None, LOST), Reason.LOOKUP_UNAVAILABLE),
    ],
)
def test_an_accepted_primary_without_one_identity_is_rejected(
    answers: tuple[object, ...], reason: Reason
) -> None:
    """No exemption, and no fail mode, helps who is nobody in particular."""
    generous = policy(fail_mode=FailMode.OPEN, exempt=(ExemptSubtree(PEOPLE),))
    effects, conclusion = transcript(bind("secret", UPN), generous, ACCEPTED, *answers)
    assert (conclusion.verdict, conclusion.reason) == (Verdict.REJECTED, reason)
    assert not any(isinstance(effect, VerifySecondFactor) for effect in effects)
    assert conclusion.primary_response == ACCEPTED.response, "a rejection after the primary"


def test_a_name_of_blanks_is_nobody() -> None:
    _, conclusion = transcript(bind("secret", "  "), policy(exempt=(ExemptSubtree(PEOPLE),)), ACCEPTED)
    assert conclusion.reason is Reason.IDENTITY_UNKNOWN


def test_an_exempt_account_is_exempt_however_its_name_is_spelled() -> None:
    exempt = policy(exempt=(ExemptDn(ALICE),))
    _, conclusion = transcript(bind("secret", UPN), exempt, ACCEPTED, ALICE)
    assert (conclusion.verdict, conclusion.reason) == (Verdict.ACCEPTED, Reason.EXEMPT_DN)
    assert (conclusion.dn, conclusion.primary_response) == (ALICE, ACCEPTED.response)
    _, conclusion = transcript(bind("secret", "EXAMPLE\\alice"), exempt, ACCEPTED, None, SID, ALICE)
    assert conclusion.reason is Reason.EXEMPT_DN


# Exempt names that Active Directory may have read in another way


@pytest.mark.parametrize(("bound", "named"), [(None, ()), (SID, (SID,))])
def test_an_exempt_dn_is_confirmed_by_active_directory(
    bound: SecurityIdentifier | None, named: tuple[SecurityIdentifier, ...]
) -> None:
    exempt = policy(exempt=(ExemptSubtree(PEOPLE),), confirms_names=True)
    effects, conclusion = transcript(bind("secret", ALICE.text), exempt, ACCEPTED, bound, *named)
    assert effects[1:] == [AskSecurityIdentifier(), *(AskIdentifierOf(ALICE) for _ in named)]
    assert (conclusion.verdict, conclusion.reason) == (Verdict.ACCEPTED, Reason.EXEMPT_SUBTREE)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ((SID, SecurityIdentifier(b"\x01\x06")), Reason.IDENTITY_UNKNOWN),
        ((SID, None), Reason.IDENTITY_UNKNOWN),
        ((SID, LOST), Reason.LOOKUP_UNAVAILABLE),
    ],
)
def test_a_dn_that_was_read_as_somebody_elses_name_is_not_exempt(
    answers: tuple[object, ...], reason: Reason
) -> None:
    exempt = policy(exempt=(ExemptSubtree(PEOPLE),), confirms_names=True, fail_mode=FailMode.OPEN)
    _, conclusion = transcript(bind("secret", ALICE.text), exempt, ACCEPTED, *answers)
    assert (conclusion.verdict, conclusion.reason) == (Verdict.REJECTED, reason)
    assert conclusion.dn == ALICE


def test_a_lost_connection_confirms_nothing() -> None:
    exempt = policy(exempt=(ExemptDn(ALICE),), confirms_names=True)
    _, conclusion = transcript(bind("secret", ALICE.text), exempt, ACCEPTED, LOST, SID)
    assert (conclusion.verdict, conclusion.reason) == (Verdict.REJECTED, Reason.LOOKUP_UNAVAILABLE)


def test_a_found_name_needs_no_confirmation() -> None:
    exempt = policy(exempt=(ExemptDn(ALICE),), confirms_names=True, nobody=NOBODY)
    effects, conclusion = transcript(bind("secret", "alice"), exempt, ALICE, ACCEPTED)
    assert len(effects) == 2
    assert conclusion.verdict is Verdict.ACCEPTED


# Bare account names, found before the primary


def test_a_bare_account_name_is_found_and_replaced() -> None:
    effects, conclusion = transcript(bind("secret", "alice"), BY_NAME, ALICE, ACCEPTED, ENTRY, ALLOWED)
    assert effects[:3] == [
        FindEntry(AccountName("alice")),
        VerifyPrimary(None, ALICE),
        LookUpEntry(ALICE, frozenset()),
    ]
    assert (conclusion.verdict, conclusion.dn) == (Verdict.ACCEPTED, ALICE)


def test_the_credential_of_a_bare_account_name_is_split() -> None:
    effects, _ = transcript(bind("secret,push", "alice"), BY_NAME, ALICE, ACCEPTED, ENTRY, ALLOWED)
    assert effects[1] == VerifyPrimary(Secret("secret"), ALICE)


def test_a_bare_account_name_that_is_exempt() -> None:
    exempt = policy(nobody=NOBODY, exempt=(ExemptDn(ALICE),))
    effects, conclusion = transcript(bind("secret,push", "alice"), exempt, ALICE, ACCEPTED)
    assert effects[1] == VerifyPrimary(None, ALICE), "never split"
    assert conclusion.reason is Reason.EXEMPT_DN


@pytest.mark.parametrize(("found", "reason"), NOT_ONE)
def test_a_bare_account_name_that_is_not_ones_is_refused_by_the_directory(
    found: FindOutcome, reason: Reason
) -> None:
    effects, conclusion = transcript(bind("secret,push", "alice"), BY_NAME, found, REFUSED)
    assert effects[1] == VerifyPrimary(Secret("secret"), NOBODY)
    assert (conclusion.verdict, conclusion.reason) == (Verdict.REJECTED, reason)
    assert (conclusion.primary_response, conclusion.primary_code) == (REFUSED.response, 49)


@pytest.mark.parametrize(("found", "reason"), NOT_ONE)
def test_not_even_a_directory_that_accepts_nobody_lets_nobody_in(found: FindOutcome, reason: Reason) -> None:
    generous = policy(nobody=NOBODY, fail_mode=FailMode.OPEN, exempt=(ExemptDn(NOBODY),))
    effects, conclusion = transcript(bind("secret", "alice"), generous, found, ACCEPTED)
    assert len(effects) == 2
    assert (conclusion.verdict, conclusion.reason) == (Verdict.REJECTED, reason)
    assert conclusion.primary_code == 0, "the directory's success is not forwarded"


@pytest.mark.parametrize("found", [ALICE, EntryNotFound(), SeveralEntries()])
def test_an_empty_password_is_refused_alike_for_all(found: FindOutcome) -> None:
    effects, conclusion = transcript(bind(",123456", "alice"), BY_NAME, found)
    assert len(effects) == 1
    assert conclusion.reason is Reason.UNAUTHENTICATED_BIND


def test_without_a_look_up_nobody_can_be_found() -> None:
    _, conclusion = transcript(bind("secret", "alice"), BY_NAME, LOST)
    assert conclusion.reason is Reason.LOOKUP_UNAVAILABLE


def test_nobody_and_no_directory() -> None:
    _, conclusion = transcript(
        bind("secret", "alice"), BY_NAME, EntryNotFound(), PrimaryUnavailable("no server answers")
    )
    assert conclusion.reason is Reason.PRIMARY_UNAVAILABLE


def test_too_many_failures_of_the_entry_that_was_found() -> None:
    _, conclusion = transcript(bind("secret", "alice"), BY_NAME, ALICE, PrimaryNotAsked())
    assert (conclusion.verdict, conclusion.reason) == (Verdict.REJECTED, Reason.TOO_MANY_FAILED)


@pytest.mark.parametrize("name", [UPN, "EXAMPLE\\alice", "uid=alice;ou=people", "a" * 257])
def test_other_names_are_left_to_the_directory(name: str) -> None:
    effects, _ = transcript(bind("secret", name), BY_NAME, REFUSED)
    assert effects == [VerifyPrimary(None)]


def test_without_username_search_a_bare_name_is_left_to_the_directory() -> None:
    effects, _ = transcript(bind("secret", "alice"), policy(), REFUSED)
    assert effects == [VerifyPrimary(None)]


# One user is one user


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        (ALICE.text, (ACCEPTED,)),
        ("UID=ALICE, ou=People , dc=example,dc=com", (ACCEPTED,)),
        ("alice", (ALICE, ACCEPTED)),
        (UPN, (ACCEPTED, ALICE)),
        (UPN, (ACCEPTED, None, SID, ALICE)),
        ("EXAMPLE\\alice", (ACCEPTED, None, None, ALICE)),
    ],
)
def test_duo_and_all_counters_see_one_user(name: str, answers: tuple[object, ...]) -> None:
    entry = replace(ENTRY, usernames=("Alice",))
    effects, conclusion = transcript(
        bind("secret", name), policy(nobody=NOBODY, rewrites=(LowerCase(),)), *answers, entry, ALLOWED
    )
    [question] = [effect for effect in effects if isinstance(effect, VerifySecondFactor)]
    assert (question.username, question.identity) == ("alice", ENTRY.identity)
    assert (conclusion.username, conclusion.identity, conclusion.dn) == ("alice", ENTRY.identity, ALICE)
