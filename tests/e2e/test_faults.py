"""Faults on every leg of a running process: nobody is let in, nothing hangs or leaks, later logins work."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.world import directory_settings, duo_settings
from tests.support.example_directory import ALICE, PEOPLE, Account, numbered
from tests.support.fault_proxy import FaultProxy
from tests.support.ldap_bytes import bind, search
from tests.support.ldap_client import LdapClient
from tests.support.proxy import ProxyProcess, Settings
from tests.support.simulator import SimulatorProcess, phone
from tests.support.slapd import Slapd

# Connections killed on each leg; `LDAPPROXY_KILLS=1000` for the long run.
KILLS = int(os.environ.get("LDAPPROXY_KILLS", "100"))


@pytest.fixture(autouse=True)
def people(duo: SimulatorProcess) -> None:
    duo.add_user("alice", [phone("phone")])
    for number in range(1, 9):
        duo.add_user(f"u{number:04}", [phone("phone")])
    duo.answer_always("approve")


@pytest.fixture
def leg(slapd: Slapd) -> Iterator[FaultProxy]:
    """The leg between proxy and directory."""
    with FaultProxy(slapd.port) as proxy:
        yield proxy


def proxy_over(
    folder: Path,
    slapd: Slapd,
    duo: SimulatorProcess,
    leg: FaultProxy,
    listener: Settings | None = None,
    scheme: str = "ldap",
    start_tls: bool = False,
) -> ProxyProcess:
    directory = directory_settings(
        slapd,
        response_timeout="2s",
        connect_timeout="2s",
        # So that a look-up does not meet a fault that is meant for the session's own connection.
        lookup_cache="10m",
        urls=[f"{scheme}://127.0.0.1:{leg.port}"],
        start_tls=start_tls,
    )
    return ProxyProcess(folder / "proxy", directory, duo_settings(duo), {"vpn": listener or {}})


def login(proxy: ProxyProcess, account: Account = ALICE) -> int:
    with proxy.client("vpn", timeout=30) as client:
        return client.bind(account.dn, account.password).result_code


def descriptors(proxy: ProxyProcess) -> int:
    return len(list(Path(f"/proc/{proxy.pid}/fd").iterdir()))


def settled(proxy: ProxyProcess) -> None:
    """Waits until no session and no pending bind is left."""
    proxy.wait_for(
        lambda: (
            proxy.metrics()['ldapproxy_sessions{listener="vpn"}'] == 0
            and proxy.metrics()['ldapproxy_binds_pending{listener="vpn"}'] == 0
        ),
        "all sessions to end",
    )


# The directory's leg


def test_a_reset_in_the_middle_of_a_bind(
    tmp_path: Path, slapd: Slapd, duo: SimulatorProcess, leg: FaultProxy
) -> None:
    with proxy_over(tmp_path, slapd, duo, leg) as proxy:
        duo.forget_calls()
        for answered in range(14):
            leg.cut_after(answered)
            leg.cut()
            with proxy.client("vpn") as client:
                assert client.bind(ALICE.dn, ALICE.password).result_code == 52
        leg.cut_after(None)
        assert duo.counts().get("auth", 0) == 0
        assert login(proxy) == 0
        settled(proxy)


def test_a_reset_in_the_middle_of_a_result(
    tmp_path: Path, slapd: Slapd, duo: SimulatorProcess, leg: FaultProxy
) -> None:
    with proxy_over(tmp_path, slapd, duo, leg) as proxy:
        assert login(proxy) == 0
        for answered in (20, 100, 5000, 60_001):
            leg.cut_after(answered)
            leg.cut()
            with proxy.client("vpn") as client:
                assert client.bind(ALICE.dn, ALICE.password).result_code == 0
                client.send(search(2, PEOPLE, 2))
                answers = client.receive_end()
            assert 0x65 not in [answer.tag for answer in answers], "a cut result must not look complete"
        leg.cut_after(None)
        assert login(proxy) == 0
        settled(proxy)


def test_a_directory_that_hangs(tmp_path: Path, slapd: Slapd, duo: SimulatorProcess, leg: FaultProxy) -> None:
    with proxy_over(tmp_path, slapd, duo, leg, {"limits": {"idle_timeout": "2s"}}) as proxy:
        with proxy.client("vpn") as client:
            assert client.bind(ALICE.dn, ALICE.password).result_code == 0
            leg.hang(True)
            client.send(search(2, ALICE.dn, 0))
            began = time.monotonic()
            assert [answer.message_id for answer in client.receive_end()] == [0]
            assert time.monotonic() - began < 15, "no session hangs for longer than its limits"
        assert login(proxy) == 52
        leg.hang(False)
        assert login(proxy) == 0
        settled(proxy)


@pytest.mark.parametrize("security", ["clear", "StartTLS", "ldaps"])
def test_clients_and_directory_connections_that_are_killed_at_random(
    tmp_path: Path, slapd: Slapd, duo: SimulatorProcess, security: str
) -> None:
    duo.answer_always("approve", after=0.01)
    chance = random.Random(42)
    port, scheme = (slapd.ldaps_port, "ldaps") if security == "ldaps" else (slapd.port, "ldap")
    with (
        FaultProxy(port) as leg,
        proxy_over(tmp_path, slapd, duo, leg, scheme=scheme, start_tls=security == "StartTLS") as proxy,
    ):
        assert login(proxy) == 0
        settled(proxy)
        before = descriptors(proxy)
        clients: list[LdapClient] = []
        killed = {"client": 0, "directory": 0}
        while min(killed.values()) < KILLS:
            client = proxy.client("vpn")
            account = numbered(chance.randint(1, 8))
            client.send(bind(1, account.dn, account.password), *(search(n, PEOPLE, 2) for n in range(2, 5)))
            clients.append(client)
            if chance.random() < 0.5:
                time.sleep(chance.random() * 0.02)
            if chance.random() < 0.6:
                killed["directory"] += leg.cut(chance.randint(1, 2))
            while len(clients) > chance.randint(0, 4):
                victim = clients.pop(chance.randrange(len(clients)))
                if chance.random() < 0.8:
                    victim.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                victim.close()
                killed["client"] += 1
        for client in clients:
            client.close()
        settled(proxy)
        assert login(proxy) == 0
        settled(proxy)
        # Idle connections to the directory and to Duo may be kept; nothing that grows with the kills.
        proxy.wait_for(lambda: descriptors(proxy) < before + 30, "descriptors to be given back")
        lines = proxy.audit()
        assert {line["reason"] for line in lines if line["verdict"] == "accepted"} == {"second_factor"}
        assert "nobody foresaw" not in proxy.errors()
        assert "Traceback" not in proxy.errors()


def test_duos_connections_that_are_killed_at_random(
    tmp_path: Path, slapd: Slapd, duo: SimulatorProcess
) -> None:
    duo.answer_always("approve", after=0.02)
    with FaultProxy(duo.port) as leg:
        settings = duo_settings(
            duo, api_host=f"127.0.0.1:{leg.port}", response_timeout="2s", connect_timeout="2s"
        )
        listeners = {"vpn": {"limits": {"pending_binds": 50}}}
        with ProxyProcess(tmp_path / "proxy", directory_settings(slapd), settings, listeners) as proxy:
            killed = 0
            while killed < KILLS:
                clients = [proxy.client("vpn", timeout=60) for _ in range(8)]
                for number, client in enumerate(clients, 1):
                    account = numbered(number)
                    client.send(bind(1, account.dn, account.password))
                killed += leg.cut()
                for client in clients:
                    assert client.receive().result_code in (0, 49)
                    client.close()
                killed += leg.cut()
            accepted = [line for line in proxy.audit() if line["verdict"] == "accepted"]
            assert {line["second_factor"] for line in accepted} <= {"allowed"}
            proxy.wait_for(
                lambda: proxy.metrics()['ldapproxy_duo_state{duo="prod",state="up"}'] == 1, "Duo to be up"
            )
            assert login(proxy) == 0
            settled(proxy)


@pytest.mark.parametrize("tls", ["ldaps", "StartTLS"])
def test_a_client_that_says_farewell_before_it_has_read_everything(
    tmp_path: Path, slapd: Slapd, duo: SimulatorProcess, leg: FaultProxy, tls: str
) -> None:
    """TLS is over then, while bytes are queued and the directory is told to wait: nothing may wait on."""
    listener = {"scheme": "ldaps"} if tls == "ldaps" else {"tls": True}
    with proxy_over(tmp_path, slapd, duo, leg, listener) as proxy:
        with proxy.client("vpn", tls=tls == "ldaps") as client:
            if tls == "StartTLS":
                client.start_tls(proxy.ca_file)
            assert client.bind(ALICE.dn, ALICE.password).result_code == 0
            client.send(*(search(number, PEOPLE, 2) for number in range(10, 60)))
            proxy.wait_for(lambda: not _grows(proxy), "the client's buffers to be full")
            encrypted = client.socket
            assert isinstance(encrypted, ssl.SSLSocket)
            with contextlib.suppress(ssl.SSLError):
                encrypted.unwrap()  # it says farewell, and then finds that there is more to read
            with socket.socket(fileno=encrypted.detach()) as raw:
                raw.settimeout(20)
                while raw.recv(1 << 20):
                    pass
        settled(proxy)


def _grows(proxy: ProxyProcess) -> bool:
    """Whether the directory's answers are still read."""
    counted = 'ldapproxy_relayed_bytes_total{direction="to_client",listener="vpn"}'
    before = proxy.metrics()[counted]
    time.sleep(0.3)
    return proxy.metrics()[counted] > before


