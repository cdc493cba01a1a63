"""One client connection: TLS, time-outs, limits, the end."""

from __future__ import annotations

from tests.support.ldap_bytes import search
from tests.support.reactor import OnReactor
from tests.unit.net.scripted_directory import entry, search_done
from tests.unit.net.world import World


def test_a_login_and_a_search(on_reactor: OnReactor) -> None:
    async def scenario() -> None:
        async with World() as world:
            client = await world.client()
            peer = await world.bound(client)
            await client.send(search(2))
            assert (await peer.receive()).raw == search(2)
            await peer.send(entry(2), search_done(2))
            assert (await client.receive()).raw == entry(2)
            assert (await client.receive()).raw == search_done(2)

    on_reactor(scenario())
