"""What `duo:` says about one Duo application.

Owns the frozen settings; must not know the configuration file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ldapproxy.secret import Secret


@dataclass(frozen=True, slots=True)
class DuoSettings:
    """One Duo application (`duo.NAME`). Times are in seconds.

    Attributes:
        name: the name in the configuration, the `duo` label of the metrics.
        api_host: `api-xxxxxxxx.duosecurity.com`, without a port. The signature covers exactly this.
        port: the port, 443 unless given behind the host.
        integration_key: Duo's integration key; public, but not interesting in logs.
        secret_key: Duo's secret key.
        ca_file: PEM file of trusted authorities; None means certifi's.
        http_proxy: URL of an HTTP proxy (CONNECT); None means a direct connection. The environment is never
            asked.
        connect_timeout: for TCP and TLS to be up.
        response_timeout: for ping, check, preauth, the start of a push, and the first auth_status.
        ping_interval: between two background pings.
    """

    name: str
    api_host: str
    port: int
    integration_key: str
    secret_key: Secret
    ca_file: Path | None
    http_proxy: str | None = field(repr=False)  # may carry a password
    connect_timeout: float
    response_timeout: float
    ping_interval: float

    @property
    def address(self) -> str:
        """The API host as the configuration writes it: with the port unless that is HTTPS's own."""
        host = f"[{self.api_host}]" if ":" in self.api_host else self.api_host
        return host if self.port == 443 else f"{host}:{self.port}"
