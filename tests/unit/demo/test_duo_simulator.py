"""The simulated Duo as its official client sees it, and its faults as any client sees them."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import duo_client
import pytest

from tests.support.simulator import SimulatorProcess, phone, token

# duo_client 5.7 sets TLS up with constants that Python has deprecated.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:ssl\.(PROTOCOL_TLS|OP_NO_\w+) .*deprecated:DeprecationWarning"
)


def client(duo: SimulatorProcess, **changes: Any) -> Any:
    """Duo's official client. (It does not verify certificates for addresses, hence the name.)"""
    settings = {
        "ikey": duo.integration_key,
        "skey": duo.secret_key,
        "host": "localhost",
        "port": duo.port,
        "ca_certs": str(duo.ca_file),
        "timeout": 20,
        **changes,
    }
    return duo_client.Auth(**settings)


def refusal(call: Callable[[], object]) -> tuple[int, int, str | None]:
    """The HTTP status, code and detail with which Duo refuses a call."""
    with pytest.raises(RuntimeError) as caught:
        call()
    error: Any = caught.value
    return error.status, error.data["code"], error.data.get("message_detail")


@pytest.fixture(params=[2, 4, 5])
def auth(request: pytest.FixtureRequest, duo: SimulatorProcess) -> Any:
    """The client in each signature version, and alice with a phone."""
    duo.add_user("alice", [phone("Alice's phone"), token()], passcodes=["123456"])
    return client(duo, sig_version=request.param)


def test_ping_check_and_logo(auth: Any) -> None:
    assert abs(auth.ping()["time"] - time.time()) < 5
    assert abs(auth.check()["time"] - time.time()) < 5
    assert auth.logo().startswith(b"\x89PNG")


def test_preauth(auth: Any) -> None:
    answer = auth.preauth(username="alice", ipaddr="10.0.0.1", client_supports_verified_push="0")
    assert answer["result"] == "auth"
    assert [device["type"] for device in answer["devices"]] == ["phone", "token"]
    assert auth.preauth(username="nobody")["result"] == "enroll"


def test_enrolment(auth: Any, duo: SimulatorProcess) -> None:
    enrolment = auth.enroll(username=f"zoe{auth.sig_version}", valid_secs=60, bypass_codes=2)
    who = {"user_id": enrolment["user_id"], "activation_code": enrolment["activation_code"]}
    assert auth.enroll_status(**who) == "waiting"
    duo.activate(enrolment["activation_code"])
    assert auth.enroll_status(**who) == "success"
    code = enrolment["bypass_codes"][0]
    assert auth.auth("passcode", username=enrolment["username"], passcode=code)["result"] == "allow"
    assert auth.auth("passcode", user_id=enrolment["user_id"], passcode=code)["result"] == "deny"


def test_synchronous_auth(auth: Any, duo: SimulatorProcess) -> None:
    assert auth.auth("passcode", username="alice", passcode="123456") == {
        "result": "allow",
        "status": "allow",
        "status_msg": "Success. Logging you in...",
    }
    assert auth.auth("passcode", username="alice", passcode="654321")["result"] == "deny"
    assert auth.auth("sms", username="alice", device="auto")["status"] == "sent"
    duo.answer_always("fraud", after=0.05)
    assert auth.auth("push", username="alice", device="auto")["status"] == "fraud"
    duo.answer_always("approve")
    assert auth.auth("auto", username="alice", device="auto")["result"] == "allow"


def test_a_synchronous_push_waits_for_the_person(auth: Any, duo: SimulatorProcess) -> None:
    results: list[dict[str, str]] = []
    login = threading.Thread(
        target=lambda: results.append(auth.auth("push", username="alice", device="auto", type="vpn"))
    )
    login.start()
    (push,) = duo.wait_for_push("alice")
    assert (push.type, push.factor) == ("vpn", "push")
    assert not results
    duo.answer(push, "deny")
    login.join(20)
    assert [result["status"] for result in results] == ["deny"]


@pytest.mark.parametrize(("factor", "status"), [("push", "pushed"), ("phone", "calling"), ("auto", "pushed")])
def test_asynchronous_auth(auth: Any, duo: SimulatorProcess, factor: str, status: str) -> None:
    txid = auth.auth(
        factor, username="ALICE", device="auto", async_txn=True, pushinfo="client=10.0.0.1&a=%3D"
    )["txid"]
    first = auth.auth_status(txid)
    assert (first["waiting"], first["success"], first["status"]) == (True, False, status)
    (push,) = duo.waiting("alice")
    assert push.pushinfo == (("client", "10.0.0.1"), ("a", "="))
    timer = threading.Timer(0.05, duo.answer, (push, "approve"))
    timer.start()
    second = auth.auth_status(txid)
    timer.join()
    assert (second["waiting"], second["success"]) == (False, True)
    assert auth.auth_status(txid)["success"]


def test_asynchronous_passcode_and_timeout(auth: Any, duo: SimulatorProcess) -> None:
    txid = auth.auth("passcode", username="alice", passcode="123456", async_txn=True)["txid"]
    assert auth.auth_status(txid)["success"]
    duo.settings(push_timeout=0.1)
    txid = auth.auth("push", username="alice", device="auto", async_txn=True)["txid"]
    auth.auth_status(txid)
    assert auth.auth_status(txid)["status"] == "timeout"


