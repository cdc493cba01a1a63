"""`ldapproxy check` against a real slapd, a Duo simulator, and what is wrong with either."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ldapproxy import check
from ldapproxy.check import Report, Result, Row
from ldapproxy.offline.administration import open_administration
from tests.support.certificates import Authority
from tests.support.example_directory import SERVICE, SUFFIX
from tests.support.simulator import SimulatorProcess
from tests.support.slapd import Slapd
from tests.unit.config.sample import Sample


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd")) as running:
        yield running


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tmp_path_factory.mktemp("duo")) as running:
        yield running


@pytest.fixture
def sample(tmp_path: Path, authority: Authority, slapd: Slapd, duo: SimulatorProcess) -> Sample:
    """A configuration that works, for these two."""
    sample = Sample(tmp_path, authority)
    sample.write("directory-password", SERVICE.password.encode())
    sample.write("duo-key", duo.secret_key.encode())
    sample.directory.update(
        urls=[slapd.url, slapd.ldaps_url], start_tls=True, ca_file=str(slapd.ca_file), base_dn=SUFFIX
    )
    sample.directory["service_account"]["dn"] = SERVICE.dn
    sample.duo.update(api_host=duo.api_host, integration_key=duo.integration_key, ca_file=str(duo.ca_file))
    sample.listener["tls"] = {"certificate_file": "vpn.pem", "private_key_file": "vpn.key"}
    return sample


def rows(sample: Sample) -> dict[tuple[str, str], Row]:
    return {(row.part, row.what): row for row in check.run(sample.load()).rows}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_everything_works(sample: Sample, slapd: Slapd) -> None:
    report = check.run(sample.load())
    assert report.is_good
    assert [(row.result, row.part, row.what) for row in report.rows] == [
        (Result.OK, "directory corp", slapd.url),
        (Result.OK, "directory corp", slapd.ldaps_url),
        (Result.OK, "duo prod", "ping"),
        (Result.OK, "duo prod", "clock"),
        (Result.OK, "duo prod", "check"),
        (Result.OK, "listener vpn", "certificate"),
    ]
    details = [row.detail for row in report.rows]
    assert details[0].startswith("the service account is bound and sees base_dn; the certificate expires on ")
    assert re.fullmatch(r"[+-]\d\.\ds to ours", details[3])
    assert details[4] == "it accepts the keys"


def test_a_server_that_is_away_fails_and_the_other_does_not(sample: Sample, slapd: Slapd) -> None:
    away = f"ldap://127.0.0.1:{free_port()}"
    sample.directory["urls"] = [away, slapd.url]
    found = rows(sample)
    assert found["directory corp", away].result is Result.FAILED
    assert found["directory corp", away].detail == "the connection was refused"
    assert found["directory corp", slapd.url].result is Result.OK


def test_a_directory_that_is_not_trusted_fails(sample: Sample, slapd: Slapd) -> None:
    sample.directory["ca_file"] = "ca.pem"
    found = rows(sample)["directory corp", slapd.ldaps_url]
    assert found.result is Result.FAILED
    assert "does not verify" in found.detail


def test_a_wrong_password_of_the_service_account_fails(sample: Sample, slapd: Slapd) -> None:
    sample.write("directory-password", b"swordfish")
    report = check.run(sample.load())
    assert not report.is_good
    assert "invalid_credentials (49)" in str(report)
    assert "swordfish" not in str(report)


def test_a_base_dn_that_does_not_exist_fails(sample: Sample, slapd: Slapd) -> None:
    sample.directory["base_dn"] = "dc=example,dc=org"
    found = rows(sample)["directory corp", slapd.url]
    assert found.result is Result.FAILED
    assert "dc=example,dc=org" in found.detail


def test_a_duo_that_is_away_fails(sample: Sample) -> None:
    sample.duo["api_host"] = f"127.0.0.1:{free_port()}"
    found = rows(sample)
    assert found["duo prod", "ping"].result is Result.FAILED
    assert found["duo prod", "ping"].detail.startswith("unreachable: ")
    assert ("duo prod", "check") not in found


def test_a_duo_that_is_not_trusted_fails(sample: Sample) -> None:
    sample.duo["ca_file"] = "ca.pem"
    found = rows(sample)["duo prod", "ping"]
    assert found.result is Result.FAILED
    assert found.detail.startswith("untrusted: ")


def test_wrong_keys_fail(sample: Sample) -> None:
    sample.write("duo-key", b"swordfish")
    report = check.run(sample.load())
    found = {row.what: row for row in report.rows}
    assert found["ping"].result is Result.OK
    assert found["check"].result is Result.FAILED
    assert found["check"].detail.startswith("unauthorized")
    assert "swordfish" not in str(report)


def test_a_clock_that_is_off_is_a_warning(sample: Sample, duo: SimulatorProcess) -> None:
    duo.settings(clock_offset=7200)
    try:
        report = check.run(sample.load())
    finally:
        duo.settings(clock_offset=0)
    found = {row.what: row for row in report.rows}
    assert found["clock"].result is Result.WARNING
    assert re.fullmatch(r"\+7[12]\d\ds to ours; set the clock of this machine", found["clock"].detail)
    assert found["check"].result is Result.OK
    assert report.is_good


def test_the_listeners_certificates(sample: Sample, authority: Authority) -> None:
    def of_vpn() -> Row:
        return rows(sample)["listener vpn", "certificate"]

    soon = datetime.now(UTC) + timedelta(days=5, hours=1)
    for certificate, result, detail in (
        (authority.expired(), Result.FAILED, "the certificate has expired on "),
        (authority.server(not_after=soon), Result.WARNING, f"expires on {soon:%Y-%m-%d}, in 5 days"),
    ):
        sample.copy(certificate.certificate_file, "vpn.pem")
        sample.copy(certificate.private_key_file, "vpn.key")
        assert of_vpn().result is result
        assert detail in of_vpn().detail
    del sample.listener["tls"]
    assert (of_vpn().result, of_vpn().detail) == (Result.OK, "none; clear text")


def test_the_portals_certificate(sample: Sample, authority: Authority) -> None:
    sample.add_offline()
    expired = authority.expired()
    sample.copy(expired.certificate_file, "portal.pem")
    sample.copy(expired.private_key_file, "portal.key")
    tls = {"certificate_file": "portal.pem", "private_key_file": "portal.key"}
    sample.document["portal"] = {"url": "https://0.0.0.0:8443", "tls": tls, "listener": "vpn"}
    assert rows(sample)["portal", "certificate"].result is Result.FAILED


def test_a_certificate_that_is_gone_since(sample: Sample) -> None:
    configuration = sample.load()
    (sample.folder / "vpn.pem").unlink()
    (row,) = (row for row in check.run(configuration).rows if row.what == "certificate")
    assert row.result is Result.FAILED


def test_the_table_has_columns() -> None:
    report = Report(
        (
            Row(Result.OK, "directory corp", "ldap://127.0.0.1:389", "it works"),
            Row(Result.FAILED, "duo p", "ping", "it is away"),
        )
    )
    assert str(report) == (
        "ok       directory corp  ldap://127.0.0.1:389  it works\n"
        "FAILED   duo p           ping                  it is away\n"
    )
    assert not report.is_good
    assert Report((Row(Result.WARNING, "a", "b", "c"),)).is_good


def store_row(sample: Sample) -> Row:
    sample.directory["urls"] = ["ldap://127.0.0.1:1"]  # not what this is about
    sample.duo["api_host"] = "127.0.0.1:1"
    return rows(sample)["offline", "store"]


def test_a_store_that_works(sample: Sample) -> None:
    sample.add_offline()
    settings = sample.load().offline
    assert settings is not None
    administration = open_administration(settings)
    administration.new_recovery_codes("id-1", "alice")
    administration.enroll_totp("id-1", "alice", "phone")
    row = store_row(sample)
    assert row.result is Result.OK
    assert row.detail == "it can be used; accounts: 1, authenticators: 2"
    (sample.folder / "offline.db").chmod(0o644)
    row = store_row(sample)
    assert row.result is Result.WARNING
    assert "can be read or written by others" in row.detail


def test_a_store_that_is_not_there_yet_is_not_made(sample: Sample) -> None:
    sample.add_offline()
    row = store_row(sample)
    assert row.result is Result.WARNING
    assert row.detail == f"there is no {sample.folder}/offline.db yet; it is made when it is first used"
    assert not (sample.folder / "offline.db").exists()


@pytest.mark.parametrize(
    ("store", "detail"),
    [
        ("sqlite:///./missing/offline.db", "is missing, and so is its folder; make "),
        ("sqlite:///./vpn.pem", "is damaged, or no SQLite file at all"),
        ("postgresql://x@127.0.0.1:1/x?sslmode=disable", "the offline store "),
    ],
)
def test_a_store_that_cannot_be_used_fails(sample: Sample, store: str, detail: str) -> None:
    sample.add_offline(store=store)
    row = store_row(sample)
    assert row.result is Result.FAILED
    assert detail in row.detail


def test_a_store_with_other_keys_fails(sample: Sample) -> None:
    sample.add_offline()
    settings = sample.load().offline
    assert settings is not None
    open_administration(settings).accounts()
    sample.add_offline()  # a new key
    row = store_row(sample)
    assert row.result is Result.FAILED
    assert "none of the encryption keys fits" in row.detail
