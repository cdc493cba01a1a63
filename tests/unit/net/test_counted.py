"""Which answers of the directory count as a wrong password."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from ldapproxy.auth.effects import FindEntry, LookUpEntry
from ldapproxy.auth.failed_binds import FailedBindRules, FailedBinds
from ldapproxy.auth.names import LoginName, SecurityIdentifier
from ldapproxy.auth.outcomes import (
    EntryNotFound,
    FindOutcome,
    LookupOutcome,
    LookupUnavailable,
    PrimaryAccepted,
    PrimaryNotAsked,
    PrimaryOutcome,
    PrimaryRefused,
    PrimaryUnavailable,
    SeveralEntries,
)
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.net.counted import CountedPrimary
from ldapproxy.secret import Secret

CLIENT = ip_address("192.0.2.1")
NAME = "uid=alice,dc=example,dc=com"
NOBODY = DistinguishedName.parse("cn=nobody,dc=example,dc=com")

WRONG = PrimaryRefused(b"response", 49, is_referral=False)


class Answering:
    """A directory that gives one answer, or none at all."""

    def __init__(self, answer: PrimaryOutcome | None) -> None:
        self._answer = answer
        self.asked: list[Secret | None] = []
        self.names: list[DistinguishedName | None] = []

    async def verify(self, password: Secret | None, name: DistinguishedName | None) -> PrimaryOutcome:
        self.asked.append(password)
        self.names.append(name)
        if self._answer is None:
            await asyncio.Event().wait()
        assert self._answer is not None
        return self._answer

    async def who_is_bound(self) -> DistinguishedName | LookupUnavailable | None:
        return DistinguishedName.parse(NAME)

    async def security_identifier(self) -> SecurityIdentifier | LookupUnavailable | None:
        return SecurityIdentifier(b"sid")

    async def identifier_of(self, entry: DistinguishedName) -> SecurityIdentifier | LookupUnavailable | None:
        return SecurityIdentifier(entry.text.encode())


@dataclass
class Finding:
    """Look-ups that find one entry, or none."""

    found: FindOutcome = field(default_factory=EntryNotFound)
    wanted: list[FindEntry] = field(default_factory=list)

    async def find(self, wanted: FindEntry) -> FindOutcome:
        self.wanted.append(wanted)
        return self.found

    async def entry(self, query: LookUpEntry) -> LookupOutcome:
        raise AssertionError("nobody counts by what an entry says")


def counted(
    counts: FailedBinds, answer: PrimaryOutcome | None, name: str = NAME, lookup: Finding | None = None
) -> CountedPrimary:
    attempt = counts.begin(name, CLIENT, 0)
    assert attempt is not None
    return CountedPrimary(Answering(answer), attempt, name, lookup or Finding(), NOBODY, lambda: 0.0)


@pytest.mark.parametrize(
    ("answer", "counts_as_failed"),
    [
        (PrimaryAccepted(b"response"), False),
        (PrimaryRefused(b"response", 49, is_referral=False), True),
        (PrimaryRefused(b"response", 53, is_referral=False), False),
        (PrimaryRefused(b"response", 10, is_referral=True), False),
        (PrimaryUnavailable("no answer"), False),
    ],
)
def test_only_invalid_credentials_count(answer: PrimaryOutcome, counts_as_failed: bool) -> None:
    counts = FailedBinds(FailedBindRules(per_user=1))
    assert asyncio.run(counted(counts, answer).verify(Secret("pw"), None)) is answer
    assert (counts.begin(NAME, CLIENT, 0) is None) is counts_as_failed


def test_hanging_up_before_the_answer_counts() -> None:
    counts = FailedBinds(FailedBindRules(per_user=1))

    async def leave() -> None:
        task = asyncio.create_task(counted(counts, None).verify(None, None))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert counts.begin(NAME, CLIENT, 0) is None


def test_who_is_bound_is_asked_as_before() -> None:
    primary = counted(FailedBinds(FailedBindRules()), PrimaryAccepted(b"response"))
    assert asyncio.run(primary.who_is_bound()) == DistinguishedName.parse(NAME)


def test_the_sid_is_asked_as_before() -> None:
    primary = counted(FailedBinds(FailedBindRules()), PrimaryAccepted(b"response"))
    assert asyncio.run(primary.security_identifier()) == SecurityIdentifier(b"sid")
    assert asyncio.run(primary.identifier_of(NOBODY)) == SecurityIdentifier(NOBODY.text.encode())


def test_a_bare_account_name_counts_as_the_entry_that_was_found() -> None:
    counts = FailedBinds(FailedBindRules(per_user=2))
    alice = DistinguishedName.parse(NAME)
    assert asyncio.run(counted(counts, WRONG, "alice").verify(Secret("pw"), alice)) is WRONG
    assert asyncio.run(counted(counts, WRONG).verify(Secret("pw"), None)) is WRONG
    assert counts.begin("UID=alice, dc=example,dc=com", CLIENT, 0) is None
    assert asyncio.run(counted(counts, WRONG, "alice").verify(Secret("pw"), alice)) == PrimaryNotAsked()


def test_those_who_do_not_exist_have_a_count_each() -> None:
    """Else the first of them that is guessed too often would tell all of them from those who do exist."""
    counts = FailedBinds(FailedBindRules(per_user=1))
    assert asyncio.run(counted(counts, WRONG, "alicia").verify(Secret("pw"), NOBODY)) is WRONG
    assert counts.begin("ALICIA", CLIENT, 0) is None
    assert asyncio.run(counted(counts, WRONG, "alina").verify(Secret("pw"), NOBODY)) is WRONG


@pytest.mark.parametrize("name", ["alice@example.com", r"EXAMPLE\alice"])
def test_a_login_name_counts_as_the_entry_it_stands_for_and_is_sent_as_it_was_typed(name: str) -> None:
    counts = FailedBinds(FailedBindRules(per_user=2))
    lookup = Finding(DistinguishedName.parse(NAME))
    for _ in range(2):
        primary = counted(counts, WRONG, name, lookup)
        assert asyncio.run(primary.verify(Secret("pw"), None)) is WRONG
    assert lookup.wanted == [FindEntry(LoginName(name))] * 2
    assert counts.begin("UID=alice, dc=example,dc=com", CLIENT, 0) is None
    assert asyncio.run(counted(counts, WRONG, name, lookup).verify(None, None)) == PrimaryNotAsked()


@pytest.mark.parametrize("found", [EntryNotFound(), SeveralEntries(), LookupUnavailable("away")])
def test_a_login_name_that_is_not_one_entrys_has_its_own_count(found: FindOutcome) -> None:
    counts = FailedBinds(FailedBindRules(per_user=1))
    name = "alice@example.com"
    assert asyncio.run(counted(counts, WRONG, name, Finding(found)).verify(None, None)) is WRONG
    assert counts.begin("Alice@Example.com", CLIENT, 0) is None
    assert counts.begin(NAME, CLIENT, 0) is not None


@pytest.mark.parametrize(
    ("name", "per_user"),
    [(NAME, 1), ("alice", 1), ("mail=a@example.com,dc=com", 1), ("alice@example.com", 0)],
)
def test_nothing_is_looked_up_without_need(name: str, per_user: int) -> None:
    lookup = Finding(DistinguishedName.parse(NAME))
    counts = FailedBinds(FailedBindRules(per_user=per_user, per_client=9))
    assert asyncio.run(counted(counts, WRONG, name, lookup).verify(None, None)) is WRONG
    assert not lookup.wanted
