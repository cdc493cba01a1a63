"""URLs, host names, ports and networks.

Owns how they are written in the configuration. It must not know what listens or answers there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from ldapproxy.auth.policy import Address, Network
from ldapproxy.config.document import Node
from ldapproxy.config.values import Invalid, Parser, text

_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^/?#\[\]:]*)(?::(?P<port>[^/?#]*))?")
_URL = re.compile(rf"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://{_HOST_AND_PORT.pattern}/?")
# RFC 1123 section 2.1, and the underscore that some internal names have.
_HOST_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A scheme, a host (a name or an address, no brackets) and a port."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """The endpoint as a URL with its port."""
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def url(schemes: Mapping[str, int | None], example: str) -> Parser[Endpoint]:
    """A URL of scheme, host and perhaps a port, and nothing else.

    Args:
        schemes: the schemes that may be used, each with its default port; None where it must be given.
        example: how such a URL looks, for the sentences.
    """

    def parse(node: Node) -> Endpoint:
        value = text(node)
        if "@" in value:
            raise Invalid.at(node, f"must not hold a user name or password; write a URL such as {example}")
        found = _URL.fullmatch(value)
        if not found:
            raise Invalid.at(node, f"must be a URL without a path, such as {example}")
        scheme = found["scheme"].lower()
        if scheme not in schemes:
            known = " or ".join(f"{name}://" for name in schemes)
            raise Invalid.at(node, f"must begin with {known}")
        if not found["host"]:
            raise Invalid.at(node, f"names no host; write a URL such as {example}")
        port = _port(node, found["port"], schemes[scheme], example)
        return Endpoint(scheme, _host(node, found["host"]), port)

    return parse


def listening_url(schemes: Mapping[str, int | None], example: str) -> Parser[Endpoint]:
    """A URL to listen on: its host is an address of this machine."""
    parse_url = url(schemes, example)

    def parse(node: Node) -> Endpoint:
        endpoint = parse_url(node)
        if address_of(endpoint.host) is None:
            raise Invalid.at(
                node, "must name an address, not a host: 127.0.0.1, 0.0.0.0 for all of IPv4, [::] for all"
            )
        return endpoint

    return parse


def host_and_port(default_port: int, example: str) -> Parser[tuple[str, int]]:
    """A host and perhaps a port, without a scheme."""

    def parse(node: Node) -> tuple[str, int]:
        value = text(node)
        if "://" in value:
            raise Invalid.at(node, f"must be a host without https:// before it, such as {example}")
        found = _HOST_AND_PORT.fullmatch(value)
        if not found or not found["host"]:
            raise Invalid.at(node, f"must be a host, such as {example}")
        return _host(node, found["host"]), _port(node, found["port"], default_port, example)

    return parse


def network(node: Node) -> Network:
    """A network such as `10.1.0.0/16`, or a single address."""
    value = text(node)
    try:
        found = ip_network(value)
    except ValueError:
        try:
            wider = ip_network(value, strict=False)
        except ValueError:
            raise Invalid.at(node, "must be a network such as 10.1.0.0/16, or an address") from None
        raise Invalid.at(node, f"has bits behind its prefix; the network is {wider}") from None
    if isinstance(found, IPv6Network) and found.prefixlen >= 96:
        mapped = found.network_address.ipv4_mapped
        if mapped is not None:
            # Clients of IPv4 are IPv4 here, also on a listener that takes both.
            raise Invalid.at(node, f"never matches; write it as {mapped}/{found.prefixlen - 96}")
    return found


def address_of(host: str) -> Address | None:
    """The host as an address, or None when it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """True when only this machine can reach the host."""
    address = address_of(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def overlap(one: Endpoint, other: Endpoint) -> bool:
    """True when two listening sockets cannot exist at the same time."""
    return one.port == other.port and (
        one.host == other.host or _covers(one.host, other.host) or _covers(other.host, one.host)
    )


def _covers(host: str, other: str) -> bool:
    """True when listening on the first includes the second: 0.0.0.0 is all of IPv4, :: is all of both."""
    match address_of(host), address_of(other):
        case IPv6Address() as address, _ if address.is_unspecified:
            return True
        case IPv4Address() as address, IPv4Address() if address.is_unspecified:
            return True
        case _:
            return False


def _host(node: Node, value: str) -> str:
    """The host without brackets, an address in its usual form, a name in lower case."""
    bare = value[1:-1] if value.startswith("[") else value
    address = address_of(bare)
    if address is not None and (isinstance(address, IPv6Address) == value.startswith("[")):
        return str(address)
    labels = bare.removesuffix(".").split(".")
    # A last label of digits is meant to be an IPv4 address, and is none.
    looks_like_address = value.startswith("[") or labels[-1].isdigit()
    if looks_like_address or not all(map(_HOST_LABEL.fullmatch, labels)) or len(bare) > 253:
        raise Invalid.at(node, "does not hold a valid host name or address (IPv6 addresses go in brackets)")
    return bare.lower()


def _port(node: Node, value: str | None, default: int | None, example: str) -> int:
    if value is None:
        if default is None:
            raise Invalid.at(node, f"names no port; write one, as in {example}")
        return default
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= 65535:
        raise Invalid.at(node, "must have a port between 1 and 65535")
    return int(value)
