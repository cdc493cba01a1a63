"""Whose name is that? What the directory is sent for a name that is no DN, and what its answers mean."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ldapproxy.auth.effects import FindEntry
from ldapproxy.auth.failed_binds import FailedBindRules
from ldapproxy.auth.names import AccountName, LoginName, SecurityIdentifier
from ldapproxy.auth.outcomes import EntryNotFound, SeveralEntries
from ldapproxy.auth.policy import ExemptDn
from ldapproxy.ldap.dn import DistinguishedName
from tests.support import ldap_bytes
from tests.support.ldap_bytes import controls, integer, message, octets, tlv
from tests.support.reactor import OnReactor
from tests.unit.net.scripted_directory import bind_response, entry, result, search_done, who_am_i_response
from tests.unit.net.usual_settings import ALICE, ENTRY
from tests.unit.net.wire import Wire
from tests.unit.net.world import World

NOBODY = DistinguishedName.parse("cn=nobody,dc=example,dc=com")
SID = bytes.fromhex("010500000000000515000000e8a84c129b07ebf1af3744454f040000")
GROUP_SID = SID[:-4] + b"\x01\x02\x00\x00"
UPN = "alice@example.com"

# RFC 4532, and a search for the root DSE's tokenGroups.
WHO_AM_I = tlv(0x77, tlv(0x80, b"1.3.6.1.4.1.4203.1.11.3"))


def token_groups(message_id: int, *identifiers: bytes) -> bytes:
    """The root DSE with these SIDs."""
    values = tlv(0x30, octets("tokenGroups"), tlv(0x31, *map(octets, identifiers)))
    return message(message_id, tlv(0x64, octets(""), tlv(0x30, values)))


async def asked_who_is_bound(world: World, client: Wire, message_id: int = 1) -> Wire:
    """The directory's end, the password accepted, "Who am I?" answered as Active Directory does."""
    peer = await world.begin_bind(client, message_id, UPN)
    await peer.send(bind_response(message_id))
    question = await peer.receive()
    own_id = 2 if message_id == 1 else 1
    assert question.raw == message(own_id, WHO_AM_I)
    await peer.send(who_am_i_response(own_id, "u:EXAMPLE\\alice"))
    return peer


@pytest.mark.parametrize(("message_id", "own_id"), [(1, 2), (2, 1), (77, 1)])
def test_active_directory_says_whose_it_is(on_reactor: OnReactor, message_id: int, own_id: int) -> None:
    async def scenario() -> None:
        async with World() as world:
            world.lookup.found = ENTRY.dn
            client = await world.client()
            peer = await asked_who_is_bound(world, client, message_id)
            question = await peer.receive()
            assert question.raw == ldap_bytes.search(own_id, "", 0, attributes=("tokenGroups",))
            # In one piece, or byte for byte: the end of the search belongs to our question, too.
            answer = token_groups(own_id, SID, GROUP_SID) + search_done(own_id)
            await (peer.send(answer) if message_id == 1 else peer.send_bytewise(answer))
            assert (await client.receive()).raw == bind_response(message_id)
            assert world.lookup.wanted == [FindEntry(SecurityIdentifier(SID))]
            assert world.lookup.asked[0].dn == ENTRY.dn
            await client.send(ldap_bytes.search(own_id))
            assert (await peer.receive()).message_id == own_id, "the session's own requests follow"
            await peer.send(search_done(own_id))
            assert (await client.receive()).raw == search_done(own_id)

    on_reactor(scenario())


@pytest.mark.parametrize(
    "answer",
    [
        search_done(2),
        result(2, 0x65, 32),
        result(2, 0x65, 50),
        token_groups(2) + search_done(2),
        token_groups(2, SID) + result(2, 0x65, 1),
        entry(2) + search_done(2),
    ],
)
def test_another_directory_has_no_sids(on_reactor: OnReactor, answer: bytes) -> None:
    """Then every reading of the name is searched for."""

    async def scenario() -> None:
        async with World() as world:
            world.lookup.found = ENTRY.dn
            client = await world.client()
            peer = await asked_who_is_bound(world, client)
            await peer.receive()
            await peer.send(answer)
            assert (await client.receive()).result_code == 0
            assert world.lookup.wanted == [FindEntry(LoginName(UPN))]

    on_reactor(scenario())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        token_groups(2, SID),
        token_groups(2, SID) + token_groups(2, GROUP_SID) + search_done(2),
        token_groups(3, SID),
        search_done(3),
        token_groups(2, SID) + message(2, tlv(0x73, octets("ldap://elsewhere/"))) + search_done(2),
        message(2, tlv(0x64, octets(""), tlv(0x30, octets("x")))) + search_done(2),
        who_am_i_response(2, "dn:" + ALICE),
        bind_response(2),
        b"\x30\x80",
    ],
)
def test_a_directory_that_does_not_answer_lets_nobody_in(on_reactor: OnReactor, answer: bytes) -> None:
    async def scenario() -> None:
        async with World() as world:
            world.lookup.found = ENTRY.dn
            client = await world.client()
            peer = await asked_who_is_bound(world, client)
            await peer.receive()
            if answer:
                await peer.send(answer)
            await peer.close()
            assert (await client.receive()).result_code in (49, 52)
            assert not world.second_factor.asked
            assert world.recorder.ends[0][0] in ("lookup_unavailable", "internal_error")

    on_reactor(scenario())


