"""What the third floor is told: listeners, their TLS and limits, and the servers behind them.

Owns the frozen settings of `net`; must not know the configuration file. Times are in seconds, sizes in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique
from pathlib import Path

from ldapproxy.auth.failed_binds import FailedBindRules
from ldapproxy.auth.policy import ListenerPolicy, Network
from ldapproxy.auth.push_limits import PushLimitRules


@unique
class StartTls(Enum):
    """What a listener with a certificate on an `ldap://` URL does about clear text."""

    REQUIRED = "required"
    OPTIONAL = "optional"


@unique
class TlsVersion(Enum):
    """The oldest TLS version that a listener speaks. TLS 1.0 and 1.1 are deprecated by RFC 8996."""

    V1_2 = "1.2"
    V1_3 = "1.3"


@dataclass(frozen=True, slots=True)
class ServerTls:
    """A listener's certificate chain and key (PEM files)."""

    certificate_file: Path
    private_key_file: Path
    minimum_version: TlsVersion


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one listener; 0 means off where the configuration says so.

    Attributes:
        connections: sessions at a time.
        connections_per_client: sessions at a time from one address; 0 is off.
        pending_binds: binds that wait for an answer at a time.
        outstanding: operations of one session that wait for an answer at a time.
        buffered: bytes of one session that wait behind a pending bind.
        buffered_total: bytes of all sessions that wait for anything: to be whole, to run, to be read.
        message_size: bytes of one request of a bound session.
        idle_timeout: a session on which nothing moves ends after this, also when it waits for an answer.
        handshake_timeout: until the first complete message (and TLS) of a new connection.
        failed_binds: wrong passwords that are passed on to the directory.
    """

    connections: int
    connections_per_client: int
    pending_binds: int
    outstanding: int
    buffered: int
    buffered_total: int
    message_size: int
    idle_timeout: float
    handshake_timeout: float
    failed_binds: FailedBindRules = field(default_factory=FailedBindRules)


@dataclass(frozen=True, slots=True)
class PushSettings:
    """How binds that belong together share a push (design 4.6).

    Attributes:
        single_flight: a bind joins one of the same login that waits for Duo.
        late_approval: seconds in which an approval that came after the client had left is honoured, once; 0
            is off.
        answer_before: seconds after which a pending bind is answered `busy` while its push goes on; None is
            off.
        limits: how many pushes a person may be bothered with.
    """

    single_flight: bool = True
    late_approval: float = 60.0
    answer_before: float | None = None
    limits: PushLimitRules = PushLimitRules()


@dataclass(frozen=True, slots=True)
class RememberSettings:
    """`remember:` in seconds; `lasts` 0 remembers nothing, `idle` 0 is no limit."""

    lasts: float = 0.0
    idle: float = 0.0


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """One listener (`listeners.NAME`).

    Attributes:
        host: the address to listen on, IPv4 or IPv6, without brackets.
        ldaps: TLS from the first byte; `tls` is set then.
        tls: certificate and key; None on a listener that speaks clear text only.
        start_tls: for `ldap://` with `tls`; without a meaning otherwise.
        directory: name of the directory behind it.
        duo: name of the Duo application.
        networks: clients that may connect.
        search_after_bind: False lets clients bind and nothing else.
        allow_password_compare: True relays Compare and filters on password attributes.
        password_attributes: names of attributes that hold passwords.
        extended_operations: OIDs of further extended operations to relay.
        pushes: how binds that belong together share a push.
        remember: how long a login is remembered.
    """

    name: str
    host: str
    port: int
    ldaps: bool
    tls: ServerTls | None
    start_tls: StartTls
    directory: str
    duo: str
    policy: ListenerPolicy
    limits: Limits
    networks: tuple[Network, ...]
    search_after_bind: bool
    allow_password_compare: bool
    password_attributes: tuple[str, ...]
    extended_operations: tuple[str, ...]
    pushes: PushSettings = PushSettings()
    remember: RememberSettings = RememberSettings()


@dataclass(frozen=True, slots=True)
class UpstreamServer:
    """One server of a directory; `ldaps` tells whether TLS starts at once."""

    host: str
    port: int
    ldaps: bool

    @property
    def url(self) -> str:
        """The server as the configuration writes it; the `server` label of the metrics."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ldaps' if self.ldaps else 'ldap'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """How sessions reach one directory (`directories.NAME`).

    Attributes:
        servers: in the order of failover.
        start_tls: StartTLS before anything else; only with servers that are not `ldaps`.
        ca_file: PEM file of trusted authorities; None means the system's.
        connect_timeout: for TCP, TLS and StartTLS to be up, for each server tried.
        response_timeout: for the answer to a bind or to a question of our own.
    """

    name: str
    servers: tuple[UpstreamServer, ...]
    start_tls: bool
    ca_file: Path | None
    connect_timeout: float
    response_timeout: float
