"""Signed Auth API calls for tests, from `duo_hmac` and the standard library."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any, Protocol

from duo_hmac.duo_hmac import DuoHmac


class DuoAccess(Protocol):
    """What a client has to know of a simulator on loopback."""

    integration_key: str
    secret_key: str
    ca_file: Path
    port: int


def call(duo: DuoAccess, method: str, endpoint: str, **parameters: str) -> Any:
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


def push(duo: DuoAccess, username: str, **parameters: str) -> str:
    """Sends a push or calls, and returns the txid."""
    defaults = {"factor": "push", "device": "auto", "async": "1"}
    txid: str = call(duo, "POST", "auth", **{**defaults, "username": username, **parameters})["txid"]
    return txid


def outcome(duo: DuoAccess, txid: str) -> str:
    """The status of an authentication at its end; waits for it."""
    while (progress := call(duo, "GET", "auth_status", txid=txid))["result"] == "waiting":
        pass
    status: str = progress["status"]
    return status