def test_parameters_that_are_missing_or_invalid(auth: Any) -> None:
    assert refusal(lambda: auth.auth("push", username="alice")) == (400, 40001, "device")
    assert refusal(lambda: auth.auth("push", username="nobody", device="auto")) == (400, 40002, "username")
    assert refusal(lambda: auth.auth("push", username="alice", device="DP0")) == (400, 40002, "device")
    assert refusal(lambda: auth.preauth()) == (400, 40001, "username")
    assert refusal(lambda: auth.auth_status("nonsense")) == (400, 40002, "txid")
    assert refusal(lambda: auth.auth_status("")) == (400, 40001, "txid")


def test_what_does_not_exist(auth: Any) -> None:
    assert refusal(lambda: auth.json_api_call("GET", "/auth/v2/nonsense", {})) == (404, 40401, None)
    assert refusal(lambda: auth.json_api_call("GET", "/auth/v2/preauth", {})) == (404, 40401, None)
    assert refusal(lambda: auth.json_api_call("GET", "/check", {})) == (404, 40401, None)


def test_wrong_keys(duo: SimulatorProcess) -> None:
    assert refusal(client(duo, skey="x" * 40).check) == (401, 40103, None)
    assert refusal(client(duo, ikey="DIWRONG").check) == (401, 40102, None)
    assert client(duo, skey="x" * 40).ping()["time"]


def test_a_clock_that_is_off(duo: SimulatorProcess) -> None:
    duo.settings(clock_offset=7200)
    auth = client(duo)
    assert refusal(auth.check) == (401, 40105, None)
    assert auth.ping()["time"] - time.time() > 7000


def test_nothing_that_is_not_signed_has_an_effect(duo: SimulatorProcess) -> None:
    duo.add_user("alice", [phone("Alice's phone")])
    forged = client(duo, skey="x" * 40)
    refusal(lambda: forged.auth("push", username="alice", device="auto", async_txn=True))
    assert duo.waiting() == []


# Faults, seen by a client that knows only HTTP


class Answer:
    """What came back over HTTP."""

    def __init__(self, duo: SimulatorProcess, timeout: float = 10.0) -> None:
        context = ssl.create_default_context(cafile=str(duo.ca_file))
        connection = http.client.HTTPSConnection("127.0.0.1", duo.port, context=context, timeout=timeout)
        try:
            connection.request("GET", "/auth/v2/ping")
            response = connection.getresponse()
            self.status = response.status
            self.headers = response.headers
            self.body = response.read()
        finally:
            connection.close()


def test_any_answer_can_be_given_instead_of_the_right_one(duo: SimulatorProcess) -> None:
    duo.fault("ping", "respond", status=503, body="<html>", content_type="text/html", times=1)
    answer = Answer(duo)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (503, b"<html>", "text/html")
    assert json.loads(Answer(duo).body)["stat"] == "OK"
    duo.fault("*", "respond", status=302, headers={"Location": "https://elsewhere.example.com/"})
    answer = Answer(duo)
    assert (answer.status, answer.body) == (302, b"")
    assert answer.headers["Location"] == "https://elsewhere.example.com/"
    duo.clear_faults()
    assert Answer(duo).status == 200


def test_an_answer_can_be_cut_short(duo: SimulatorProcess) -> None:
    duo.fault("ping", "truncate")
    with pytest.raises(http.client.IncompleteRead) as caught:
        Answer(duo)
    assert caught.value.partial.startswith(b'{"stat": "OK"')


def test_an_answer_can_be_refused_by_closing(duo: SimulatorProcess) -> None:
    duo.fault("ping", "close")
    with pytest.raises(http.client.RemoteDisconnected):
        Answer(duo)


def test_an_answer_can_be_left_out(duo: SimulatorProcess) -> None:
    duo.fault("ping", "hang")
    with pytest.raises(TimeoutError):
        Answer(duo, timeout=0.3)


def test_an_answer_can_be_late(duo: SimulatorProcess) -> None:
    duo.fault("ping", "delay", delay=0.3)
    started = time.monotonic()
    assert Answer(duo).status == 200
    assert time.monotonic() - started >= 0.3


def test_a_push_can_be_sent_though_its_answer_is_lost(duo: SimulatorProcess) -> None:
    duo.add_user("alice", [phone("Alice's phone")])
    auth = client(duo)
    duo.fault("auth", "respond", status=500, acts=True)
    with pytest.raises(RuntimeError):
        auth.auth("push", username="alice", device="auto", async_txn=True)
    assert len(duo.waiting()) == 1
    duo.fault("auth", "respond", status=500)
    with pytest.raises(RuntimeError):
        auth.auth("push", username="alice", device="auto", async_txn=True)
    assert len(duo.waiting()) == 1


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"username": ["alice"]}', b'{"username": null}', b"\xff"])
def test_a_body_that_makes_no_sense_is_refused(duo: SimulatorProcess, body: bytes) -> None:
    context = ssl.create_default_context(cafile=str(duo.ca_file))
    connection = http.client.HTTPSConnection("127.0.0.1", duo.port, context=context, timeout=10)
    try:
        connection.request("POST", "/auth/v2/preauth", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["code"]) == (400, 40002)
    finally:
        connection.close()
