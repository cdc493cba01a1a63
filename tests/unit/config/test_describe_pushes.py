"""What logins share, in words: everything that the settings change is in the text."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ldapproxy.config.describe_pushes import describe_pushes
from ldapproxy.config.paragraphs import render
from tests.unit.config.sample import Sample

SHARED = {"dn": "uid=operations,ou=people,dc=example,dc=com", "push": "all"}
OFF = {"pushes": 0, "pause_after_denial": "0s", "pause_after_fraud": "0s"}


def described(sample: Sample, **keys: Any) -> str:
    sample.listener.update(keys)
    (listener,) = sample.load().listeners
    return re.sub(r"\s+", " ", render("Listener", describe_pushes(listener)))


def test_the_defaults(sample: Sample) -> None:
    assert described(sample).removeprefix("Listener -------- ") == (
        "Retries While a login waits for Duo, the same login (person, client address and all that was typed) "
        "waits with it, and Duo is not asked again. "
        "An approval that comes after the client has left lets the same login in, once, within 60s. "
        "Remembered Never: each login needs a second factor of its own. "
        "Push limits 6 pushes or calls that are not approved in 10m, then no more. "
        "None for 60s after one that was denied or not answered, and for 30m after one that was reported as "
        "fraud. All that per person, over all listeners. A passcode works all the same."
    )


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"single_flight": False}, "Each login asks Duo, also while the same one still waits."),
        ({"late_approval": "5m"}, "lets the same login in, once, within 5m."),
        ({"late_approval": "0s"}, "When the client leaves, its push ends, and an approval that still comes"),
        ({"answer_before": "7s"}, "After 7s a login is answered busy, while its push goes on for the next"),
        ({"remember": {"for": "8h"}}, "A denial ends it for that person on all listeners"),
        ({"remember": {"for": "8h"}}, "What Duo has allowed is enough for 8h, for the same person,"),
        ({"remember": {"for": "8h", "idle": "30m"}}, "for 8h, or 30m after its last use, for the same"),
        ({"remember": {"for": "8h"}}, "has the password and sits behind the same address shares the tap."),
        ({"push_limits": {"pushes": 3, "per": "1h"}}, "3 pushes or calls that are not approved in 1h, then"),
        ({"push_limits": {"pause_after_denial": "5m"}}, "None for 5m after one that was denied or not"),
        ({"push_limits": {"pause_after_fraud": "1d"}}, "and for 24h after one that was reported as fraud."),
        ({"push_limits": {"pause_after_denial": "0s"}}, "None for 30m after one that was reported as fraud."),
        ({"push_limits": OFF}, "None: who has the password can send pushes without end."),
        ({"shared_accounts": [SHARED]}, "and the first approval is enough, for - uid=operations,ou=people,"),
    ],
)
def test_what_a_setting_changes_is_said(sample: Sample, keys: dict[str, Any], sentence: str) -> None:
    assert sentence not in described(sample)
    assert sentence in described(sample, **keys)


def test_without_push_and_phone_there_is_nobody_to_bother(sample: Sample) -> None:
    text = described(sample, factors=["passcode"], shared_accounts=[SHARED])
    assert "Retries While a login waits" in text
    for absent in ("Shared", "approval", "Push limits"):
        assert absent not in text


def test_a_rule_that_is_off_is_not_told(sample: Sample) -> None:
    text = described(sample, push_limits={"pushes": 0, "pause_after_fraud": "0s"})
    assert "Push limits None for 60s after one that was denied or not answered. All that" in text
    assert "fraud" not in text
