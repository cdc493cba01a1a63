"""The forms in which a person may type a second factor behind the password (`password,push`).

Owns the split of a credential into password and factor choice. It must not know what Duo makes of the choice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ldapproxy.secret import Secret


@dataclass(frozen=True, slots=True)
class Auto:
    """Nothing was typed: push to the first capable device, else call it."""


@dataclass(frozen=True, slots=True)
class Push:
    """`push`, `push2`: push to the n-th push-capable device, counted from 1."""

    device: int = 1


@dataclass(frozen=True, slots=True)
class Phone:
    """`phone`, `phone2`: call the n-th device that can be called, counted from 1."""

    device: int = 1


@dataclass(frozen=True, slots=True)
class Sms:
    """`sms`, `sms2`: send passcodes to the n-th device that takes them; the login itself is then denied."""

    device: int = 1


@dataclass(frozen=True, slots=True)
class Passcode:
    """A passcode or bypass code: 6 to 9 digits, or a YubiKey's 44 modhex characters."""

    code: Secret


@dataclass(frozen=True, slots=True)
class NamedDevice:
    """`@NAME`: the device of that name in Duo."""

    name: str


@dataclass(frozen=True, slots=True)
class Everybody:
    """Nothing was typed for a shared account: push to every device that takes pushes."""


FactorChoice = Auto | Push | Phone | Sms | Passcode | NamedDevice | Everybody

_KEYWORD = re.compile(rb"(push|phone|sms)([1-9]?)", re.IGNORECASE)
_PASSCODE = re.compile(rb"[0-9]{6,9}|[cbdefghijklnrtuv]{44}")
# Duo shows at most 50 characters of a device name; a longer one is part of a password.
_NAMED_DEVICE = re.compile(rb"@[^\x00-\x1f]{1,200}")


def split(credential: Secret, delimiter: str | None) -> tuple[Secret, FactorChoice]:
    """Splits what was sent as the password into the password proper and the factor choice.

    The split is at the *last* delimiter, and only if what follows is one of the known forms, so a password
    that contains the delimiter works.

    Args:
        credential: the credential of the BindRequest, as sent.
        delimiter: the listener's delimiter, a non-empty text; None means no credential is ever split.

    Returns:
        The password for the directory (it may be empty: the caller refuses that) and the factor choice.
    """
    if delimiter is None:
        return credential, Auto()
    password, found, suffix = credential.reveal().rpartition(delimiter.encode())
    if not found:
        return credential, Auto()
    choice = _parse(suffix)
    if choice is None:
        return credential, Auto()
    return Secret(password), choice


def _parse(suffix: bytes) -> FactorChoice | None:
    """The factor choice that `suffix` spells, or None if it is no known form."""
    if keyword := _KEYWORD.fullmatch(suffix):
        device = int(keyword[2] or b"1")
        match keyword[1].lower():
            case b"push":
                return Push(device)
            case b"phone":
                return Phone(device)
            case _:
                return Sms(device)
    if _PASSCODE.fullmatch(suffix):
        return Passcode(Secret(suffix))
    if _NAMED_DEVICE.fullmatch(suffix):
        try:
            return NamedDevice(suffix[1:].decode())
        except UnicodeDecodeError:
            return None
    return None
