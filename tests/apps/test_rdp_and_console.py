"""The founding example: conf/rdp-and-console.yml, and the host of the guide beside it, through real PAM.

Two PAM services ask two listeners of one proxy. Nothing of the example is changed but what is a site's own:
addresses, files, keys.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from cryptography.fernet import Fernet

from ldapproxy.offline.administration import open_administration
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.secret import Secret
from tests.apps.conftest import OUTCOME
from tests.e2e.world import directory_settings, duo_settings
from tests.support.applications.sssd import Sssd, require_sssd
from tests.support.example_directory import ALICE, BOB, PEOPLE, SERVICES
from tests.support.proxy import ProxyProcess, Settings, merged
from tests.support.simulator import SimulatorProcess, phone, token
from tests.support.skips import require_program
from tests.support.slapd import Slapd

CONF = Path(__file__).parents[2] / "conf"
GUIDE = (CONF / "rdp-and-console.md").read_text()

HOST = f"cn=linux-host,{SERVICES}"
HOST_PASSWORD = "pw-linux-host"
PASSCODE = "123456"

# What the directory needs for people who log in to a Linux host (RFC 2307), and the host's own account.
ACCOUNTS = f"""dn: {HOST}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: linux-host
userPassword: {HOST_PASSWORD}

""" + "\n".join(
    f"""dn: {person.dn}
changetype: modify
add: objectClass
objectClass: posixAccount
-
add: uidNumber
uidNumber: {number}
-
add: gidNumber
gidNumber: {number}
-
add: homeDirectory
homeDirectory: /home/{number}
-
"""
    for number, person in enumerate((ALICE, BOB), 20_001)
)


def guide(language: str) -> str:
    """The one block of a language in the guide."""
    blocks = [block.partition("\n") for block in re.split("^```", GUIDE, flags=re.MULTILINE)[1::2]]
    (text,) = [text for name, _, text in blocks if name == language]
    return text


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    require_program("slapd")
    with Slapd(tmp_path_factory.mktemp("slapd")) as server:
        server.modify(ACCOUNTS)
        yield server


@pytest.fixture(scope="module")
def proxy(
    slapd: Slapd, duo_process: SimulatorProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ProxyProcess, list[str]]]:
    """The proxy of the example, and alice's sheet of recovery codes."""
    folder = tmp_path_factory.mktemp("proxy")
    key, store = Fernet.generate_key().decode(), f"sqlite:///{folder}/offline.db"
    process = ProxyProcess(
        folder / "proxy",
        directory_settings(slapd, ldaps=True),
        duo_settings(duo_process, ping_interval="1s"),
        {name: {"scheme": "ldaps"} for name in ("remote", "console")},
    )
    example: Settings = yaml.safe_load((CONF / "rdp-and-console.yml").read_text())
    site = yaml.safe_load(process.config_file.read_text())
    for listener in site["listeners"].values():
        # Set by the tests' own proxy; the example says what it says.
        del listener["push_limits"], listener["fail_mode"]
    for listener in example["listeners"].values():
        for exemption in listener["exempt"]:
            assert exemption["dn"] == HOST
            exemption["networks"] = ["127.0.0.0/8"]
    for secret in (
        example["directories"]["corp"]["service_account"],
        example["duo"]["prod"],
        example["offline"],
    ):
        for name in [name for name in secret if name.endswith("_file")]:
            del secret[name]
    site["offline"] = {"store": store, "encryption_key": key}
    process.config_file.write_text(yaml.safe_dump(merged(example, site), sort_keys=False))
    settings = OfflineSettings(store, (Secret(key),), max_logins=10, max_age=86_400.0)
    sheet = open_administration(settings).new_recovery_codes(ALICE.entry_uuid, "alice")
    with process:
        yield process, [code.reveal().decode() for code in sheet]


