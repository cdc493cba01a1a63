"""Audit records for the tests of this folder."""

from __future__ import annotations

from ldapproxy.auth.audit import AuditRecord, Durations
from ldapproxy.auth.outcomes import FailMode, Reason, SecondFactorOutcome, Verdict
from ldapproxy.auth.portal_audit import ActionEnd, PortalAction, PortalRecord

RECORD = AuditRecord(
    id="b-1",
    listener="vpn",
    client_address="192.0.2.7",
    name="uid=alice,ou=people,dc=example,dc=com",
    dn="uid=alice,ou=people,dc=example,dc=com",
    username="alice",
    verdict=Verdict.ACCEPTED,
    reason=Reason.SECOND_FACTOR,
    factor="push",
    device="phone",
    second_factor=SecondFactorOutcome.ALLOWED,
    fail_mode=FailMode.CLOSED,
    offline_authenticator=None,
    result_code=0,
    durations=Durations(primary=0.004, lookup=0.002, second_factor=7.5, total=7.51),
)

PORTAL_RECORD = PortalRecord(
    id="p-1",
    action=PortalAction.ADD,
    listener="vpn",
    client_address="192.0.2.7",
    name=None,
    dn="uid=alice,ou=people,dc=example,dc=com",
    username="alice",
    verdict=Verdict.ACCEPTED,
    reason=ActionEnd.DONE,
    offline_authenticator="Alice's phone",
)
