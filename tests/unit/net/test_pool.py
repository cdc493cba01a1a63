"""Which directory connections another session may get: the rules of the design, attacked one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.support.ldap_bytes import abandon, bind, extended, search, unbind
from tests.support.reactor import OnReactor
from tests.unit.net.scripted_directory import (
    bind_response,
    entry,
    notice,
    referral,
    search_done,
    who_am_i_response,
)
from tests.unit.net.wire import Wire
from tests.unit.net.world import World

WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def anonymous_bind_at(peer: Wire) -> int:
    """Receives the anonymous bind that makes the connection nobody's, and returns its messageID."""
    request = await peer.receive()
    assert request.raw == bind(request.message_id, "", "")
    return request.message_id


async def left_in_order(world: World) -> Wire:
    """A session that logs in and unbinds; returns the directory's end, which has got the anonymous bind."""
    client = await world.client()
    peer = await world.bound(client)
    await client.send(unbind(2))
    return peer


async def next_session_uses(world: World, peer: Wire) -> bool:
    """Whether the next session's bind travels on this connection, rather than on a new one."""
    before = world.directory.accepted
    client = await world.client()
    await client.send(bind(1))
    on_this = asyncio.ensure_future(peer.receive())
    try:
        await until(lambda: world.directory.accepted > before or (on_this.done() and not on_this.exception()))
        return world.directory.accepted == before
    finally:
        on_this.cancel()
        await asyncio.gather(on_this, return_exceptions=True)


def test_a_session_left_in_order_passes_its_connection_on(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(pooled=True) as world:
            peer = await left_in_order(world)
            await peer.send(bind_response(await anonymous_bind_at(peer)))
            await until(lambda: world.idle == 1)
            assert await next_session_uses(world, peer)

    on_reactor(scenario())


def test_also_when_the_client_just_closes(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(pooled=True) as world:
            client = await world.client()
            peer = await world.bound(client)
            await client.send(search(2), extended(3, WHO_AM_I))
            await peer.receive()
            await peer.receive()
            await peer.send(entry(2), search_done(2), who_am_i_response(3, "dn:uid=alice"))
            for _ in range(3):
                await client.receive()
            client.writer.close()
            await peer.send(bind_response(await anonymous_bind_at(peer)))
            await until(lambda: world.idle == 1)

    on_reactor(scenario())


async def an_unanswered_search(world: World, client: Wire, peer: Wire) -> None:
    await client.send(search(2))
    await peer.receive()


async def an_abandoned_search(world: World, client: Wire, peer: Wire) -> None:
    await client.send(search(2) + abandon(3, 2))
    await peer.receive()
    await peer.receive()


async def an_answer_to_one_of_two(world: World, client: Wire, peer: Wire) -> None:
    """An Abandon that came too late, and its messageID used again: one of the two still runs."""
    await client.send(search(2) + abandon(3, 2) + search(2))
    for _ in range(3):
        await peer.receive()
    await peer.send(search_done(2))
    await client.receive()


async def half_a_message(world: World, client: Wire, peer: Wire) -> None:
    await an_unanswered_search(world, client, peer)
    await peer.send(search_done(2) + entry(2)[:1])
    await client.receive()


async def an_extended_operation(world: World, client: Wire, peer: Wire) -> None:
    await client.send(extended(2, PASSWORD_MODIFY))
    await peer.receive()
    await peer.send(who_am_i_response(2, None))
    await client.receive()


async def a_rejected_second_bind(world: World, client: Wire, peer: Wire) -> None:
    await client.send(bind(2, password="wrong"))
    await peer.receive()
    await peer.send(bind_response(2, 49))
    assert (await client.receive()).result_code == 49


async def a_pending_bind(world: World, client: Wire, peer: Wire) -> None:
    await client.send(bind(2))
    await peer.receive()


@pytest.mark.parametrize(
    "doubt",
    [
        an_unanswered_search,
        an_abandoned_search,
        an_answer_to_one_of_two,
        half_a_message,
        an_extended_operation,
        a_rejected_second_bind,
        a_pending_bind,
    ],
)
def test_any_doubt_closes_it(
    on_reactor: OnReactor, doubt: Callable[[World, Wire, Wire], Awaitable[None]]
) -> None:
    async def scenario() -> None:
        async with World(pooled=True) as world:
            client = await world.client()
            peer = await world.bound(client)
            await doubt(world, client, peer)
            client.writer.close()
            assert await peer.rest() == b"", "it is not even tried to make it nobody's"
            assert world.idle == 0

    on_reactor(scenario())


@pytest.mark.parametrize(
    "answer",
    [
        lambda number: bind_response(number, 48),
        lambda number: bind_response(number, 53),
        referral,
        lambda number: bind_response(number + 1),
        lambda number: search_done(number),
        lambda number: bind_response(number) + b"\x30",
        lambda number: bind_response(number) + notice(),
        lambda number: notice(),
        lambda number: b"garbage",
    ],
    ids=[
        "inappropriate",
        "unwilling",
        "referral",
        "other id",
        "other tag",
        "more",
        "notice behind",
        "notice",
        "garbage",
    ],
)
def test_without_a_clean_success_it_is_closed(on_reactor: OnReactor, answer: Callable[[int], bytes]) -> None:
    async def scenario() -> None:
        async with World(pooled=True) as world:
            peer = await left_in_order(world)
            await peer.send(answer(await anonymous_bind_at(peer)))
            await peer.rest()
            assert world.idle == 0

    on_reactor(scenario())


def test_a_directory_that_does_not_answer_is_not_waited_for(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(upstream={"response_timeout": 0.1}, pooled=True) as world:
            peer = await left_in_order(world)
            await anonymous_bind_at(peer)
            await peer.rest()

    on_reactor(scenario())


@pytest.mark.parametrize("said", [notice(), b"\x30", b"garbage", entry(1)], ids=range(4))
def test_whatever_an_idle_connection_says_closes_it(on_reactor: OnReactor, said: bytes) -> None:
    async def scenario() -> None:
        async with World(pooled=True) as world:
            peer = await left_in_order(world)
            await peer.send(bind_response(await anonymous_bind_at(peer)))
            await until(lambda: world.idle == 1)
            await peer.send(said)
            await peer.rest()
            await until(lambda: world.idle == 0)
            assert not await next_session_uses(world, peer)

    on_reactor(scenario())


def test_an_idle_connection_that_the_directory_closes_is_not_handed_out(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(pooled=True) as world:
            peer = await left_in_order(world)
            await peer.send(bind_response(await anonymous_bind_at(peer)))
            await until(lambda: world.idle == 1)
            peer.writer.close()
            await until(lambda: world.idle == 0)
            assert not await next_session_uses(world, peer)

    on_reactor(scenario())


def test_a_directory_without_anonymous_binds_is_soon_left_alone(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(pooled=True) as world:
            for _ in range(3):
                peer = await left_in_order(world)
                await peer.send(bind_response(await anonymous_bind_at(peer), 48))
                await peer.rest()
            peer = await left_in_order(world)
            assert await peer.rest() == b"", "closed without another try"

    on_reactor(scenario())


def test_a_rejected_bind_never_leaves_its_connection_to_anybody(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(pooled=True) as world:
            client = await world.client()
            peer = await world.begin_bind(client)
            await peer.send(bind_response(1, 49))
            assert (await client.receive()).result_code == 49
            await peer.rest()
            assert world.idle == 0

    on_reactor(scenario())
