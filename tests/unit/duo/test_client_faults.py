"""What the client makes of everything that may go wrong, at each call."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ldapproxy.auth.outcomes import SecondFactorOutcome
from ldapproxy.duo.client import DuoClient
from tests.support.scripted_duo import (
    ALLOWED,
    PHONE,
    Answer,
    HangUp,
    Reset,
    ScriptedDuo,
    cut,
    devices,
    fails,
    http,
    never,
    ok,
    raw,
    refusal,
    says,
    waiting,
)
from tests.unit.duo.conftest import Play, Recorder, a_login, ended

O = SecondFactorOutcome  # noqa: E741 -- it stands in half of the lines below


SENSELESS = {
    "400": refusal(400, 40002, "Invalid request parameters"),
    "403": refusal(403, 40301, "Access forbidden"),
    "404": refusal(404, 40401, "Resource not found"),
    "418": http(418),
    "stat FAIL": says({"stat": "FAIL", "code": 1, "message": "no"}),
    "unknown stat": says({"stat": "MAYBE", "response": {}}),
    "no response": says({"stat": "OK"}),
    "unknown result": ok(result="perhaps", status="perhaps", txid=""),
    "wrong types": ok(result=1, status=[], txid={}, devices="none"),
    "HTML": http(200, b"<html>Please log in to the wireless network</html>"),
    "empty": http(200),
    "204": http(204),
    "redirect": http(302, headers="Location: https://example.com/\r\n"),
    "no HTTP": raw(b"* OK IMAP4 ready\r\n\r\n"),
    "too large": http(200, b"a" * 300_000),
    "nested too deep": http(200, b"[" * 200_000),
}
AWAY = {
    "500": http(500),
    "502": http(502, b"<html>Bad Gateway</html>"),
    "503": http(503),
    "504": http(504),
    "hangs up": fails(HangUp),
    "resets": fails(Reset),
    "truncated": cut(b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"stat": "OK", "resp'),
    "stops": http(200, b'{"stat": "OK", "resp', length=5000),
    "silent": never,
}


SILENT = ("silent", "stops")


def time_limit(fault: str) -> dict[str, float]:
    """A short `response_timeout` where the fault is silence; else one that a busy machine does not reach."""
    return {"response_timeout": 0.5 if fault in SILENT else 5.0}


def test_every_senseless_answer_is_misconfigured(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        for endpoint in ("preauth", "auth", "auth_status"):
            for name, answer in SENSELESS.items():
                duo.will(endpoint, answer)
                result = await client.verify(a_login(), 5.0)
                assert result.outcome is O.MISCONFIGURED, (endpoint, name, result)
                assert result.detail, (endpoint, name)
            duo.answer_well()

    play(scene)


@pytest.mark.parametrize("fault", AWAY)
def test_no_answer_to_preauth_is_unavailable(play: Play, fault: str) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will("preauth", AWAY[fault])
        began = time.monotonic()
        result = await client.verify(a_login(), 10.0)
        assert (result.outcome, bool(result.detail)) == (O.UNAVAILABLE, True)
        assert time.monotonic() - began < 2.0, "bounded by response_timeout, not by the budget"
        assert "auth" not in duo.sequence

    play(scene, **time_limit(fault))


@pytest.mark.parametrize("fault", AWAY)
def test_no_answer_to_auth_is_interrupted_and_auth_is_sent_once(play: Play, fault: str) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will("auth", AWAY[fault])
        result = await client.verify(a_login(), 10.0)
        assert result == ended(O.INTERRUPTED, detail=result.detail)
        assert result.detail
        assert duo.sequence == ["preauth", "auth"]

    play(scene, **time_limit(fault))


@pytest.mark.parametrize("fault", AWAY)
def test_no_answer_to_auth_status_to_the_end_is_interrupted(play: Play, fault: str) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will("auth_status", AWAY[fault])
        budget = 1.5 if fault in SILENT else 0.8
        began = time.monotonic()
        result = await client.verify(a_login(), budget)
        took = time.monotonic() - began
        assert budget - 0.1 < took < budget + 0.5, "it is asked again as long as there is time"
        assert result == ended(O.INTERRUPTED, detail=result.detail)
        assert result.detail
        assert len(duo.asked("auth_status")) >= 2

    play(scene, **time_limit(fault))


@pytest.mark.parametrize("fault", [*AWAY, "429"])
def test_auth_status_is_asked_again_and_an_approval_counts(play: Play, fault: str) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        answer = http(429) if fault == "429" else AWAY[fault]
        # Only the first call is bounded by the response_timeout, the later ones may take as long as they
        # want.
        first = [] if fault in SILENT else [waiting("pushed")]
        duo.will("auth_status", *first, answer, waiting("pushed"), ALLOWED)
        result = await client.verify(a_login(), 10.0)
        assert result == ended(O.ALLOWED, text="Success. Logging you in...")

    play(scene, **time_limit(fault))


@pytest.mark.parametrize("endpoint", ["preauth", "auth", "auth_status"])
def test_a_rate_limit(play: Play, endpoint: str) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will(endpoint, refusal(429, 42901, "Too Many Requests"))
        result = await client.verify(a_login(), 0.6)
        assert (result.outcome, bool(result.detail)) == (O.RATE_LIMITED, True)

    play(scene)


def test_silence_behind_an_acknowledged_push_is_a_time_out(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, recorder: Recorder) -> None:
        duo.will("auth_status", waiting("pushed"), never)
        began = time.monotonic()
        result = await client.verify(a_login(), 0.9)
        assert 0.8 < time.monotonic() - began < 1.3, "bounded by the budget alone, not by response_timeout"
        assert result == ended(O.TIMED_OUT, detail="nobody answered in time")
        assert recorder.outcomes[-1] == ("auth_status", "abandoned")

    play(scene, response_timeout=0.5)


def test_what_was_heard_last_decides_at_the_end(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will("auth_status", waiting("pushed"), http(502), never)
        assert (await client.verify(a_login(), 0.8)).outcome is O.INTERRUPTED
        duo.will("auth_status", waiting("pushed"), http(502), waiting("pushed"), never)
        assert (await client.verify(a_login(), 0.8)).outcome is O.TIMED_OUT

    play(scene)


def test_a_duo_that_does_not_hold_the_call_is_not_asked_without_end(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ldapproxy.duo.client._POLL_INTERVAL", 0.2)

    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will("auth_status", waiting("pushed"))
        result = await client.verify(a_login(), 0.7)
        assert result.outcome is O.TIMED_OUT
        assert 2 <= len(duo.asked("auth_status")) <= 5

    play(scene)


@pytest.mark.parametrize(
    ("slow", "expected"),
    [("preauth", O.TIMED_OUT), ("auth", O.INTERRUPTED), ("auth_status", O.INTERRUPTED)],
)
def test_a_budget_that_ends_before_duo_may_be_called_away(
    play: Play, slow: str, expected: SecondFactorOutcome
) -> None:
    """No answer within our own time says nothing about Duo, and must not open a listener that fails open."""

    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will(slow, never)
        began = time.monotonic()
        assert (await client.verify(a_login(), 0.3)).outcome is expected
        assert time.monotonic() - began < 0.5

    play(scene)


def test_without_time_nothing_is_asked(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, recorder: Recorder) -> None:
        assert (await client.verify(a_login(), 0.0)).outcome is O.TIMED_OUT
        assert not duo.calls
        assert not recorder.calls

    play(scene)


def test_a_push_that_could_not_be_sent_any_more_is_no_interruption(play: Play) -> None:
    async def scene(duo: ScriptedDuo, client: DuoClient, _: Recorder) -> None:
        duo.will("preauth", vanishing(duo))
        result = await client.verify(a_login(), 5.0)
        assert result.outcome is O.UNAVAILABLE
        assert duo.sequence == ["preauth"]

    def vanishing(duo: ScriptedDuo) -> Answer:
        async def answer(call: Any) -> bytes:
            duo.server.stop()  # refuses new connections from now on
            duo.close_after_answer = True  # and this one goes too
            return await devices(PHONE)(call)

        return answer

    play(scene)
