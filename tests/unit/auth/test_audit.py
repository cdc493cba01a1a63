"""The audit record: the fields of the design, in its order, and nothing secret."""

from __future__ import annotations

import json

from ldapproxy.auth.audit import Durations, record_of
from ldapproxy.auth.bind_flow import Conclusion
from ldapproxy.auth.outcomes import (
    OfflineResult,
    OfflineVerdict,
    Reason,
    SecondFactorOutcome,
    SecondFactorResult,
    Verdict,
)
from tests.unit.auth.flows import ALICE, CLIENT, policy

# Design 8, without the timestamp, which the log adds; `detail` is ours.
FIELDS = [
    "event", "id", "listener", "client_address", "name", "dn", "username", "verdict", "reason", "factor",
    "device", "second_factor", "fail_mode", "offline_authenticator", "result_code", "durations_ms",
    "joined", "detail",
]  # fmt: skip


def test_all_fields() -> None:
    conclusion = Conclusion(
        Verdict.ACCEPTED,
        Reason.OFFLINE_CODE,
        b"response",
        dn=ALICE,
        username="alice",
        second_factor=SecondFactorResult(SecondFactorOutcome.UNAVAILABLE, "push", "iPhone", detail="refused"),
        offline=OfflineResult(OfflineVerdict.VERIFIED, "Alice's token"),
        detail="refused",
    )
    fields = record_of(
        conclusion,
        bind_id="0123",
        name="UID=Alice,...",
        policy=policy(),
        client=CLIENT,
        result_code=0,
        durations=Durations(0.0011, 0.002, 0.5, 0.5042),
    ).as_fields()
    assert list(fields) == FIELDS
    assert json.loads(json.dumps(fields)) == {
        "event": "bind",
        "id": "0123",
        "listener": "vpn",
        "client_address": "192.0.2.7",
        "name": "UID=Alice,...",
        "dn": "uid=alice,ou=people,dc=example,dc=com",
        "username": "alice",
        "verdict": "accepted",
        "reason": "offline_code",
        "factor": "push",
        "device": "iPhone",
        "second_factor": "unavailable",
        "fail_mode": "closed",
        "offline_authenticator": "Alice's token",
        "result_code": 0,
        "durations_ms": {"primary": 1.1, "lookup": 2.0, "second_factor": 500.0, "total": 504.2},
        "joined": None,
        "detail": "refused",
    }


def test_what_is_not_known_is_null() -> None:
    fields = record_of(
        Conclusion(Verdict.REJECTED, Reason.CLIENT_LEFT),
        bind_id="0123",
        name="x",
        policy=policy(),
        client=CLIENT,
        result_code=None,
        durations=Durations(total=5.0),
    ).as_fields()
    unknown = {name for name, value in fields.items() if value is None}
    assert unknown == {
        "dn",
        "username",
        "factor",
        "device",
        "second_factor",
        "offline_authenticator",
        "result_code",
        "joined",
    }
    assert fields["durations_ms"] == {"primary": None, "lookup": None, "second_factor": None, "total": 5000.0}
