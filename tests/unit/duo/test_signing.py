"""Signatures, against Duo's own client."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

import pytest
from duo_client.client import sign

from ldapproxy.duo.calls import Endpoint
from ldapproxy.duo.signing import Signer
from tests.support.duo_faults import HOST
from tests.support.scripted_duo import INTEGRATION_KEY, SECRET_KEY
from tests.unit.duo.conftest import MakeSettings

NOW = 1345570158.75  # Tue, 21 Aug 2012 17:29:18, the date of Duo's own example

PARAMETERS = [{}, {"username": "alice"}, {"username": "älice & bob~=+%", "txid": "a b/c"}]


@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize("endpoint", Endpoint)
def test_the_signature_is_the_one_that_duos_client_makes(
    settings: MakeSettings, endpoint: Endpoint, parameters: dict[str, str]
) -> None:
    signed = Signer(settings(8443), lambda: NOW).sign(endpoint, parameters)
    date = signed.headers["x-duo-date"]
    assert date == "Tue, 21 Aug 2012 17:29:18 -0000"
    in_body = endpoint.method == "POST"
    assert dict(json.loads(signed.body) if signed.body else parse_qsl(signed.query)) == parameters
    assert (signed.body is not None) == in_body
    assert signed.headers["Authorization"] == sign(
        INTEGRATION_KEY,
        SECRET_KEY,
        endpoint.method,
        HOST,  # without the port
        endpoint.path,
        date,
        5,
        {} if in_body else {key.encode(): [value.encode()] for key, value in parameters.items()},
        body=signed.body.decode() if signed.body else "",
        additional_headers={"x-duo-date": date},
    )


def test_the_date_is_duos(settings: MakeSettings) -> None:
    clock = [NOW]
    signer = Signer(settings(443), lambda: clock[0])

    def date() -> str:
        return signer.sign(Endpoint.CHECK, {}).headers["x-duo-date"]

    assert date() == date() == "Tue, 21 Aug 2012 17:29:18 -0000"
    clock[0] += 1
    assert date() == "Tue, 21 Aug 2012 17:29:19 -0000"
    signer.offset = 7200.0
    assert date() == "Tue, 21 Aug 2012 19:29:19 -0000"
    signer.offset = -7200.0
    assert date() == "Tue, 21 Aug 2012 15:29:19 -0000"


def test_a_signed_request_does_not_show_its_body(settings: MakeSettings) -> None:
    signer = Signer(settings(443), lambda: NOW)
    signed = signer.sign(Endpoint.AUTH, {"passcode": "918273"})
    assert signed.body is not None
    assert b"918273" in signed.body
    assert "918273" not in f"{signed!r} {signed}"
    assert SECRET_KEY not in f"{signer!r} {vars(signer)!r}"
