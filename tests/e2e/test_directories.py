"""Servers that die, come back, or cannot prove who they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.world import directory_settings, duo_settings, whoami
from tests.support.example_directory import ALICE
from tests.support.proxy import ProxyProcess, Settings
from tests.support.simulator import SimulatorProcess, phone
from tests.support.slapd import Slapd, make_certificate


@pytest.fixture(autouse=True)
def alice_approves(duo: SimulatorProcess) -> None:
    duo.add_user("alice", [phone("phone")])
    duo.answer_always("approve")


def proxy_before(folder: Path, duo: SimulatorProcess, directory: Settings) -> ProxyProcess:
    return ProxyProcess(folder / "proxy", directory, duo_settings(duo), {"vpn": {}})


def login(proxy: ProxyProcess) -> int:
    with proxy.client("vpn", timeout=30) as client:
        return client.bind(ALICE.dn, ALICE.password).result_code


def test_failover_all_down_and_back(tmp_path: Path, duo: SimulatorProcess) -> None:
    with Slapd(tmp_path) as first, Slapd(tmp_path) as second:
        settings = directory_settings(first, second, connect_timeout="1s", ca_file=None)
        del settings["ca_file"]
        with proxy_before(tmp_path, duo, settings) as proxy:
            assert login(proxy) == 0
            first.kill()
            assert login(proxy) == 0
            assert (
                proxy.metrics()[
                    f'ldapproxy_directory_up{{directory="corp",server="{first.url.rstrip("/")}"}}'
                ]
                == 0
            )
            second.kill()
            assert login(proxy) == 52
            assert duo.counts()["auth"] == 2
            first.start()
            assert login(proxy) == 0, "served again, without a restart, although it was down a moment ago"
            reasons = [line["reason"] for line in proxy.audit()]
            assert reasons == ["second_factor", "second_factor", "primary_unavailable", "second_factor"]


def test_ready_means_that_a_directory_is_reachable(tmp_path: Path, duo: SimulatorProcess) -> None:
    with Slapd(tmp_path) as slapd:
        slapd.stop()
        proxy = proxy_before(tmp_path, duo, directory_settings(slapd))
        try:
            proxy.start(ready=False)
            assert proxy._status("/readyz") == 503
            assert login(proxy) == 52
            slapd.start()
            assert login(proxy) == 0
            assert proxy._status("/readyz") == 200
        finally:
            proxy.stop()


def test_a_directory_that_hangs_is_unavailable(tmp_path: Path, duo: SimulatorProcess) -> None:
    with Slapd(tmp_path) as slapd:
        settings = directory_settings(slapd, response_timeout="1s")
        with proxy_before(tmp_path, duo, settings) as proxy:
            slapd.suspend()
            assert login(proxy) == 52
            slapd.resume()
            assert login(proxy) == 0


def test_a_session_ends_with_its_directory_connection(tmp_path: Path, duo: SimulatorProcess) -> None:
    with (
        Slapd(tmp_path) as slapd,
        proxy_before(tmp_path, duo, directory_settings(slapd)) as proxy,
        proxy.client("vpn") as client,
    ):
        assert client.bind(ALICE.dn, ALICE.password).result_code == 0
        slapd.kill()
        [notice] = client.receive_end()
        assert (notice.message_id, notice.tag, notice.result_code) == (0, 0x78, 52)


@pytest.mark.parametrize("way", ["ldaps", "start_tls"])
def test_tls_to_the_directory(tmp_path: Path, duo: SimulatorProcess, way: str) -> None:
    with Slapd(tmp_path) as slapd:
        settings = directory_settings(
            slapd, ldaps=way == "ldaps", **({"start_tls": True} if way == "start_tls" else {})
        )
        with proxy_before(tmp_path, duo, settings) as proxy:
            assert whoami(proxy.url("vpn"), ALICE, ALICE.password)[0] == 0


@pytest.mark.parametrize("way", ["ldaps", "start_tls"])
@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_directory_that_cannot_prove_who_it_is_gets_no_password(
    tmp_path: Path, duo: SimulatorProcess, way: str, wrong: str
) -> None:
    folder = tmp_path / "certificates"
    folder.mkdir()
    certificate = make_certificate(folder, "directory.example.com") if wrong == "name" else None
    with Slapd(tmp_path, certificate=certificate, log_operations=True) as slapd:
        settings = directory_settings(
            slapd, ldaps=way == "ldaps", **({"start_tls": True} if way == "start_tls" else {})
        )
        if wrong == "authority":
            (tmp_path / "other").mkdir()
            settings["ca_file"] = str(make_certificate(tmp_path / "other", "127.0.0.1").ca_file)
        proxy = proxy_before(tmp_path, duo, settings)
        try:
            proxy.start(ready=False)
            binds = len(slapd.operations("BIND"))
            assert login(proxy) == 52
            assert len(slapd.operations("BIND")) == binds
            assert "certificate" in proxy.errors()
        finally:
            proxy.stop()
