"""What logins share and how often people are bothered: settings, defaults, bounds, warnings."""

from __future__ import annotations

from typing import Any

import pytest

from ldapproxy.auth.push_limits import PushLimitRules
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.net.settings import PushSettings, RememberSettings
from tests.unit.config.sample import Sample

OPERATIONS = "uid=operations,ou=people,dc=example,dc=com"


def test_the_defaults(sample: Sample) -> None:
    (listener,) = sample.load().listeners
    assert listener.pushes == PushSettings(
        single_flight=True,
        late_approval=60.0,
        answer_before=None,
        limits=PushLimitRules(pushes=6, per=600.0, pause_after_denial=60.0, pause_after_fraud=1800.0),
    )
    assert listener.remember == RememberSettings(lasts=0.0, idle=0.0)
    assert not listener.policy.remembers
    assert listener.policy.shared == frozenset()


def test_every_setting(sample: Sample) -> None:
    sample.listener.update(
        single_flight=False,
        late_approval="90s",
        answer_before="7s",
        remember={"for": "8h", "idle": "30m"},
        push_limits={"pushes": 3, "per": "5m", "pause_after_denial": "2m", "pause_after_fraud": "1h"},
        shared_accounts=[{"dn": OPERATIONS, "push": "all"}, {"dn": "uid=b,dc=example,dc=com", "push": "all"}],
    )
    configuration = sample.load()
    (listener,) = configuration.listeners
    assert listener.pushes == PushSettings(
        single_flight=False,
        late_approval=90.0,
        answer_before=7.0,
        limits=PushLimitRules(pushes=3, per=300.0, pause_after_denial=120.0, pause_after_fraud=3600.0),
    )
    assert listener.remember == RememberSettings(lasts=28_800.0, idle=1800.0)
    assert listener.policy.remembers
    assert listener.policy.shared == {
        DistinguishedName.parse(OPERATIONS),
        DistinguishedName.parse("uid=b,dc=example,dc=com"),
    }
    assert configuration.warnings == ()


def test_a_partial_map_keeps_the_other_defaults(sample: Sample) -> None:
    sample.listener.update(push_limits={"pushes": 1}, remember={"for": "1m"})
    (listener,) = sample.load().listeners
    assert listener.pushes.limits == PushLimitRules(pushes=1)
    assert listener.remember == RememberSettings(lasts=60.0, idle=0.0)


def test_off_may_be_written_out(sample: Sample) -> None:
    sample.listener.update(
        late_approval="0s",
        answer_before=None,
        remember={"for": "0s", "idle": "0s"},
        push_limits={"pushes": 0, "pause_after_denial": "0s", "pause_after_fraud": "0s"},
        shared_accounts=[],
    )
    assert sample.warnings() == []
    (listener,) = sample.load().listeners
    assert listener.pushes == PushSettings(late_approval=0.0, limits=PushLimitRules(0, 600.0, 0.0, 0.0))
    assert not listener.policy.remembers


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("single_flight", "yes", "single_flight: must be true or false, without quotes"),
        ("late_approval", 60, "late_approval: must be a duration"),
        ("late_approval", "1h", "late_approval: must be at most 10m: an approval is honoured without a tap"),
        ("answer_before", "0s", "answer_before: must be at least 1s: it ends just before the application"),
        ("answer_before", "never", "answer_before: must be a duration"),
        ("remember", None, "remember: has no value; write a map under it"),
        ("remember", "8h", "remember: must be a map"),
        ("remember", {"for": "8d"}, "remember.for: must be at most 7d: for so long a stolen password"),
        ("remember", {"for": "1h", "idel": "1m"}, "remember.idel: is not a known key; did you mean idle?"),
        ("remember", {"for": None}, "remember.for: has no value"),
        ("push_limits", {"pushes": -1}, "push_limits.pushes: must be at least 0: more is no limit; 0 is off"),
        ("push_limits", {"pushes": 1001}, "push_limits.pushes: must be at most 1000"),
        ("push_limits", {"per": "0s"}, "push_limits.per: must be at least 1s: shorter limits nobody"),
        ("push_limits", {"pause_after_denial": "2d"}, "pause_after_denial: must be at most 24h: a longer"),
        ("push_limits", {"pause_after_fraud": 30}, "push_limits.pause_after_fraud: must be a duration"),
        ("push_limits", {"push": 3}, "push_limits.push: is not a known key; did you mean pushes?"),
        ("shared_accounts", {"dn": OPERATIONS}, "shared_accounts: must be a list"),
        ("shared_accounts", [OPERATIONS], "shared_accounts[0]: must be a map"),
        ("shared_accounts", [{"push": "all"}], "shared_accounts[0].dn: is required"),
        ("shared_accounts", [{"dn": "operations", "push": "all"}], "shared_accounts[0].dn: must be a dist"),
        ("shared_accounts", [{"dn": OPERATIONS}], "shared_accounts[0].push: is required; all asks every"),
        ("shared_accounts", [{"dn": OPERATIONS, "push": "one"}], "shared_accounts[0].push: must be all"),
        ("shared_accounts", [{"dn": OPERATIONS, "push": "all"}] * 2, "shared_accounts[1]: is listed twice"),
    ],
)  # fmt: skip
def test_what_is_refused(sample: Sample, key: str, value: Any, problem: str) -> None:
    sample.listener[key] = value
    (found,) = sample.problems()
    assert found.startswith("listeners.vpn.")
    assert problem in found


