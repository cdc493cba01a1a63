"""Look-ups for asyncio against a real slapd."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ldapproxy.auth.outcomes import Entry, EntryNotFound, LookupOutcome, LookupUnavailable, SeveralEntries
from ldapproxy.directory import lookup as lookup_module
from ldapproxy.directory.lookup import THREADS, Lookup
from ldapproxy.directory.settings import LookupSettings
from ldapproxy.ldap.dn import DistinguishedName
from tests.support.example_directory import (
    ALICE,
    BOB,
    EXEMPT,
    GROUPS,
    MULTI_RDN,
    NAMELESS,
    NO_SECOND_FACTOR,
    ODD_GROUP,
    ODD_NAME,
    PEOPLE,
    POSIX_USERS,
    SERVICE,
    SEVERAL,
    UNICODE,
    UNIQUE_USERS,
    VPN_SEARCH,
    VPN_USERS,
    Account,
    numbered,
)
from tests.support.slapd import Slapd, make_certificate
from tests.unit.directory.places import encrypted, plain, question, settings_for
from tests.unit.directory.scripted_server import (
    SEARCH_RESULT_DONE,
    SEARCH_RESULT_ENTRY,
    SUCCESS,
    ScriptedServer,
    binds_then,
    message,
)

ALL_GROUPS = (VPN_USERS, UNIQUE_USERS, POSIX_USERS, NO_SECOND_FACTOR, ODD_GROUP)


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    folder = tmp_path_factory.mktemp("slapd")
    with Slapd(folder, people=60, anonymous_read=False, log_operations=True) as running:
        yield running


@asynccontextmanager
async def looking_up(settings: LookupSettings) -> AsyncIterator[Lookup]:
    lookup = Lookup(settings)
    try:
        yield lookup
    finally:
        await lookup.aclose()


def outcome_of(settings: LookupSettings, name: Account | str, *groups: str) -> LookupOutcome:
    async def ask() -> LookupOutcome:
        async with looking_up(settings) as lookup:
            return await lookup.entry(question(name, *groups))

    return asyncio.run(ask())


def entry_of(settings: LookupSettings, name: Account | str, *groups: str) -> Entry:
    outcome = outcome_of(settings, name, *groups)
    assert isinstance(outcome, Entry), outcome
    return outcome


def names(*groups: str) -> frozenset[DistinguishedName]:
    return frozenset(DistinguishedName.parse(group) for group in groups)


def searches(slapd: Slapd) -> int:
    return len(slapd.operations("SRCH"))


# Entries


def test_an_entry_is_told_as_the_directory_returned_it(slapd: Slapd) -> None:
    settings = settings_for(plain(slapd))
    assert entry_of(settings, "UID=Alice, OU=People,dc=example,dc=com") == Entry(
        dn=DistinguishedName.parse(ALICE.dn),
        identity=ALICE.entry_uuid,
        usernames=("alice",),
        rdn_value="alice",
        groups=frozenset(),
    )


@pytest.mark.parametrize(
    ("account", "usernames", "rdn_value"),
    [
        (SEVERAL, ("several", "several-too"), "several"),
        (NAMELESS, (), "nameless"),
        (UNICODE, ("zoë",), "zoë"),
        (ODD_NAME, ("jsmith",), "Smith, John (*)"),
        (MULTI_RDN, ("multi",), "Multi Valued"),
        (SERVICE, (), "ldapproxy"),
    ],
)
def test_user_names_and_rdn_of_all_kinds(
    slapd: Slapd, account: Account, usernames: tuple[str, ...], rdn_value: str
) -> None:
    found = entry_of(settings_for(plain(slapd)), account)
    assert (found.usernames, found.rdn_value) == (usernames, rdn_value)
    assert found.identity == account.entry_uuid


def test_another_attribute_may_hold_the_user_name(slapd: Slapd) -> None:
    found = entry_of(settings_for(plain(slapd), username_attribute="mail"), ALICE)
    assert found.usernames == ("alice@example.com",)


@pytest.mark.parametrize(
    "name",
    [
        f"uid=nobody,{PEOPLE}",
        "uid=alice,dc=elsewhere",
        rf"uid=alice\2cou\3dpeople,{PEOPLE}",
        f"uid=*,{PEOPLE}",
        f"uid=alice)(uid=*,{PEOPLE}",
        f"uid=\\2a,{PEOPLE}",
    ],
)
def test_no_such_entry_is_not_found(slapd: Slapd, name: str) -> None:
    assert outcome_of(settings_for(plain(slapd)), name, VPN_USERS) == EntryNotFound()


def test_an_entry_must_meet_the_search_filter(slapd: Slapd) -> None:
    settings = settings_for(plain(slapd), search_filter="(&(objectClass=inetOrgPerson)(!(uid=bob)))")
    assert isinstance(outcome_of(settings, ALICE), Entry)
    assert outcome_of(settings, BOB) == EntryNotFound()
    assert outcome_of(settings, SERVICE) == EntryNotFound()


def test_an_entry_without_an_identity_is_unusable(tmp_path: Path) -> None:
    with Slapd(tmp_path, access_lines=("access to attrs=entryUUID by * none",)) as slapd:
        outcome = outcome_of(settings_for(plain(slapd)), ALICE)
    assert isinstance(outcome, LookupUnavailable)
    assert "neither entryUUID nor objectGUID" in outcome.detail


def test_several_entries_for_one_name_are_told_apart_from_one() -> None:
    def twice(message_id: bytes, connection: socket.socket) -> None:
        entry = message(message_id, SEARCH_RESULT_ENTRY, b"\x04\x05uid=a\x30\x00")
        connection.sendall(entry * 2 + message(message_id, SEARCH_RESULT_DONE, SUCCESS))

    with ScriptedServer(binds_then(twice)) as server:
        assert outcome_of(settings_for(server.server), "uid=a") == SeveralEntries()


# Groups


@pytest.mark.parametrize(
    ("account", "groups"),
    [
        (ALICE, (VPN_USERS, UNIQUE_USERS, POSIX_USERS)),
        (BOB, ()),
        (EXEMPT, (NO_SECOND_FACTOR,)),
        (VPN_SEARCH, (NO_SECOND_FACTOR,)),
        (ODD_NAME, (ODD_GROUP,)),
        (numbered(1), (VPN_USERS,)),
    ],
)
def test_membership_in_groups_of_all_kinds(slapd: Slapd, account: Account, groups: tuple[str, ...]) -> None:
    assert entry_of(settings_for(plain(slapd)), account, *ALL_GROUPS).groups == names(*groups)


def test_only_groups_that_are_asked_for_are_told(slapd: Slapd) -> None:
    assert entry_of(settings_for(plain(slapd)), ALICE, UNIQUE_USERS).groups == names(UNIQUE_USERS)


def test_a_group_that_does_not_exist_has_no_members(slapd: Slapd) -> None:
    missing = f"cn=missing,{GROUPS}"
    assert entry_of(settings_for(plain(slapd)), ALICE, missing, VPN_USERS).groups == names(VPN_USERS)


def test_an_entry_that_is_no_group_has_no_members(slapd: Slapd) -> None:
    assert entry_of(settings_for(plain(slapd)), ALICE, ALICE.dn, PEOPLE).groups == frozenset()


def test_member_uid_compares_the_user_name_and_nothing_else(slapd: Slapd) -> None:
    """`alice` is a memberUid, her mail address is not; `BOB` is one, and bob is somebody else."""
    by_mail = settings_for(plain(slapd), username_attribute="mail")
    assert entry_of(by_mail, ALICE, POSIX_USERS).groups == frozenset()
    assert entry_of(settings_for(plain(slapd)), BOB, POSIX_USERS).groups == frozenset()


def test_in_active_directory_the_entry_is_asked_with_the_in_chain_rule() -> None:
    """An entry with an objectGUID is Active Directory's. (The rule itself was tried on Samba.)"""

    def active_directory(message_id: bytes, connection: socket.socket) -> None:
        searched = server.received[-1]
        if b"objectGUID" in searched:
            guid = b"\x30\x20\x04\x0aobjectGUID\x31\x12\x04\x10" + bytes(range(16))
            content = b"\x04\x0aCN=a,DC=ex" + b"\x30" + bytes([len(guid)]) + guid
            connection.sendall(message(message_id, SEARCH_RESULT_ENTRY, content))
        elif b"1.2.840.113556.1.4.1941" in searched and b"cn=in," in searched and b"CN=a,DC=ex" in searched:
            connection.sendall(message(message_id, SEARCH_RESULT_ENTRY, b"\x04\x0aCN=a,DC=ex\x30\x00"))
        connection.sendall(message(message_id, SEARCH_RESULT_DONE, SUCCESS))

    with ScriptedServer(binds_then(active_directory)) as server:
        found = entry_of(settings_for(server.server), "cn=A,dc=ex", "cn=in,dc=ex", "cn=out,dc=ex")
    assert found.identity == "03020100-0504-0706-0809-0a0b0c0d0e0f"
    assert found.groups == names("cn=in,dc=ex")


