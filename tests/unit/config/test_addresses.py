"""URLs, hosts, ports and networks."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from ldapproxy.config import addresses
from ldapproxy.config.addresses import Endpoint
from tests.unit.config.sample import node, refusal

SERVER = addresses.url({"ldap": 389, "ldaps": 636}, example="ldaps://dc1.example.com")
PROXY = addresses.url({"http": None}, example="http://proxy.example.com:3128")
LISTENER = addresses.listening_url({"ldap": 389, "ldaps": 636}, example="ldap://0.0.0.0:389")
HOST = addresses.host_and_port(443, example="api-xxxxxxxx.duosecurity.com")


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("ldap://dc1.example.com", Endpoint("ldap", "dc1.example.com", 389)),
        ("ldaps://DC1.example.com:3269/", Endpoint("ldaps", "dc1.example.com", 3269)),
        ("LDAPS://10.0.0.1", Endpoint("ldaps", "10.0.0.1", 636)),
        ("ldap://[2001:DB8::0001]:1389", Endpoint("ldap", "2001:db8::1", 1389)),
        ("ldap://under_score-1", Endpoint("ldap", "under_score-1", 389)),
    ],
)
def test_urls(text: str, endpoint: Endpoint) -> None:
    assert SERVER(node(text)) == endpoint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("dc1.example.com", "must be a URL without a path, such as ldaps://dc1.example.com"),
        ("ldap:/dc1", "must be a URL without a path"),
        ("ldap://dc1/dc=example", "must be a URL without a path"),
        ("ldap://dc1?uid", "must be a URL without a path"),
        ("ldap://dc1:389:389", "must have a port between 1 and 65535"),
        ("http://dc1", "must begin with ldap:// or ldaps://"),
        ("ldap://", "names no host; write a URL such as ldaps://dc1.example.com"),
        ("ldap://:389", "names no host"),
        ("ldap://user:pw@dc1", "must not hold a user name or password"),
        ("'ldap://dc1:'", "must have a port between 1 and 65535"),
        ("ldap://dc1:0", "must have a port between 1 and 65535"),
        ("ldap://dc1:65536", "must have a port between 1 and 65535"),
        ("ldap://dc1:ldap", "must have a port between 1 and 65535"),
        ("ldap://2001:db8::1", "must have a port"),
        ("ldap://[2001:db8::g]", "does not hold a valid host name or address"),
        ("ldap://[10.0.0.1]", "does not hold a valid host name or address"),
        ("ldap://10.0.0.256", "does not hold a valid host name or address"),
        ("ldap://-dc1", "does not hold a valid host name or address"),
        ("ldap://dc1..com", "does not hold a valid host name or address"),
        ("ldap://münchen.example", "does not hold a valid host name or address"),
        ("ldap://dc 1", "does not hold a valid host name or address"),
        (f"ldap://{'a' * 64}.example.com", "does not hold a valid host name or address"),
        (f"ldap://{'a.' * 130}com", "does not hold a valid host name or address"),
    ],
)
def test_what_is_no_url(text: str, why: str) -> None:
    assert why in refusal(SERVER, text)


def test_a_refused_url_is_not_quoted() -> None:
    assert "hunter2" not in refusal(SERVER, "ldap://root:hunter2@dc1")


def test_a_port_may_be_required() -> None:
    assert PROXY(node("http://proxy.example.com:3128")).port == 3128
    assert refusal(PROXY, "http://proxy.example.com") == (
        "names no port; write one, as in http://proxy.example.com:3128"
    )
    assert refusal(PROXY, "https://proxy.example.com:1") == "must begin with http://"


def test_listeners_are_on_addresses() -> None:
    assert LISTENER(node("ldap://0.0.0.0")) == Endpoint("ldap", "0.0.0.0", 389)
    assert LISTENER(node("ldaps://[::]")) == Endpoint("ldaps", "::", 636)
    for text in ("ldap://localhost", "ldap://vpn.example.com:389"):
        assert refusal(LISTENER, text) == (
            "must name an address, not a host: 127.0.0.1, 0.0.0.0 for all of IPv4, [::] for all"
        )


def test_an_endpoint_is_a_url_again() -> None:
    assert Endpoint("ldap", "dc1", 389).url == "ldap://dc1:389"
    assert Endpoint("ldaps", "::1", 636).url == "ldaps://[::1]:636"


def test_hosts_with_a_port() -> None:
    assert HOST(node("API-1.duosecurity.com")) == ("api-1.duosecurity.com", 443)
    assert HOST(node("127.0.0.1:8443")) == ("127.0.0.1", 8443)
    assert HOST(node("'[::1]:8443'")) == ("::1", 8443)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://api-1.duosecurity.com", "must be a host without https:// before it"),
        ("api-1.duosecurity.com/auth", "must be a host, such as api-xxxxxxxx.duosecurity.com"),
        ("':443'", "must be a host, such as"),
        ("api-1.duosecurity.com:99999", "must have a port between 1 and 65535"),
        ("api 1", "does not hold a valid host name"),
    ],
)
def test_what_is_no_host(text: str, why: str) -> None:
    assert why in refusal(HOST, text)


@pytest.mark.parametrize("text", ["10.1.0.0/16", "0.0.0.0/0", "'::/0'", "2001:db8::/32", "10.1.2.3", "'::1'"])
def test_networks(text: str) -> None:
    assert addresses.network(node(text)) == ip_network(text.strip("'"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.1.2.3/16", "has bits behind its prefix; the network is 10.1.0.0/16"),
        ("10.1.0.0/33", "must be a network such as 10.1.0.0/16, or an address"),
        ("10.1", "must be a network such as 10.1.0.0/16, or an address"),
        ("example.com", "must be a network such as 10.1.0.0/16, or an address"),
        ("'::ffff:10.0.0.0/104'", "never matches; write it as 10.0.0.0/8"),
        ("'::ffff:10.0.0.1'", "never matches; write it as 10.0.0.1/32"),
    ],
)
def test_what_is_no_network(text: str, why: str) -> None:
    assert refusal(addresses.network, text) == why


def test_loopback() -> None:
    assert all(map(addresses.is_loopback, ["127.0.0.1", "127.9.9.9", "::1", "localhost"]))
    assert not any(map(addresses.is_loopback, ["0.0.0.0", "::", "10.0.0.1", "dc1.example.com"]))


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("0.0.0.0", "10.0.0.1", True),
        ("0.0.0.0", "::1", False),
        ("::", "::1", True),
        ("::", "10.0.0.1", True),
        ("::", "0.0.0.0", True),
        ("::1", "10.0.0.1", False),
    ],
)
def test_sockets_that_cannot_exist_together(one: str, other: str, overlap: bool) -> None:
    first, second = Endpoint("ldap", one, 389), Endpoint("ldaps", other, 389)
    assert addresses.overlap(first, second) is overlap
    assert addresses.overlap(second, first) is overlap
    assert not addresses.overlap(first, Endpoint("ldap", other, 390))
