"""A simulator with its page, served and stopped."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import pytest

from ldapproxy.demo.duo_model import User
from ldapproxy.demo.kept import certificate_in
from ldapproxy.demo.standalone import SimulatorOptions, raise_descriptor_limit, serving
from ldapproxy.secret import Secret


def options(folder: Path, port: int = 0, page_port: int = 0) -> SimulatorOptions:
    return SimulatorOptions(
        certificate_in(folder, ["127.0.0.1"]),
        "DI0123456789ABCDEFGH",
        Secret("s" * 40),
        port=port,
        page_port=page_port,
        users=(User("alice", "DU1"),),
    )


def test_the_simulator_serves_with_its_users_until_the_context_is_left(tmp_path: Path) -> None:
    async def serve() -> tuple[int, int]:
        async with serving(options(tmp_path)) as running:
            assert [user.name for user in running.simulator.duo.accounts.all()] == ["alice"]
            ports = running.simulator.listener.port, running.page.port
            for port in ports:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
        return ports

    async def refused(port: int) -> None:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    for port in asyncio.run(serve()):
        asyncio.run(refused(port))


def test_a_page_port_that_is_taken_leaves_nothing_open(tmp_path: Path) -> None:
    async def serve_twice() -> None:
        async with serving(options(tmp_path)) as running:
            taken = running.page.port
            with pytest.raises(OSError, match="in use"):
                async with serving(options(tmp_path, page_port=taken)):
                    pass
            with pytest.raises(OSError, match=f"127.0.0.1:{taken}: "):
                async with serving(options(tmp_path, port=taken)):
                    pass

    asyncio.run(serve_twice())


def test_the_descriptor_limit_is_raised_as_far_as_allowed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[1]), before[1]))
        raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
