"""Settings and questions for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

from ldapproxy.auth.effects import LookUpEntry
from ldapproxy.directory.settings import LookupServer, LookupSettings
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.secret import Secret
from tests.support.example_directory import SERVICE, SUFFIX, Account
from tests.support.slapd import Slapd


def plain(slapd: Slapd) -> LookupServer:
    """slapd's clear-text address."""
    return LookupServer("127.0.0.1", slapd.port, ldaps=False)


def encrypted(slapd: Slapd) -> LookupServer:
    """slapd's TLS address."""
    return LookupServer("127.0.0.1", slapd.ldaps_port, ldaps=True)


def settings_for(
    *servers: LookupServer,
    start_tls: bool = False,
    ca_file: Path | None = None,
    timeout: float = 5.0,
    cache: float = 0.0,
    search_filter: str | None = None,
    password: str = SERVICE.password,
    username_attribute: str = "uid",
    username_search: str | None = None,
) -> LookupSettings:
    """Settings for the example directory."""
    return LookupSettings(
        name="corp",
        servers=servers,
        start_tls=start_tls,
        ca_file=ca_file,
        connect_timeout=timeout,
        response_timeout=timeout,
        cache=cache,
        base_dn=DistinguishedName.parse(SUFFIX),
        username_attribute=username_attribute,
        search_filter=search_filter,
        service_account=SERVICE.dn,
        service_password=Secret(password),
        username_search=username_search,
    )


def question(name: Account | str, *groups: str) -> LookUpEntry:
    """Who is `name`, and which of `groups` is it in?"""
    dn = name if isinstance(name, str) else name.dn
    return LookUpEntry(
        DistinguishedName.parse(dn), frozenset(DistinguishedName.parse(group) for group in groups)
    )