@pytest.mark.parametrize("found", [EntryNotFound(), SeveralEntries()])
def test_a_sid_that_is_not_ones_lets_nobody_in(on_reactor: OnReactor, found: Any) -> None:
    async def scenario() -> None:
        async with World() as world:
            world.lookup.found = found
            client = await world.client()
            peer = await asked_who_is_bound(world, client)
            await peer.receive()
            await peer.send(token_groups(2, SID), search_done(2))
            assert (await client.receive()).result_code == 49
            assert await peer.receive_end() == [], "nothing of the session reaches it again"
            assert not world.second_factor.asked

    on_reactor(scenario())


# Exempt names


@pytest.mark.parametrize(("named", "code"), [(SID, 0), (GROUP_SID, 49), (b"", 49), (None, 49)])
def test_who_is_exempt_by_a_dn_has_to_be_it(on_reactor: OnReactor, named: bytes | None, code: int) -> None:
    """Active Directory takes a DN of no entry for somebody's displayName, and accepts their password."""

    async def scenario() -> None:
        async with World(exempt=(ExemptDn(ENTRY.dn),), confirms_names=True) as world:
            client = await world.client()
            peer = await world.begin_bind(client)
            await peer.send(bind_response(1))
            assert (await peer.receive()).raw == ldap_bytes.search(2, "", 0, attributes=("tokenGroups",))
            await peer.send(token_groups(2, SID), search_done(2))
            assert (await peer.receive()).raw == ldap_bytes.search(2, ALICE, 0, attributes=("objectSid",))
            if named is None:
                await peer.send(search_done(2, 32))
            else:
                values = tlv(0x30, octets("objectSid"), tlv(0x31, *([octets(named)] if named else [])))
                await peer.send(message(2, tlv(0x64, octets(ALICE), tlv(0x30, values))), search_done(2))
            assert (await client.receive()).result_code == code
            assert not world.second_factor.asked
            [(reason, _)] = world.recorder.ends
            assert reason == ("exempt_dn" if code == 0 else "identity_unknown")

    on_reactor(scenario())


# Names that are replaced before they are sent


@pytest.mark.parametrize("credential", ["secret", "secret,push"])
def test_the_name_is_replaced_and_all_else_is_kept(on_reactor: OnReactor, credential: str) -> None:
    policy = controls(("1.3.6.1.4.1.42.2.27.8.5.1", b""))

    async def scenario() -> None:
        async with World(nobody=NOBODY) as world:
            world.lookup.found = ENTRY.dn
            client = await world.client()
            request = tlv(0x60, integer(3), octets("alice"), tlv(0x80, credential.encode()))
            await client.send(message(77, request, policy))
            peer = await world.directory.accept()
            expected = tlv(0x60, integer(3), octets(ALICE), tlv(0x80, b"secret"))
            assert (await peer.receive()).raw == message(77, expected, policy)
            assert world.lookup.wanted == [FindEntry(AccountName("alice"))]
            await peer.send(bind_response(77))
            assert (await client.receive()).raw == bind_response(77)

    on_reactor(scenario())


@pytest.mark.parametrize("found", [EntryNotFound(), SeveralEntries()])
@pytest.mark.parametrize("code", [49, 0])
def test_nobodys_name_is_refused_by_the_directory(on_reactor: OnReactor, found: Any, code: int) -> None:
    async def scenario() -> None:
        async with World(nobody=NOBODY) as world:
            world.lookup.found = found
            client = await world.client()
            await client.send(ldap_bytes.bind(5, "alice", "secret,push"))
            peer = await world.directory.accept()
            assert (await peer.receive()).raw == ldap_bytes.bind(5, NOBODY.text, "secret")
            await peer.send(bind_response(5, code, "data 52e"))
            answer = await client.receive()
            assert answer.result_code == 49, "not even a directory that accepts nobody lets nobody in"
            assert (answer.raw == bind_response(5, 49, "data 52e")) is (code == 49)
            assert await peer.receive_end() == []
            assert not world.second_factor.asked
            [record] = world.recorder.records
            assert record.reason.value == (
                "no_entry" if isinstance(found, EntryNotFound) else "several_entries"
            )

    on_reactor(scenario())


def test_a_client_that_leaves_ends_the_search_for_its_name(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(nobody=NOBODY) as world:
            world.lookup.found = None
            client = await world.client()
            await client.send(ldap_bytes.bind(5, "alice", "secret"))
            while not world.lookup.waiting:
                await asyncio.sleep(0.001)
            await client.close()
            while world.lookup.waiting:
                await asyncio.sleep(0.001)
            assert world.recorder.ends == [("client_left", None)]
            assert world.directory.accepted == 0

    on_reactor(scenario())


def test_too_many_failures_under_a_dn_keep_its_bare_name_out(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(nobody=NOBODY, failed_binds=FailedBindRules(per_user=1)) as world:
            world.lookup.found = ENTRY.dn
            client = await world.client()
            peer = await world.begin_bind(client)
            await peer.send(bind_response(1, 49))
            assert (await client.receive()).result_code == 49
            await client.send(ldap_bytes.bind(2, "alice", "secret"))
            assert (await client.receive()).result_code == 51
            assert world.directory.accepted == 1, "the directory is not asked"
            assert world.recorder.ends[-1] == ("too_many_failed", 51)
            assert world.recorder.limits["failed_binds"] == 1

    on_reactor(scenario())
