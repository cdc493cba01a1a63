"""The cast of the demo: who is in the directory, and what each of them has in Duo.

Owns names, passwords and devices. It must not know how a directory or Duo works. Every password here is shown
on the phone page and good for nothing else.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ldapproxy.demo.duo_model import Capability, Device, DeviceType, Passcode, User, UserStatus

BASE_DN = "dc=example,dc=com"
SERVICE_ACCOUNT_DN = f"cn=ldapproxy,ou=services,{BASE_DN}"
SERVICE_ACCOUNT_PASSWORD = "lookup"  # noqa: S105 - of the demo's own directory
APPLICATION_DN = f"cn=application,ou=services,{BASE_DN}"
APPLICATION_PASSWORD = "application"  # noqa: S105 - of the demo's own directory
EXEMPT_GROUP_DN = f"cn=no-second-factor,ou=groups,{BASE_DN}"
SHARED_ACCOUNT_DN = f"uid=operations,ou=people,{BASE_DN}"

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "demo.ldapproxy.invalid")


@dataclass(frozen=True, slots=True)
class Person:
    """One of the cast.

    Attributes:
        uid: the user name, in the directory and in Duo.
        name: first and last name.
        password: the directory's.
        note: what is special about this person.
        devices: what is enrolled in Duo, in Duo's order.
        passcode: a code that is valid in Duo any number of times; empty for none.
        status: the status in Duo; None when Duo does not know this person.
    """

    uid: str
    name: str
    password: str
    note: str
    devices: tuple[Device, ...] = ()
    passcode: str = ""
    status: UserStatus | None = UserStatus.ACTIVE

    @property
    def dn(self) -> str:
        """The name of the entry."""
        return f"uid={self.uid},ou=people,{BASE_DN}"

    def duo_user(self) -> User | None:
        """A fresh Duo user for this person; None when Duo does not know them."""
        if self.status is None:
            return None
        return User(
            name=self.uid,
            user_id=f"DU{_digits(self.uid)}",
            status=self.status,
            devices=self.devices,
            passcodes=[Passcode(self.passcode)] if self.passcode else [],
        )


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """An entry of the embedded directory. The password is not one of its attributes: nothing can read it."""

    dn: str
    attributes: dict[str, tuple[str, ...]]
    password: str | None = None


def _digits(text: str) -> str:
    """18 digits that stay the same for the same text: the part of a Duo id behind the prefix."""
    return str(uuid.uuid5(_NAMESPACE, text).int)[:18]


def _phone(name: str, last_digits: str) -> Device:
    device_id = f"DP{_digits(name)}"
    return Device(device_id, name, f"+1 555 555 {last_digits}")


def _tablet(name: str) -> Device:
    """A device without a telephone number: pushes and codes only."""
    capabilities = (Capability.AUTO, Capability.PUSH, Capability.MOBILE_OTP)
    return Device(f"DP{_digits(name)}", name, capabilities=capabilities)


CAST = (
    Person("alice", "Alice Adams", "wonderland", "one phone", (_phone("Alice's phone", "0101"),), "111111"),
    Person(
        "bob",
        "Bob Brown",
        "builder",
        "two phones",
        (_phone("Bob's phone", "0102"), _tablet("Bob's tablet")),
        "222222",
    ),
    Person("carol", "Carol Clark", "carousel", "bypassed in Duo", status=UserStatus.BYPASS),
    Person("dave", "Dave Davis", "diver", "not enrolled in Duo", status=None),
    Person(
        "erin",
        "Erin Evans",
        "emerald",
        "hardware token only",
        (Device(f"DH{_digits('erin')}", "4711", type=DeviceType.TOKEN, capabilities=()),),
        "555555",
    ),
    Person(
        "frank",
        "Frank Fisher",
        "forest",
        "locked out in Duo",
        (_phone("Frank's phone", "0106"),),
        status=UserStatus.LOCKED_OUT,
    ),
    Person("grace", "Grace Green", "garden", "exempt by group: the password is enough", status=None),
    Person(
        "operations",
        "Operations Account",
        "teamwork",
        "shared account, a phone each for three people",
        (_phone("Olga", "0107"), _phone("Omar", "0108"), _phone("Otto", "0109")),
    ),
)


def directory_entries() -> list[DirectoryEntry]:
    """All entries of the embedded directory, parents first; each has an entryUUID."""
    entries = [
        _entry(BASE_DN, ("dcObject", "organization"), dc="example", o="Example"),
        *(
            _entry(f"ou={unit},{BASE_DN}", ("organizationalUnit",), ou=unit)
            for unit in ("people", "services", "groups")
        ),
    ]
    for person in CAST:
        first, _, last = person.name.partition(" ")
        entries.append(
            _entry(
                person.dn,
                ("inetOrgPerson", "organizationalPerson", "person"),
                person.password,
                uid=person.uid,
                cn=person.name,
                givenName=first,
                sn=last,
                mail=f"{person.uid}@example.com",
            )
        )
    entries.append(
        _entry(SERVICE_ACCOUNT_DN, ("applicationProcess",), SERVICE_ACCOUNT_PASSWORD, cn="ldapproxy")
    )
    entries.append(_entry(APPLICATION_DN, ("applicationProcess",), APPLICATION_PASSWORD, cn="application"))
    everybody = tuple(person.dn for person in CAST)
    exempt = tuple(person.dn for person in CAST if person.uid == "grace")
    entries.append(_group(f"cn=staff,ou=groups,{BASE_DN}", "staff", everybody))
    entries.append(_group(EXEMPT_GROUP_DN, "no-second-factor", exempt))
    return entries


def _entry(
    dn: str, object_classes: tuple[str, ...], password: str | None = None, **attributes: str
) -> DirectoryEntry:
    single = {name: (value,) for name, value in attributes.items()}
    identity = (str(uuid.uuid5(_NAMESPACE, dn)),)
    return DirectoryEntry(dn, {"objectClass": object_classes, **single, "entryUUID": identity}, password)


def _group(dn: str, name: str, members: tuple[str, ...]) -> DirectoryEntry:
    entry = _entry(dn, ("groupOfNames",), cn=name)
    return DirectoryEntry(dn, {**entry.attributes, "member": members})
