"""Users and faults as JSON or YAML documents.

Owns the reading of them. It must not know where a document comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from ldapproxy.demo.duo_accounts import random_id
from ldapproxy.demo.duo_faults import Fault, FaultKind
from ldapproxy.demo.duo_model import (
    SMARTPHONE,
    Answer,
    AutomaticAnswer,
    Capability,
    Device,
    DeviceType,
    Passcode,
    User,
    UserStatus,
)

Document = Mapping[str, Any]
Choice = TypeVar("Choice", bound=Enum)


def choice(kind: type[Choice], value: object) -> Choice:
    """The member of `kind` with that value.

    Raises:
        ValueError: there is none; the message lists those that there are.
    """
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{value} is none of {', '.join(str(one.value) for one in kind)}") from None


def read_user(document: Document) -> User:
    """A user from JSON or YAML.

    `name` is required. `status`, `devices` (see `read_device`), `passcodes` (texts, good for any number of
    logins) and `single_use_passcodes` are optional. Ids that are not given are made up.

    Raises:
        ValueError: a key is missing or unknown, or a value makes no sense.
    """
    allow_only(
        document,
        "user",
        "name",
        "user_id",
        "status",
        "devices",
        "passcodes",
        "single_use_passcodes",
        "automatic",
    )
    automatic = document.get("automatic")
    return User(
        name=str(document["name"]),
        user_id=str(document.get("user_id") or random_id("DU")),
        status=choice(UserStatus, document.get("status", "active")),
        devices=tuple(map(read_device, document.get("devices", []))),
        passcodes=[Passcode(str(code)) for code in document.get("passcodes", [])]
        + [Passcode(str(code), 1) for code in document.get("single_use_passcodes", [])],
        automatic=AutomaticAnswer(choice(Answer, automatic)) if automatic is not None else None,
    )


def read_device(document: Document) -> Device:
    """A device: `name`, `number`, `type`, `capabilities`, `device_id`, all optional."""
    allow_only(document, "device", "device_id", "name", "number", "type", "capabilities")
    kind = choice(DeviceType, document.get("type", "phone"))
    default = SMARTPHONE if kind is DeviceType.PHONE else ()
    capabilities = document.get("capabilities")
    return Device(
        device_id=str(document.get("device_id") or random_id("DP" if kind is DeviceType.PHONE else "DH")),
        name=str(document.get("name", "")),
        number=str(document.get("number", "")),
        type=kind,
        capabilities=default
        if capabilities is None
        else tuple(choice(Capability, one) for one in capabilities),
    )


def read_fault(document: Document) -> Fault:
    """A fault from JSON: `kind` is required, the other attributes of `Fault` are optional.

    Raises:
        ValueError: a key is unknown, or a value makes no sense.
    """
    allow_only(
        document, "fault", "kind", "status", "body", "content_type", "headers", "delay", "times", "acts"
    )
    times = document.get("times")
    return Fault(
        kind=choice(FaultKind, document["kind"]),
        status=int(document.get("status", 200)),
        body=str(document.get("body", "")),
        content_type=str(document.get("content_type", "application/json")),
        headers=dict(document.get("headers", {})),
        delay=float(document.get("delay", 0)),
        times=None if times is None else int(times),
        acts=bool(document.get("acts", False)),
    )


def allow_only(document: Document, what: str, *keys: str) -> None:
    """Refuses keys that nobody would read.

    Raises:
        ValueError: there are such keys.
    """
    unknown = document.keys() - set(keys)
    if unknown:
        raise ValueError(f"a {what} has no {', '.join(sorted(unknown))}")
