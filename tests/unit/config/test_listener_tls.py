"""`tls:` of a listener, with real certificates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ldapproxy.net.settings import ServerTls, StartTls, TlsVersion
from tests.unit.config.sample import Sample

TLS = {"certificate_file": "vpn.pem", "private_key_file": "vpn.key"}


def test_a_listener_without_tls(sample: Sample) -> None:
    (listener,) = sample.load().listeners
    assert (listener.tls, listener.ldaps) == (None, False)
    assert not listener.policy.confidentiality_required


def test_start_tls_is_required_by_default(sample: Sample) -> None:
    sample.listener["tls"] = TLS
    (listener,) = sample.load().listeners
    assert listener.tls == ServerTls(sample.folder / "vpn.pem", sample.folder / "vpn.key", TlsVersion.V1_2)
    assert listener.start_tls is StartTls.REQUIRED
    assert listener.policy.confidentiality_required


def test_start_tls_may_be_optional(sample: Sample) -> None:
    sample.listener["tls"] = {**TLS, "start_tls": "optional", "minimum_version": "1.3"}
    (listener,) = sample.load().listeners
    assert listener.tls is not None
    assert listener.tls.minimum_version is TlsVersion.V1_3
    assert listener.start_tls is StartTls.OPTIONAL
    assert not listener.policy.confidentiality_required


def test_ldaps(sample: Sample) -> None:
    sample.listener.update(url="ldaps://0.0.0.0", tls=TLS)
    (listener,) = sample.load().listeners
    assert (listener.ldaps, listener.port) == (True, 636)
    assert not listener.policy.confidentiality_required
    assert sample.warnings() == []


def test_ldaps_needs_a_certificate(sample: Sample) -> None:
    sample.listener["url"] = "ldaps://127.0.0.1"
    assert sample.problems() == [
        "listeners.vpn.tls: is required; an ldaps:// url needs {certificate_file: ..., private_key_file: ...}"
    ]


def test_start_tls_has_no_effect_on_ldaps(sample: Sample) -> None:
    sample.listener.update(url="ldaps://127.0.0.1", tls={**TLS, "start_tls": "required"})
    assert sample.warnings() == [
        "listeners.vpn.tls.start_tls: has no effect: with an ldaps:// url TLS starts at once"
    ]


@pytest.mark.parametrize("version", ["1.2", 1.2, "1.3", 1.3])
def test_versions_may_be_written_without_quotes(sample: Sample, version: Any) -> None:
    sample.listener["tls"] = {**TLS, "minimum_version": version}
    (listener,) = sample.load().listeners
    assert listener.tls is not None
    assert listener.tls.minimum_version.value == str(version)


@pytest.mark.parametrize(
    ("tls", "problem"),
    [
        (None, "tls: has no value"),
        ({}, "tls.certificate_file: is required"),
        ({**TLS, "minimum_version": "1.1"}, "tls.minimum_version: must be 1.2 or 1.3"),
        ({**TLS, "start_tls": True}, "tls.start_tls: must be required or optional"),
        ({**TLS, "start_tls": "off"}, "tls.start_tls: must be required or optional"),
        ({**TLS, "certificate_file": "missing.pem"}, "tls.certificate_file: there is no such file"),
        ({**TLS, "certificate_file": "duo-key"}, "tls.certificate_file: the file holds no certificate"),
        ({**TLS, "private_key_file": "vpn.pem"}, "tls.private_key_file: the file holds no private key"),
        ({**TLS, "key_file": "vpn.key"}, "tls.key_file: is not a known key"),
        ({**TLS, "verify": False}, "tls.verify: is not a known key"),
    ],
)
def test_what_is_refused(sample: Sample, tls: Any, problem: str) -> None:
    sample.listener["tls"] = tls
    assert f"listeners.vpn.{problem}" in sample.problems()[0]


def test_certificate_and_key_must_belong_together(sample: Sample) -> None:
    sample.copy(sample.authority.server().private_key_file, "other.key")
    sample.listener["tls"] = {**TLS, "private_key_file": "other.key"}
    assert sample.problems() == [
        "listeners.vpn.tls.private_key_file: "
        "is not the key of the first certificate in certificate_file (its own comes first)"
    ]


def test_the_listeners_own_certificate_comes_first(sample: Sample) -> None:
    chain = (sample.folder / "ca.pem").read_bytes() + (sample.folder / "vpn.pem").read_bytes()
    sample.write("reversed.pem", chain)
    sample.listener["tls"] = {**TLS, "certificate_file": "reversed.pem"}
    (found,) = sample.problems()
    assert "is not the key of the first certificate" in found


def test_an_expired_certificate_is_a_warning(sample: Sample) -> None:
    expired = sample.authority.expired()
    sample.copy(expired.certificate_file, "vpn.pem")
    sample.copy(expired.private_key_file, "vpn.key")
    sample.listener["tls"] = TLS
    (found,) = sample.warnings()
    assert found.startswith("listeners.vpn.tls.certificate_file: the certificate has expired on ")


def test_what_openssl_refuses_is_refused_here(sample: Sample) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vpn")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(3000, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    sample.write("vpn.pem", certificate.public_bytes(serialization.Encoding.PEM))
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    sample.write("vpn.key", key.private_bytes(*pem))
    sample.listener["tls"] = TLS
    (found,) = sample.problems()
    assert found.startswith("listeners.vpn.tls.certificate_file: OpenSSL refuses it: ")
    assert "too small" in found
