"""Duo's answers, as outcomes (pure).

Owns what each documented answer of the Auth API v2 means (https://duo.com/docs/authapi) and that every other
answer means MISCONFIGURED: unknown `stat`, `result` or `status`, missing fields, wrong types, anything but
JSON. It must not know how answers travel.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeGuard

from ldapproxy.auth.outcomes import Factor, SecondFactorOutcome, SecondFactorResult
from ldapproxy.duo.calls import AWAY, NEVER_SENT, CallOutcome, Failure, Reply

Response = Mapping[str, object]

# Duo's texts are a sentence or two. They end up in a diagnosticMessage and in log lines.
_TEXT_LIMIT: Final = 300
# A txid is a UUID and a device id 20 letters and digits; both go back to Duo in a request that is signed.
_IDENTIFIER_LIMIT: Final = 200
# Seconds since 1970 that a date can be made of (year 2242); a `time` beyond them is no time.
_LATEST_TIME: Final = 2**33

_ALLOWING_STATUSES: Final = {
    "allow": SecondFactorOutcome.ALLOWED,
    "bypass": SecondFactorOutcome.BYPASSED,  # the user is in bypass mode: nobody was asked
}


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the user.

    Attributes:
        id: what Duo calls it in requests.
        names: the names a person may call it by, the one to show first; empty when it has none.
        capabilities: what it can do (`push`, `phone`, `sms`, ...); words that we do not know are kept.
    """

    id: str
    names: tuple[str, ...]
    capabilities: frozenset[str]

    @property
    def shown(self) -> str:
        """The name to show."""
        return self.names[0] if self.names else self.id

    def can(self, factor: Factor) -> bool:
        """Whether the device can be asked by this factor."""
        return factor.value in self.capabilities


@dataclass(frozen=True, slots=True)
class Devices:
    """Preauth's answer `auth`: the user has to use one of these."""

    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The transaction goes on; `status` says how far it is: calling, answered, pushed, push_failed."""

    status: str


def response_of(reply: Reply) -> Response | Failure:
    """The `response` object of an answer, or why there is none to work with."""
    status = reply.status
    if status == 429:
        return Failure(CallOutcome.RATE_LIMITED, "Duo limits the rate of requests (HTTP 429)")
    if 500 <= status <= 599:
        return Failure(CallOutcome.SERVER_ERROR, f"Duo answered HTTP {status}")
    if 300 <= status <= 399:
        return _nonsense(f"HTTP {status}, a redirect, which is not followed; check api_host")
    document = _json_object(reply.body)
    if status == 401:
        said = _said(document)
        return Failure(
            CallOutcome.UNAUTHORIZED,
            f"Duo refused the signature (HTTP 401{said}); check integration_key, secret_key and the clock",
        )
    if 400 <= status <= 499:
        return Failure(CallOutcome.REFUSED, f"Duo refused the request (HTTP {status}{_said(document)})")
    if status != 200:
        return _nonsense(f"HTTP {status}")
    if document is None:
        return _nonsense("not a JSON object; check api_host")
    match document.get("stat"):
        case "OK":
            response = document.get("response")
            return response if isinstance(response, dict) else _nonsense("without a `response` object")
        case "FAIL":
            return Failure(CallOutcome.REFUSED, f"Duo refused the request (stat FAIL{_said(document)})")
        case _:
            return _nonsense("with an unknown `stat`")


def server_time(response: Response) -> int | Failure:
    """Duo's clock in the answer to ping or check, in seconds since 1970."""
    time = response.get("time")
    if type(time) is not int or not 0 < time < _LATEST_TIME:
        return _nonsense("without a usable `time`")
    return time


def preauth(response: Response) -> Devices | SecondFactorResult | Failure:
    """The answer to preauth: devices to choose from, or an outcome already."""
    text = _optional_text(response, "status_msg")
    if isinstance(text, Failure):
        return text
    match response.get("result"):
        case "auth":
            return _devices(response.get("devices"))
        case "allow":
            return SecondFactorResult(SecondFactorOutcome.BYPASSED, text=text)
        case "deny":
            return SecondFactorResult(SecondFactorOutcome.DENIED, text=text)
        case "enroll":
            return SecondFactorResult(SecondFactorOutcome.NOT_ENROLLED, text=text)
        case _:
            return _nonsense("with an unknown `result`")


def transaction(response: Response) -> str | Failure:
    """The transaction id in the answer to an asynchronous auth call."""
    txid = response.get("txid")
    return txid if _is_identifier(txid) else _nonsense("without a usable `txid`")


