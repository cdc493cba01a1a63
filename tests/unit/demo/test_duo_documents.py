"""Users and faults read from documents."""

from __future__ import annotations

from typing import Any

import pytest

from ldapproxy.demo.duo_documents import choice, read_device, read_fault, read_user
from ldapproxy.demo.duo_faults import FaultKind
from ldapproxy.demo.duo_model import SMARTPHONE, Answer, Capability, DeviceType, UserStatus


def test_a_user_needs_a_name_only() -> None:
    user = read_user({"name": "alice"})
    assert (user.name, user.status, user.devices, user.passcodes) == ("alice", UserStatus.ACTIVE, (), [])
    assert user.user_id.startswith("DU")


def test_a_user_with_everything() -> None:
    user = read_user(
        {
            "name": "bob",
            "user_id": "DU1",
            "status": "locked_out",
            "devices": [{"name": "Phone"}, {"type": "token", "name": "4711"}],
            "passcodes": [111111],
            "single_use_passcodes": ["222222"],
            "automatic": "deny",
        }
    )
    assert user.status is UserStatus.LOCKED_OUT
    assert [device.type for device in user.devices] == [DeviceType.PHONE, DeviceType.TOKEN]
    assert [(passcode.code, passcode.uses_left) for passcode in user.passcodes] == [
        ("111111", None),
        ("222222", 1),
    ]
    assert user.automatic is not None
    assert user.automatic.answer is Answer.DENY


def test_a_phone_can_everything_and_a_token_nothing_unless_told() -> None:
    assert read_device({}).capabilities == SMARTPHONE
    assert read_device({"type": "token"}).capabilities == ()
    assert read_device({"capabilities": ["push"]}).capabilities == (Capability.PUSH,)
    assert read_device({"type": "token"}).device_id.startswith("DH")


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"name": "a", "phone": 1}, "a user has no phone"),
        ({"name": "a", "status": "gone"}, "gone is none of active, bypass, disabled, locked_out"),
        ({"name": "a", "devices": [{"colour": "red"}]}, "a device has no colour"),
        ({"name": "a", "devices": [{"capabilities": ["fly"]}]}, "fly is none of auto, push"),
    ],
)
def test_mistakes_are_named(document: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_user(document)


def test_a_fault() -> None:
    fault = read_fault({"kind": "respond", "status": "503", "times": 2, "headers": {"Location": "/"}})
    assert (fault.kind, fault.status, fault.times) == (FaultKind.RESPOND, 503, 2)
    assert fault.headers == {"Location": "/"}
    with pytest.raises(ValueError, match="explode is none of respond, truncate, hang, close, delay"):
        choice(FaultKind, "explode")
    with pytest.raises(ValueError, match="a fault has no speed"):
        read_fault({"kind": "hang", "speed": 1})