def test_an_early_answer_needs_a_late_approval(sample: Sample) -> None:
    sample.listener.update(answer_before="7s", late_approval="0s")
    assert sample.problems() == [
        "listeners.vpn.answer_before: needs late_approval: without it the push ends with the answer"
    ]


def warnings(sample: Sample, **keys: Any) -> list[str]:
    sample.listener.update(keys)
    return [warning.removeprefix("listeners.vpn.") for warning in sample.warnings()]


def test_an_early_answer_that_comes_too_late(sample: Sample) -> None:
    assert warnings(sample, answer_before="60s") == [
        "answer_before: has no effect: bind_timeout ends the bind earlier"
    ]
    assert warnings(sample, answer_before="59s") == []


def test_a_time_without_a_limit_has_no_effect(sample: Sample) -> None:
    assert warnings(sample, push_limits={"pushes": 0, "per": "5m"}) == [
        "push_limits.per: has no effect: pushes is 0, which is off"
    ]
    assert warnings(sample, push_limits={}, remember={"idle": "5m"}) == [
        "remember.idle: has no effect: nothing is remembered while for is 0s"
    ]
    assert warnings(sample, remember={"for": "5m", "idle": "5m"}) == [
        "remember.idle: has no effect: for ends it earlier"
    ]


def test_what_is_about_pushes_has_no_effect_without_push_and_phone(sample: Sample) -> None:
    because = "has no effect: factors allows neither push nor phone"
    keys = {"late_approval": "60s", "answer_before": "7s", "push_limits": {"pushes": 3}}
    assert warnings(sample, factors=["passcode"], **keys) == [
        f"late_approval: {because}",
        f"answer_before: {because}",
        f"push_limits: {because}",
    ]
    assert warnings(sample, factors=["passcode", "phone"]) == []


def test_a_shared_account_that_gets_no_push(sample: Sample) -> None:
    shared = [{"dn": OPERATIONS, "push": "all"}]
    assert warnings(sample, factors=["phone"], shared_accounts=shared) == [
        "shared_accounts: has no effect: factors does not allow push"
    ]
    del sample.listener["factors"]
    exempt = "shared_accounts: item 1 has no effect: the account is exempt"
    assert warnings(sample, exempt=[{"dn": OPERATIONS.upper()}]) == [exempt]
    assert warnings(sample, exempt=[{"subtree": "ou=people,dc=example,dc=com"}]) == [exempt]
    assert warnings(sample, exempt=[{"dn": OPERATIONS, "networks": ["10.0.0.0/8"]}]) == []
    assert warnings(sample, exempt=[{"subtree": "ou=services,dc=example,dc=com"}]) == []
