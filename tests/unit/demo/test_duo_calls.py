"""The record of calls."""

from __future__ import annotations

from ldapproxy.demo import duo_calls
from ldapproxy.demo.duo_calls import Calls


def test_a_call_is_recorded_without_its_passcode() -> None:
    calls = Calls()
    calls.add("auth", 5.0, {"username": "alice", "factor": "passcode", "passcode": "123456", "async": "1"})
    (call,) = calls.last()
    assert (call.username, call.factor, call.asynchronous, call.at) == ("alice", "passcode", True, 5.0)
    assert "123456" not in repr(call)


def test_calls_are_counted_and_found_by_endpoint_and_user() -> None:
    calls = Calls()
    for username in ("alice", "bob", "alice"):
        calls.add("preauth", 0.0, {"username": username})
    calls.add("ping", 0.0, {})
    assert calls.counts() == {"preauth": 3, "ping": 1}
    assert [call.number for call in calls.last("preauth", "alice")] == [1, 3]
    assert [call.endpoint for call in calls.last(username="")] == ["ping"]
    calls.forget()
    assert calls.counts() == {}
    assert calls.last() == []


def test_old_calls_are_forgotten_but_counted() -> None:
    calls = Calls()
    for _ in range(duo_calls.REMEMBERED + 5):
        calls.add("ping", 0.0, {})
    assert len(calls.last()) == duo_calls.REMEMBERED
    assert calls.counts() == {"ping": duo_calls.REMEMBERED + 5}
