"""Duo's answers: the documented ones, and that no other one ever lets anybody in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.auth.outcomes import Factor, SecondFactorOutcome, SecondFactorResult
from ldapproxy.duo import responses
from ldapproxy.duo.calls import AWAY, CallOutcome, Failure, Reply
from ldapproxy.duo.responses import Device, Devices, Waiting

O = SecondFactorOutcome  # noqa: E741 -- it stands in half of the lines below


def reply(document: object, status: int = 200) -> Reply:
    """An answer that carries JSON."""
    return Reply(status, json.dumps(document).encode())


def failure(value: object) -> CallOutcome:
    """The outcome of a failure, which has a detail."""
    assert isinstance(value, Failure), value
    assert value.detail
    return value.outcome


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (429, CallOutcome.RATE_LIMITED),
        (500, CallOutcome.SERVER_ERROR),
        (599, CallOutcome.SERVER_ERROR),
        (301, CallOutcome.NONSENSE),
        (308, CallOutcome.NONSENSE),
        (401, CallOutcome.UNAUTHORIZED),
        (400, CallOutcome.REFUSED),
        (499, CallOutcome.REFUSED),
        (201, CallOutcome.NONSENSE),
        (101, CallOutcome.NONSENSE),
        (600, CallOutcome.NONSENSE),
        (0, CallOutcome.NONSENSE),
    ],
)
def test_the_http_status_comes_first(status: int, outcome: CallOutcome) -> None:
    """Even a body that says OK does not count then."""
    assert failure(responses.response_of(reply({"stat": "OK", "response": {}}, status))) is outcome


def test_duos_own_words_are_in_the_detail() -> None:
    said = {
        "stat": "FAIL",
        "code": 40002,
        "message": "Invalid request parameters",
        "message_detail": "username",
    }
    refused = responses.response_of(reply(said, 400))
    assert isinstance(refused, Failure)
    assert refused.detail == "Duo refused the request (HTTP 400, 40002: Invalid request parameters: username)"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"OK"',
        b"<html></html>",
        b"\xff\xfe",
        b'{"stat": "OK", "response": ',
        b"[" * 100_000,
        b"1" * 10_000,
        b'{"stat": "OK"}',
        b'{"stat": "OK", "response": null}',
        b'{"stat": "OK", "response": []}',
        b'{"stat": "ok", "response": {}}',
        b'{"stat": true, "response": {}}',
        b'{"stat": ["OK"], "response": {}}',
        b'{"response": {}}',
    ],
)
def test_what_is_not_duos_json_makes_no_sense(body: bytes) -> None:
    assert failure(responses.response_of(Reply(200, body))) is CallOutcome.NONSENSE


def test_a_response_is_handed_on() -> None:
    assert responses.response_of(reply({"stat": "OK", "response": {"time": 1}})) == {"time": 1}


@pytest.mark.parametrize("time", [None, "1", 1.5, True, 0, -1, 2**33, 10**400])
def test_a_time_that_is_none(time: object) -> None:
    assert failure(responses.server_time({"time": time})) is CallOutcome.NONSENSE


def test_a_time() -> None:
    assert responses.server_time({"time": 1357020061}) == 1357020061


@pytest.mark.parametrize(
    ("result", "outcome"), [("allow", O.BYPASSED), ("deny", O.DENIED), ("enroll", O.NOT_ENROLLED)]
)
def test_preauth_decides(result: str, outcome: SecondFactorOutcome) -> None:
    said = {"result": result, "status_msg": "Some words"}
    assert responses.preauth(said) == SecondFactorResult(outcome, text="Some words")
    assert responses.preauth({"result": result}) == SecondFactorResult(outcome)
    assert failure(responses.preauth({"result": result, "status_msg": 1})) is CallOutcome.NONSENSE


@pytest.mark.parametrize("result", [None, "", "Allow", "allowed", True, 1, ["allow"], {"allow": 1}])
def test_preauth_with_another_result_makes_no_sense(result: object) -> None:
    assert failure(responses.preauth({"result": result, "devices": []})) is CallOutcome.NONSENSE


def test_devices() -> None:
    found = responses.preauth(
        {
            "result": "auth",
            "devices": [
                {
                    "device": "DP1",
                    "display_name": "iOS (X)",
                    "name": "iPhone",
                    "capabilities": ["push", "news"],
                },
                {"device": "DP2", "display_name": "Desk", "name": "Desk", "capabilities": ["phone"]},
                {"device": "DH1", "type": "token", "name": ""},
            ],
        }
    )
    assert found == Devices(
        (
            Device("DP1", ("iOS (X)", "iPhone"), frozenset({"push", "news"})),
            Device("DP2", ("Desk",), frozenset({"phone"})),
            Device("DH1", (), frozenset()),
        )
    )
    assert [device.shown for device in found.devices] == ["iOS (X)", "Desk", "DH1"]
    assert found.devices[0].can(Factor.PUSH)
    assert not found.devices[0].can(Factor.PHONE)


@pytest.mark.parametrize(
    "devices",
    [
        None,
        {},
        "DP1",
        [None],
        ["DP1"],
        [{}],
        [{"device": 1}],
        [{"device": ""}],
        [{"device": "D" * 201}],
        [{"device": "D\u00e9"}],
        [{"device": "D\n"}],
        [{"device": "DP1", "capabilities": "push"}],
        [{"device": "DP1", "capabilities": [1]}],
        [{"device": "DP1", "capabilities": None}],
        [{"device": "DP1", "name": 1}],
        [{"device": "DP1", "display_name": []}],
    ],
)
def test_devices_that_make_no_sense(devices: object) -> None:
    assert failure(responses.preauth({"result": "auth", "devices": devices})) is CallOutcome.NONSENSE


def test_a_transaction() -> None:
    assert responses.transaction({"txid": "45f7c92b"}) == "45f7c92b"


@pytest.mark.parametrize("txid", [None, "", 1, "t" * 201, "t\x00", "\ud800", ["t"]])
def test_a_transaction_that_makes_no_sense(txid: object) -> None:
    assert failure(responses.transaction({"txid": txid})) is CallOutcome.NONSENSE


@pytest.mark.parametrize(
    ("result", "status", "outcome"),
    [
        ("allow", "allow", O.ALLOWED),
        ("allow", "bypass", O.BYPASSED),
        ("deny", "deny", O.DENIED),
        ("deny", "locked_out", O.DENIED),
        ("deny", "sent", O.DENIED),
        ("deny", "something new", O.DENIED),
        ("deny", "allow", O.DENIED),
        ("deny", "timeout", O.TIMED_OUT),
        ("waiting", "timeout", O.TIMED_OUT),
    ],
)
def test_a_transaction_ends(result: str, status: str, outcome: SecondFactorOutcome) -> None:
    said = {"result": result, "status": status, "status_msg": "Some words"}
    assert responses.auth_status(said) == SecondFactorResult(outcome, text="Some words")


def test_fraud_is_a_denial_that_is_marked() -> None:
    said = {"result": "deny", "status": "fraud"}
    assert responses.auth_status(said) == SecondFactorResult(O.DENIED, fraud=True)


@pytest.mark.parametrize("status", ["calling", "answered", "pushed", "push_failed", "something new"])
def test_a_transaction_goes_on(status: str) -> None:
    assert responses.auth_status({"result": "waiting", "status": status}) == Waiting(status)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"result": "allow"},
        {"status": "allow"},
        {"result": "allow", "status": None},
        {"result": "allow", "status": "deny"},
        {"result": "allow", "status": "fraud"},
        {"result": "allow", "status": "timeout"},
        {"result": "allow", "status": "something new"},
        {"result": "Allow", "status": "allow"},
        {"result": True, "status": "allow"},
        {"result": ["allow"], "status": "allow"},
        {"result": "allow", "status": ["allow"]},
        {"result": "allow", "status": "allow", "status_msg": 1},
        {"result": "perhaps", "status": "allow"},
    ],
)
def test_a_status_that_makes_no_sense(said: dict[str, object]) -> None:
    assert failure(responses.auth_status(said)) is CallOutcome.NONSENSE


def test_texts_are_fit_for_a_log_line_and_a_diagnostic_message() -> None:
    said = {"result": "deny", "status_msg": " No\nway \x1b[31m\ud800\u202e" + "x" * 1000}
    result = responses.preauth(said)
    assert isinstance(result, SecondFactorResult)
    assert result.text is not None
    assert result.text.isprintable()
    assert result.text.startswith("No way")
    assert len(result.text.encode()) <= 300
    assert responses.preauth({"result": "deny", "status_msg": "\n"}) == SecondFactorResult(O.DENIED)


@pytest.mark.parametrize("outcome", [item for item in CallOutcome if item is not CallOutcome.OK])
def test_what_a_failure_means(outcome: CallOutcome) -> None:
    """The table of design 4.1, for every failure there is."""
    failed = Failure(outcome, "why")
    elsewhere = {
        CallOutcome.UNTRUSTED: O.UNTRUSTED,
        CallOutcome.RATE_LIMITED: O.RATE_LIMITED,
    }
    before: SecondFactorOutcome
    after: SecondFactorOutcome
    if outcome in AWAY:
        before, after = O.UNAVAILABLE, O.INTERRUPTED
    elif outcome in (CallOutcome.ABANDONED, CallOutcome.NOT_MADE):
        before, after = O.TIMED_OUT, O.INTERRUPTED
    else:
        before = after = elsewhere.get(outcome, O.MISCONFIGURED)
    never_sent = outcome.value in {
        "unresolved",
        "unreachable",
        "connect_timeout",
        "proxy_unavailable",
        "proxy_refused",
        "not_made",
    }
    assert responses.never_asked(failed) == SecondFactorResult(before, detail="why")
    assert responses.already_asked(failed) == SecondFactorResult(after, detail="why")
    assert responses.auth_failed(failed).outcome is (before if never_sent else after)


WORDS = st.sampled_from(
    ["allow", "deny", "auth", "enroll", "waiting", "bypass", "fraud", "timeout", "OK", "FAIL", "sent", ""]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)
KEYS = ["stat", "response", "result", "status", "status_msg", "devices", "txid", "time"]
RESPONSES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6)


@given(RESPONSES)
def test_no_response_raises_and_none_lets_in_by_accident(response: dict[str, Any]) -> None:
    for read in (responses.server_time, responses.transaction):
        read(response)
    preauth = responses.preauth(response)
    if isinstance(preauth, SecondFactorResult) and preauth.outcome is O.BYPASSED:
        assert response["result"] == "allow"
    status = responses.auth_status(response)
    if isinstance(status, SecondFactorResult) and status.outcome in (O.ALLOWED, O.BYPASSED):
        assert response["result"] == "allow"
        assert response["status"] in ("allow", "bypass")


@given(st.integers(0, 999), st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_reply_raises_and_only_http_200_counts(status: int, body: bytes) -> None:
    response = responses.response_of(Reply(status, body))
    if not isinstance(response, Failure):
        assert status == 200
        assert json.loads(body)["stat"] == "OK"
