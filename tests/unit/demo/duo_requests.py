"""Signed Auth API calls for tests, from `duo_hmac` and the standard library."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from duo_hmac.duo_hmac import DuoHmac

from tests.support.simulator import SimulatorProcess


def call(duo: SimulatorProcess, method: str, endpoint: str, **parameters: str) -> Any:
    """The `response` of a call."""
    signer = DuoHmac(duo.integration_key, duo.secret_key, "127.0.0.1")
    uri, body, headers = signer.get_authentication_components(method, f"/auth/v2/{endpoint}", parameters, {})
    context = ssl.create_default_context(cafile=str(duo.ca_file))
    connection = http.client.HTTPSConnection("127.0.0.1", duo.port, context=context, timeout=20)
    try:
        connection.request(method, uri.removeprefix("127.0.0.1"), body, headers)
        return json.loads(connection.getresponse().read())["response"]
    finally:
        connection.close()


def push(duo: SimulatorProcess, username: str, **parameters: str) -> str:
    """Sends a push or calls, and returns the txid."""
    defaults = {"factor": "push", "device": "auto", "async": "1"}
    txid: str = call(duo, "POST", "auth", **{**defaults, "username": username, **parameters})["txid"]
    return txid


def outcome(duo: SimulatorProcess, txid: str) -> str:
    """The status of an authentication at its end; waits for it."""
    while (progress := call(duo, "GET", "auth_status", txid=txid))["result"] == "waiting":
        pass
    status: str = progress["status"]
    return status