@pytest.fixture(scope="module")
def host(proxy: tuple[ProxyProcess, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sssd]:
    """The guide's host."""
    require_sssd()
    process, _ = proxy
    text = guide("ini")
    parser = configparser.ConfigParser()
    parser.read_string(text)
    remote, console = parser["domain/remote"], parser["domain/console"]
    assert remote["ldap_search_base"] == PEOPLE
    assert remote["ldap_default_bind_dn"] == HOST
    for name, value in remote.items():
        console.setdefault(name, value)
    for section, listener in ((remote, "remote"), (console, "console")):
        section["ldap_uri"] = f"ldaps://127.0.0.1:{process.port(listener)}"
        section["ldap_tls_cacert"] = str(process.ca_file)
        section["ldap_default_authtok"] = HOST_PASSWORD
    lines = guide("").strip()
    services = {"rdp": lines, "console": lines.replace("domains=remote", "domains=console")}
    assert services["rdp"] != services["console"]
    folder = tmp_path_factory.mktemp("host")
    with Sssd(folder, parser, {name: f"{text}\n" for name, text in services.items()}) as running:
        yield running


@pytest.fixture(autouse=True)
def enrolled(proxy: tuple[ProxyProcess, list[str]], duo: SimulatorProcess) -> Iterator[None]:
    """Both have a phone in Duo; alice alone has offline codes."""
    for name in ("alice", "bob"):
        duo.add_user(name, [phone("phone"), token()], passcodes=[PASSCODE])
    duo.answer_always("approve")
    yield
    duo.power("on")
    process, _ = proxy
    process.wait_for(lambda: is_duo(process, "up"), "Duo to be up again")


def is_duo(process: ProxyProcess, state: str) -> bool:
    return process.metrics()[f'ldapproxy_duo_state{{duo="prod",state="{state}"}}'] == 1


def reason_of(
    process: ProxyProcess, host: Sssd, service: str, user: str, credential: str
) -> tuple[bool, str]:
    """Logs in; returns whether the person is in, and the reason in the audit log."""
    before = len(process.audit())
    attempt = host.login(service, user, credential)
    lines = [line for line in process.audit()[before:] if line["reason"] != "exempt_dn"]
    assert lines, attempt
    assert {line["listener"] for line in lines} == {"remote" if service == "rdp" else "console"}
    return attempt.is_in, "+".join(line["reason"] for line in lines)


@pytest.mark.parametrize("service", ["rdp", "console"])
def test_while_duo_is_there_both_ask_it(
    proxy: tuple[ProxyProcess, list[str]], host: Sssd, duo: SimulatorProcess, service: str,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    process, sheet = proxy
    row = f"PAM by sssd, {service}"
    record_property(OUTCOME, (row, "right", "failed"))
    assert reason_of(process, host, service, "alice", ALICE.password) == (True, "second_factor")
    assert duo.counts()["auth"] == 1
    assert reason_of(process, host, service, "bob", f"{BOB.password},{PASSCODE}") == (True, "second_factor")
    assert reason_of(process, host, service, "alice", "wrong") == (False, "primary_refused")
    assert reason_of(process, host, service, "alice", f"{ALICE.password},{sheet[-1]}") == (False, "denied")
    assert duo.counts()["auth"] == 3, "an offline code is none while Duo answers"
    record_property(OUTCOME, (row, "right", "in, 1 push"))
    record_property(OUTCOME, (row, "wrong", "refused, no push"))
    record_property(OUTCOME, (row, "passcode", "right in, wrong refused"))


def test_one_slow_push_holds_nobody_up(
    proxy: tuple[ProxyProcess, list[str]], host: Sssd, duo: SimulatorProcess
) -> None:
    duo.answer_always("ignore", user="alice")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(host.login, "rdp", "alice", ALICE.password)
        [push] = duo.wait_for_push("alice")
        assert host.login("rdp", "bob", BOB.password).is_in
        assert not waiting.done()
        duo.answer(push, "approve")
        assert waiting.result().is_in
    duo.answer_always(None, user="alice")


def test_while_duo_is_away_only_the_console_takes_codes(
    proxy: tuple[ProxyProcess, list[str]], host: Sssd, duo: SimulatorProcess,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    process, sheet = proxy
    duo.power("off")
    process.wait_for(lambda: is_duo(process, "down"), "Duo to be known as away")
    code, another = sheet[0], sheet[1]

    for credential in (ALICE.password, f"{ALICE.password},{code}", f"{ALICE.password},{PASSCODE}"):
        assert reason_of(process, host, "rdp", "alice", credential) == (False, "duo_unavailable")
    record_property(OUTCOME, ("PAM by sssd, rdp", "Duo away, closed", "refused"))

    assert reason_of(process, host, "console", "alice", ALICE.password) == (False, "offline_no_code")
    assert reason_of(process, host, "console", "alice", f"wrong,{code}") == (False, "primary_refused")
    assert reason_of(process, host, "console", "alice", f"{ALICE.password},{PASSCODE}") == (
        False, "offline_wrong_code",
    )  # fmt: skip
    assert reason_of(process, host, "console", "alice", f"{ALICE.password},{code}") == (True, "offline_code")
    again, reason = reason_of(process, host, "console", "alice", f"{ALICE.password},{code}")
    assert not again
    assert reason in ("offline_replayed", "offline_wrong_code")
    assert reason_of(process, host, "console", "alice", f"{ALICE.password},{another}") == (
        True,
        "offline_code",
    )
    for credential in (BOB.password, f"{BOB.password},{another}", f"{BOB.password},{sheet[2]}"):
        is_in, reason = reason_of(process, host, "console", "bob", credential)
        assert not is_in
        assert reason in ("offline_no_code", "offline_not_enrolled")
    record_property(OUTCOME, ("PAM by sssd, console", "Duo away, offline", "in by code, once"))