# What can go wrong with the directory


def test_a_wrong_password_of_the_service_account_is_said_clearly(slapd: Slapd) -> None:
    outcome = outcome_of(settings_for(plain(slapd), password="canary-password"), ALICE)
    assert outcome == LookupUnavailable(
        f"{slapd.url}: it answered invalid_credentials (49) to the bind of {SERVICE.dn}"
    )


def test_a_server_that_is_gone_and_back_is_used_without_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        with Slapd(tmp_path) as slapd:
            async with looking_up(settings_for(plain(slapd))) as lookup:
                assert isinstance(await lookup.entry(question(ALICE)), Entry)
                slapd.kill()
                outcome = await lookup.entry(question(ALICE))
                assert outcome == LookupUnavailable(f"{slapd.url}: the connection was refused")
                slapd.start()
                assert isinstance(await lookup.entry(question(ALICE)), Entry)

    asyncio.run(scenario())


def test_the_first_of_two_servers_is_down(slapd: Slapd, tmp_path: Path) -> None:
    down = Slapd(tmp_path)
    down.load()
    down.start()
    down.kill()
    assert isinstance(outcome_of(settings_for(plain(down), plain(slapd)), ALICE), Entry)


def test_tls_that_does_not_verify_is_unavailable(slapd: Slapd, tmp_path: Path) -> None:
    other = make_certificate(tmp_path, "127.0.0.1").ca_file
    assert isinstance(outcome_of(settings_for(encrypted(slapd), ca_file=slapd.ca_file), ALICE), Entry)
    outcome = outcome_of(settings_for(encrypted(slapd), ca_file=other), ALICE)
    assert isinstance(outcome, LookupUnavailable)
    assert outcome.detail.startswith(f"{slapd.ldaps_url}: its certificate does not verify: ")


