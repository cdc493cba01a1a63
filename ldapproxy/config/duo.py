"""`duo:`: one Duo application's section becomes its settings.

Owns the keys of a Duo application, their defaults and bounds. It must not know listeners.
"""

from __future__ import annotations

from ldapproxy.config import addresses, certificates, values
from ldapproxy.config.document import Kind, Node
from ldapproxy.config.files import Surroundings
from ldapproxy.config.secret_sources import secret
from ldapproxy.config.sections import Section
from ldapproxy.config.values import Invalid
from ldapproxy.duo.settings import DuoSettings

_NO_TEXTS = frozenset({Kind.NUMBER, Kind.TRUE, Kind.FALSE})

_proxy_url = addresses.url({"http": None}, example="http://proxy.example.com:3128")


def read_duo(name: str, section: Section, surroundings: Surroundings) -> DuoSettings | None:
    """One Duo application; None only after an error was reported."""
    where = "Duo's admin panel shows it on the page of the application"
    api_host = section.require(
        "api_host", addresses.host_and_port(443, example="api-xxxxxxxx.duosecurity.com"), hint=where
    )
    integration_key = section.require("integration_key", _key, hint=where)
    secret_key = secret(section, "secret_key", surroundings)
    ca_file = section.read("ca_file", values.optional(certificates.authorities(surroundings)), default=None)
    http_proxy = section.read("http_proxy", values.optional(_proxy_url), default=None)
    connect_timeout = section.read(
        "connect_timeout",
        values.duration(0.1, 60, "the first login of an outage waits this long"),
        default=3.0,
    )
    response_timeout = section.read(
        "response_timeout",
        values.duration(0.1, 60, "Duo answers in a second or two, or not at all"),
        default=8.0,
    )
    ping_interval = section.read(
        "ping_interval",
        values.duration(0.1, 600, "an outage that begins or ends is noticed only by then"),
        default=10.0,
    )
    section.finish()

    if secret_key is not None and not secret_key.reveal().isascii():
        section.refuse("the secret key must be plain ASCII, as all that Duo gives out are")
    if api_host is None or integration_key is None or secret_key is None:
        return None
    host, port = api_host
    return DuoSettings(
        name=name,
        api_host=host,
        port=port,
        integration_key=integration_key,
        secret_key=secret_key,
        ca_file=ca_file,
        http_proxy=None if http_proxy is None else http_proxy.url,
        connect_timeout=connect_timeout,
        response_timeout=response_timeout,
        ping_interval=ping_interval,
    )


def _key(node: Node) -> str:
    """An integration key. Duo's have 20 characters, beginning with DI; refused is what no key can hold."""
    value = values.text(node)
    if values.scalar(node, "a text").kind in _NO_TEXTS:
        raise Invalid.at(node, "is not a text to YAML, but a number or the like; put it in quotes")
    if not value.isascii() or " " in value or ":" in value:
        raise Invalid.at(node, "must be an integration key such as DIXXXXXXXXXXXXXXXXXX")
    return value
