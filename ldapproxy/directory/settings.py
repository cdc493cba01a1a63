"""What `directories:` says as far as look-ups need it.

Owns the frozen settings; must not know the configuration file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.secret import Secret


@dataclass(frozen=True, slots=True)
class LookupServer:
    """One server of a directory; `ldaps` tells whether TLS starts at once."""

    host: str
    port: int
    ldaps: bool

    @property
    def url(self) -> str:
        """The server as the configuration writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ldaps' if self.ldaps else 'ldap'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class LookupSettings:
    """How the entries of one directory are looked up. Times are in seconds.

    Attributes:
        name: the name in the configuration, the `directory` label of the metrics.
        servers: in the order of failover.
        start_tls: StartTLS before anything else; only with servers that are not `ldaps`.
        ca_file: PEM file of trusted authorities; None means the system's.
        connect_timeout: for a connection to be up.
        response_timeout: for an answer to a bind or a search.
        cache: how long an answer may be used again; 0 means never.
        base_dn: below which people and groups are.
        username_attribute: whose value is sent to Duo.
        upn_attribute: holds names such as `alice@example.com`.
        username_search: the filter that finds a bare account name, with `{name}` in its place, in values
            only; None when such names are not looked up.
        search_filter: a further condition that a person's entry must meet, an RFC 4515 filter; None for none.
        service_account: the DN that looks up.
        service_password: its password.
    """

    name: str
    servers: tuple[LookupServer, ...]
    start_tls: bool
    ca_file: Path | None
    connect_timeout: float
    response_timeout: float
    cache: float
    base_dn: DistinguishedName
    username_attribute: str
    search_filter: str | None
    service_account: str
    service_password: Secret
    upn_attribute: str = "userPrincipalName"
    username_search: str | None = None
