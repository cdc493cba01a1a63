"""The words of the simulator."""

from __future__ import annotations

import pytest

from ldapproxy.demo.duo_model import (
    ALLOWED,
    PUSHED,
    Answer,
    Capability,
    Device,
    DeviceType,
    Passcode,
    User,
    by_person,
    calling,
)


def test_a_number_is_shown_by_its_last_four_digits_only() -> None:
    device = Device("DP1", "Alice's phone", "+1 555 555-0123")
    assert device.masked_number == "XXX-XXX-0123"
    assert device.display_name == "Alice's phone (XXX-XXX-0123)"
    assert "0123" in calling(device).status_msg
    assert "555" not in calling(device).status_msg


def test_a_device_without_name_or_number_still_has_a_name_to_show() -> None:
    assert Device("DP1").display_name == "Phone"
    assert Device("DH1", type=DeviceType.TOKEN, capabilities=()).display_name == "Token"


def test_auto_means_the_first_device_that_can() -> None:
    token = Device("DH1", "0", type=DeviceType.TOKEN, capabilities=())
    landline = Device("DP1", "Desk", capabilities=(Capability.PHONE,))
    phone = Device("DP2", "Phone")
    user = User("alice", "DU1", devices=(token, landline, phone))
    assert user.first_device(Capability.PUSH) is phone
    assert user.first_device(Capability.PHONE) is landline
    assert user.device("DP2") is phone
    assert user.device("DP3") is None


def test_only_waiting_is_not_final() -> None:
    assert not PUSHED.is_final
    assert ALLOWED.is_final
    assert ALLOWED.response() == {
        "result": "allow",
        "status": "allow",
        "status_msg": "Success. Logging you in...",
    }


def test_the_answers_of_a_person() -> None:
    assert by_person(Answer.APPROVE).result == "allow"
    assert (by_person(Answer.DENY).result, by_person(Answer.DENY).status) == ("deny", "deny")
    assert (by_person(Answer.FRAUD).result, by_person(Answer.FRAUD).status) == ("deny", "fraud")
    with pytest.raises(ValueError, match="nothing to answer"):
        by_person(Answer.IGNORE)


def test_a_passcode_is_not_shown_in_a_representation() -> None:
    user = User("alice", "DU1", passcodes=[Passcode("123456")])
    assert "123456" not in repr(user)
