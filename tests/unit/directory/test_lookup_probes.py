"""Probes of single servers, as `ldapproxy check` makes them, against a real slapd."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ldapproxy.directory.lookup import Lookup, Probe
from ldapproxy.directory.settings import LookupServer, LookupSettings
from tests.support.example_directory import SERVICE, SUFFIX
from tests.support.slapd import Slapd, make_certificate
from tests.unit.directory.places import encrypted, plain, settings_for


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd"), anonymous_read=False) as running:
        yield running


def probe(settings: LookupSettings, server: LookupServer) -> Probe:
    async def ask() -> Probe:
        lookup = Lookup(settings)
        try:
            return await lookup.probe(server)
        finally:
            await lookup.aclose()

    return asyncio.run(ask())


def test_a_probe_that_works_tells_when_the_certificate_ends(slapd: Slapd) -> None:
    found = probe(settings_for(ca_file=slapd.ca_file), encrypted(slapd))
    assert (found.ok, found.detail) == (True, "the service account is bound and sees base_dn")
    assert found.certificate_expires is not None
    assert probe(settings_for(), plain(slapd)) == Probe(True, "the service account is bound and sees base_dn")


def test_a_probe_says_what_does_not_work(slapd: Slapd, tmp_path: Path) -> None:
    other = make_certificate(tmp_path, "127.0.0.1").ca_file
    refused = probe(settings_for(password="wrong"), plain(slapd))
    assert refused == Probe(False, f"it answered invalid_credentials (49) to the bind of {SERVICE.dn}")
    untrusted = probe(settings_for(ca_file=other), encrypted(slapd))
    assert not untrusted.ok
    assert untrusted.detail.startswith("its certificate does not verify: ")


def test_a_probe_misses_a_base_that_is_not_there(tmp_path: Path) -> None:
    with Slapd(tmp_path, access_lines=(f'access to dn.base="{SUFFIX}" by * none',)) as slapd:
        found = probe(settings_for(ca_file=slapd.ca_file), encrypted(slapd))
    assert not found.ok
    assert found.detail == f"the service account does not see base_dn {SUFFIX}"
    assert found.certificate_expires is not None
