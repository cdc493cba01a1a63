"""Certificates and keys, made for the test by real libraries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ldapproxy.config import certificates
from ldapproxy.config.files import Surroundings
from ldapproxy.config.problems import Report
from tests.support.certificates import Authority
from tests.unit.config.sample import node, refusal

NOW = datetime.now(UTC)


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    return Surroundings(folder=tmp_path, environment={}, report=Report(), is_exposed=False)


def warnings(surroundings: Surroundings) -> list[str]:
    return [warning.text for warning in surroundings.report.warnings]


def test_a_chain_is_read_up_to_its_first_certificate(
    authority: Authority, surroundings: Surroundings
) -> None:
    files = authority.server("vpn.example.com")
    where, certificate = certificates.chain(surroundings)(node(str(files.certificate_file)))
    assert where == files.certificate_file
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["vpn.example.com"]
    assert warnings(surroundings) == []


def test_certificate_and_key_belong_together_or_not(authority: Authority, surroundings: Surroundings) -> None:
    one, other = authority.server(), authority.server()
    _, certificate = certificates.chain(surroundings)(node(str(one.certificate_file)))
    _, key = certificates.private_key(surroundings)(node(str(one.private_key_file)))
    _, other_key = certificates.private_key(surroundings)(node(str(other.private_key_file)))
    assert certificates.belong_together(certificate, key)
    assert not certificates.belong_together(certificate, other_key)


def test_certificate_and_key_may_share_a_file(authority: Authority, surroundings: Surroundings) -> None:
    files = authority.server()
    both = surroundings.folder / "both.pem"
    both.touch(mode=0o600)
    both.write_bytes(files.private_key_file.read_bytes() + files.certificate_file.read_bytes())
    _, certificate = certificates.chain(surroundings)(node("both.pem"))
    _, key = certificates.private_key(surroundings)(node("both.pem"))
    assert certificates.belong_together(certificate, key)


def test_expiry_is_a_warning(authority: Authority, surroundings: Surroundings) -> None:
    yesterday = NOW - timedelta(days=1)
    certificates.chain(surroundings)(node(str(authority.expired().certificate_file)))
    assert warnings(surroundings) == [f"the certificate has expired on {yesterday:%Y-%m-%d}"]


def test_the_dates_of_a_certificate(authority: Authority, surroundings: Surroundings) -> None:
    _, certificate = certificates.chain(surroundings)(node(str(authority.server().certificate_file)))
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    assert certificates.validity_warning(certificate, begin) is None
    assert certificates.validity_warning(certificate, end) is None
    assert certificates.validity_warning(certificate, end + timedelta(seconds=1)) == (
        f"the certificate has expired on {end:%Y-%m-%d}"
    )
    assert certificates.validity_warning(certificate, begin - timedelta(seconds=1)) == (
        f"the certificate is not valid before {begin:%Y-%m-%d}"
    )


def test_authorities(authority: Authority, surroundings: Surroundings) -> None:
    assert certificates.authorities(surroundings)(node(str(authority.ca_file))) == authority.ca_file
    assert warnings(surroundings) == []
    # Any certificate may be trusted, also an expired one; then nothing verifies.
    certificates.authorities(surroundings)(node(str(authority.expired().certificate_file)))
    assert warnings(surroundings) == ["every certificate in this file has expired"]


def test_what_holds_no_certificate(surroundings: Surroundings, authority: Authority) -> None:
    pem = authority.server().certificate_file.read_bytes()
    (surroundings.folder / "der").write_bytes(
        x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    )
    (surroundings.folder / "damaged").write_bytes(pem[:100] + pem[200:])
    (surroundings.folder / "key").write_bytes(authority.server().private_key_file.read_bytes())
    for name in ("der", "damaged", "key"):
        for parser in (certificates.chain(surroundings), certificates.authorities(surroundings)):
            assert refusal(parser, name) == "the file holds no certificate in PEM form, or a damaged one"


def test_what_holds_no_key(surroundings: Surroundings, authority: Authority) -> None:
    parser = certificates.private_key(surroundings)
    assert refusal(parser, str(authority.ca_file)) == "the file holds no private key in PEM form"
    encrypted = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hunter2"),
    )
    (surroundings.folder / "encrypted").write_bytes(encrypted)
    assert refusal(parser, "encrypted") == "the key is encrypted; it is needed without a passphrase"


def test_a_key_that_others_can_read_is_a_warning(surroundings: Surroundings, authority: Authority) -> None:
    key = surroundings.folder / "key"
    key.write_bytes(authority.server().private_key_file.read_bytes())
    key.chmod(0o644)
    certificates.private_key(surroundings)(node("key"))
    assert warnings(surroundings) == [
        "others on this machine can read this file; chmod o-r takes that from them"
    ]
