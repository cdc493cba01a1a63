"""A bind while answers are under way: what the client has a part of comes to its end, nothing else does."""

from __future__ import annotations

import pytest

from tests.support.ldap_bytes import bind, root_dse, search
from tests.support.reactor import OnReactor, eventually
from tests.unit.net.scripted_directory import bind_response, entry, search_done
from tests.unit.net.wire import Wire
from tests.unit.net.world import World


async def bound(world: World) -> tuple[Wire, Wire]:
    """A client that has logged in, and the directory's end."""
    client = await world.client()
    return client, await world.bound(client)


def test_a_bind_in_the_middle_of_a_result(on_reactor: OnReactor) -> None:
    """The message that the client has a part of comes to its end; nothing else of the old identity comes."""

    async def scenario() -> None:
        async with World() as world:
            client, old = await bound(world)
            await client.send(search(2))
            await old.receive()
            big = entry(2, 50_000)
            await old.send(big[:30_000])
            await client.receive_raw(30_000)
            await client.send(bind(3))
            await eventually(lambda: world.recorder.pending, "the bind to begin")
            assert world.directory.nobody_else_came(), "the bind waits for the leftover"
            await old.send(big[30_000:] + entry(2) * 3 + search_done(2))
            new = await world.directory.accept()
            assert (await new.receive()).raw == bind(3)
            assert await old.rest() == b""
            await new.send(bind_response(3))
            assert await client.receive_raw(len(big) - 30_000) == big[30_000:]
            assert (await client.receive()).raw == bind_response(3)
            await client.send(search(4))
            assert (await new.receive()).raw == search(4)
            await client.silence()

    on_reactor(scenario())


@pytest.mark.parametrize("of_the_next", [0, 1, 2, 5, 6])
def test_a_bind_between_two_messages_of_a_result(on_reactor: OnReactor, of_the_next: int) -> None:
    async def scenario() -> None:
        async with World() as world:
            client, old = await bound(world)
            await client.send(search(2))
            await old.receive()
            await old.send(entry(2) + entry(2)[:of_the_next])
            beginning = entry(2) + (entry(2)[:of_the_next] if of_the_next == 6 else b"")
            await client.receive_raw(len(beginning))
            await client.send(bind(3))
            if of_the_next == 6:  # the head is complete, so the client has that much already
                await eventually(lambda: world.recorder.pending, "the bind to begin")
                await old.send(entry(2)[of_the_next:] + search_done(2))
                assert await client.receive_raw(len(entry(2)) - of_the_next) == entry(2)[of_the_next:]
            new = await world.directory.accept()
            assert (await new.receive()).raw == bind(3)
            assert await old.rest() == b""
            await new.send(bind_response(3))
            assert (await client.receive()).raw == bind_response(3)

    on_reactor(scenario())


def test_old_answers_never_come_behind_a_rejected_bind_either(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client, old = await bound(world)
            await client.send(search(2))
            await old.receive()
            big = entry(2, 5000)
            await old.send(big[:1000])
            await client.receive_raw(1000)
            await client.send(bind(3, "uid=alice", ""))  # refused at once: a name without a password
            await client.silence()
            await old.send(big[1000:] + search_done(2))
            assert await client.receive_raw(len(big) - 1000) == big[1000:]
            assert (await client.receive()).result_code == 53
            assert await old.rest() == b""
            await client.send(search(4))
            assert (await client.receive()).result_code == 50

    on_reactor(scenario())


@pytest.mark.parametrize("bind_timeout", [0.35, 5.0])
def test_a_message_that_is_never_brought_to_its_end(on_reactor: OnReactor, bind_timeout: float) -> None:
    """The directory hangs within a message, and a bind waits for it: the session ends."""

    async def scenario() -> None:
        async with World() as world:
            client, old = await bound(world)
            world.servers.response_timeout = 0.2
            world.change(bind_timeout=bind_timeout)
            await client.send(search(2))
            await old.receive()
            big = entry(2, 5000)
            await old.send(big[:1000])
            await client.receive_raw(1000)
            await client.send(bind(3))
            assert await client.rest() == b"", "nothing can follow half a message"
            assert await old.rest() == b""
            assert len(world.recorder.ends) == 2
            assert world.recorder.pending == 0

    on_reactor(scenario())


def test_a_directory_that_closes_within_a_message(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client, old = await bound(world)
            await client.send(search(2))
            await old.receive()
            await old.send(entry(2, 5000)[:1000])
            await client.receive_raw(1000)
            await client.send(bind(3))
            await eventually(lambda: world.recorder.pending, "the bind to begin")
            await old.close()
            assert await client.rest() == b""
            assert world.recorder.ends[1:] == [("client_left", None)]

    on_reactor(scenario())


def test_a_leftover_of_a_directory_that_took_no_more(on_reactor: OnReactor) -> None:
    """What held the client because of the old connection must not hold it for the new one."""

    async def scenario() -> None:
        async with World() as world:
            client, old = await bound(world)
            await client.send(search(2))
            await old.receive()
            big = entry(2, 5000)
            await old.send(big[:1000])
            await client.receive_raw(1000)
            # Larger than Twisted's buffer, so the directory's transport asks for a pause at once.
            await client.send(search(3, "ou=" + "x" * 200_000), bind(4))
            await eventually(lambda: world.recorder.pending, "the bind to begin")
            await old.send(big[1000:])
            new = await world.directory.accept()
            assert (await new.receive()).raw == bind(4)
            await new.send(bind_response(4))
            await client.receive_raw(len(big) - 1000)
            assert (await client.receive()).raw == bind_response(4)
            await client.send(search(5))
            assert (await new.receive()).raw == search(5), "the client is read again"

    on_reactor(scenario())


def test_waiting_for_a_leftover_can_be_given_up(on_reactor: OnReactor) -> None:
    """Who gives up must not spoil it for the next one: here a search, then a bind."""

    async def scenario() -> None:
        async with World() as world:
            client, old = await bound(world)
            await client.send(search(2))
            await old.receive()
            big = entry(2, 5000)
            await old.send(big[:1000])
            await client.receive_raw(1000)
            await client.send(bind(3, "uid=alice", ""), root_dse(4))  # refused at once, and so anonymous
            relay = world.session._relay
            await eventually(lambda: relay._connecting, "the search to wait")
            await client.send(bind(5))
            await eventually(lambda: world.recorder.pending, "the bind to begin")
            await old.send(big[1000:])
            new = await world.directory.accept()
            assert (await new.receive()).raw == bind(5)
            await new.send(bind_response(5))
            await client.receive_raw(len(big) - 1000)
            assert [(await client.receive()).message_id for _ in range(2)] == [3, 5]

    on_reactor(scenario())
