"""Certificates and keys: whether they can be used, belong together, and have not expired.

Owns what is checked about PEM files. It must not know who uses them. Expiry is a warning, since a
certificate may be renewed while we run (listeners load it anew), and since a proxy that does not start
helps nobody.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from ldapproxy.config import files
from ldapproxy.config.document import Node
from ldapproxy.config.files import Surroundings
from ldapproxy.config.values import Invalid, Parser


def authorities(surroundings: Surroundings) -> Parser[Path]:
    """A PEM file of trusted authorities."""

    def parse(node: Node) -> Path:
        where, content = files.content(node, surroundings)
        certificates = _certificates(node, content)
        if all(certificate.not_valid_after_utc < datetime.now(UTC) for certificate in certificates):
            surroundings.report.warn(node.place, "every certificate in this file has expired")
        return where

    return parse


def chain(surroundings: Surroundings) -> Parser[tuple[Path, x509.Certificate]]:
    """A PEM file with a certificate and those of its issuers behind it; returns the certificate as well."""

    def parse(node: Node) -> tuple[Path, x509.Certificate]:
        where, content = files.content(node, surroundings)
        certificate = _certificates(node, content)[0]
        warning = validity_warning(certificate, datetime.now(UTC))
        if warning:
            surroundings.report.warn(node.place, warning)
        return where, certificate

    return parse


def private_key(surroundings: Surroundings) -> Parser[tuple[Path, PrivateKeyTypes]]:
    """A PEM file with a private key that has no passphrase."""

    def parse(node: Node) -> tuple[Path, PrivateKeyTypes]:
        where, content = files.content(node, surroundings)
        try:
            key = serialization.load_pem_private_key(content, password=None)
        except TypeError:
            raise Invalid.at(node, "the key is encrypted; it is needed without a passphrase") from None
        except (ValueError, UnsupportedAlgorithm):
            raise Invalid.at(node, "the file holds no private key in PEM form") from None
        files.warn_if_exposed(node, where, surroundings)
        return where, key

    return parse


def belong_together(certificate: x509.Certificate, key: PrivateKeyTypes) -> bool:
    """True when the key is the certificate's."""
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return certificate.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)


def validity_warning(certificate: x509.Certificate, now: datetime) -> str | None:
    """What is wrong with the certificate's dates, or None."""
    if certificate.not_valid_after_utc < now:
        return f"the certificate has expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
    if certificate.not_valid_before_utc > now:
        return f"the certificate is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}"
    return None


def _certificates(node: Node, content: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise Invalid.at(node, "the file holds no certificate in PEM form, or a damaged one") from None