# The machine


def test_a_certificate_that_changes_on_disk(tmp_path: Path, slapd: Slapd, duo: SimulatorProcess) -> None:
    listeners = {"vpn": {"scheme": "ldaps"}}
    with ProxyProcess(tmp_path / "proxy", directory_settings(slapd), duo_settings(duo), listeners) as proxy:

        def presented() -> bytes:
            context = ssl.create_default_context(cafile=str(proxy.ca_file))
            with (
                socket.create_connection(("127.0.0.1", proxy.port("vpn")), timeout=10) as raw,
                context.wrap_socket(raw, server_hostname="127.0.0.1") as client,
            ):
                certificate = client.getpeercert(binary_form=True)
                assert certificate is not None
                return certificate

        text = proxy.config_file.read_text()
        files = {
            key: Path(line.split(": ", 1)[1].strip())
            for line in text.splitlines()
            for key in ("certificate_file", "private_key_file")
            if line.strip().startswith(key)
        }
        first = presented()
        good = {key: path.read_bytes() for key, path in files.items()}
        other = proxy.authority.server()
        shutil.copy(other.certificate_file, files["certificate_file"])
        shutil.copy(other.private_key_file, files["private_key_file"])
        second = presented()
        assert second != first, "new files are used without a restart"
        files["certificate_file"].write_text("not a certificate")
        assert presented() == second, "broken files keep the last good ones in use"
        for key, path in files.items():
            path.write_bytes(good[key])
        assert presented() == first


