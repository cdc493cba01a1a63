"""What all sessions hold together: the sum, and who has to go wherever the bytes wait."""

from __future__ import annotations

import pytest

from ldapproxy.net.held import SPARED, Held, HeldTotal, Place
from tests.support.certificates import Authority
from tests.support.ldap_bytes import bind, root_dse, search, start_tls
from tests.support.reactor import OnReactor, eventually
from tests.unit.net.scripted_directory import bind_response, entry, search_done
from tests.unit.net.usual_settings import server_tls
from tests.unit.net.wire import Wire, client_context
from tests.unit.net.world import World

LIMIT = 100_000
BUSY = (0, 0x78, 51)
# More than the buffers of two sockets on loopback hold.
MUCH = 30_000_000
LARGE = search(2, "ou=" + "x" * 60_000)


def session(total: HeldTotal) -> tuple[Held, list[Place]]:
    """What one session holds, and where it was told that it is too much."""
    told: list[Place] = []
    return Held(total, told.append), told


def test_all_places_of_all_sessions_count() -> None:
    total = HeldTotal(LIMIT)
    (one, _), (two, _) = session(total), session(total)
    one.now(Place.REQUESTS, 100)
    one.now(Place.TO_CLIENT, 20)
    two.now(Place.TO_DIRECTORY, 3)
    assert total.size == 123
    one.now(Place.REQUESTS, 0)
    assert total.size == 23
    one.nothing()
    assert total.size == 3
    one.nothing()
    assert total.size == 3


def test_who_wants_more_when_it_is_too_much_has_to_go() -> None:
    total = HeldTotal(LIMIT)
    (one, told_one), (two, told_two) = session(total), session(total)
    one.now(Place.REQUESTS, LIMIT)
    assert not told_one
    two.now(Place.TO_CLIENT, SPARED + 1)
    assert (told_one, told_two) == ([], [Place.TO_CLIENT])
    one.now(Place.REQUESTS, LIMIT - 10)
    assert not told_one, "it holds less than before"
    one.nothing()
    two.now(Place.TO_CLIENT, LIMIT)
    assert told_two == [Place.TO_CLIENT], "there is room again"


def test_a_small_message_always_has_room() -> None:
    total = HeldTotal(LIMIT)
    (one, _), (two, told) = session(total), session(total)
    one.now(Place.REQUESTS, LIMIT)
    two.now(Place.REQUESTS, SPARED)
    assert not told
    assert total.size == LIMIT + SPARED


# On the wire. Each place is filled by one session, and then by another one.


async def told_busy(world: World, client: Wire) -> None:
    """The client is told that there is too much, and closed."""
    assert [(told.message_id, told.tag, told.result_code) for told in await client.receive_end()] == [BUSY]
    assert world.recorder.limits == {"buffered_total": 1}


async def empty(world: World) -> None:
    """Every client leaves, and with them goes what was held."""
    for client in world._clients:
        client.writer.transport.abort()
    await eventually(lambda: not len(world.listener), "the sessions to end")
    assert world.listener.held.size == 0


def test_requests_that_are_not_whole(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(buffered_total=LIMIT) as world:
            first, second, third = [await world.client() for _ in range(3)]
            await first.send(LARGE[:-1])
            await eventually(lambda: world.listener.held.size == len(LARGE) - 1, "the bytes")
            await second.send(LARGE[:-1])
            await told_busy(world, second)
            # Whoever was there before goes on, and so does a login that comes in two pieces.
            await third.send(bind(1)[:-1])
            await eventually(lambda: world.listener.held.size > len(LARGE), "the bytes")
            await third.send(bind(1)[-1:])
            peer = await world.directory.accept()
            assert (await peer.receive()).raw == bind(1)
            await first.send(LARGE[-1:])
            assert (await first.receive()).result_code == 50
            assert world.listener.held.size == 0
            await empty(world)

    on_reactor(scenario())


def test_requests_behind_a_pending_bind(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(buffered_total=LIMIT) as world:
            first, second = await world.client(), await world.client()
            peer = await world.begin_bind(first)
            await first.send(LARGE)
            await eventually(lambda: world.listener.held.size > 60_000, "the request to wait")
            other = await world.begin_bind(second)
            await second.send(LARGE)
            await told_busy(world, second)
            assert await other.rest() == b""
            await peer.send(bind_response(1))
            assert (await first.receive()).result_code == 0
            assert (await peer.receive()).raw == LARGE
            assert world.listener.held.size == 0
            await empty(world)

    on_reactor(scenario())


def test_requests_that_wait_for_a_directory_connection(on_reactor: OnReactor, authority: Authority) -> None:
    async def scenario() -> None:
        upstream = {"start_tls": True, "ca_file": authority.ca_file}
        async with World(upstream, buffered_total=LIMIT) as world:
            first, second = await world.client(), await world.client()
            large = search(2, "", 0, attributes=("x" * 60_000,))
            await first.send(large)
            peer = await world.directory.accept()
            assert (await peer.receive()).tag == 0x77, "StartTLS, which nobody answers"
            assert world.listener.held.size == len(large)
            await second.send(large)
            await told_busy(world, second)
            await empty(world)

    on_reactor(scenario())


def test_a_directory_that_does_not_read(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(buffered_total=LIMIT, outstanding=100, message_size=MUCH) as world:
            client = await world.client()
            await world.bound(client)
            client.writer.write(b"".join(search(2 + number, "x" * 900_000) for number in range(30)))
            await told_busy(world, client)
            await empty(world)

    on_reactor(scenario())


@pytest.mark.parametrize("tls", ["none", "start_tls", "ldaps"])
def test_a_client_that_does_not_read(on_reactor: OnReactor, authority: Authority, tls: str) -> None:
    """What waits for it is what has to go: it is cut off at once, and the directory is read no further."""

    async def scenario() -> None:
        settings = None if tls == "none" else server_tls(authority.server())
        async with World(ldaps=tls == "ldaps", tls=settings, buffered_total=LIMIT // 2) as world:
            client = await world.client(authority.ca_file if tls == "ldaps" else None)
            if tls == "start_tls":
                await client.send(start_tls(1))
                assert (await client.receive()).result_code == 0
                await client.start_tls(client_context(authority.ca_file), "127.0.0.1")
            peer = await world.bound(client)
            await client.send(search(2))
            await peer.receive()
            peer.writer.write(entry(2, 100_000) * (MUCH // 100_000) + search_done(2))
            await eventually(lambda: not len(world.listener), "the session to end")
            assert world.recorder.limits == {"buffered_total": 1}
            assert world.listener.held.size == 0
            peer.writer.transport.abort()

    on_reactor(scenario())


def test_a_client_that_reads_after_all(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World(buffered_total=MUCH) as world:
            client = await world.client()
            peer = await world.bound(client)
            await client.send(search(2))
            await peer.receive()
            result = entry(2, 100_000) * (MUCH // 100_000) + search_done(2)
            peer.writer.write(result)
            await eventually(lambda: world.listener.held.size > 64 * 1024, "answers to wait")
            assert await client.receive_raw(len(result)) == result
            await eventually(lambda: world.listener.held.size == 0, "nothing to wait any more")
            await client.send(root_dse(3))
            assert (await peer.receive()).raw == root_dse(3)
            assert not world.recorder.limits

    on_reactor(scenario())
