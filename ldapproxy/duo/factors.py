"""Which device of the user is asked, and by which factor (pure).

Owns the choice between what the person typed, what the listener allows and what the devices can do (design
4.5). It must not know how a device is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from ldapproxy.auth.credentials import Auto, Everybody, FactorChoice, NamedDevice, Passcode, Phone, Push, Sms
from ldapproxy.auth.outcomes import Factor
from ldapproxy.duo.responses import Device
from ldapproxy.secret import Secret


@dataclass(frozen=True, slots=True)
class AskDevice:
    """Ask this device by push or call, or send passcodes to it."""

    factor: Factor
    device: Device


@dataclass(frozen=True, slots=True)
class AskEverybody:
    """Push to all of these devices at once; there are at least two."""

    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class TryPasscode:
    """Let Duo verify this passcode; no device is asked."""

    code: Secret
    factor: Factor = Factor.PASSCODE


@dataclass(frozen=True, slots=True)
class NoFactor:
    """There is nothing to ask; `detail` says why, for the log."""

    detail: str


Question = AskDevice | TryPasscode


def choose(
    choice: FactorChoice, factors: frozenset[Factor], devices: Sequence[Device]
) -> Question | AskEverybody | NoFactor:
    """Chooses the factor and the device, or the devices of a shared account.

    Args:
        choice: what the person typed.
        factors: what the listener allows.
        devices: the user's devices, in Duo's order.
    """
    match choice:
        case Everybody() if Factor.PUSH in factors and len(capable := _capable(Factor.PUSH, devices)) > 1:
            return AskEverybody(tuple(capable))
        case Auto() | Everybody():
            return _push_else_call(devices, factors) or NoFactor(
                "no device of the user can do a push or a call that the listener allows"
            )
        case NamedDevice(name):
            wanted = name.casefold()
            named = [device for device in devices if wanted in (known.casefold() for known in device.names)]
            return _push_else_call(named, factors) or NoFactor(
                "no device of that name can do a push or a call that the listener allows"
            )
        case Push(number):
            return _numbered(Factor.PUSH, number, factors, devices)
        case Phone(number):
            return _numbered(Factor.PHONE, number, factors, devices)
        case Sms(number):
            # It sends passcodes, so who may use passcodes may ask for them.
            sends = {Factor.SMS} if Factor.PASSCODE in factors else set()
            return _numbered(Factor.SMS, number, factors | sends, devices)
        case Passcode(code):
            if Factor.PASSCODE not in factors:
                return _not_allowed(Factor.PASSCODE)
            return TryPasscode(code)
        case _:
            assert_never(choice)


def _push_else_call(devices: Sequence[Device], factors: frozenset[Factor]) -> AskDevice | None:
    for factor in (Factor.PUSH, Factor.PHONE):
        if factor in factors:
            for device in _capable(factor, devices):
                return AskDevice(factor, device)
    return None


def _numbered(
    factor: Factor, number: int, factors: frozenset[Factor], devices: Sequence[Device]
) -> AskDevice | NoFactor:
    if factor not in factors:
        return _not_allowed(factor)
    capable = _capable(factor, devices)
    if number > len(capable):
        return NoFactor(
            f"the user has {len(capable)} device(s) for {factor.value}, and number {number} was wanted"
        )
    return AskDevice(factor, capable[number - 1])


def _capable(factor: Factor, devices: Sequence[Device]) -> list[Device]:
    return [device for device in devices if device.can(factor)]


def _not_allowed(factor: Factor) -> NoFactor:
    return NoFactor(f"the listener does not allow {factor.value}")