def test_an_audit_disk_that_is_full(tmp_path: Path, slapd: Slapd, duo: SimulatorProcess) -> None:
    extra = {"log": {"audit": "/dev/full"}}
    with ProxyProcess(
        tmp_path / "proxy", directory_settings(slapd), duo_settings(duo), {"vpn": {}}, extra
    ) as proxy:
        assert login(proxy) == login(proxy) == 0
        assert proxy.metrics()["ldapproxy_audit_lost_total"] == 2
        assert "audit log cannot be written" in proxy.errors()


def test_an_audit_file_that_is_rotated_away(tmp_path: Path, slapd: Slapd, duo: SimulatorProcess) -> None:
    with ProxyProcess(tmp_path / "proxy", directory_settings(slapd), duo_settings(duo), {"vpn": {}}) as proxy:
        assert login(proxy) == 0
        proxy.audit_file.rename(tmp_path / "audit.log.1")
        assert login(proxy) == 0
        assert len(proxy.audit()) == 1
        assert len((tmp_path / "audit.log.1").read_text().splitlines()) == 1


def test_descriptors_that_run_out(tmp_path: Path, slapd: Slapd, duo: SimulatorProcess) -> None:
    """Those who do not fit wait or are turned away, nobody is let in, and it recovers."""
    duo.answer_always("approve", after=0.2)
    proxy = ProxyProcess(
        tmp_path / "proxy", directory_settings(slapd), duo_settings(duo), {"vpn": {"fail_mode": "open"}}
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    proxy.start()
    try:
        assert login(proxy) == 0
        subprocess.run(["prlimit", f"--pid={proxy.pid}", "--nofile=100:100"], check=True)
        clients = []
        for number in range(120):
            client = proxy.client("vpn", timeout=60)
            account = numbered(number % 8 + 1)
            client.send(bind(1, account.dn, account.password))
            clients.append(client)
        time.sleep(1)
        for client in clients:
            client.close()
        proxy.wait_for(lambda: login(proxy) == 0, "logins to work again")
        accepted = [line for line in proxy.audit() if line["verdict"] == "accepted"]
        assert {line["second_factor"] for line in accepted} == {"allowed"}, "running out opens nothing"
    finally:
        assert proxy.stop() == 0
    assert soft <= hard
