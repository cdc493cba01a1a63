"""A canary in every secret: whatever a process writes, at debug level, holds none of them."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.e2e.world import directory_settings, duo_settings
from tests.support.example_directory import ALICE, SERVICE
from tests.support.fault_proxy import FaultProxy
from tests.support.ldap_bytes import bind, extended, integer, message, octets, tlv
from tests.support.proxy import ProxyProcess
from tests.support.simulator import SimulatorProcess, phone
from tests.support.slapd import Slapd

PASSCODE = "739157"
BYPASS_CODE = "846213975"
WRONG = "canary-wrong-password"
OFFLINE_KEY = Fernet.generate_key().decode()


def secrets_of(duo: SimulatorProcess) -> dict[str, str]:
    """Every secret of the scenario, by what it is."""
    return {
        "the password": ALICE.password,
        "a wrong password": WRONG,
        "a passcode": PASSCODE,
        "a code that was typed while Duo was away": BYPASS_CODE,
        "the service account's password": SERVICE.password,
        "Duo's secret key": duo.secret_key,
        "the offline key": OFFLINE_KEY,
    }


def use_everything(proxy: ProxyProcess, duo: SimulatorProcess, leg: FaultProxy) -> None:
    """Logins of every outcome, malformed requests, faults of the directory and of Duo."""
    typed = [
        ALICE.password,
        WRONG,
        f"{ALICE.password},push",
        f"{ALICE.password},{PASSCODE}",
        f"{WRONG},{PASSCODE}",
    ]
    typed += [f"{ALICE.password},{BYPASS_CODE}", f"{ALICE.password},@nowhere", f"{ALICE.password},sms"]
    for answer in ("approve", "deny", "fraud"):
        duo.answer_always(answer)
        for listener in ("closed", "open", "offline"):
            for credential in typed:
                with proxy.client(listener) as client:
                    client.bind(ALICE.dn, credential)
    duo.answer_always("approve")
    for name in (ALICE.dn, "alice@example.com", "EXAMPLE\\alice", "cn=nobody", "="):
        with proxy.client("closed") as client:
            client.bind(name, ALICE.password)
    for request in (
        message(1, tlv(0x60, integer(3), octets(ALICE.dn), tlv(0x80, ALICE.password.encode())))[:-3],
        message(1, tlv(0x60, integer(3), octets(ALICE.dn), tlv(0x80, ALICE.password.encode()), b"\x04\x00")),
        message(1, tlv(0x60, integer(2), octets(ALICE.dn), tlv(0x80, ALICE.password.encode()))),
        message(
            1, tlv(0x60, integer(3), octets(ALICE.dn), tlv(0xA3, octets("PLAIN"), octets(ALICE.password)))
        ),
        message(1, tlv(0x60, integer(3), octets(ALICE.dn), tlv(0x89, ALICE.password.encode()))),
        extended(1, "1.3.6.1.4.1.4203.1.11.1", ALICE.password.encode()),
        ALICE.password.encode() * 20,
    ):
        with proxy.client("closed") as client:
            client.send(request)
            client.socket.shutdown(1)
            client.receive_end()
    for fault in ("close", "truncate", "hang"):
        duo.fault("*", fault, times=4)
        for listener in ("closed", "open", "offline"):
            with proxy.client(listener) as client:
                client.bind(ALICE.dn, f"{ALICE.password},{BYPASS_CODE}")
        duo.clear_faults()
    duo.power("off")
    for listener in ("closed", "open", "offline"):
        with proxy.client(listener) as client:
            client.bind(ALICE.dn, f"{ALICE.password},{BYPASS_CODE}")
    duo.power("on")
    for answered in (1, 20):
        leg.cut_after(answered)
        leg.cut()
        with proxy.client("closed") as client:
            client.bind(ALICE.dn, ALICE.password)
    leg.cut_after(None)
    with proxy.client("closed") as client:
        client.send(bind(1, ALICE.dn, ALICE.password))


@pytest.mark.timeout(240)
def test_no_secret_is_written_anywhere(tmp_path: Path, slapd: Slapd, duo: SimulatorProcess) -> None:
    duo.add_user("alice", [phone("phone")], passcodes=[PASSCODE])
    secrets = secrets_of(duo)
    with FaultProxy(slapd.port) as leg:
        directory = directory_settings(slapd, urls=[f"ldap://127.0.0.1:{leg.port}"], response_timeout="1s")
        listeners = {mode: {"fail_mode": mode} for mode in ("closed", "open", "offline")}
        extra = {"offline": {"store": f"sqlite:///{tmp_path}/offline.db", "encryption_key": OFFLINE_KEY}}
        settings = duo_settings(duo, response_timeout="1s", connect_timeout="1s")
        proxy = ProxyProcess(tmp_path / "proxy", directory, settings, listeners, extra)
        with proxy:
            use_everything(proxy, duo, leg)
            proxy.wait_for(lambda: proxy._status("/readyz") == 200, "the directory to be up again")
            pages = b"".join(proxy.get(path) for path in ("/metrics", "/healthz", "/readyz", "/"))
            commands = subprocess.run(["ps", "auxeww"], capture_output=True, check=True).stdout
        described = subprocess.run(
            [sys.executable, "-m", "ldapproxy", "check-config", "-c", str(proxy.config_file)],
            capture_output=True,
            check=True,
        )
    reasons = {line["reason"] for line in proxy.audit()}
    assert {
        "second_factor",
        "denied",
        "fraud",
        "primary_refused",
        "fail_mode_open",
        "duo_unavailable",
    } <= reasons
    written = {
        "standard error": proxy.error_file.read_bytes(),
        "the audit log": proxy.audit_file.read_bytes(),
        "the admin pages": pages,
        "the process list": commands,
        "check-config": described.stdout + described.stderr,
        "the offline store": b"".join(path.read_bytes() for path in tmp_path.glob("offline.db*")),
    }
    for place, data in written.items():
        for what, secret in secrets.items():
            for spelled in (
                secret.encode(),
                base64.b64encode(secret.encode()).rstrip(b"="),
                secret.encode().hex().encode(),
            ):
                assert spelled not in data, f"{what} is in {place}"
