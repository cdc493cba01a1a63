"""conf/rdp-and-console: the configuration loads, and the guide beside it speaks of the same listeners."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
import trustme
from cryptography.fernet import Fernet

from ldapproxy.auth.outcomes import FailMode, Reason
from ldapproxy.auth.policy import ExemptDn
from ldapproxy.config.configuration import Configuration
from ldapproxy.config.load import load
from ldapproxy.offline_commands import arguments
from tests.house.files import ROOT

GUIDE = (ROOT / "conf" / "rdp-and-console.md").read_text()
EXAMPLE = (ROOT / "conf" / "rdp-and-console.yml").read_text()


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    issued = trustme.CA().issue_cert("ldapproxy.example.com")
    text = EXAMPLE
    for name, content in {
        "/run/secrets/directory": b"not a real one",
        "/run/secrets/duo": b"not a real one",
        "/run/secrets/offline": Fernet.generate_key(),
        "ldapproxy.pem": issued.cert_chain_pems[0].bytes(),
        "ldapproxy.key": issued.private_key_pem.bytes(),
    }.items():
        assert name in text
        file = tmp_path / Path(name).name
        file.write_bytes(content)
        file.chmod(0o600)
        text = text.replace(name, str(file))
    (tmp_path / "rdp-and-console.yml").write_text(text)
    return load(tmp_path / "rdp-and-console.yml", {})


def test_it_loads_and_the_two_differ_in_the_fail_mode(configuration: Configuration) -> None:
    assert configuration.warnings == ()
    remote, console = configuration.listeners
    assert (remote.name, remote.policy.fail_mode) == ("remote", FailMode.CLOSED)
    assert (console.name, console.policy.fail_mode) == ("console", FailMode.OFFLINE)
    assert (remote.directory, remote.duo, remote.policy.exempt) == (
        console.directory,
        console.duo,
        console.policy.exempt,
    )


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)


def test_sssd_asks_these_listeners_with_this_account(configuration: Configuration) -> None:
    sssd = configparser.ConfigParser()
    (text,) = blocks("ini")
    sssd.read_string(text)
    domains = [name.strip() for name in sssd["sssd"]["domains"].split(",")]
    assert domains == [listener.name for listener in configuration.listeners]
    for listener in configuration.listeners:
        url = sssd[f"domain/{listener.name}"]["ldap_uri"]
        assert url.startswith("ldaps://")
        assert int(url.removeprefix("ldaps://").partition(":")[2] or 636) == listener.port
        account = sssd["domain/remote"]["ldap_default_bind_dn"]
        assert [str(rule.dn) for rule in listener.policy.exempt if isinstance(rule, ExemptDn)] == [account]
        # Or sssd would give up before the listener does.
        assert int(sssd["domain/remote"]["ldap_opt_timeout"]) > listener.policy.bind_timeout
    assert sssd["domain/remote"]["cache_credentials"] == "false"
    for domain in domains:
        assert f"domains={domain}" in GUIDE


def test_the_guide_names_reasons_that_there_are() -> None:
    reasons = {reason.value for reason in Reason}
    named = set(re.findall(r"`((?:offline|duo)_[a-z_]+)`", GUIDE))
    assert {"offline_code", "duo_unavailable"} <= named <= reasons


def test_the_commands_of_the_guide_can_be_parsed() -> None:
    lines = [line.split() for block in blocks("sh") for line in block.splitlines()]
    commands = [words[2:] for words in lines if words[:2] == ["ldapproxy", "offline"]]
    assert len(commands) == 3
    for command in commands:
        assert arguments.parse(command).config.name == "rdp-and-console.yml"
