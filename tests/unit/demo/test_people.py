"""The cast of the demo holds together."""

from __future__ import annotations

import uuid

from ldapproxy.demo.people import (
    APPLICATION_DN,
    CAST,
    EXEMPT_GROUP_DN,
    SERVICE_ACCOUNT_DN,
    SHARED_ACCOUNT_DN,
    directory_entries,
)
from ldapproxy.ldap.dn import DistinguishedName


def test_parents_come_before_their_children() -> None:
    seen: set[str] = set()
    for entry in directory_entries():
        parent = entry.dn.partition(",")[2]
        assert not seen or parent in seen
        seen.add(entry.dn)


def test_every_entry_has_an_identity_of_its_own_that_stays() -> None:
    identities = [entry.attributes["entryUUID"] for entry in directory_entries()]
    assert len(set(identities)) == len(identities)
    assert all(str(uuid.UUID(value)) == value for (value,) in identities)
    assert identities == [entry.attributes["entryUUID"] for entry in directory_entries()]


def test_no_password_is_an_attribute() -> None:
    secrets = {person.password for person in CAST}
    for entry in directory_entries():
        assert secrets.isdisjoint(value for values in entry.attributes.values() for value in values)


def test_the_names_that_the_demo_relies_on_are_there() -> None:
    entries = {DistinguishedName.parse(entry.dn): entry for entry in directory_entries()}
    for name in (SERVICE_ACCOUNT_DN, APPLICATION_DN, SHARED_ACCOUNT_DN):
        assert entries[DistinguishedName.parse(name)].password
    members = entries[DistinguishedName.parse(EXEMPT_GROUP_DN)].attributes["member"]
    assert all(DistinguishedName.parse(member) in entries for member in members)


def test_there_is_somebody_for_every_case() -> None:
    users = {person.uid: person.duo_user() for person in CAST}
    assert users["dave"] is None
    devices = {name: len(user.devices) for name, user in users.items() if user is not None}
    assert (devices["alice"], devices["bob"], devices["carol"], devices["operations"]) == (1, 2, 0, 3)
    ids = [device.device_id for user in users.values() if user is not None for device in user.devices]
    assert len(set(ids)) == len(ids)
    assert all(len(device_id) == 20 for device_id in ids)


def test_each_call_makes_a_fresh_user() -> None:
    alice = next(person for person in CAST if person.uid == "alice")
    first, second = alice.duo_user(), alice.duo_user()
    assert first is not None
    assert second is not None
    first.passcodes.clear()
    assert second.passcodes
