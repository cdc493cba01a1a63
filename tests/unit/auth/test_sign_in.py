"""Who gets into the portal: a listener's rules without its exceptions, as transcripts and as a table."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from ldapproxy.auth.bind_flow import Conclusion
from ldapproxy.auth.credentials import Auto, Everybody
from ldapproxy.auth.effects import FindEntry, LookUpEntry, RecallLogin, VerifyPrimary, VerifySecondFactor
from ldapproxy.auth.names import AccountName
from ldapproxy.auth.outcomes import (
    EntryNotFound,
    Factor,
    FailMode,
    Joined,
    OfflineResult,
    OfflineVerdict,
    Reason,
    SecondFactorOutcome,
    SecondFactorResult,
    Verdict,
)
from ldapproxy.auth.policy import ExemptDn, ExemptGroup, ExemptSubtree
from ldapproxy.auth.sign_in import admits, sign_in_policy
from ldapproxy.ldap.dn import DistinguishedName
from tests.unit.auth.flows import ACCEPTED, ALICE, ENTRY, REFUSED, STAFF, bind, policy, transcript

NOBODY = DistinguishedName.parse("cn=nobody,dc=example,dc=com")
TAPPED = SecondFactorResult(SecondFactorOutcome.ALLOWED, "push", "Alice's phone")

# Everything that lets people in without a tap.
LENIENT = policy(
    fail_mode=FailMode.OPEN,
    exempt=(ExemptDn(ALICE), ExemptSubtree(ALICE), ExemptGroup(STAFF)),
    remembers=True,
    client_is_user=True,
    factors=frozenset(Factor),
)


def test_a_tap_opens_the_portal() -> None:
    effects, conclusion = transcript(bind("pw"), sign_in_policy(LENIENT, NOBODY), ACCEPTED, ENTRY, TAPPED)
    assert [type(effect) for effect in effects] == [VerifyPrimary, LookUpEntry, VerifySecondFactor]
    assert admits(conclusion)


def test_no_exemption_is_left() -> None:
    member = replace(ENTRY, groups=frozenset({STAFF}))
    effects, _ = transcript(bind("pw"), sign_in_policy(LENIENT, NOBODY), ACCEPTED, member, TAPPED)
    assert any(isinstance(effect, VerifySecondFactor) for effect in effects)


def test_no_login_is_recalled_and_no_network_is_trusted() -> None:
    effects, _ = transcript(bind("pw"), sign_in_policy(LENIENT, NOBODY), ACCEPTED, ENTRY, TAPPED)
    assert not any(isinstance(effect, RecallLogin) for effect in effects)
    (question,) = [effect for effect in effects if isinstance(effect, VerifySecondFactor)]
    assert question.client_is_user is False


@pytest.mark.parametrize("typed", ["pw,123456", "pw,push2", "pw,sms", "pw,@Bob's phone"])
def test_nothing_is_typed_behind_the_password(typed: str) -> None:
    effects, _ = transcript(bind(typed), sign_in_policy(LENIENT, NOBODY), ACCEPTED, ENTRY, TAPPED)
    assert effects[0] == VerifyPrimary(None), "the directory gets all of it as the password"
    assert isinstance(effects[2], VerifySecondFactor)
    assert effects[2].choice == Auto()
    assert effects[2].factors == {Factor.PUSH, Factor.PHONE}


def test_a_user_name_is_looked_up() -> None:
    effects, conclusion = transcript(
        bind("pw", "alice"), sign_in_policy(LENIENT, NOBODY), ALICE, ACCEPTED, ENTRY, TAPPED
    )
    assert effects[:2] == [FindEntry(AccountName("alice")), VerifyPrimary(None, ALICE)]
    assert admits(conclusion)


def test_a_user_name_of_nobody_is_refused_by_the_directory_itself() -> None:
    effects, conclusion = transcript(
        bind("pw", "alice"), sign_in_policy(LENIENT, NOBODY), EntryNotFound(), REFUSED
    )
    assert effects[1:] == [VerifyPrimary(None, NOBODY)]
    assert conclusion.reason is Reason.NO_ENTRY


def test_a_listener_that_looks_names_up_keeps_its_own_way() -> None:
    own = DistinguishedName.parse("cn=its own,dc=example,dc=com")
    assert sign_in_policy(replace(LENIENT, nobody=own), NOBODY).nobody == own


def test_a_shared_account_still_asks_everybody() -> None:
    shared = sign_in_policy(replace(LENIENT, shared=frozenset({ALICE})), NOBODY)
    effects, _ = transcript(bind("pw"), shared, ACCEPTED, ENTRY, TAPPED)
    assert isinstance(effects[2], VerifySecondFactor)
    assert effects[2].choice == Everybody()


def test_a_required_group_is_still_required() -> None:
    _, conclusion = transcript(
        bind("pw"), sign_in_policy(replace(LENIENT, require_group=STAFF), NOBODY), ACCEPTED, ENTRY
    )
    assert conclusion.reason is Reason.GROUP_REQUIRED
    assert not admits(conclusion)


@pytest.mark.parametrize("mode", FailMode)
@pytest.mark.parametrize(
    "outcome", [each for each in SecondFactorOutcome if each is not SecondFactorOutcome.ALLOWED]
)
def test_no_other_outcome_opens_the_portal(mode: FailMode, outcome: SecondFactorOutcome) -> None:
    lenient = replace(LENIENT, fail_mode=mode)
    result = SecondFactorResult(outcome, "push")
    _, conclusion = transcript(bind("pw"), sign_in_policy(lenient, NOBODY), ACCEPTED, ENTRY, result)
    assert not admits(conclusion)


GOOD = Conclusion(
    Verdict.ACCEPTED,
    Reason.SECOND_FACTOR,
    b"response",
    dn=ALICE,
    username="alice",
    identity="alice-id",
    second_factor=TAPPED,
)


def test_the_good_conclusion_is_good() -> None:
    assert admits(GOOD)


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": Verdict.REJECTED},
        *({"reason": reason} for reason in Reason if reason is not Reason.SECOND_FACTOR),
        {"second_factor": None},
        *(
            {"second_factor": replace(TAPPED, outcome=outcome)}
            for outcome in SecondFactorOutcome
            if outcome is not SecondFactorOutcome.ALLOWED
        ),
        *({"second_factor": replace(TAPPED, joined=joined)} for joined in Joined),
        *({"second_factor": replace(TAPPED, factor=factor)} for factor in ("passcode", "sms", None)),
        {"offline": OfflineResult(OfflineVerdict.VERIFIED)},
        {"identity": None},
        {"identity": ""},
        {"username": None},
        {"dn": None},
    ],
    ids=str,
)
def test_each_flaw_alone_keeps_the_portal_shut(change: dict[str, Any]) -> None:
    assert not admits(replace(GOOD, **change))


def test_every_field_of_the_policy_was_thought_of() -> None:
    """Whoever adds a field decides here what it means for the portal."""
    names = {"username", "rewrites", "nobody", "confirms_names"}
    kept = names | {"listener", "bind_timeout", "require_group", "shared"}
    changed = {
        "fail_mode",
        "factors",
        "delimiter",
        "anonymous",
        "exempt",
        "client_is_user",
        "remembers",
        "nobody",
    }
    # The portal is always behind TLS.
    without_meaning = {"confidentiality_required"}
    assert {field.name for field in fields(LENIENT)} == kept | changed | without_meaning
