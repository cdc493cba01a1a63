"""The control API, and the test support that speaks it."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from tests.support.simulator import SimulatorProcess, phone
from tests.unit.demo.duo_requests import call


def post(duo: SimulatorProcess, path: str, document: Any) -> tuple[int, Any]:
    """A request to the control API as any program would send it."""
    connection = http.client.HTTPConnection(duo.page_url.split("/")[2], timeout=10)
    try:
        body = document if isinstance(document, str) else json.dumps(document)
        connection.request("POST", f"/control/{path}", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "document", "sentence"),
    [
        ("users", {"devices": []}, "name is missing"),
        ("users", [], "the body must be a JSON object"),
        ("users", "{", "Expecting property name"),
        ("automatic", {"answer": "maybe"}, "maybe is none of approve, deny, fraud, ignore"),
        ("automatic", {"answer": "approve", "user": "nobody"}, "there is no user nobody"),
        ("answer", {"txid": "x", "answer": "approve"}, "this push is not waiting any more"),
        ("activate", {"code": "x"}, "unknown, used or expired"),
        ("reachability", {"state": "dim"}, "dim is none of on, off, silent, reset"),
        ("settings", {"volume": 11}, "a setting has no volume"),
        ("settings", {"trusted_networks": ["10.0.0.1/8"]}, "has host bits set"),
        ("faults", {"endpoint": "auth"}, "kind is missing"),
        ("certificate", {"certificate_file": "/nix", "private_key_file": "/nix"}, "No such file"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(
    duo: SimulatorProcess, path: str, document: Any, sentence: str
) -> None:
    status, answer = post(duo, path, document)
    assert status == 400
    assert sentence in answer["error"]


def test_the_calls_are_listed_without_secrets(duo: SimulatorProcess) -> None:
    duo.add_user("alice", [phone("Alice's phone")], passcodes=["123456"])
    assert duo.logins() == 0
    call(duo, "POST", "preauth", username="alice", ipaddr="192.0.2.7")
    call(duo, "POST", "auth", username="alice", factor="passcode", passcode="123456")
    preauth, auth = duo.calls()
    assert (preauth.endpoint, preauth.username, preauth.ipaddr, preauth.status) == (
        "preauth",
        "alice",
        "192.0.2.7",
        200,
    )
    assert (auth.factor, auth.asynchronous) == ("passcode", False)
    assert "123456" not in repr(duo.calls())
    assert duo.calls("auth") == [auth]
    assert duo.counts() == {"preauth": 1, "auth": 1}
    assert duo.logins() == 2
    duo.forget_calls()
    assert duo.calls() == []
    assert duo.logins() == 0


def test_reset_makes_everything_as_new(duo: SimulatorProcess) -> None:
    duo.add_user("alice", [phone("Alice's phone")])
    duo.fault("ping", "hang")
    duo.power("off")
    duo.reset()
    with pytest.raises(ValueError, match="there is no user alice"):
        duo.answer_always("approve", user="alice")


def test_the_test_support_stops_its_process_and_starts_it_on_the_same_port(
    duo: SimulatorProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with SimulatorProcess(tmp_path_factory.mktemp("another"), authority=duo.authority) as other:
        port = other.port
        other.stop()
        other.start()
        assert other.port == port
        assert other.waiting() == []
