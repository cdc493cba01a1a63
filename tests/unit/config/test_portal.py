"""`portal:`: settings, defaults, and what holds between it and the rest."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ldapproxy.config.configuration import Portal
from ldapproxy.config.describe import describe
from ldapproxy.net.settings import ServerTls, TlsVersion
from ldapproxy.web.settings import PortalSettings
from tests.unit.config.sample import Sample

TLS = {"certificate_file": "vpn.pem", "private_key_file": "vpn.key"}


@pytest.fixture
def with_portal(sample: Sample) -> Sample:
    sample.add_offline()
    sample.document["portal"] = {"url": "https://0.0.0.0:8443", "tls": dict(TLS), "listener": "vpn"}
    return sample


def portal(sample: Sample) -> dict[str, Any]:
    section: dict[str, Any] = sample.document["portal"]
    return section


def test_the_portal(with_portal: Sample) -> None:
    configuration = with_portal.load()
    assert configuration.warnings == ()
    assert configuration.portal == Portal(
        PortalSettings("0.0.0.0", 8443, "vpn"),
        ServerTls(with_portal.folder / "vpn.pem", with_portal.folder / "vpn.key", TlsVersion.V1_2),
    )
    assert configuration.listener_of(configuration.portal).name == "vpn"


def test_the_port_may_be_left_out(with_portal: Sample) -> None:
    portal(with_portal).update(url="https://[::1]", tls={**TLS, "minimum_version": "1.3"})
    found = with_portal.load().portal
    assert found is not None
    assert (found.settings.host, found.settings.port) == ("::1", 443)
    assert found.tls.minimum_version is TlsVersion.V1_3


def test_without_the_section_there_is_none(sample: Sample) -> None:
    assert sample.load().portal is None


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"url": "http://0.0.0.0:8443"}, "portal.url: must begin with https://"),
        ({"url": "https://portal.example.com"}, "portal.url: must name an address, not a host: "),
        ({"url": "https://0.0.0.0:8443/enrol"}, "portal.url: must be a URL without a path, "),
        (
            {"listener": "vnp"},
            "portal.listener: is no listener; those in the file are vpn; did you mean vpn?",
        ),
        ({"tls": {**TLS, "start_tls": "required"}}, "portal.tls.start_tls: is not a known key"),
        ({"tls": {"certificate_file": "vpn.pem"}}, "portal.tls.private_key_file: is required"),
        (
            {"tls": {**TLS, "private_key_file": "ca.pem"}},
            "portal.tls.private_key_file: the file holds no pri",
        ),
        ({"url": "https://127.0.0.1:389"}, "portal.url: listener vpn has this address and port already"),
        ({"issuer": "x"}, "portal.issuer: is not a known key; known here are url, tls, listener"),
    ],
)
def test_mistakes(with_portal: Sample, keys: dict[str, Any], problem: str) -> None:
    portal(with_portal).update(keys)
    (found,) = with_portal.problems()
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("url", "; such as https://0.0.0.0:8443"),
        ("tls", "; the portal speaks HTTPS only: {certificate_file: ..., private_key_file: ...}"),
        ("listener", "; its directory and Duo application are asked when people sign in"),
    ],
)
def test_every_key_is_required(with_portal: Sample, key: str, hint: str) -> None:
    del portal(with_portal)[key]
    assert with_portal.problems() == [f"portal.{key}: is required{hint}"]


def test_it_needs_a_store(with_portal: Sample) -> None:
    with_portal.listener["fail_mode"] = "closed"
    del with_portal.document["offline"]
    assert "portal: needs the store of offline authenticators: add an offline: section" in (
        with_portal.problems()
    )


def test_admin_and_portal_cannot_share_an_address(with_portal: Sample) -> None:
    with_portal.document["admin"] = {"url": "http://127.0.0.1:8443"}
    assert with_portal.problems() == ["admin.url: the portal has this address and port already"]


def test_people_need_a_factor_that_they_can_tap(with_portal: Sample) -> None:
    with_portal.listener["factors"] = ["passcode"]
    assert with_portal.problems() == [
        "portal.listener: lets nobody in: people sign in with a push or a call, and the factors of vpn have "
        "neither"
    ]


def test_authenticators_that_open_nothing_are_worth_a_warning(with_portal: Sample) -> None:
    with_portal.listener["fail_mode"] = "closed"
    assert with_portal.warnings() == [
        "portal.listener: what people add opens nothing: no listener with directory corp has fail_mode "
        "offline"
    ]
    with_portal.document["listeners"]["console"] = {
        **with_portal.listener, "url": "ldap://127.0.0.1:390", "fail_mode": "offline",
    }  # fmt: skip
    assert with_portal.warnings() == []


def test_it_is_told_in_words(with_portal: Sample) -> None:
    def said() -> str:
        return re.sub(r"\s+", " ", describe(with_portal.load()))

    assert "Portal ------" in said()
    assert "https://0.0.0.0:8443, with TLS 1.2 or later and the certificate in " in said()
    assert (
        "People sign in with their password in directory corp and a push or a call of Duo application "
        "prod, as at listener vpn." in said()
    )
    assert "no fail mode lets anybody in there" in said()
    assert "write to the store. By the portal, for whoever can sign in there." in said()
    with_portal.listener["factors"] = ["phone", "passcode"]
    assert "in directory corp and a call of Duo application prod," in said()
    with_portal.listener["require_group"] = "cn=staff,dc=example,dc=com"
    portal(with_portal)["url"] = "https://[::1]:8443"
    assert "as at listener vpn, provided that they are in cn=staff,dc=example,dc=com." in said()
    assert "https://[::1]:8443," in said()
