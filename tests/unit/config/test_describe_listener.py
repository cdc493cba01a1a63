"""One listener in words: everything that its settings change is in the text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from ldapproxy.auth.fail_mode import Decision, decide
from ldapproxy.auth.outcomes import FailMode, SecondFactorOutcome
from ldapproxy.config.describe_listener import describe_listener
from ldapproxy.net.settings import ListenerSettings
from ldapproxy.offline.settings import OfflineSettings
from tests.unit.config.sample import Sample

TLS = {"certificate_file": "vpn.pem", "private_key_file": "vpn.key"}


def described(sample: Sample, **keys: Any) -> str:
    sample.listener.update(keys)
    configuration = sample.load()
    (listener,) = configuration.listeners
    return text_of(listener, sample)


def text_of(listener: ListenerSettings, sample: Sample) -> str:
    configuration = sample.load()
    offline = OfflineSettings("sqlite:///offline.db", (), max_logins=10, max_age=604_800.0)
    text = describe_listener(listener, configuration.directories[0], configuration.duo[0], offline)
    return re.sub(r"\s+", " ", text)


def test_the_defaults(sample: Sample) -> None:
    text = described(sample)
    for sentence in (
        "Listener vpn: ldap://127.0.0.1:389",
        "May connect from anywhere.",
        "None: passwords and answers travel in clear text.",
        "Whom directory corp accepts with the password, and then Duo application prod, within 60s.",
        "Duo knows the person by the value of uid, as the directory returns it.",
        "Allowed: push, phone call, passcode.",
        "Who types only the password gets a push, or a call if no device can do a push.",
        "Who wants another one types password,push or password,phone or password,123456 or password,sms.",
        "password,@NAME asks the device of that name. (sms only sends passcodes for the next login; this one "
        "fails.)",
        "Nobody: each login needs the second factor.",
        "The root DSE can be read, nothing else.",
        "Whatever the directory lets the person do.",
        "Compare of, and filters on, userPassword,",
        'Of extended operations, "Who am I?", Cancel, Password Modify are relayed, and no other.',
        "At a time: 10000 connections; 5000 pending binds; 1000 operations a connection.",
        "A request has at most 4MiB, 64KiB before a login; 256KiB wait behind a pending bind; all "
        "connections together keep at most 256MiB waiting.",
        "A connection ends after 1h of silence, and when it says nothing complete for 10s",
    ):
        assert sentence in text
    assert "Active Directory" not in text


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"networks": ["10.1.0.0/16", "::1"]}, "May connect from 10.1.0.0/16, ::1/128."),
        ({"networks": ["0.0.0.0/0"]}, "May connect from 0.0.0.0/0."),
        ({"url": "ldap://[::1]:1389"}, "Listener vpn: ldap://[::1]:1389"),
        ({"tls": TLS}, "StartTLS is required: before it, only the root DSE can be read. TLS 1.2 or later"),
        ({"tls": {**TLS, "start_tls": "optional"}}, "StartTLS is offered; passwords in clear text are"),
        ({"url": "ldaps://127.0.0.1", "tls": {**TLS, "minimum_version": "1.3"}}, "byte. TLS 1.3 or later"),
        ({"require_group": "cn=vpn,dc=example,dc=com"}, "Only members of cn=vpn,dc=example,dc=com (and"),
        ({"username": "rdn"}, "Duo knows the person by the first value of the entry's DN"),
        ({"username_rewrite": [{"pattern": "@.*$", "replace": ""}, "lower_case"]},
         "person to Duo. - @.*$ becomes nothing - all of it becomes lower case"),
        ({"username_rewrite": [{"pattern": "^A(.)", "replace": r"\1"}]}, r"- ^A(.) becomes \1"),
        ({"factors": ["push"]}, "gets a push. Who wants another one types password,push. pas"),
        ({"factors": ["phone"]}, "Who types only the password gets a call. Who"),
        ({"factors": ["passcode"]}, "Who types only the password is refused. Who wants"),
        ({"factors": ["passcode"]}, "types password,123456 or password,sms. (sms only"),
        ({"delimiter": "+"}, "or password+123456 or"),
        ({"delimiter": None}, "Nothing can be typed behind the password."),
        ({"client_is_user": True}, "The client's address goes to Duo as the person's own"),
        ({"anonymous": "deny"}, "Nothing: anonymous binds are refused."),
        ({"anonymous": "allow"}, "Whatever the directory lets anonymous clients do."),
        ({"search_after_bind": False}, "Nothing: other operations than binds are refused."),
        ({"allow_password_compare": True}, "Passwords can be tested by Compare and by filters"),
        ({"extended_operations": ["1.2.3"]}, "Cancel, Password Modify, 1.2.3 are relayed, and no other."),
        ({"bind_timeout": "90s"}, "within 90s."),
        ({"limits": {"connections_per_client": 20}}, "10000 connections, 20 of one address;"),
    ],
)  # fmt: skip
def test_what_a_setting_changes_is_said(sample: Sample, keys: dict[str, Any], sentence: str) -> None:
    assert sentence not in described(sample)
    assert sentence in described(sample, **keys)


def test_a_device_can_be_named_where_one_is_asked(sample: Sample) -> None:
    assert "password+@NAME asks the device" in described(sample, factors=["phone"], delimiter="+")
    assert "@NAME" not in described(sample, factors=["passcode"])
    assert "@NAME" not in described(sample, factors=["push"], delimiter=None)


def test_an_extended_operation_that_is_relayed_anyway_is_told_once(sample: Sample) -> None:
    (_, relayed) = described(sample, extended_operations=["1.3.6.1.1.8", "1.2.3"]).split("operations, ")
    assert relayed.startswith('"Who am I?", Cancel, Password Modify, 1.2.3 are relayed, and no other.')


def test_exemptions(sample: Sample) -> None:
    text = described(
        sample,
        exempt=[
            {"dn": "cn=vpn-search,dc=example,dc=com", "networks": ["10.1.0.0/16"]},
            {"subtree": "ou=robots,dc=example,dc=com"},
            {"group": "cn=exempt,dc=example,dc=com"},
        ],
    )
    assert (
        "The password is enough for "
        "- cn=vpn-search,dc=example,dc=com, from 10.1.0.0/16 "
        "- everybody below ou=robots,dc=example,dc=com, from anywhere "
        "- members of cn=exempt,dc=example,dc=com, from anywhere"
    ) in text


def test_groups_bring_the_note_about_active_directory(sample: Sample) -> None:
    note = "On Active Directory, nested groups count, and a person's primary group"
    assert note in described(sample, require_group="cn=vpn,dc=example,dc=com")
    del sample.listener["require_group"]
    assert note not in described(sample, exempt=[{"dn": "cn=a,dc=example,dc=com"}])
    assert note in described(sample, exempt=[{"group": "cn=a,dc=example,dc=com"}])


@pytest.mark.parametrize("mode", list(FailMode))
def test_the_fail_mode_is_told_row_by_row(sample: Sample, mode: FailMode) -> None:
    """Each outcome stands under the decision that `auth.fail_mode` takes; the text cannot differ from it."""
    (listener,) = sample.load().listeners
    text = text_of(replace(listener, policy=replace(listener.policy, fail_mode=mode)), sample)
    assert f"Fail mode {mode.value}. With the right password, a person" in text
    rows = {
        SecondFactorOutcome.ALLOWED: "Duo allows the login",
        SecondFactorOutcome.BYPASSED: "Duo asks for no second factor",
        SecondFactorOutcome.DENIED: "the person or Duo says no",
        SecondFactorOutcome.NOT_ENROLLED: "Duo wants the person to enrol first",
        SecondFactorOutcome.NO_FACTOR: "no device can do what is allowed",
        SecondFactorOutcome.PAUSED: "too many pushes were not approved",
        SecondFactorOutcome.TIMED_OUT: "the person does not answer in time",
        SecondFactorOutcome.UNAVAILABLE: "Duo is away: no connection",
        SecondFactorOutcome.INTERRUPTED: "Duo was asked, and was lost",
        SecondFactorOutcome.UNTRUSTED: "Duo's certificate does not verify",
        SecondFactorOutcome.RATE_LIMITED: "Duo says that there were too many requests",
        SecondFactorOutcome.MISCONFIGURED: "Duo refuses our keys or clock",
    }
    assert set(rows) == set(SecondFactorOutcome)
    headings = {
        Decision.ACCEPT: "gets in when",
        Decision.ASK_OFFLINE: "gets in with an offline code, and not otherwise, when",
        Decision.REJECT: "is refused when",
    }
    for outcome, row in rows.items():
        before, _, _ = text.partition(f"- {row}")
        assert before != text, row
        latest = max(headings, key=lambda decision: before.rfind(headings[decision]))
        assert latest is decide(mode, outcome)


def test_limits_on_wrong_passwords_are_told_when_there_are_any(sample: Sample) -> None:
    assert "Wrong passwords" not in described(sample)
    limits = {"failed_binds": {"per_user": 5, "per_client": 100, "per": "1h"}}
    assert (
        "Wrong passwords in 1h: 5 of one user or 100 from one address; then the directory is not asked, and "
        "the answer is busy."
    ) in described(sample, limits=limits)
