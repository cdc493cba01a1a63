"""Transcripts of bind flows: what is asked, in which order, and what is concluded."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from ldapproxy.auth.credentials import Auto, Everybody, NamedDevice, Passcode, Push
from ldapproxy.auth.effects import (
    LookUpEntry,
    RecallLogin,
    VerifyOffline,
    VerifyPrimary,
    VerifySecondFactor,
)
from ldapproxy.auth.outcomes import (
    EntryNotFound,
    FailMode,
    LookupUnavailable,
    OfflineResult,
    OfflineVerdict,
    PrimaryRefused,
    PrimaryUnavailable,
    Reason,
    SecondFactorOutcome,
    SecondFactorResult,
    SeveralEntries,
    Verdict,
)
from ldapproxy.auth.policy import ExemptDn, ExemptGroup, ExemptSubtree, UsernameSource
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.secret import Secret
from tests.unit.auth.flows import (
    ACCEPTED,
    ALICE,
    CLIENT,
    ENTRY,
    REFUSED,
    STAFF,
    bind,
    policy,
    transcript,
)

PEOPLE = DistinguishedName.parse("ou=people,dc=example,dc=com")
ALLOWED = SecondFactorResult(SecondFactorOutcome.ALLOWED, factor="push", device="iPhone")


def second_factor_of(effects: list[object]) -> VerifySecondFactor:
    [effect] = [effect for effect in effects if isinstance(effect, VerifySecondFactor)]
    return effect


def test_password_then_push() -> None:
    effects, conclusion = transcript(bind("secret"), policy(), ACCEPTED, ENTRY, ALLOWED)
    assert effects == [
        VerifyPrimary(None),
        LookUpEntry(ALICE, frozenset()),
        VerifySecondFactor(
            "alice", ENTRY.identity, Secret("secret"), Auto(), policy().factors, "vpn", CLIENT, False
        ),
    ]
    assert conclusion.verdict is Verdict.ACCEPTED
    assert conclusion.reason is Reason.SECOND_FACTOR
    assert conclusion.primary_response == ACCEPTED.response
    assert conclusion.username == "alice"
    assert conclusion.dn == ALICE


def test_the_factor_is_split_off_before_the_directory_sees_the_credential() -> None:
    effects, _ = transcript(bind("secret,push2"), policy(), ACCEPTED, ENTRY, ALLOWED)
    assert effects[0] == VerifyPrimary(Secret("secret"))
    assert second_factor_of(list(effects)).choice == Push(2)


@pytest.mark.parametrize("primary", [REFUSED, PrimaryUnavailable("all servers are down")])
def test_without_an_accepted_primary_nothing_else_is_asked(
    primary: PrimaryRefused | PrimaryUnavailable,
) -> None:
    effects, conclusion = transcript(bind("wrong,push"), policy(fail_mode=FailMode.OPEN), primary)
    assert len(effects) == 1
    assert conclusion.verdict is Verdict.REJECTED


def test_the_directorys_refusal_is_kept_for_forwarding() -> None:
    _, conclusion = transcript(bind("wrong"), policy(), REFUSED)
    assert conclusion.reason is Reason.PRIMARY_REFUSED
    assert conclusion.primary_response == REFUSED.response
    assert conclusion.primary_code == 49


def test_a_referral_is_a_failed_bind_and_not_forwarded() -> None:
    _, conclusion = transcript(bind("secret"), policy(), PrimaryRefused(b"referral", 10, is_referral=True))
    assert conclusion.reason is Reason.PRIMARY_REFERRAL
    assert conclusion.primary_response is None


def test_an_empty_password_behind_the_split_never_reaches_the_directory() -> None:
    effects, conclusion = transcript(bind(",123456"), policy())
    assert effects == []
    assert conclusion.reason is Reason.UNAUTHENTICATED_BIND


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (EntryNotFound(), Reason.NO_ENTRY),
        (SeveralEntries(), Reason.SEVERAL_ENTRIES),
        (LookupUnavailable("refused"), Reason.LOOKUP_UNAVAILABLE),
        (replace(ENTRY, usernames=()), Reason.NO_USERNAME),
        (replace(ENTRY, usernames=(" ",)), Reason.NO_USERNAME),
        (replace(ENTRY, usernames=("alice", "al")), Reason.SEVERAL_USERNAMES),
    ],
)
def test_a_user_that_is_not_one_user_is_rejected_without_a_push(found: object, reason: Reason) -> None:
    effects, conclusion = transcript(bind("secret"), policy(fail_mode=FailMode.OPEN), ACCEPTED, found)
    assert not any(isinstance(effect, VerifySecondFactor) for effect in effects)
    assert (conclusion.verdict, conclusion.reason) == (Verdict.REJECTED, reason)


def test_the_username_comes_from_the_entry_never_from_the_client() -> None:
    entry = replace(ENTRY, usernames=("Alice.Real",))
    effects, _ = transcript(
        bind("secret", "UID=ALICE, ou=People,dc=example,dc=com"), policy(), ACCEPTED, entry, ALLOWED
    )
    assert second_factor_of(list(effects)).username == "Alice.Real"


def test_the_username_may_be_the_entrys_rdn() -> None:
    entry = replace(ENTRY, usernames=("x", "y"), rdn_value="Alice")
    effects, _ = transcript(bind("secret"), policy(username=UsernameSource.RDN), ACCEPTED, entry, ALLOWED)
    assert second_factor_of(list(effects)).username == "Alice"


# Exemptions


def test_an_exempt_dn_is_never_split_and_never_looked_up() -> None:
    exempt = policy(exempt=(ExemptDn(ALICE),))
    effects, conclusion = transcript(
        bind("secret,123456", "UID=Alice, OU=people, DC=example, DC=com"), exempt, ACCEPTED
    )
    assert effects == [VerifyPrimary(None)]
    assert (conclusion.verdict, conclusion.reason) == (Verdict.ACCEPTED, Reason.EXEMPT_DN)


def test_an_exempt_dn_still_needs_its_password() -> None:
    _, conclusion = transcript(bind("wrong"), policy(exempt=(ExemptDn(ALICE),)), REFUSED)
    assert (conclusion.verdict, conclusion.reason) == (Verdict.REJECTED, Reason.PRIMARY_REFUSED)


def test_an_exempt_subtree() -> None:
    _, conclusion = transcript(bind("secret"), policy(exempt=(ExemptSubtree(PEOPLE),)), ACCEPTED)
    assert conclusion.reason is Reason.EXEMPT_SUBTREE


def test_an_exemption_does_not_reach_beyond_its_networks() -> None:
    exempt = policy(exempt=(ExemptDn(ALICE, (ip_network("10.0.0.0/8"),)),))
    _, inside = transcript(bind("secret"), exempt, ACCEPTED, client=ip_address("10.1.2.3"))
    assert inside.reason is Reason.EXEMPT_DN
    _, outside = transcript(bind("secret"), exempt, ACCEPTED, ENTRY, ALLOWED)
    assert outside.reason is Reason.SECOND_FACTOR


def test_an_exempt_group_needs_the_entry() -> None:
    exempt = policy(exempt=(ExemptGroup(STAFF),))
    effects, conclusion = transcript(
        bind("secret"), exempt, ACCEPTED, replace(ENTRY, groups=frozenset({STAFF}))
    )
    assert effects[1] == LookUpEntry(ALICE, frozenset({STAFF}))
    assert conclusion.reason is Reason.EXEMPT_GROUP
    assert conclusion.primary_response == ACCEPTED.response


def test_who_is_not_in_the_exempt_group_needs_the_second_factor() -> None:
    _, conclusion = transcript(bind("secret"), policy(exempt=(ExemptGroup(STAFF),)), ACCEPTED, ENTRY, ALLOWED)
    assert conclusion.reason is Reason.SECOND_FACTOR


def test_a_required_group_comes_before_a_push_and_before_an_exempt_group() -> None:
    required = policy(require_group=STAFF, exempt=(ExemptGroup(ALICE),))
    outsider = replace(ENTRY, groups=frozenset({ALICE}))
    _, conclusion = transcript(bind("secret"), required, ACCEPTED, outsider)
    assert conclusion.reason is Reason.GROUP_REQUIRED
    _, conclusion = transcript(
        bind("secret"),
        policy(require_group=STAFF),
        ACCEPTED,
        replace(ENTRY, groups=frozenset({STAFF})),
        ALLOWED,
    )
    assert conclusion.verdict is Verdict.ACCEPTED


# Remembered logins and shared accounts


def test_a_remembered_login_needs_no_second_factor_but_the_directory() -> None:
    remembering = policy(remembers=True)
    effects, conclusion = transcript(bind("secret,push"), remembering, ACCEPTED, ENTRY, True)
    assert effects[0] == VerifyPrimary(Secret("secret"))
    assert effects[-1] == RecallLogin(ENTRY.identity, Secret("secret,push")), "the whole string that was sent"
    assert (conclusion.verdict, conclusion.reason) == (Verdict.ACCEPTED, Reason.REMEMBERED)
    _, conclusion = transcript(bind("wrong"), remembering, REFUSED)
    assert conclusion.verdict is Verdict.REJECTED


def test_a_login_that_is_not_remembered_needs_it() -> None:
    _, conclusion = transcript(bind("secret"), policy(remembers=True), ACCEPTED, ENTRY, False, ALLOWED)
    assert conclusion.reason is Reason.SECOND_FACTOR


def test_a_shared_account_asks_everybody_unless_somebody_is_named() -> None:
    shared = policy(shared=frozenset({ALICE}))
    effects, _ = transcript(bind("secret"), shared, ACCEPTED, ENTRY, ALLOWED)
    assert second_factor_of(list(effects)).choice == Everybody()
    effects, _ = transcript(bind("secret,@Bob's phone"), shared, ACCEPTED, ENTRY, ALLOWED)
    assert second_factor_of(list(effects)).choice == NamedDevice("Bob's phone")


# The second factor's end


@pytest.mark.parametrize("outcome", SecondFactorOutcome)
@pytest.mark.parametrize("mode", [FailMode.CLOSED, FailMode.OPEN])
def test_the_verdict_is_the_tables(mode: FailMode, outcome: SecondFactorOutcome) -> None:
    _, conclusion = transcript(
        bind("secret"), policy(fail_mode=mode), ACCEPTED, ENTRY, SecondFactorResult(outcome)
    )
    admits = outcome in {SecondFactorOutcome.ALLOWED, SecondFactorOutcome.BYPASSED} or (
        mode is FailMode.OPEN and outcome is SecondFactorOutcome.UNAVAILABLE
    )
    assert conclusion.verdict is (Verdict.ACCEPTED if admits else Verdict.REJECTED)


def test_duos_text_goes_to_the_client_only_with_a_rejection() -> None:
    denied = SecondFactorResult(SecondFactorOutcome.DENIED, text="Login request denied.")
    _, conclusion = transcript(bind("secret"), policy(), ACCEPTED, ENTRY, denied)
    assert conclusion.text == "Login request denied."
    allowed = SecondFactorResult(SecondFactorOutcome.ALLOWED, text="Success. Logging you in...")
    _, conclusion = transcript(bind("secret"), policy(), ACCEPTED, ENTRY, allowed)
    assert conclusion.text == ""


def test_fraud_has_a_reason_of_its_own() -> None:
    fraud = SecondFactorResult(SecondFactorOutcome.DENIED, fraud=True)
    _, conclusion = transcript(bind("secret"), policy(), ACCEPTED, ENTRY, fraud)
    assert conclusion.reason is Reason.FRAUD


AWAY = SecondFactorResult(SecondFactorOutcome.UNAVAILABLE, detail="connection refused")
OFFLINE = policy(fail_mode=FailMode.OFFLINE)


def test_offline_asks_for_the_code_that_was_typed() -> None:
    verified = OfflineResult(OfflineVerdict.VERIFIED, "Alice's phone")
    effects, conclusion = transcript(bind("secret,123456"), OFFLINE, ACCEPTED, ENTRY, AWAY, verified)
    assert effects[-1] == VerifyOffline(ENTRY.identity, Secret("123456"))
    assert (conclusion.verdict, conclusion.reason) == (Verdict.ACCEPTED, Reason.OFFLINE_CODE)
    assert conclusion.offline == verified


@pytest.mark.parametrize(
    "verdict", [verdict for verdict in OfflineVerdict if verdict is not OfflineVerdict.VERIFIED]
)
def test_offline_admits_nobody_without_a_verified_code(verdict: OfflineVerdict) -> None:
    _, conclusion = transcript(bind("secret,123456"), OFFLINE, ACCEPTED, ENTRY, AWAY, OfflineResult(verdict))
    assert conclusion.verdict is Verdict.REJECTED
    assert conclusion.reason.value.startswith("offline_")


def test_offline_without_a_code_is_rejected_unasked() -> None:
    effects, conclusion = transcript(bind("secret"), OFFLINE, ACCEPTED, ENTRY, AWAY)
    assert not any(isinstance(effect, VerifyOffline) for effect in effects)
    assert conclusion.reason is Reason.OFFLINE_NO_CODE


def test_while_duo_answers_an_offline_code_is_not_a_way_in() -> None:
    denied = SecondFactorResult(SecondFactorOutcome.DENIED)
    effects, conclusion = transcript(bind("secret,123456"), OFFLINE, ACCEPTED, ENTRY, denied)
    assert not any(isinstance(effect, VerifyOffline) for effect in effects)
    assert second_factor_of(list(effects)).choice == Passcode(Secret("123456"))
    assert conclusion.reason is Reason.DENIED


def test_what_is_left_of_the_limits_is_told_in_the_audit_log() -> None:
    verified = OfflineResult(OfflineVerdict.VERIFIED, "Alice's phone", "9 offline logins are left")
    _, conclusion = transcript(bind("secret,123456"), OFFLINE, ACCEPTED, ENTRY, AWAY, verified)
    assert conclusion.detail == "connection refused; 9 offline logins are left"
