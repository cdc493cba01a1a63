"""`duo:`: settings, defaults, bounds."""

from __future__ import annotations

from typing import Any

import pytest

from ldapproxy.duo.settings import DuoSettings
from ldapproxy.secret import Secret
from tests.unit.config.sample import Sample

KEY = "0123456789abcdefghij0123456789abcdefghij"


def test_the_defaults(sample: Sample) -> None:
    assert sample.load().duo == (
        DuoSettings(
            name="prod",
            api_host="api-12345678.duosecurity.com",
            port=443,
            integration_key="DI0123456789ABCDEFGH",
            secret_key=Secret(KEY),
            ca_file=None,
            http_proxy=None,
            connect_timeout=3.0,
            response_timeout=8.0,
            ping_interval=10.0,
        ),
    )


def test_every_setting(sample: Sample) -> None:
    del sample.duo["secret_key_file"]
    sample.duo.update(
        api_host="API-1.example.com:8443",
        secret_key="another-key",
        ca_file="ca.pem",
        http_proxy="http://proxy.example.com:3128",
        connect_timeout="1s",
        response_timeout="2s",
        ping_interval="1m",
    )
    (duo,) = sample.load().duo
    assert (duo.api_host, duo.port) == ("api-1.example.com", 8443)
    assert duo.secret_key == Secret("another-key")
    assert duo.ca_file == sample.folder / "ca.pem"
    assert duo.http_proxy == "http://proxy.example.com:3128"
    assert (duo.connect_timeout, duo.response_timeout, duo.ping_interval) == (1.0, 2.0, 60.0)


def test_an_integration_key_of_digits_in_quotes(sample: Sample) -> None:
    sample.duo["integration_key"] = "12"
    assert sample.load().duo[0].integration_key == "12"


def test_null_stands_for_the_default_where_it_is_shown(sample: Sample) -> None:
    sample.duo.update(ca_file=None, http_proxy=None)
    assert sample.problems() == []


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("api_host", "https://api-1.duosecurity.com", "api_host: must be a host without https:// before it"),
        ("api_host", "api-1.duosecurity.com:0", "api_host: must have a port between 1 and 65535"),
        ("integration_key", "DI 0123", "integration_key: must be an integration key such as DIXXXX"),
        ("integration_key", "", "integration_key: is empty"),
        ("integration_key", 12, "integration_key: is not a text to YAML, but a number or the like; put it"),
        ("integration_key", 1.5, "integration_key: is not a text to YAML"),
        ("integration_key", True, "integration_key: is not a text to YAML"),
        ("ca_file", "missing.pem", "ca_file: there is no such file"),
        ("http_proxy", "proxy.example.com:3128", "http_proxy: must be a URL"),
        (
            "http_proxy",
            "http://me:pw@proxy.example.com:3128",
            "http_proxy: must not hold a user name or password",
        ),
        ("http_proxy", "socks5://proxy.example.com:1080", "http_proxy: must begin with http://"),
        ("connect_timeout", "0s", "connect_timeout: must be at least 100ms: the first login of an outage"),
        ("response_timeout", "10m", "response_timeout: must be at most 60s: Duo answers in a second or two"),
        ("ping_interval", "1h", "ping_interval: must be at most 10m: an outage that begins or ends"),
        ("ping_intervall", "10s", "ping_intervall: is not a known key; did you mean ping_interval?"),
        ("skey", "x", "skey: is not a known key"),
    ],
)
def test_what_is_refused(sample: Sample, key: str, value: Any, problem: str) -> None:
    sample.duo[key] = value
    (found,) = sample.problems()
    assert f"duo.prod.{problem}" in found


def test_what_is_required(sample: Sample) -> None:
    sample.document["duo"]["prod"] = {}
    assert sample.problems() == [
        "duo.prod.api_host: is required; Duo's admin panel shows it on the page of the application",
        "duo.prod.integration_key: is required; Duo's admin panel shows it on the page of the application",
        "duo.prod.secret_key: is required; give one of secret_key, secret_key_file or secret_key_env",
    ]


def test_a_secret_key_is_ascii(sample: Sample) -> None:
    sample.write("duo-key", "schlüssel".encode())
    assert sample.problems() == [
        "duo.prod: the secret key must be plain ASCII, as all that Duo gives out are"
    ]
