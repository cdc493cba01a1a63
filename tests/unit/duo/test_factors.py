"""Which device is asked, by which factor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.auth.credentials import Auto, Everybody, FactorChoice, NamedDevice, Passcode, Phone, Push, Sms
from ldapproxy.auth.outcomes import Factor
from ldapproxy.duo.factors import AskDevice, AskEverybody, NoFactor, TryPasscode, choose
from ldapproxy.duo.responses import Device
from ldapproxy.secret import Secret

ALL = frozenset(Factor)
PUSH, PHONE, SMS = Factor.PUSH, Factor.PHONE, Factor.SMS
CODE = Secret("123456")

TOKEN = Device("DH1", ("0",), frozenset())
DESK = Device("DP1", ("Desk (1)", "Desk"), frozenset({"phone"}))
IPHONE = Device("DP2", ("iOS (2)", "iPhone"), frozenset({"push", "phone", "sms"}))
TABLET = Device("DP3", ("Tablet",), frozenset({"push"}))
TWIN = Device("DP4", ("iOS (4)", "iPhone"), frozenset({"push", "phone", "sms"}))
DEVICES = (TOKEN, DESK, IPHONE, TABLET, TWIN)


@pytest.mark.parametrize(
    ("choice", "allowed", "asked"),
    [
        (Auto(), {PUSH, PHONE}, (PUSH, IPHONE)),
        (Auto(), {PHONE}, (PHONE, DESK)),
        (Auto(), {SMS, Factor.PASSCODE}, None),
        (Auto(), set(), None),
        (Push(), {PUSH}, (PUSH, IPHONE)),
        (Push(2), {PUSH}, (PUSH, TABLET)),
        (Push(3), {PUSH}, (PUSH, TWIN)),
        (Push(4), {PUSH}, None),
        (Push(), {PHONE}, None),
        (Phone(), {PHONE}, (PHONE, DESK)),
        (Phone(2), {PHONE}, (PHONE, IPHONE)),
        (Phone(), {PUSH}, None),
        (Sms(), {SMS}, (SMS, IPHONE)),
        (Sms(2), {SMS}, (SMS, TWIN)),
        (Sms(), {PUSH, PHONE}, None),
        (Sms(), {Factor.PASSCODE}, (SMS, IPHONE)),
        (NamedDevice("iPhone"), {PUSH, PHONE}, (PUSH, IPHONE)),
        (NamedDevice("iOS (4)"), {PUSH, PHONE}, (PUSH, TWIN)),
        (NamedDevice("IPHONE"), {PUSH, PHONE}, (PUSH, IPHONE)),
        (NamedDevice("iPhone"), {PHONE}, (PHONE, IPHONE)),
        (NamedDevice("Desk"), {PUSH, PHONE}, (PHONE, DESK)),
        (NamedDevice("Desk"), {PUSH}, None),
        (NamedDevice("Tablet"), {PHONE}, None),
        (NamedDevice("0"), ALL, None),
        (NamedDevice("nobody's"), ALL, None),
        (NamedDevice("iPhone"), {SMS}, None),
    ],
)
def test_the_choice(choice: FactorChoice, allowed: set[Factor], asked: tuple[Factor, Device] | None) -> None:
    question = choose(choice, frozenset(allowed), DEVICES)
    if asked is None:
        assert isinstance(question, NoFactor)
        assert question.detail
    else:
        assert question == AskDevice(*asked)


def test_auto_calls_when_nothing_can_be_pushed() -> None:
    assert choose(Auto(), ALL, [TOKEN, DESK]) == AskDevice(PHONE, DESK)


def test_everybody_is_everybody_who_takes_pushes() -> None:
    assert choose(Everybody(), ALL, DEVICES) == AskEverybody((IPHONE, TABLET, TWIN))


@pytest.mark.parametrize(
    ("allowed", "devices"),
    [(ALL, (TOKEN, DESK, TABLET)), (ALL, (TOKEN, DESK)), (ALL, ()), ({PHONE}, DEVICES), ({SMS}, DEVICES)],
    ids=["one takes pushes", "none does", "none at all", "push is not allowed", "nothing is"],
)
def test_with_fewer_than_two_for_a_push_everybody_is_auto(
    allowed: set[Factor], devices: tuple[Device, ...]
) -> None:
    assert choose(Everybody(), frozenset(allowed), devices) == choose(Auto(), frozenset(allowed), devices)


def test_a_passcode_asks_no_device() -> None:
    assert choose(Passcode(CODE), ALL, []) == TryPasscode(CODE)
    assert isinstance(choose(Passcode(CODE), ALL - {Factor.PASSCODE}, DEVICES), NoFactor)


CHOICES = st.one_of(
    st.just(Auto()),
    st.just(Everybody()),
    st.builds(Push, st.integers(1, 9)),
    st.builds(Phone, st.integers(1, 9)),
    st.builds(Sms, st.integers(1, 9)),
    st.just(Passcode(CODE)),
    st.builds(NamedDevice, st.sampled_from(["iPhone", "Desk", "Tablet", "0", "x"])),
)


@given(CHOICES, st.frozensets(st.sampled_from(Factor)), st.lists(st.sampled_from(DEVICES)))
def test_only_what_is_allowed_and_possible_is_asked(
    choice: FactorChoice, allowed: frozenset[Factor], devices: list[Device]
) -> None:
    question = choose(choice, allowed, devices)
    if isinstance(question, NoFactor):
        return
    if isinstance(question, AskEverybody):
        assert isinstance(choice, Everybody)
        assert PUSH in allowed
        assert question.devices == tuple(device for device in devices if device.can(PUSH))
        return
    # Who may use passcodes may have them sent.
    assert question.factor in allowed | ({SMS} if Factor.PASSCODE in allowed else set())
    if isinstance(question, AskDevice):
        assert question.device in devices
        assert question.device.can(question.factor)
        assert not isinstance(choice, Passcode), "a passcode never causes a push"
    assert (question.factor is SMS) == isinstance(choice, Sms), "passcodes are sent to those who ask for them"
