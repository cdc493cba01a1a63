"""Everything of one process, built from a configuration and wired: one login through all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ldapproxy.application import Application
from ldapproxy.net.listener import ListenError
from tests.support.certificates import Authority
from tests.support.ldap_bytes import bind, search
from tests.support.ports import free_port
from tests.support.reactor import OnReactor, eventually
from tests.unit.config.sample import Sample
from tests.unit.net.scripted_directory import ScriptedDirectory, bind_response, search_done
from tests.unit.net.wire import Wire

ALICE = "uid=alice,ou=people,dc=example,dc=com"


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """A configuration in which alice needs no second factor, and Duo's address is nobody's."""
    made = Sample(tmp_path, Authority(tmp_path / "authority"))
    made.listener["url"] = f"ldap://127.0.0.1:{free_port()}"
    made.listener["exempt"] = [{"dn": ALICE}]
    made.duo["api_host"] = f"127.0.0.1:{free_port()}"
    made.document["log"] = {"audit": str(tmp_path / "audit.log")}
    return made


@asynccontextmanager
async def running(sample: Sample, reactor: Any) -> AsyncIterator[tuple[Application, ScriptedDirectory]]:
    """The application in front of a scripted directory."""
    async with ScriptedDirectory() as server:
        sample.directory["urls"] = [f"ldap://127.0.0.1:{server.port}"]
        application = Application(sample.load(), reactor)
        application.start()
        probe = await server.accept()
        request = await probe.receive()
        await probe.send(search_done(request.message_id))
        try:
            yield application, server
        finally:
            await application.stop()


async def client_of(application: Application) -> Wire:
    port = application.listeners[0].settings.port
    return Wire(*await asyncio.open_connection("127.0.0.1", port))


def test_a_login_through_everything(on_reactor: OnReactor, reactor: Any, sample: Sample) -> None:
    async def scenario() -> None:
        async with running(sample, reactor) as (application, server):
            client = await client_of(application)
            await client.send(bind(1, ALICE, "secret"))
            peer = await server.accept()
            assert (await peer.receive()).raw == bind(1, ALICE, "secret")
            await peer.send(bind_response(1))
            assert (await client.receive()).raw == bind_response(1)
            shown = application.metrics.exposition().decode()
            for sample_line in (
                'ldapproxy_binds_total{listener="vpn",reason="exempt_dn",verdict="accepted"} 1.0',
                'ldapproxy_sessions{listener="vpn"} 1.0',
                'ldapproxy_directory_connections{directory="corp",state="active"} 1.0',
                f'ldapproxy_directory_up{{directory="corp",server="ldap://127.0.0.1:{server.port}"}} 1.0',
            ):
                assert sample_line in shown
            await client.close()

    on_reactor(scenario())
    audited = (sample.folder / "audit.log").read_text()
    assert '"reason":"exempt_dn"' in audited.replace(": ", ":")
    assert audited.count("\n") == 1
    assert "secret" not in audited


def test_the_report(on_reactor: OnReactor, reactor: Any, sample: Sample) -> None:
    async def scenario() -> None:
        async with running(sample, reactor) as (application, server):
            await eventually(lambda: application.report().directories[0].servers, "the probe")
            report = application.report()
            (listener,) = report.listeners
            assert (listener.name, listener.bound, listener.fail_mode) == ("vpn", True, "closed")
            assert listener.url == sample.listener["url"]
            ((name, servers),) = ((each.name, each.servers) for each in report.directories)
            assert name == "corp"
            assert [(each.url, each.up) for each in servers] == [(f"ldap://127.0.0.1:{server.port}", True)]
            assert [(duo.name, duo.api_host) for duo in report.duos] == [("prod", sample.duo["api_host"])]
            assert not report.stopping
            assert report.uptime >= 0

            client = await client_of(application)
            await client.send(bind(1, ALICE, "secret"))
            await eventually(lambda: application.report().listeners[0].pending_binds, "the bind")
            assert application.report().listeners[0].sessions == 1
            peer = await server.accept()
            await peer.receive()
            stopping = asyncio.create_task(application.stop())
            await eventually(lambda: application.report().stopping, "the stop to begin")
            await eventually(lambda: not application.report().listeners[0].bound, "the port to be closed")
            await peer.send(bind_response(1))
            await stopping
            assert [message.message_id for message in await client.receive_end()] == [1, 0]
            await client.close()

    on_reactor(scenario())


def test_probes_keep_the_report_true(
    on_reactor: OnReactor, reactor: Any, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ldapproxy.application._PROBE_INTERVAL", 0.05)

    async def scenario() -> None:
        async with running(sample, reactor) as (application, server):
            await eventually(lambda: application.report().directories[0].servers, "the first probe")
            await server.stop()
            await eventually(
                lambda: not application.report().directories[0].servers[0].up, "nobody logs in, and yet"
            )

    on_reactor(scenario())


def test_a_listener_that_cannot_listen(on_reactor: OnReactor, reactor: Any, sample: Sample) -> None:
    async def scenario() -> None:
        port = sample.listener["url"].rpartition(":")[2]
        taken = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", int(port))
        async with taken:
            application = Application(sample.load(), reactor)
            with pytest.raises(ListenError, match="listener vpn cannot listen"):
                application.start()
            await application.stop()

    on_reactor(scenario())


def test_other_requests_behind_a_login(on_reactor: OnReactor, reactor: Any, sample: Sample) -> None:
    """The rules of the configuration reach the sessions: bind only."""
    sample.listener["search_after_bind"] = False

    async def scenario() -> None:
        async with running(sample, reactor) as (application, server):
            client = await client_of(application)
            await client.send(bind(1, ALICE, "secret"), search(2))
            peer = await server.accept()
            await peer.receive()
            await peer.send(bind_response(1))
            assert [(await client.receive()).result_code for _ in range(2)] == [0, 50]
            await client.close()

    on_reactor(scenario())
