"""The process around the application: how it starts, what a signal does, and with which exit code it ends."""

from __future__ import annotations

import resource
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.support.ldap_bytes import bind, search
from tests.support.ldap_client import LdapClient
from tests.support.ports import free_port
from tests.support.proxy import ProxyProcess

ALICE = "uid=alice,ou=people,dc=example,dc=com"
SECRET_KEY = "0123456789abcdefghij0123456789abcdefghij"


@contextmanager
def mute_directory() -> Iterator[int]:
    """A directory that the kernel connects everybody to, and that never answers; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield server.getsockname()[1]


def proxy(
    folder: Path, directory_port: int, extra: dict[str, Any] | None = None, **listener: Any
) -> ProxyProcess:
    """A process with one listener in front of a directory on this port."""
    directory = {
        "urls": [f"ldap://127.0.0.1:{directory_port}"],
        "base_dn": "dc=example,dc=com",
        "service_account": {"dn": "cn=ldapproxy,dc=example,dc=com", "password": "pw-ldapproxy"},
        "connect_timeout": "1s",
    }
    duo = {
        "api_host": f"127.0.0.1:{free_port()}",
        "integration_key": "DI0123456789ABCDEFGH",
        "secret_key": SECRET_KEY,
    }
    return ProxyProcess(folder, directory, duo, {"vpn": {"limits": {"connections": 100}, **listener}}, extra)


@contextmanager
def started(running: ProxyProcess) -> Iterator[ProxyProcess]:
    """The process, at work, although not ready."""
    running.start(ready=False)
    try:
        yield running
    finally:
        running.stop()


def limit_descriptors(monkeypatch: pytest.MonkeyPatch, hard: int) -> None:
    """Processes that are started from now on have a soft limit of 512 descriptors, and this hard one."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))

    monkeypatch.setattr(subprocess, "Popen", partial(subprocess.Popen, preexec_fn=limit))


def descriptors_of(pid: int) -> list[str]:
    """The soft and the hard limit of a process."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("Max open files"))
    return line.split()[3:5]


def begin_bind(running: ProxyProcess, client: LdapClient) -> None:
    """Sends a bind that waits for the directory."""
    client.send(bind(1, ALICE, "secret"))
    gauge = 'ldapproxy_binds_pending{listener="vpn"}'
    running.wait_for(lambda: running.metrics()[gauge] == 1, "the bind to begin")


def rest(client: LdapClient) -> list[tuple[int, int]]:
    """messageID and result code of everything until the connection is closed."""
    return [(message.message_id, message.result_code) for message in client.receive_end()]


def test_it_stops_in_order(tmp_path: Path) -> None:
    """SIGTERM: idle clients are told at once, pending binds are answered, and the exit code is 0."""
    with mute_directory() as port:
        running = proxy(tmp_path, port, bind_timeout="2s")
        running.start(ready=False)
        with running.client("vpn") as idle, running.client("vpn") as client:
            idle.send(search(1))
            assert idle.receive().result_code == 50
            begin_bind(running, client)
            assert running.stop(signal.SIGTERM) == 0
            assert rest(idle) == [(0, 52)]
            assert rest(client) == [(1, 52), (0, 52)]
    (record,) = running.audit()
    assert record["reason"] == "primary_unavailable"
    said = running.errors()
    assert "listener vpn listens on" in said
    assert "stopping: no new connections" in said
    assert "Traceback" not in said
    assert SECRET_KEY not in said


def test_a_second_signal_ends_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_descriptors(monkeypatch, 1200)  # too few for 100 sessions and all the rest
    with mute_directory() as port:
        running = proxy(tmp_path, port)
        running.start(ready=False)
        assert descriptors_of(running.pid) == ["1200", "1200"], "the soft limit is raised to the hard one"
        assert "raise the limit (LimitNOFILE, ulimit -n)" in running.errors()
        with running.client("vpn") as client:
            begin_bind(running, client)
            running.send_signal(signal.SIGINT)
            running.wait_for(lambda: "stopping: no new" in running.errors(), "the first signal")
            assert running.stop(signal.SIGINT) == 0
            assert rest(client) == []
    assert "stopping at once" in running.errors()
    assert "Traceback" not in running.errors()


def test_a_process_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_descriptors(monkeypatch, 1400)
    with mute_directory() as port, started(proxy(tmp_path, port, scheme="ldaps")) as running:
        assert descriptors_of(running.pid) == ["1400", "1400"]
        assert "raise the limit" not in running.errors()

        # A directory that takes connections and never answers is not there.
        running.wait_for(lambda: "is down: no answer" in running.errors(), "the probe")
        assert running._status("/readyz") == 503
        assert running._status("/healthz") == 200

        with running.client("vpn", tls=True) as client:
            assert isinstance(client.socket, ssl.SSLSocket)
            client.send(search(1))
            assert client.receive().result_code == 50

        running.send_signal(signal.SIGUSR1)
        running.wait_for(lambda: "all remembered logins were forgotten" in running.errors(), "the purge")

        # A process that has not said what to do with it ends.
        running.send_signal(signal.SIGHUP)
        running.wait_for(lambda: "SIGHUP: there is nothing to do" in running.errors(), "the signal")
        assert running._status("/healthz") == 200


def test_the_warnings_of_the_configuration_are_in_the_log_once(tmp_path: Path) -> None:
    store = tmp_path / "offline.db"
    store.touch(0o644)
    store.chmod(0o644)
    offline = {"store": f"sqlite:///{store}", "encryption_key": Fernet.generate_key().decode()}
    with mute_directory() as port:
        running = proxy(tmp_path, port, {"offline": offline}, fail_mode="offline", bind_timeout="20s")
        with started(running):
            running.wait_for(lambda: store.stat().st_size > 0, "the store to be looked at")
    said = running.errors()
    assert said.count("offline.db can be read or written by others; chmod 600 it") == 1
    assert "offline.store: " in said


@pytest.mark.parametrize("which", ["listener", "admin"])
def test_an_address_that_is_taken(tmp_path: Path, which: str) -> None:
    running = proxy(tmp_path, free_port())
    taken = running.port("vpn") if which == "listener" else running.admin_port
    command = [sys.executable, "-m", "ldapproxy", "run", "-c", str(running.config_file)]
    with socket.create_server(("127.0.0.1", taken)):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("ldapproxy: ")
    assert str(taken) in said
    assert said.endswith("Address already in use")
