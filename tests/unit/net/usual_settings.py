"""The usual listener and directory of the scenarios, to be changed setting by setting.

Owns the values. It must not know what is done with them.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from ldapproxy.auth.outcomes import (
    Entry,
    Factor,
    FailMode,
    SecondFactorOutcome,
    SecondFactorResult,
)
from ldapproxy.auth.policy import Anonymous, ListenerPolicy, UsernameSource
from ldapproxy.auth.push_limits import PushLimitRules
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.net.settings import (
    Limits,
    ListenerSettings,
    PushSettings,
    ServerTls,
    StartTls,
    TlsVersion,
    UpstreamServer,
    UpstreamSettings,
)
from tests.support.certificates import ServerCertificate

ALICE = "uid=alice,ou=people,dc=example,dc=com"
ALLOWED = SecondFactorResult(SecondFactorOutcome.ALLOWED)
DENIED = SecondFactorResult(SecondFactorOutcome.DENIED, text="Login request denied.")

ENTRY = Entry(
    dn=DistinguishedName.parse(ALICE),
    identity="6e5c7a1e-0000-4000-8000-000000000001",
    usernames=("alice",),
    rdn_value="alice",
    groups=frozenset(),
)

POLICY = ListenerPolicy(
    listener="vpn",
    fail_mode=FailMode.CLOSED,
    factors=frozenset({Factor.PUSH, Factor.PHONE, Factor.PASSCODE}),
    delimiter=",",
    bind_timeout=5.0,
    anonymous=Anonymous.ROOT_DSE,
    username=UsernameSource.ATTRIBUTE,
    exempt=(),
    require_group=None,
    client_is_user=False,
    confidentiality_required=False,
)

LIMITS = Limits(
    connections=100,
    connections_per_client=0,
    pending_binds=50,
    outstanding=10,
    buffered=64 * 1024,
    buffered_total=64 * 1024 * 1024,
    message_size=1024 * 1024,
    idle_timeout=60.0,
    handshake_timeout=5.0,
)

LISTENER = ListenerSettings(
    name="vpn",
    host="127.0.0.1",
    port=0,
    ldaps=False,
    tls=None,
    start_tls=StartTls.OPTIONAL,
    directory="corp",
    duo="prod",
    policy=POLICY,
    limits=LIMITS,
    networks=(ip_network("0.0.0.0/0"), ip_network("::/0")),
    search_after_bind=True,
    allow_password_compare=False,
    password_attributes=("userPassword",),
    extended_operations=(),
    # Each test logs in as the same person, and is about one login.
    pushes=PushSettings(
        single_flight=False,
        late_approval=0,
        limits=PushLimitRules(pushes=0, pause_after_denial=0, pause_after_fraud=0),
    ),
)


def listener_settings(**changes: Any) -> ListenerSettings:
    """The usual listener, with changes to its own fields, its policy's or its limits'."""
    limits = {name: changes.pop(name) for name in list(changes) if hasattr(LIMITS, name)}
    policy = {name: changes.pop(name) for name in list(changes) if hasattr(POLICY, name)}
    return replace(LISTENER, policy=replace(POLICY, **policy), limits=replace(LIMITS, **limits), **changes)


def server_tls(certificate: ServerCertificate, version: TlsVersion = TlsVersion.V1_2) -> ServerTls:
    """A listener's certificate."""
    return ServerTls(certificate.certificate_file, certificate.private_key_file, version)


def upstream_settings(*ports: int, ldaps: bool = False, **changes: Any) -> UpstreamSettings:
    """A directory with servers on these ports of 127.0.0.1."""
    fields: dict[str, Any] = {
        "name": "corp",
        "servers": tuple(UpstreamServer("127.0.0.1", port, ldaps) for port in ports),
        "start_tls": False,
        "ca_file": None,
        "connect_timeout": 2.0,
        "response_timeout": 2.0,
    }
    return UpstreamSettings(**(fields | changes))
