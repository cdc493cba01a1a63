"""TLS contexts for both sides.

Owns how a listener proves who it is (certificates reloaded when the files change) and how a directory has to
prove who it is (always verified; there is no switch). It must not know the protocols inside.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from ldapproxy.net.settings import ServerTls, TlsVersion

_log = logging.getLogger(__name__)

_VERSIONS = {TlsVersion.V1_2: ssl.TLSVersion.TLSv1_2, TlsVersion.V1_3: ssl.TLSVersion.TLSv1_3}


class TlsError(Exception):
    """Certificates or keys cannot be used; the message says which file and why."""


@implementer(IOpenSSLServerConnectionCreator)
class ServerContext:
    """A listener's certificate.

    New connections get the files as they are now; broken files keep the last good ones in use.

    Args:
        settings: files and oldest version.

    Raises:
        TlsError: the files cannot be used at the start.
    """

    def __init__(self, settings: ServerTls) -> None:
        self._settings = settings
        self._stamp = self._read_stamp()
        self._context = self._load()

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N803 - Twisted's
        """One connection's TLS state."""
        self._reload_if_changed()
        return SSL.Connection(self._context, None)

    def _read_stamp(self) -> tuple[object, ...]:
        stamps: list[object] = []
        for path in (self._settings.certificate_file, self._settings.private_key_file):
            try:
                status = path.stat()
            except OSError as error:
                stamps.append(error.errno)
            else:
                stamps.append((status.st_mtime_ns, status.st_ino, status.st_size))
        return tuple(stamps)

    def _reload_if_changed(self) -> None:
        # Two stat calls a connection: some 2 microseconds beside a handshake of a millisecond.
        stamp = self._read_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._context = self._load()
        except TlsError as error:
            _log.error("certificate not reloaded, the last good one stays in use: %s", error)
        else:
            _log.info("certificate reloaded from %s", self._settings.certificate_file)

    def _load(self) -> SSL.Context:
        settings = self._settings
        try:
            chain = [certificate.original for certificate in _certificates(settings.certificate_file)]
            key = crypto.load_privatekey(
                crypto.FILETYPE_PEM, settings.private_key_file.read_bytes(), passphrase=_no_passphrase
            )
            options = ssl.CertificateOptions(
                privateKey=key,
                certificate=chain[0],
                extraCertChain=chain[1:],
                raiseMinimumTo=_VERSIONS[settings.minimum_version],
            )
            context: SSL.Context = options.getContext()
            context.check_privatekey()
        except (OSError, SSL.Error, crypto.Error, ValueError, TypeError) as error:
            files = f"{settings.certificate_file} with {settings.private_key_file}"
            raise TlsError(f"cannot use {files}: {type(error).__name__}: {error}") from None
        return context


def client_options(host: str, ca_file: Path | None) -> IOpenSSLClientConnectionCreator:
    """What a directory server has to prove: a certificate for `host` from a trusted authority.

    Args:
        host: the host as the configuration names it.
        ca_file: PEM file of trusted authorities; None means the system's.

    Raises:
        TlsError: the file holds no usable certificates.
    """
    if ca_file is None:
        trust: Any = ssl.platformTrust()  # type: ignore[no-untyped-call]  # untyped in Twisted
    else:
        try:
            roots = _certificates(ca_file)
            trust = ssl.trustRootFromCertificates(roots)  # type: ignore[no-untyped-call]  # untyped in Twisted
        except (OSError, crypto.Error, ValueError) as error:
            raise TlsError(f"cannot use {ca_file}: {type(error).__name__}: {error}") from None
    options: IOpenSSLClientConnectionCreator = ssl.optionsForClientTLS(host, trustRoot=trust)
    return options


def _no_passphrase(*_: object) -> bytes:
    # Without this OpenSSL would ask the terminal.
    raise ValueError("the private key is encrypted; give one without a passphrase")


_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def _certificates(path: Path) -> list[ssl.Certificate]:
    """All certificates of a PEM file, in order."""
    blocks = path.read_bytes().split(_BEGIN)[1:]
    if not blocks:
        raise ValueError("there is no certificate in it")
    return [ssl.Certificate.loadPEM(_BEGIN + block.partition(_END)[0] + _END + b"\n") for block in blocks]