def test_a_server_that_hangs_is_unavailable_in_time(tmp_path: Path) -> None:
    with Slapd(tmp_path) as slapd:
        slapd.suspend()
        began = time.monotonic()
        outcome = outcome_of(settings_for(plain(slapd), timeout=0.3), ALICE)
        assert time.monotonic() - began < 3
    assert outcome == LookupUnavailable(f"{slapd.url}: it did not answer in time")


def test_a_defect_is_unavailable_and_logged(
    slapd: Slapd, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(*_: object) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr("ldapproxy.directory.entries.person", stumble)
    outcome = outcome_of(settings_for(plain(slapd)), ALICE)
    assert outcome == LookupUnavailable("an unforeseen error, see the program's log")
    assert caplog.records[0].exc_info is not None


# Memory


def test_an_entry_is_remembered_by_its_name_however_it_is_spelled(slapd: Slapd) -> None:
    async def scenario() -> None:
        async with looking_up(settings_for(plain(slapd), cache=60)) as lookup:
            first = await lookup.entry(question(ALICE, VPN_USERS))
            before = searches(slapd)
            again = await lookup.entry(
                question("UID=ALICE, ou=people , dc=example,dc=com", VPN_USERS.upper())
            )
            assert again == first
            assert searches(slapd) == before
            await lookup.entry(question(ALICE, UNIQUE_USERS))
            assert searches(slapd) == before + 2, "other groups are another question"
            await lookup.entry(question(BOB, VPN_USERS))
            assert searches(slapd) == before + 4, "so is another person"

    asyncio.run(scenario())


def test_memory_ends_after_its_time(slapd: Slapd) -> None:
    async def scenario() -> None:
        async with looking_up(settings_for(plain(slapd), cache=0.2)) as lookup:
            await lookup.entry(question(ALICE))
            before = searches(slapd)
            began = time.monotonic()
            while searches(slapd) == before:
                assert time.monotonic() - began < 10
                await lookup.entry(question(ALICE))
                await asyncio.sleep(0.01)
            assert time.monotonic() - began > 0.1

    asyncio.run(scenario())


def test_without_a_cache_nothing_is_remembered(slapd: Slapd) -> None:
    async def scenario() -> None:
        async with looking_up(settings_for(plain(slapd), cache=0)) as lookup:
            before = searches(slapd)
            await lookup.entry(question(ALICE))
            await lookup.entry(question(ALICE))
            assert searches(slapd) == before + 2

    asyncio.run(scenario())


def test_who_was_not_found_is_asked_for_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        with Slapd(tmp_path) as slapd:
            async with looking_up(settings_for(plain(slapd), cache=60)) as lookup:
                name = f"cn=late,{PEOPLE}"
                assert await lookup.entry(question(name)) == EntryNotFound()
                slapd.modify(f"dn: {name}\nobjectClass: person\ncn: late\nsn: late\n")
                assert isinstance(await lookup.entry(question(name)), Entry)

    asyncio.run(scenario())


def test_memory_is_bounded(slapd: Slapd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup_module, "CACHED", 2)

    async def scenario() -> None:
        async with looking_up(settings_for(plain(slapd), cache=60)) as lookup:
            for number in (1, 2, 3):
                await lookup.entry(question(numbered(number)))
            before = searches(slapd)
            await lookup.entry(question(numbered(2)))
            await lookup.entry(question(numbered(3)))
            assert searches(slapd) == before
            await lookup.entry(question(numbered(1)))
            assert searches(slapd) == before + 1, "the oldest was forgotten"

    asyncio.run(scenario())


# Many at a time


def test_fifty_people_over_a_few_connections(slapd: Slapd) -> None:
    async def scenario() -> None:
        binds = len(slapd.operations("BIND"))
        async with looking_up(settings_for(plain(slapd))) as lookup:
            found = await asyncio.gather(
                *(lookup.entry(question(numbered(number), VPN_USERS)) for number in range(1, 51))
            )
        assert [entry.usernames for entry in found if isinstance(entry, Entry)] == [
            (f"u{number:04}",) for number in range(1, 51)
        ]
        assert 1 <= len(slapd.operations("BIND")) - binds <= THREADS

    asyncio.run(scenario())


def test_identical_questions_at_a_time_are_asked_once(slapd: Slapd) -> None:
    async def scenario() -> None:
        async with looking_up(settings_for(plain(slapd), cache=0)) as lookup:
            before = searches(slapd)
            found = await asyncio.gather(*(lookup.entry(question(ALICE)) for _ in range(20)))
            assert all(isinstance(entry, Entry) for entry in found)
            assert searches(slapd) == before + 1

    asyncio.run(scenario())


def test_the_loop_is_free_while_the_directory_hangs(tmp_path: Path) -> None:
    async def scenario() -> None:
        with Slapd(tmp_path) as slapd:
            slapd.suspend()
            async with looking_up(settings_for(plain(slapd), timeout=0.5)) as lookup:
                asking = asyncio.create_task(lookup.entry(question(ALICE)))
                turns = 0
                while not asking.done():
                    await asyncio.sleep(0.01)
                    turns += 1
                assert turns > 10

    asyncio.run(scenario())


# Ends


def test_cancelling_one_who_waits_leaves_the_question_to_the_others() -> None:
    asked, answer = threading.Event(), threading.Event()

    def when_told(message_id: bytes, connection: socket.socket) -> None:
        asked.set()
        answer.wait(timeout=10)
        connection.sendall(message(message_id, SEARCH_RESULT_DONE, SUCCESS))

    async def scenario() -> None:
        with ScriptedServer(binds_then(when_told)) as server:
            async with looking_up(settings_for(server.server)) as lookup:
                leaves = asyncio.create_task(lookup.entry(question("uid=a")))
                stays = asyncio.create_task(lookup.entry(question("uid=a")))
                assert await asyncio.to_thread(asked.wait, 10)
                leaves.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await leaves
                answer.set()
                assert await stays == EntryNotFound()
                assert server.requests.count(0x63) == 1

    asyncio.run(scenario())


def test_cancelling_everybody_drops_the_answer() -> None:
    asked, answer = threading.Event(), threading.Event()

    def when_told(message_id: bytes, connection: socket.socket) -> None:
        asked.set()
        answer.wait(timeout=10)
        connection.sendall(message(message_id, SEARCH_RESULT_DONE, SUCCESS))

    async def scenario() -> None:
        with ScriptedServer(binds_then(when_told)) as server:
            async with looking_up(settings_for(server.server)) as lookup:
                leaves = asyncio.create_task(lookup.entry(question("uid=a")))
                assert await asyncio.to_thread(asked.wait, 10)
                leaves.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await leaves
                answer.set()
                assert await lookup.entry(question("uid=b")) == EntryNotFound()

    asyncio.run(scenario())


def test_closing_answers_everybody_soon() -> None:
    asked = threading.Event()

    async def scenario() -> None:
        with ScriptedServer(binds_then(lambda *_: asked.set())) as server:
            lookup = Lookup(settings_for(server.server, timeout=30))
            waiting = [
                asyncio.create_task(lookup.entry(question(f"uid=u{number}"))) for number in range(THREADS + 5)
            ]
            assert await asyncio.to_thread(asked.wait, 10)
            began = time.monotonic()
            await lookup.aclose()
            outcomes = await asyncio.gather(*waiting)
            assert time.monotonic() - began < 5
            assert all(isinstance(outcome, LookupUnavailable) for outcome in outcomes)
            late = await lookup.entry(question("uid=late"))
            assert late == LookupUnavailable("look-ups have been stopped")

    asyncio.run(scenario())
