"""The configuration in words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ldapproxy.config.describe import describe
from tests.unit.config.sample import Sample


def described(sample: Sample) -> str:
    return re.sub(r"\s+", " ", describe(sample.load()))


def test_all_listeners_then_what_is_behind_them(sample: Sample) -> None:
    sample.document["listeners"]["wifi"] = dict(sample.listener, url="ldap://127.0.0.1:390")
    headings = re.findall(r"^(\S.*)\n-+$", describe(sample.load()), re.MULTILINE)
    assert headings == [
        "Listener vpn: ldap://127.0.0.1:389",
        "Listener wifi: ldap://127.0.0.1:390",
        "Directory corp",
        "Duo application prod",
        "Operation",
    ]


def test_the_defaults(sample: Sample) -> None:
    text = described(sample)
    for sentence in (
        "Servers, in the order of failover: ldaps://dc1.example.com:636.",
        "TLS to ldaps://dc1.example.com:636; certificates are verified against those of the system.",
        "A server has 3s to be connected, and 10s to answer; logins get 52 (unavailable) when none does.",
        "cn=ldapproxy,ou=services,dc=example,dc=com reads uid and groups of who logs in. "
        "What it found is remembered for 60s.",
        "The directory's base_dn is dc=example,dc=com.",
        "A bare account name goes to the directory as it came.",
        "https://api-12345678.duosecurity.com:443, integration key DI0123456789ABCDEFGH; its certificate is "
        "verified against the authorities of the certifi package.",
        "Duo has 3s to be connected, and 8s to answer; it is pinged every 10s.",
        "info and above to standard error; audit log to standard output.",
        "No metrics, health or status page: there is no admin address.",
        "No warnings.",
    ):
        assert sentence in text


@pytest.mark.parametrize(
    ("section", "keys", "sentence"),
    [
        ("directory", {"urls": ["ldap://127.0.0.1"]}, "Clear text to ldap://127.0.0.1:389."),
        ("directory", {"urls": ["ldap://dc1"], "start_tls": True}, "TLS (after StartTLS) to ldap://dc1:389;"),
        ("directory", {"ca_file": "ca.pem"}, "verified against the authorities in "),
        ("directory", {"search_filter": "(a=b)"}, "of who logs in, provided that the entry meets (a=b)."),
        ("directory", {"username_search": "(uid={name})"},
         "stands for the one entry that meets (uid={name}); one of nobody, or of several, is answered like"),
        ("directory", {"username_search": "(uid={name})", "search_filter": "(a=b)"},
         "the one entry that meets (uid={name}) and (a=b);"),
        ("directory", {"username_attribute": "sAMAccountName"}, "is taken for Active Directory: who"),
        ("directory", {"upn_attribute": "mail"}, "all that mail and account names make of it must be one"),
        ("directory", {"lookup_cache": "0s"}, "What it found is never remembered."),
        ("duo", {"http_proxy": "http://p:3128"}, "duosecurity.com:443 through the HTTP proxy http://p:3128,"),
        ("duo", {"ca_file": "ca.pem"}, "its certificate is verified against the authorities in "),
        ("log", {"audit": "syslog", "level": "debug"}, "debug and above to standard error; audit log to sys"),
        ("log", {"audit": "./audit.log"}, "audit.log."),
        ("admin", {"url": "http://[::1]:9464"}, "Metrics, health and status at http://[::1]:9464,"),
    ],
)  # fmt: skip
def test_what_a_setting_changes_is_said(
    sample: Sample, section: str, keys: dict[str, Any], sentence: str
) -> None:
    assert sentence not in described(sample)
    match section:
        case "directory":
            sample.directory.update(keys)
        case "duo":
            sample.duo.update(keys)
        case _:
            sample.document[section] = keys
    assert sentence in described(sample)


def test_warnings_come_last_one_a_line(sample: Sample) -> None:
    sample.listener["url"] = "ldap://0.0.0.0:389"
    sample.directory["start_tls"] = True
    *_, heading, first, second = describe(sample.load()).splitlines()
    assert heading == "Warnings"
    assert first.startswith(f"  {sample.path}:9: directories.corp.start_tls: has no effect: ")
    assert "listeners.vpn.url: passwords arrive in clear text" in second


def test_no_secret_is_in_the_text(sample: Sample) -> None:
    text = described(sample)
    assert "pw-ldapproxy" not in text
    assert "0123456789abcdefghij" not in text