def auth_status(response: Response) -> Waiting | SecondFactorResult | Failure:
    """The answer to auth_status: still waiting, or how it ended.

    `result` decides; the status only tells a denial from a time-out, and has to be a known one for an
    approval.
    """
    text = _optional_text(response, "status_msg")
    if isinstance(text, Failure):
        return text
    status = response.get("status")
    if not isinstance(status, str):
        return _nonsense("without a `status`")
    match response.get("result"), status:
        case "allow", _:
            allowed = _ALLOWING_STATUSES.get(status)
            if allowed is None:
                return _nonsense("with `result` allow and a `status` that does not say so")
            return SecondFactorResult(allowed, text=text)
        # Duo documents `timeout` with `result` waiting; the transaction is over all the same.
        case (("deny" | "waiting"), "timeout"):
            return SecondFactorResult(SecondFactorOutcome.TIMED_OUT, text=text)
        case "deny", "fraud":
            return SecondFactorResult(SecondFactorOutcome.DENIED, text=text, fraud=True)
        case "deny", _:
            return SecondFactorResult(SecondFactorOutcome.DENIED, text=text)
        case "waiting", _:
            return Waiting(status)
        case _:
            return _nonsense("with an unknown `result`")


def never_asked(failure: Failure) -> SecondFactorResult:
    """What a failed call means when Duo has not been asked to ask anybody."""
    return _failed(failure, SecondFactorOutcome.UNAVAILABLE, SecondFactorOutcome.TIMED_OUT)


def already_asked(failure: Failure) -> SecondFactorResult:
    """What a failed call means when a person may have been asked: the lost answer may have been no."""
    return _failed(failure, SecondFactorOutcome.INTERRUPTED, SecondFactorOutcome.INTERRUPTED)


def auth_failed(failure: Failure) -> SecondFactorResult:
    """What a failure of the auth call itself means: it counts as asked from its first written byte on."""
    return never_asked(failure) if failure.outcome in NEVER_SENT else already_asked(failure)


def _failed(
    failure: Failure, away: SecondFactorOutcome, out_of_time: SecondFactorOutcome
) -> SecondFactorResult:
    outcome = failure.outcome
    if outcome in AWAY:
        meaning = away
    elif outcome in (CallOutcome.ABANDONED, CallOutcome.NOT_MADE):
        meaning = out_of_time
    elif outcome is CallOutcome.UNTRUSTED:
        meaning = SecondFactorOutcome.UNTRUSTED
    elif outcome is CallOutcome.RATE_LIMITED:
        meaning = SecondFactorOutcome.RATE_LIMITED
    else:
        meaning = SecondFactorOutcome.MISCONFIGURED
    return SecondFactorResult(meaning, detail=failure.detail)


def _devices(value: object) -> Devices | Failure:
    if not isinstance(value, list):
        return _nonsense("without a list of `devices`")
    devices = []
    for item in value:
        device = _device(item)
        if device is None:
            return _nonsense("with a device that makes no sense")
        devices.append(device)
    return Devices(tuple(devices))


def _device(item: object) -> Device | None:
    """One device. Hardware tokens come without `capabilities` and `display_name`."""
    if not isinstance(item, dict):
        return None
    identifier, capabilities = item.get("device"), item.get("capabilities", [])
    names = item.get("display_name"), item.get("name")
    if not _is_identifier(identifier) or not isinstance(capabilities, list):
        return None
    if not all(isinstance(word, str) for word in capabilities):
        return None
    if not all(name is None or isinstance(name, str) for name in names):
        return None
    shown = tuple(dict.fromkeys(_printable(name) for name in names if name))
    return Device(identifier, shown, frozenset(capabilities))


def _json_object(body: bytes) -> dict[str, object] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):  # RecursionError: a body of nothing but opening brackets
        return None
    return document if isinstance(document, dict) else None


def _said(document: dict[str, object] | None) -> str:
    """Duo's own words in an error: `, 40103: Invalid signature in request credentials`."""
    if document is None:
        return ""
    words = [
        _printable(str(value))
        for value in (document.get("code"), document.get("message"), document.get("message_detail"))
        if isinstance(value, (int, str)) and value
    ]
    return f", {': '.join(words)}" if words else ""


def _optional_text(response: Response, key: str) -> str | Failure | None:
    value = response.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        return _nonsense(f"with a `{key}` that is not text")
    return _printable(value) or None


def _printable(text: str) -> str:
    """The text without what does not belong into a log line or an LDAP message, and not too much of it."""
    text = text[:_TEXT_LIMIT]
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return text.strip()


def _is_identifier(value: object) -> TypeGuard[str]:
    return (
        isinstance(value, str)
        and 0 < len(value) <= _IDENTIFIER_LIMIT
        and value.isascii()
        and value.isprintable()
    )


def _nonsense(what: str) -> Failure:
    return Failure(CallOutcome.NONSENSE, f"Duo's answer makes no sense: {what}")
