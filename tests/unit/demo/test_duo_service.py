"""What preauth and auth decide."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network
from typing import Any

import pytest

from ldapproxy.demo.duo_model import (
    Answer,
    AutomaticAnswer,
    Capability,
    Device,
    DeviceType,
    Passcode,
    User,
    UserStatus,
)
from ldapproxy.demo.duo_parameters import ApiError
from ldapproxy.demo.duo_service import PUSHINFO_LIMIT, Duo
from ldapproxy.demo.duo_transactions import Transaction

PHONE = Device("DP1", "Phone", "555-0100")
TABLET = Device("DP2", "Tablet", capabilities=(Capability.AUTO, Capability.PUSH))
LANDLINE = Device("DP3", "Desk", "555-0300", capabilities=(Capability.PHONE,))
TOKEN = Device("DH1", "0", type=DeviceType.TOKEN, capabilities=())


def duo_with(*devices: Device, status: UserStatus = UserStatus.ACTIVE, passcode: str = "") -> Duo:
    """An account with the user alice."""
    duo = Duo()
    passcodes = [Passcode(passcode)] if passcode else []
    duo.accounts.put(User("alice", "DU1", status, devices, passcodes))
    return duo


def auth(duo: Duo, **parameters: str) -> Transaction:
    """Starts an authentication of alice inside an event loop, and gives up what waits."""

    async def start() -> Transaction:
        transaction = duo.auth({"username": "alice", **parameters})
        for timer in transaction.timers:
            timer.cancel()
        return transaction

    return asyncio.run(start())


def refused(duo: Duo, **parameters: str) -> tuple[int, str | None]:
    """The code and detail with which an auth call is refused."""
    with pytest.raises(ApiError) as caught:
        auth(duo, **parameters)
    return caught.value.code, caught.value.detail


def test_preauth_lists_the_devices_of_an_active_user() -> None:
    answer: Any = duo_with(PHONE, TOKEN).preauth({"username": "ALICE"})
    assert answer["result"] == "auth"
    assert answer["devices"] == [
        {
            "device": "DP1",
            "type": "phone",
            "name": "Phone",
            "display_name": "Phone (XXX-XXX-0100)",
            "number": "XXX-XXX-0100",
            "capabilities": ["auto", "push", "sms", "phone", "mobile_otp"],
        },
        {"device": "DH1", "type": "token", "name": "0", "display_name": "0"},
    ]


@pytest.mark.parametrize(
    ("status", "result"),
    [(UserStatus.BYPASS, "allow"), (UserStatus.DISABLED, "deny"), (UserStatus.LOCKED_OUT, "deny")],
)
def test_a_status_decides_by_itself(status: UserStatus, result: str) -> None:
    duo = duo_with(PHONE, status=status)
    answer = duo.preauth({"username": "alice"})
    assert answer["result"] == result
    assert "devices" not in answer
    assert auth(duo, factor="push", device="auto").progress.result == result


def test_who_is_unknown_or_has_nothing_must_enroll() -> None:
    duo = duo_with()
    for name in ("alice", "nobody"):
        assert duo.preauth({"username": name})["result"] == "enroll"
    assert refused(duo, factor="push", device="auto") == (40002, "username")


def test_a_user_with_passcodes_only_is_enrolled() -> None:
    duo = duo_with(passcode="123456")
    assert duo.preauth({"username": "alice"})["result"] == "auth"
    assert auth(duo, factor="passcode", passcode="123456").progress.result == "allow"
    wrong = auth(duo, factor="passcode", passcode="654321").progress
    assert (wrong.result, wrong.status) == ("deny", "deny")


def test_a_trusted_network_needs_no_second_factor() -> None:
    duo = duo_with(PHONE)
    duo.trusted_networks = (ip_network("10.0.0.0/8"),)
    assert duo.preauth({"username": "alice", "ipaddr": "10.1.2.3"})["result"] == "allow"
    assert duo.preauth({"username": "alice", "ipaddr": "192.0.2.1"})["result"] == "auth"
    assert duo.preauth({"username": "alice"})["result"] == "auth"


@pytest.mark.parametrize(
    ("devices", "parameters", "factor", "device"),
    [
        ((TABLET, PHONE), {"factor": "auto", "device": "auto"}, "push", "DP2"),
        ((LANDLINE,), {"factor": "auto", "device": "auto"}, "phone", "DP3"),
        ((LANDLINE, PHONE), {"factor": "auto", "device": "auto"}, "push", "DP1"),
        ((TABLET, PHONE), {"factor": "phone", "device": "auto"}, "phone", "DP1"),
        ((TABLET, PHONE), {"factor": "push", "device": "DP1"}, "push", "DP1"),
        ((TABLET, LANDLINE), {"factor": "auto", "device": "DP3"}, "phone", "DP3"),
    ],
)
def test_the_device_that_is_asked(
    devices: tuple[Device, ...], parameters: dict[str, str], factor: str, device: str
) -> None:
    transaction = auth(duo_with(*devices), **parameters)
    assert transaction.request.factor.value == factor
    assert transaction.request.device is not None
    assert transaction.request.device.device_id == device
    assert transaction.progress.status == ("calling" if factor == "phone" else "pushed")


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({"device": "auto"}, (40001, "factor")),
        ({"factor": "push"}, (40001, "device")),
        ({"factor": "passcode"}, (40001, "passcode")),
        ({"factor": "smoke signal", "device": "auto"}, (40002, "factor")),
        ({"factor": "push", "device": "DP9"}, (40002, "device")),
        ({"factor": "phone", "device": "DP2"}, (40002, "device")),
        ({"factor": "sms", "device": "auto"}, (40002, "device")),
        ({"factor": "push", "device": "auto", "async": "yes"}, (40002, "async")),
        ({"factor": "push", "device": "auto", "ipaddr": "here"}, (40002, "ipaddr")),
        ({"factor": "push", "device": "auto", "user_id": "DU1"}, (40002, "user_id")),
        ({"factor": "push", "device": "auto", "pushinfo": "a=" + "ä" * PUSHINFO_LIMIT}, (40002, "pushinfo")),
        ({"factor": "push", "device": "auto", "username": ""}, (40001, "username")),
    ],
)
def test_parameters_that_duo_refuses(parameters: dict[str, str], refusal: tuple[int, str]) -> None:
    assert refused(duo_with(TABLET), **parameters) == refusal


def test_an_sms_sends_a_code_that_works_once_and_denies_the_login_itself() -> None:
    duo = duo_with(PHONE)
    progress = auth(duo, factor="sms", device="auto").progress
    assert (progress.result, progress.status) == ("deny", "sent")
    user = duo.accounts.named("alice")
    assert user is not None
    (passcode,) = user.passcodes
    assert auth(duo, factor="passcode", passcode=passcode.code).progress.result == "allow"
    assert auth(duo, factor="passcode", passcode=passcode.code).progress.result == "deny"


def test_an_immediate_answer_ends_the_transaction_within_the_call() -> None:
    duo = duo_with(PHONE)
    duo.automatic = AutomaticAnswer(Answer.APPROVE)
    assert auth(duo, factor="push", device="auto").progress.result == "allow"
    user = duo.accounts.named("alice")
    assert user is not None
    user.automatic = AutomaticAnswer(Answer.FRAUD)
    assert auth(duo, factor="push", device="auto").progress.status == "fraud"
    user.automatic = AutomaticAnswer(Answer.IGNORE)
    assert auth(duo, factor="push", device="auto").progress.status == "pushed"


def test_pushinfo_keeps_its_order() -> None:
    request = auth(duo_with(PHONE), factor="push", device="auto", pushinfo="z=1&a=%C3%A4&empty=").request
    assert request.pushinfo == (("z", "1"), ("a", "ä"), ("empty", ""))


def test_reset_forgets_everything() -> None:
    duo = duo_with(PHONE)
    duo.automatic, duo.push_timeout, duo.clock_offset = AutomaticAnswer(Answer.DENY), 1.0, 7200.0
    changes: list[None] = []
    duo.observe(lambda: changes.append(None))
    duo.reset()
    assert duo.accounts.all() == []
    assert duo.automatic is None
    assert (duo.push_timeout, duo.clock_offset) == (60.0, 0.0)
    assert changes
