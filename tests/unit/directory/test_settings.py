"""ldapproxy.directory.settings: how a server is named, and that the password is not shown."""

from __future__ import annotations

import pytest

from ldapproxy.directory.settings import LookupServer, LookupSettings
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.secret import Secret


@pytest.mark.parametrize(
    ("server", "url"),
    [
        (LookupServer("dc1.example.com", 389, ldaps=False), "ldap://dc1.example.com:389"),
        (LookupServer("dc1.example.com", 636, ldaps=True), "ldaps://dc1.example.com:636"),
        (LookupServer("2001:db8::1", 636, ldaps=True), "ldaps://[2001:db8::1]:636"),
    ],
)
def test_a_server_is_named_as_the_configuration_writes_it(server: LookupServer, url: str) -> None:
    assert server.url == url


def test_the_service_password_is_not_shown() -> None:
    settings = LookupSettings(
        name="corp",
        servers=(),
        start_tls=False,
        ca_file=None,
        connect_timeout=3,
        response_timeout=10,
        cache=60,
        base_dn=DistinguishedName.parse("dc=example,dc=com"),
        username_attribute="uid",
        search_filter=None,
        service_account="cn=ldapproxy,dc=example,dc=com",
        service_password=Secret("geheim"),
    )
    assert "geheim" not in f"{settings!r}{settings}"
