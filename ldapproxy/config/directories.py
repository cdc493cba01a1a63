"""`directories:`: one directory's section becomes its settings.

Owns the keys of a directory, their defaults and bounds. It must not know listeners.
"""

from __future__ import annotations

from ldapproxy.config import addresses, certificates, names, values
from ldapproxy.config.addresses import Endpoint
from ldapproxy.config.configuration import DirectorySettings
from ldapproxy.config.document import Node
from ldapproxy.config.files import Surroundings
from ldapproxy.config.secret_sources import secret
from ldapproxy.config.sections import Section
from ldapproxy.directory.settings import LookupServer, LookupSettings
from ldapproxy.ldap.attributes import canonical_attribute
from ldapproxy.net.settings import UpstreamServer, UpstreamSettings
from ldapproxy.secret import Secret

_OF_ACTIVE_DIRECTORY = frozenset({"samaccountname", "userprincipalname"})

_server_url = addresses.url({"ldap": 389, "ldaps": 636}, example="ldaps://dc1.example.com")


def read_directory(name: str, section: Section, surroundings: Surroundings) -> DirectorySettings | None:
    """One directory; None only after an error was reported."""
    servers = section.require(
        "urls",
        values.list_of(_server_url, if_empty="must name at least one server"),
        hint="a list such as [ldaps://dc1.example.com]",
    )
    start_tls = section.read("start_tls", values.boolean, default=False)
    ca_file = section.read("ca_file", values.optional(certificates.authorities(surroundings)), default=None)
    connect_timeout = section.read(
        "connect_timeout",
        values.duration(0.1, 60, "each server that does not answer costs a login this time"),
        default=3.0,
    )
    response_timeout = section.read(
        "response_timeout",
        values.duration(0.1, 300, "a directory that is silent for longer is as good as away"),
        default=10.0,
    )
    lookup_cache = section.read(
        "lookup_cache",
        values.duration(0, 3600, "who was removed from a group keeps what it gave for this time"),
        default=60.0,
    )
    base_dn = section.require(
        "base_dn", names.distinguished_name, hint="the entry below which people and groups are"
    )
    username_attribute = section.read("username_attribute", names.attribute, default="uid")
    upn_attribute = section.read("upn_attribute", names.attribute, default="userPrincipalName")
    username_search = section.read("username_search", values.optional(names.account_search), default=None)
    search_filter = section.read("search_filter", values.optional(names.search_filter), default=None)
    account = _service_account(section, surroundings)
    section.finish()

    if servers is None or base_dn is None or account is None:
        return None
    _warn_about_tls(section, servers, start_tls=start_tls)
    # StartTLS is for ldap:// servers; where there is none, it means nothing.
    start_tls = start_tls and any(server.scheme == "ldap" for server in servers)
    service_account, service_password = account
    return DirectorySettings(
        UpstreamSettings(
            name=name,
            servers=tuple(
                UpstreamServer(server.host, server.port, ldaps=server.scheme == "ldaps") for server in servers
            ),
            start_tls=start_tls,
            ca_file=ca_file,
            connect_timeout=connect_timeout,
            response_timeout=response_timeout,
        ),
        LookupSettings(
            name=name,
            servers=tuple(
                LookupServer(server.host, server.port, ldaps=server.scheme == "ldaps") for server in servers
            ),
            start_tls=start_tls,
            ca_file=ca_file,
            connect_timeout=connect_timeout,
            response_timeout=response_timeout,
            cache=lookup_cache,
            base_dn=base_dn,
            username_attribute=username_attribute,
            search_filter=search_filter,
            service_account=service_account,
            service_password=service_password,
            upn_attribute=upn_attribute,
            username_search=username_search,
        ),
    )


def is_active_directory(lookup: LookupSettings) -> bool:
    """Whether the settings are those of Active Directory, which has attributes of its own for names."""
    return canonical_attribute(lookup.username_attribute) in _OF_ACTIVE_DIRECTORY or any(
        f"({attribute}=" in (lookup.username_search or "").lower() for attribute in _OF_ACTIVE_DIRECTORY
    )


def _service_account(section: Section, surroundings: Surroundings) -> tuple[str, Secret] | None:
    """DN (as written) and password of the account that looks up; None only after an error was reported."""
    if not section.given("service_account"):
        section.missing(
            "service_account", "every listener looks up who logs in: {dn: ..., password_file: ...}"
        )
        return None
    account = section.section("service_account")
    dn = account.require("dn", _dn_as_written)
    password = secret(account, "password", surroundings)
    account.finish()
    return None if dn is None or password is None else (dn, password)


def _dn_as_written(node: Node) -> str:
    names.distinguished_name(node)
    return values.text(node)


def _warn_about_tls(section: Section, servers: tuple[Endpoint, ...], *, start_tls: bool) -> None:
    plain = [server for server in servers if server.scheme == "ldap"]
    if start_tls and not plain:
        section.warn_without_effect("start_tls", "every server is ldaps://, where TLS starts at once")
    if plain and not start_tls:
        exposed = [server.url for server in plain if not addresses.is_loopback(server.host)]
        if exposed:
            section.warn(
                "urls", f"passwords go to {', '.join(exposed)} in clear text; set start_tls, or use ldaps://"
            )
        if len(plain) == len(servers):
            section.warn_without_effect(
                "ca_file", "without ldaps:// or start_tls there is no certificate to verify"
            )
