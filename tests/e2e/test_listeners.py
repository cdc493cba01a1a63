"""How listeners start, limit, protect and stop."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.world import World, directory_settings, duo_settings
from tests.support.example_directory import ALICE, BOB
from tests.support.ldap_bytes import bind, root_dse, start_tls
from tests.support.ldap_client import LdapClient
from tests.support.ports import free_port
from tests.support.proxy import ProxyProcess
from tests.support.simulator import SimulatorProcess, phone
from tests.support.slapd import Slapd

LISTENERS = {
    "few": {"limits": {"connections": 2}},
    "few_each": {"limits": {"connections_per_client": 1}},
    "one_bind": {"limits": {"pending_binds": 1}},
    "crowded": {"limits": {"buffered_total": "4MiB"}},
    "silent": {"limits": {"handshake_timeout": "1s"}},
    "silent_tls": {"scheme": "ldaps", "limits": {"handshake_timeout": "1s"}},
    "idle": {"limits": {"idle_timeout": "1s"}},
    "elsewhere": {"networks": ["10.0.0.0/8"]},
    "modern": {"scheme": "ldaps", "tls": {"minimum_version": "1.3"}},
    "strict": {"tls": {"start_tls": "required"}},
    "plain": {},
}


@pytest.fixture(autouse=True)
def people(duo: SimulatorProcess) -> None:
    duo.add_user("alice", [phone("phone")])
    duo.add_user("bob", [phone("phone")])
    duo.answer_always("approve")


def hits(world: World, listener: str, limit: str) -> float:
    name = f'ldapproxy_limits_hit_total{{limit="{limit}",listener="{listener}"}}'
    return world.proxy.metrics().get(name, 0)


def test_too_many_connections(world: World) -> None:
    with world.proxy.client("few") as one, world.proxy.client("few") as two:
        assert one.search("")
        assert two.search("")
        with world.proxy.client("few") as three:
            [notice] = three.receive_end()
            assert (notice.message_id, notice.result_code) == (0, 51)
    assert hits(world, "few", "connections") == 1
    world.proxy.wait_for(
        lambda: world.proxy.metrics()['ldapproxy_sessions{listener="few"}'] == 0, "the sessions to end"
    )
    with world.proxy.client("few") as again:
        assert again.search("")


def test_too_many_connections_of_one_client(world: World) -> None:
    with world.proxy.client("few_each") as one:
        assert one.search("")
        with world.proxy.client("few_each") as two:
            assert [notice.result_code for notice in two.receive_end()] == [51]
    assert hits(world, "few_each", "connections_per_client") == 1


def test_too_many_pending_binds(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always(None)
    with world.proxy.client("one_bind") as one, world.proxy.client("one_bind") as two:
        one.send(bind(1, ALICE.dn, ALICE.password))
        [push] = duo.wait_for_push("alice")
        assert two.bind(BOB.dn, BOB.password).result_code == 51
        duo.answer(push, "approve")
        assert one.receive().result_code == 0
    assert hits(world, "one_bind", "pending_binds") == 1


def test_too_much_waits_in_all_connections_together(world: World) -> None:
    """Halves of requests fill what the listener may hold; honest logins go on."""
    half = b"\x30\x84\x00\x00\xff\x00" + bytes(60_000)
    with contextlib.ExitStack() as stack:
        for _ in range(70):  # 4 MiB and some more
            stack.enter_context(world.proxy.client("crowded")).send(half)
        world.proxy.wait_for(lambda: hits(world, "crowded", "buffered_total"), "the limit to be hit")
        with world.proxy.client("crowded") as late:
            late.send(half)
            [notice] = late.receive_end()
            assert (notice.message_id, notice.result_code) == (0, 51)
        with world.proxy.client("crowded") as honest:
            assert honest.bind(ALICE.dn, ALICE.password).result_code == 0
            assert honest.search(ALICE.dn)
    world.proxy.wait_for(
        lambda: world.proxy.metrics()['ldapproxy_sessions{listener="crowded"}'] == 0, "the sessions to end"
    )
    before = hits(world, "crowded", "buffered_total")
    with world.proxy.client("crowded") as client:
        client.send(bind(1, "cn=x", "y" * 60_000)[:-1])
        client.send(b"y")
        assert client.receive().result_code == 49
    assert hits(world, "crowded", "buffered_total") == before


@pytest.mark.parametrize("listener", ["silent", "silent_tls"])
@pytest.mark.parametrize("said", [b"", b"\x30\x0c\x02"])
def test_a_client_that_says_nothing_whole_is_closed(world: World, listener: str, said: bytes) -> None:
    began = time.monotonic()
    with world.proxy.client(listener) as client:
        client.send(said)
        assert client.receive_end() == []
    assert 0.9 < time.monotonic() - began < 15


def test_an_idle_client_is_told_and_closed(world: World) -> None:
    with world.proxy.client("idle") as client:
        assert client.search("")
        [notice] = client.receive_end()
        assert (notice.message_id, notice.tag) == (0, 0x78)


def test_a_pending_bind_is_not_idle(world: World, duo: SimulatorProcess) -> None:
    duo.answer_always("approve", after=2.5)
    with world.proxy.client("idle") as client:
        assert client.bind(ALICE.dn, ALICE.password).result_code == 0


def test_clients_from_elsewhere_are_not_served(world: World) -> None:
    with world.proxy.client("elsewhere") as client:
        assert client.receive_end() == []


def test_the_oldest_tls_version(world: World) -> None:
    context = ssl.create_default_context(cafile=str(world.proxy.ca_file))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", world.proxy.port("modern")), timeout=10) as raw,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(raw, server_hostname="127.0.0.1")
    with world.proxy.client("modern", tls=True) as client:
        assert client.search("")


def test_nothing_in_clear_where_tls_is_required(world: World, duo: SimulatorProcess) -> None:
    with world.proxy.client("strict") as client:
        assert client.bind(ALICE.dn, ALICE.password).result_code == 13
        assert client.bind("", "").result_code == 13
        assert [answer.result_code for answer in client.search(ALICE.dn)] == [13]
        assert [answer.tag for answer in client.search("")] == [0x64, 0x65]
        assert duo.logins() == 0
        client.start_tls(world.proxy.ca_file)
        assert client.bind(ALICE.dn, ALICE.password).result_code == 0
        client.send(start_tls(client.next_id()))
        assert client.receive().result_code == 1


def test_clear_text_behind_start_tls_closes(world: World) -> None:
    with world.proxy.client("strict") as client:
        client.send(start_tls(1), bind(2, ALICE.dn, ALICE.password))
        assert client.receive_end() == []


def test_ipv6(tmp_path: Path, slapd: Slapd, duo: SimulatorProcess) -> None:
    settings = duo_settings(duo)
    with ProxyProcess(tmp_path, directory_settings(slapd), settings, {"vpn": {}}, host="::1") as proxy:
        with LdapClient(proxy.port("vpn"), host="::1") as client:
            assert client.bind(ALICE.dn, ALICE.password).result_code == 0
        assert proxy.last_audit(1)["client_address"] == "::1"


# Starting and stopping


def test_a_port_that_is_taken_says_so_in_one_sentence(world: World, tmp_path: Path) -> None:
    taken = world.proxy.port("plain")
    text = world.proxy.config_file.read_text()
    other = tmp_path / "other.yml"
    other.write_text(text.replace(f":{world.proxy.admin_port}", f":{free_port()}"))
    result = subprocess.run(
        [sys.executable, "-m", "ldapproxy", "run", "-c", str(other)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("ldapproxy: listener ")
    assert "already in use" in last
    assert taken


def test_stopping_lets_pending_binds_end(tmp_path: Path, slapd: Slapd, duo: SimulatorProcess) -> None:
    duo.answer_always(None)
    proxy = ProxyProcess(
        tmp_path, directory_settings(slapd), duo_settings(duo), {"vpn": {"bind_timeout": "20s"}}
    )
    proxy.start()
    with proxy.client("vpn") as waiting, proxy.client("vpn") as idle:
        assert idle.search("")
        waiting.send(bind(1, ALICE.dn, ALICE.password))
        [push] = duo.wait_for_push("alice")
        assert proxy._process is not None
        proxy._process.send_signal(signal.SIGTERM)
        [notice] = idle.receive_end()
        assert (notice.message_id, notice.tag, notice.result_code) == (0, 0x78, 52)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", proxy.port("vpn")), timeout=5)
        duo.answer(push, "approve")
        answer, farewell = waiting.receive_end()
        assert (answer.message_id, answer.result_code) == (1, 0)
        assert (farewell.message_id, farewell.result_code) == (0, 52)
    assert proxy.stop(None) == 0


def test_stopping_ends_within_the_bind_timeout(tmp_path: Path, slapd: Slapd, duo: SimulatorProcess) -> None:
    duo.answer_always("ignore")
    proxy = ProxyProcess(
        tmp_path, directory_settings(slapd), duo_settings(duo), {"vpn": {"bind_timeout": "2s"}}
    )
    proxy.start()
    with proxy.client("vpn") as waiting:
        waiting.send(bind(1, ALICE.dn, ALICE.password))
        duo.wait_for_push("alice")
        assert proxy.stop() == 0
        assert waiting.receive().result_code == 49


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_process_ends_at_once(
    tmp_path: Path, slapd: Slapd, duo: SimulatorProcess, number: signal.Signals
) -> None:
    proxy = ProxyProcess(tmp_path, directory_settings(slapd), duo_settings(duo), {"vpn": {}})
    proxy.start()
    began = time.monotonic()
    assert proxy.stop(number) == 0
    assert time.monotonic() - began < 5
    assert "Traceback" not in proxy.errors()


def test_a_root_dse_request_before_anything_else(world: World) -> None:
    with world.proxy.client("plain") as client:
        client.send(root_dse(1))
        assert client.receive().message_id == 1
