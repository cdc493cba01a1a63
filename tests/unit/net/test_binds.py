"""The binds of a listener: one at a time in a session, bounded, each with one record and one answer."""

from __future__ import annotations

import asyncio
import logging

import pytest

from ldapproxy.auth.outcomes import FailMode, SecondFactorOutcome, SecondFactorResult
from ldapproxy.auth.policy import Anonymous, ExemptDn
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.net.settings import PushSettings
from tests.support.ldap_bytes import abandon, bind, integer, message, octets, root_dse, search, tlv, unbind
from tests.support.reactor import OnReactor, eventually
from tests.unit.net.scripted_directory import (
    bind_response,
    notice,
    password_policy,
    search_done,
    who_am_i_response,
)
from tests.unit.net.usual_settings import ALICE, ALLOWED, DENIED
from tests.unit.net.wire import Wire
from tests.unit.net.world import World


async def answers(client: Wire, count: int) -> list[tuple[int, int]]:
    """messageID and result code of the next messages."""
    messages = [await client.receive() for _ in range(count)]
    return [(message.message_id, message.result_code) for message in messages]


# One bind at a time.


def test_two_binds_in_a_row(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            world.second_factor.answer = None
            client = await world.client()
            await client.send(bind(1), search(2), bind(3), search(4))
            first = await world.directory.accept()
            assert (await first.receive()).raw == bind(1)
            await first.send(bind_response(1))
            await eventually(lambda: world.second_factor.waiting, "the second factor")
            await first.silence()
            world.second_factor.release(ALLOWED)
            # The search runs under the first identity, and is abandoned by the second bind.
            second = await world.directory.accept()
            assert (await second.receive()).raw == bind(3)
            await first.rest()
            await second.send(bind_response(3))
            assert (await second.receive()).raw == search(4)
            await second.send(search_done(4))
            assert await answers(client, 3) == [(1, 0), (3, 0), (4, 0)]

    on_reactor(scenario())


@pytest.mark.parametrize("outcome", ["wrong password", "denied"])
def test_after_a_rejected_bind_the_session_is_anonymous(on_reactor: OnReactor, outcome: str) -> None:
    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            peer = await world.bound(client)
            world.second_factor.answer = DENIED
            await client.send(bind(2), search(3), root_dse(4))
            await peer.receive()
            await peer.send(bind_response(2, 0 if outcome == "denied" else 49))
            assert await answers(client, 2) == [(2, 49), (3, 50)]
            assert await peer.rest() == b"", "the identity's connection is gone"
            fresh = await world.directory.accept()
            assert (await fresh.receive()).raw == root_dse(4)

    on_reactor(scenario())


def test_an_anonymous_bind_between(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            peer = await world.bound(client)
            await client.send(bind(2, "", ""), search(3))
            assert await answers(client, 2) == [(2, 0), (3, 50)]
            assert await peer.rest() == b""
            again = await world.begin_bind(client, 4)
            await again.send(bind_response(4))
            assert await answers(client, 1) == [(4, 0)]
            assert [reason for reason, _ in world.recorder.ends] == [
                "second_factor",
                "anonymous",
                "second_factor",
            ]

    on_reactor(scenario())


def test_abandoning_a_bind_does_nothing(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            peer = await world.begin_bind(client)
            await client.send(abandon(2, 1))
            await peer.silence()
            await peer.send(bind_response(1))
            assert await answers(client, 1) == [(1, 0)]
            await peer.silence()

    on_reactor(scenario())


def test_too_much_behind_a_pending_bind(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(buffered=4096) as world:
            client = await world.client()
            peer = await world.begin_bind(client)
            await client.send(search(2, "ou=" + "x" * 5000))
            (told,) = await client.receive_end()
            assert (told.message_id, told.result_code) == (0, 51)
            assert await peer.rest() == b""
            assert world.recorder.limits == {"buffered": 1}
            assert world.recorder.ends == [("client_left", None)]

    on_reactor(scenario())


# What is answered at once.


SASL = message(1, tlv(0x60, integer(3), octets(""), tlv(0xA3, octets("EXTERNAL"))))
VERSION_2 = message(1, tlv(0x60, integer(2), octets(ALICE), tlv(0x80, b"secret")))


@pytest.mark.parametrize(
    ("request_sent", "reason", "code"),
    [
        (SASL, "unsupported_method", 7),
        (VERSION_2, "unsupported_version", 2),
        (bind(1, ALICE, ""), "unauthenticated_bind", 53),
        (bind(1, "", "secret"), "invalid_credentials_form", 49),
        (bind(1, ALICE, "se\0cret"), "invalid_credentials_form", 49),
        (bind(1, "", ""), "anonymous_denied", 48),
    ],
)
def test_refusals_without_any_question(
    on_reactor: OnReactor, request_sent: bytes, reason: str, code: int
) -> None:
    async def scenario() -> None:
        async with World(anonymous=Anonymous.DENY) as world:
            client = await world.client()
            await client.send(request_sent)
            assert await answers(client, 1) == [(1, code)]
            assert world.recorder.ends == [(reason, code)]
            assert world.recorder.audited == world.recorder.records
            assert world.directory.accepted == 0
            assert world.recorder.pending == 0

    on_reactor(scenario())


@pytest.mark.parametrize("first", ["pending", "refused at once"])
def test_a_refusal_closes_the_connection_of_the_identity_before(on_reactor: OnReactor, first: str) -> None:
    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            peer = await world.bound(client)
            if first == "pending":
                await client.send(bind(2, ALICE, ",123456"))  # nothing before the delimiter
            else:
                await client.send(SASL)
            await client.receive()
            assert await peer.rest() == b""

    on_reactor(scenario())


# What a login needs of everybody.


def test_an_accepted_bind_is_answered_with_the_directory_s_own_response(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            peer = await world.begin_bind(client)
            response = bind_response(1, 0, "welcome", password_policy())
            await peer.send(response)
            assert (await client.receive()).raw == response
            (record,) = world.recorder.records
            assert (record.username, record.result_code, record.client_address) == ("alice", 0, "127.0.0.1")
            ((question, budget),) = world.second_factor.asked
            assert question.listener == "vpn"
            assert 4 < budget < 5

    on_reactor(scenario())


def test_an_exempt_account_is_asked_nothing_else(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        exempt = ExemptDn(DistinguishedName.parse(ALICE))
        async with World(exempt=(exempt,)) as world:
            client = await world.client()
            peer = await world.begin_bind(client, password="secret,push")
            await peer.send(bind_response(1))
            assert await answers(client, 1) == [(1, 0)]
            assert world.recorder.ends == [("exempt_dn", 0)]
            assert not world.lookup.asked
            assert not world.second_factor.asked

    on_reactor(scenario())


def test_another_form_of_name_is_asked_on_the_same_connection(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            peer = await world.begin_bind(client, 1, "alice@example.com")
            await peer.send(bind_response(1))
            question = await peer.receive()
            assert question.tag == 0x77
            await peer.send(who_am_i_response(question.message_id, f"dn:{ALICE}"))
            assert await answers(client, 1) == [(1, 0)]
            assert [query.dn.normalised for query in world.lookup.asked] == [ALICE]

    on_reactor(scenario())


@pytest.mark.parametrize("how", ["closes", "says so", "misbehaves"])
def test_a_directory_that_goes_while_the_second_factor_is_asked(on_reactor: OnReactor, how: str) -> None:
    """The login was right and is answered so; then the client is told that the directory is gone."""

    async def scenario() -> None:
        async with World() as world:
            world.second_factor.answer = None
            client = await world.client()
            peer = await world.begin_bind(client)
            await client.send(search(2))
            await peer.send(bind_response(1))
            await eventually(lambda: world.second_factor.waiting, "the second factor")
            if how == "closes":
                await peer.close()
            else:
                await peer.send(notice() if how == "says so" else b"garbage")
                assert await peer.rest() == b""
            world.second_factor.release(ALLOWED)
            assert [(each.message_id, each.result_code) for each in await client.receive_end()] == [
                (1, 0),
                (0, 52),
            ]
            assert world.directory.accepted == 1, "the search must not go out as nobody's"

    on_reactor(scenario())


@pytest.mark.parametrize("behind", [b"\x30", bind_response(1), bind_response(2), b"garbage"])
def test_bytes_behind_a_bind_response(on_reactor: OnReactor, behind: bytes) -> None:
    """Whatever it is, nobody asked for it: it never reaches the client, and the connection is not used."""

    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            peer = await world.begin_bind(client)
            await peer.send(bind_response(1) + behind)
            first, *others = await client.receive_end()
            assert (first.message_id, first.tag) == (1, 0x61)
            assert [(each.message_id, each.result_code) for each in others] == [(0, 52)]
            assert await peer.rest() == b""

    on_reactor(scenario())


# A client that leaves.


@pytest.mark.parametrize("how", ["close", "reset", "half_close", "unbind", "garbage"])
@pytest.mark.parametrize("stage", ["primary", "lookup", "second_factor"])
def test_leaving_a_pending_bind(on_reactor: OnReactor, stage: str, how: str) -> None:
    async def scenario() -> None:
        async with World() as world:
            world.lookup.answer = None if stage == "lookup" else world.lookup.answer
            world.second_factor.answer = None
            client = await world.client()
            peer = await world.begin_bind(client)
            if stage != "primary":
                await peer.send(bind_response(1))
                port = world.lookup if stage == "lookup" else world.second_factor
                await eventually(lambda: port.waiting, "the stage")
            match how:
                case "close":
                    client.writer.close()
                case "reset":
                    client.reset()
                case "half_close":
                    client.half_close()
                case "unbind":
                    await client.send(unbind(2))
                case "garbage":
                    await client.send(b"GET / HTTP/1.1\r\n\r\n")
            assert await peer.rest() == b""
            await eventually(lambda: not world.recorder.sessions, "the session to end")
            assert world.recorder.ends == [("client_left", None)]
            assert len(world.recorder.left) == 1
            assert (world.recorder.pending, world.lookup.waiting, world.second_factor.waiting) == (0, 0, 0)
            assert (len(world.binds), len(world.pushes)) == (0, 0)

    on_reactor(scenario())


# Numbers, records, exceptions.


def test_pending_binds_are_limited(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(pending_binds=2) as world:
            world.second_factor.answer = None
            clients = [await world.client() for _ in range(3)]
            for client in clients[:2]:
                peer = await world.begin_bind(client)
                await peer.send(bind_response(1))
            await eventually(lambda: world.second_factor.waiting == 2, "two second factors")
            assert world.recorder.pending == 2
            await clients[2].send(bind(1))
            assert await answers(clients[2], 1) == [(1, 51)]
            assert world.recorder.limits == {"pending_binds": 1}
            world.second_factor.release(ALLOWED)
            for client in clients[:2]:
                assert await answers(client, 1) == [(1, 0)]
            peer = await world.begin_bind(clients[2], 2)
            await peer.send(bind_response(2))
            assert await answers(clients[2], 1) == [(2, 0)]
            assert world.recorder.pending == 0
            assert sorted(world.recorder.ends) == [("second_factor", 0)] * 3 + [("too_many_pending", 51)]

    on_reactor(scenario())


@pytest.mark.parametrize(
    ("mode", "outcome", "code", "decided"),
    [
        (FailMode.CLOSED, SecondFactorOutcome.UNAVAILABLE, 49, "reject"),
        (FailMode.OPEN, SecondFactorOutcome.UNAVAILABLE, 0, "accept"),
        (FailMode.OPEN, SecondFactorOutcome.INTERRUPTED, 49, "reject"),
        (FailMode.OPEN, SecondFactorOutcome.DENIED, 49, None),
    ],
)
def test_decisions_of_the_fail_mode_are_counted_and_told(
    on_reactor: OnReactor,
    caplog: pytest.LogCaptureFixture,
    mode: FailMode,
    outcome: SecondFactorOutcome,
    code: int,
    decided: str | None,
) -> None:
    async def scenario() -> None:
        async with World(fail_mode=mode) as world:
            world.second_factor.answer = SecondFactorResult(outcome, detail="why")
            client = await world.client()
            peer = await world.begin_bind(client)
            await peer.send(bind_response(1))
            assert await answers(client, 1) == [(1, code)]
            assert world.recorder.fail_modes == ([] if decided is None else [(mode.value, decided)])

    with caplog.at_level(logging.WARNING, "ldapproxy"):
        on_reactor(scenario())
    assert ("without Duo" in caplog.text) == (code == 0)


@pytest.mark.parametrize("accepted", [True, False])
def test_an_audit_log_that_throws_never_hangs_a_login(on_reactor: OnReactor, accepted: bool) -> None:
    """It must not, and if it does: no record, no login, and an answer."""

    async def scenario() -> None:
        async with World() as world:
            world.recorder.audit_fails_with = OSError("no space left on device")
            client = await world.client()
            peer = await world.begin_bind(client)
            await peer.send(bind_response(1, 0 if accepted else 49))
            assert await answers(client, 1) == [(1, 80)]
            assert await peer.rest() == b""
            assert world.recorder.pending == 0
            await client.send(search(2))
            assert await answers(client, 1) == [(2, 50)]

    on_reactor(scenario())


def test_an_answer_before_the_push_is_answered(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(pushes=PushSettings(answer_before=0.8)) as world:
            world.second_factor.answer = None
            client = await world.client()
            peer = await world.begin_bind(client)
            await peer.send(bind_response(1))
            await eventually(lambda: world.second_factor.waiting, "the second factor")
            answer = await client.receive()
            assert (answer.message_id, answer.result_code) == (1, 51)
            assert answer.diagnostic == "the push still waits; try again to use it"
            assert await peer.rest() == b"", "nobody is bound on it"
            assert world.recorder.ends == [("answered_before", 51)]
            assert world.second_factor.waiting == 1, "the push goes on"
            world.second_factor.release(SecondFactorResult(SecondFactorOutcome.ALLOWED, factor="push"))
            await eventually(lambda: not len(world.pushes), "the push to end")
            again = await world.begin_bind(client, 2)
            await again.send(bind_response(2))
            assert await answers(client, 1) == [(2, 0)]
            assert len(world.second_factor.asked) == 1
            assert world.recorder.joins == {"late_approval": 1}

    on_reactor(scenario())


@pytest.mark.parametrize("waits_for", ["the directory", "a passcode"])
def test_an_answer_before_anything_else_speaks_of_no_push(on_reactor: OnReactor, waits_for: str) -> None:
    """None was sent, so none waits; and whether the password was right is not to be told either."""

    async def scenario() -> None:
        async with World(pushes=PushSettings(answer_before=0.8)) as world:
            world.second_factor.answer = None
            client = await world.client()
            peer = await world.begin_bind(client, password="secret,123456")
            if waits_for == "a passcode":
                await peer.send(bind_response(1))
                await eventually(lambda: world.second_factor.waiting, "the second factor")
            answer = await client.receive()
            assert (answer.message_id, answer.result_code) == (1, 51)
            assert answer.diagnostic == "no answer yet; try again"
            assert await peer.rest() == b""
            await eventually(lambda: not world.second_factor.waiting, "the passcode's end")
            assert not len(world.pushes)

    on_reactor(scenario())


def test_many_logins_at_once_get_each_their_own_answer(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:

            async def serve() -> None:
                for number in range(40):
                    peer = await world.directory.accept()
                    request = await peer.receive()
                    refused = request.raw.count(b"wrong")
                    await peer.send(bind_response(request.message_id, 49 if refused else 0, str(number)))

            async def log_in(number: int) -> None:
                client = await world.client()
                wrong = number % 3 == 0
                await client.send(bind(number + 1, ALICE, "wrong" if wrong else "secret"))
                assert await answers(client, 1) == [(number + 1, 49 if wrong else 0)]

            await asyncio.gather(serve(), *(log_in(number) for number in range(40)))
            assert len(world.recorder.audited) == len(world.recorder.records) == 40
            assert len({record.id for record in world.recorder.records}) == 40
            assert world.recorder.pending == 0

    on_reactor(scenario())
