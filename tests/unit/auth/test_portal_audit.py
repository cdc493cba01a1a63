"""The record of an action in the portal: the fields of a bind's record where they mean the same."""

from __future__ import annotations

import json

from ldapproxy.auth.audit import Durations
from ldapproxy.auth.outcomes import Reason, SecondFactorOutcome, Verdict
from ldapproxy.auth.portal_audit import ActionEnd, PortalAction, PortalRecord
from tests.unit.auth.test_audit import FIELDS


def test_all_fields() -> None:
    record = PortalRecord(
        id="0123",
        action=PortalAction.SIGN_IN,
        listener="vpn",
        client_address="192.0.2.7",
        name="Alice",
        dn="uid=alice,ou=people,dc=example,dc=com",
        username="alice",
        verdict=Verdict.REJECTED,
        reason=Reason.BYPASSED,
        factor="push",
        device="iPhone",
        second_factor=SecondFactorOutcome.BYPASSED,
        durations=Durations(0.001, None, 0.5, 0.502),
        detail="a sentence",
    )
    assert json.loads(json.dumps(record.as_fields())) == {
        "event": "portal",
        "id": "0123",
        "action": "sign_in",
        "listener": "vpn",
        "client_address": "192.0.2.7",
        "name": "Alice",
        "dn": "uid=alice,ou=people,dc=example,dc=com",
        "username": "alice",
        "verdict": "rejected",
        "reason": "bypassed",
        "factor": "push",
        "device": "iPhone",
        "second_factor": "bypassed",
        "offline_authenticator": None,
        "durations_ms": {"primary": 1.0, "lookup": None, "second_factor": 500.0, "total": 502.0},
        "detail": "a sentence",
    }


def test_what_has_no_meaning_is_null_and_never_left_out() -> None:
    record = PortalRecord(
        id="0123",
        action=PortalAction.REMOVE,
        listener="vpn",
        client_address="192.0.2.7",
        name=None,
        dn=None,
        username="alice",
        verdict=Verdict.ACCEPTED,
        reason=ActionEnd.DONE,
        offline_authenticator="Alice's phone",
    )
    fields = record.as_fields()
    assert fields["durations_ms"] is None
    assert fields["second_factor"] is None
    assert (fields["reason"], fields["offline_authenticator"]) == ("done", "Alice's phone")


def test_the_names_are_those_of_a_bind() -> None:
    record = PortalRecord(
        "0", PortalAction.ADD, "vpn", "::1", None, None, None, Verdict.REJECTED, ActionEnd.REFUSED
    )
    assert set(record.as_fields()) - {"action"} <= set(FIELDS)
