"""What Duo is told about a login."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import parse_qs

import pytest

from ldapproxy.auth.outcomes import Factor
from ldapproxy.duo import requests
from ldapproxy.duo.factors import AskDevice, TryPasscode
from ldapproxy.duo.responses import Device
from ldapproxy.secret import Secret
from tests.unit.duo.conftest import a_login

DEVICE = Device("DP1", ("iPhone",), frozenset({"push", "phone", "sms"}))
PUSH = AskDevice(Factor.PUSH, DEVICE)


def test_preauth_names_the_user_and_no_more() -> None:
    assert requests.preauth(a_login()) == {"username": "alice"}


def test_a_push_says_where_it_comes_from() -> None:
    parameters = requests.auth(a_login(listener="vpn & more=x", client=ip_address("2001:db8::7")), PUSH)
    assert parameters["type"] == "vpn & more=x"
    assert parse_qs(parameters["pushinfo"], strict_parsing=True) == {
        "listener": ["vpn & more=x"],
        "client": ["2001:db8::7"],
    }
    assert "+" not in parameters["pushinfo"], "Duo's documentation writes a space as %20"
    assert "display_username" not in parameters


@pytest.mark.parametrize("factor", [Factor.PHONE, Factor.SMS])
def test_a_call_and_a_message_name_the_device(factor: Factor) -> None:
    assert requests.auth(a_login(), AskDevice(factor, DEVICE)) == {
        "username": "alice",
        "factor": factor.value,
        "async": "1",
        "device": "DP1",
    }


def test_a_passcode_asks_no_device() -> None:
    assert requests.auth(a_login(), TryPasscode(Secret("123456"))) == {
        "username": "alice",
        "factor": "passcode",
        "async": "1",
        "passcode": "123456",
    }


@pytest.mark.parametrize(
    ("client", "sent"),
    [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::7")],
)
def test_ipaddr_is_sent_only_when_the_client_is_the_user(client: str, sent: str) -> None:
    """Duo may let trusted networks in without a second factor, and an application is not the person."""
    user, application = (
        a_login(client=ip_address(client), client_is_user=is_user) for is_user in (True, False)
    )
    assert requests.preauth(user)["ipaddr"] == requests.auth(user, PUSH)["ipaddr"] == sent
    assert "ipaddr" not in requests.preauth(application)
    assert "ipaddr" not in requests.auth(application, PUSH)
    assert parse_qs(requests.auth(application, PUSH)["pushinfo"])["client"] == [sent]
