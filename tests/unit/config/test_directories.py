"""`directories:`: settings, defaults, bounds, and what is worth a warning."""

from __future__ import annotations

from typing import Any

import pytest

from ldapproxy.directory.settings import LookupServer, LookupSettings
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.net.settings import UpstreamServer, UpstreamSettings
from ldapproxy.secret import Secret
from tests.unit.config.sample import Sample


def test_the_defaults(sample: Sample) -> None:
    (directory,) = sample.load().directories
    assert directory.name == "corp"
    assert directory.upstream == UpstreamSettings(
        name="corp",
        servers=(UpstreamServer("dc1.example.com", 636, ldaps=True),),
        start_tls=False,
        ca_file=None,
        connect_timeout=3.0,
        response_timeout=10.0,
    )
    assert directory.lookup == LookupSettings(
        name="corp",
        servers=(LookupServer("dc1.example.com", 636, ldaps=True),),
        start_tls=False,
        ca_file=None,
        connect_timeout=3.0,
        response_timeout=10.0,
        cache=60.0,
        base_dn=DistinguishedName.parse("dc=example,dc=com"),
        username_attribute="uid",
        search_filter=None,
        service_account="cn=ldapproxy,ou=services,dc=example,dc=com",
        service_password=Secret("pw-ldapproxy"),
        upn_attribute="userPrincipalName",
        username_search=None,
    )


def test_every_setting(sample: Sample) -> None:
    sample.environment["LDAP_PASSWORD"] = "from-the-environment"
    sample.directory.update(
        urls=["ldap://dc1.example.com:1389", "ldaps://[2001:db8::1]"],
        start_tls=True,
        ca_file="ca.pem",
        connect_timeout="500ms",
        response_timeout="1m",
        lookup_cache="0s",
        base_dn="DC=Example, DC=com",
        username_attribute="sAMAccountName",
        search_filter="(objectClass=person)",
        upn_attribute="mail",
        username_search="(uid={name})",
        service_account={"dn": "CN=Proxy,DC=example,DC=com", "password_env": "LDAP_PASSWORD"},
    )
    (directory,) = sample.load().directories
    assert directory.upstream == UpstreamSettings(
        name="corp",
        servers=(
            UpstreamServer("dc1.example.com", 1389, ldaps=False),
            UpstreamServer("2001:db8::1", 636, ldaps=True),
        ),
        start_tls=True,
        ca_file=sample.folder / "ca.pem",
        connect_timeout=0.5,
        response_timeout=60.0,
    )
    lookup = directory.lookup
    assert (lookup.start_tls, lookup.ca_file) == (True, sample.folder / "ca.pem")
    assert (lookup.connect_timeout, lookup.response_timeout, lookup.cache) == (0.5, 60.0, 0.0)
    assert lookup.base_dn == DistinguishedName.parse("dc=example,dc=com")
    assert lookup.username_attribute == "sAMAccountName"
    assert lookup.search_filter == "(objectClass=person)"
    assert (lookup.upn_attribute, lookup.username_search) == ("mail", "(uid={name})")
    assert lookup.service_account == "CN=Proxy,DC=example,DC=com"
    assert lookup.service_password == Secret("from-the-environment")
    assert [(server.host, server.port, server.ldaps) for server in lookup.servers] == [
        (server.host, server.port, server.ldaps) for server in directory.upstream.servers
    ]


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("urls", [], "urls: must name at least one server"),
        ("urls", "ldaps://dc1.example.com", "urls: must be a list"),
        ("urls", ["ldaps://dc1.example.com", "ldaps://dc1.example.com:636"], "urls[1]: is listed twice"),
        ("urls", ["ldaps://dc1.example.com", "https://dc2"], "urls[1]: must begin with ldap:// or ldaps://"),
        ("start_tls", "required", "start_tls: must be true or false"),
        ("ca_file", "missing.pem", "ca_file: there is no such file"),
        ("ca_file", "duo-key", "ca_file: the file holds no certificate in PEM form"),
        (
            "connect_timeout",
            "0s",
            "connect_timeout: must be at least 100ms: each server that does not answer",
        ),
        ("connect_timeout", "2m", "connect_timeout: must be at most 60s"),
        ("response_timeout", "0s", "response_timeout: must be at least 100ms"),
        ("response_timeout", "1h", "response_timeout: must be at most 5m: a directory that is silent"),
        ("lookup_cache", "2h", "lookup_cache: must be at most 1h: who was removed from a group"),
        ("lookup_cache", 60, "lookup_cache: must be a duration"),
        ("base_dn", "example.com", "base_dn: must be a distinguished name"),
        ("base_dn", "", "base_dn: is empty"),
        ("username_attribute", "user name", "username_attribute: must be the name of an attribute"),
        ("search_filter", "person", "search_filter: must be a filter in parentheses"),
        ("service_account", "cn=ldapproxy", "service_account: must be a map"),
        ("verify", False, "verify: is not a known key"),
        ("tls_verify", False, "tls_verify: is not a known key"),
        ("lookup_cash", "60s", "lookup_cash: is not a known key; did you mean lookup_cache?"),
    ],
)
def test_what_is_refused(sample: Sample, key: str, value: Any, problem: str) -> None:
    sample.directory[key] = value
    (found,) = sample.problems()
    assert f"directories.corp.{problem}" in found


@pytest.mark.parametrize("key", ["urls", "base_dn", "service_account"])
def test_what_is_required(sample: Sample, key: str) -> None:
    del sample.directory[key]
    (found,) = sample.problems()
    assert found.startswith(f"directories.corp.{key}: is required; ")


def test_the_service_account_needs_name_and_password(sample: Sample) -> None:
    sample.directory["service_account"] = {"user": "x"}
    assert sample.problems() == [
        "directories.corp.service_account.dn: is required",
        "directories.corp.service_account.password: is required; "
        "give one of password, password_file or password_env",
        "directories.corp.service_account.user: is not a known key; "
        "known here are dn, password, password_file, password_env",
    ]


def test_start_tls_has_no_effect_on_ldaps(sample: Sample) -> None:
    sample.directory["start_tls"] = True
    assert sample.warnings() == [
        "directories.corp.start_tls: has no effect: every server is ldaps://, where TLS starts at once"
    ]
    assert not sample.load().directories[0].upstream.start_tls


def test_start_tls_is_for_the_ldap_servers_of_a_mixed_list(sample: Sample) -> None:
    sample.directory.update(urls=["ldap://dc1.example.com", "ldaps://dc2.example.com"], start_tls=True)
    assert sample.warnings() == []
    assert sample.load().directories[0].upstream.start_tls


def test_clear_text_to_another_machine_is_a_warning(sample: Sample) -> None:
    sample.directory.update(urls=["ldaps://dc1.example.com", "ldap://dc2.example.com", "ldap://127.0.0.1"])
    assert sample.warnings() == [
        "directories.corp.urls: passwords go to ldap://dc2.example.com:389 in clear text; "
        "set start_tls, or use ldaps://"
    ]


def test_authorities_without_tls_have_no_effect(sample: Sample) -> None:
    sample.directory.update(urls=["ldap://127.0.0.1"], ca_file="ca.pem")
    assert sample.warnings() == [
        "directories.corp.ca_file: has no effect: "
        "without ldaps:// or start_tls there is no certificate to verify"
    ]


def test_listeners_know_whether_their_directory_looks_up_account_names(sample: Sample) -> None:
    (listener,) = sample.load().listeners
    assert listener.policy.nobody is None
    sample.directory["username_search"] = "(uid={name})"
    (listener,) = sample.load().listeners
    assert listener.policy.nobody is not None
    assert listener.policy.nobody.is_within(DistinguishedName.parse("dc=example,dc=com"))


@pytest.mark.parametrize(
    ("keys", "is_one"),
    [
        ({}, False),
        ({"username_attribute": "mail"}, False),
        ({"username_search": "(uid={name})"}, False),
        ({"username_attribute": "sAMAccountName"}, True),
        ({"username_attribute": "SAMACCOUNTNAME"}, True),
        ({"username_attribute": "1.2.840.113556.1.4.221"}, True),
        ({"username_attribute": "userPrincipalName"}, True),
        (
            {"username_attribute": "mail", "username_search": "(&(a=b)(sAMAccountName={name}))"},
            True,
        ),
    ],
)
def test_listeners_know_whether_their_directory_is_active_directory(
    sample: Sample, keys: dict[str, Any], is_one: bool
) -> None:
    sample.directory.update(keys)
    (listener,) = sample.load().listeners
    assert listener.policy.confirms_names is is_one
