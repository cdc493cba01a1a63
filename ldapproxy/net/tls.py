"""TLS contexts for both sides.

Owns how a listener proves who it is (certificates reloaded when the files change) and how a directory has to
prove who it is (always verified; there is no switch). It must not know the protocols inside.
"""

from __future__ import annotations

import logging
import os
import weakref
from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from service_identity.hazmat import DNS_ID, IPAddress_ID, ServiceID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from ldapproxy.net.settings import ServerTls, TlsVersion

_log = logging.getLogger(__name__)

_VERSIONS = {TlsVersion.V1_2: ssl.TLSVersion.TLSv1_2, TlsVersion.V1_3: ssl.TLSVersion.TLSv1_3}


class NotTheHost(Exception):
    """The certificate of a directory server does not name the host of the configured URL."""


class TlsError(Exception):
    """Certificates or keys cannot be used; the message says which file and why."""


class UnreadableError(TlsError):
    """A file cannot be read now; the next attempt may succeed without any change of it."""


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
        self._paths = (str(settings.certificate_file), str(settings.private_key_file))
        self._stamp = self._complained_of = self._read_stamp()
        self._context = self._load()

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N803 - Twisted's
        """One connection's TLS state."""
        self._reload_if_changed()
        return SSL.Connection(self._context, None)

    def _read_stamp(self) -> tuple[object, ...]:
        stamps: list[object] = []
        for path in self._paths:
            try:
                status = os.stat(path)  # noqa: PTH116 - at half the cost
            except OSError as error:
                stamps.append(error.errno)
            else:
                # Of the inode, too: who may read a file changes nothing else of it.
                stamps.append((status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size))
        return tuple(stamps)

    def _reload_if_changed(self) -> None:
        # Two stat calls a connection: some 2 microseconds beside a handshake of a millisecond.
        stamp = self._read_stamp()
        if stamp == self._stamp:
            return
        try:
            self._context = self._load()
        except TlsError as error:
            if not isinstance(error, UnreadableError):
                self._stamp = stamp  # there is no use in reading it again
            if stamp != self._complained_of:
                self._complained_of = stamp
                _log.error("certificate not reloaded, the last good one stays in use: %s", error)
        else:
            self._stamp = stamp
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
            kind = UnreadableError if isinstance(error, OSError) else TlsError
            raise kind(f"cannot use {files}: {_in_words(error)}") from None
        return context


def client_options(host: str, ca_file: Path | None) -> IOpenSSLClientConnectionCreator:
    """What a directory server has to prove: a certificate for `host` from a trusted authority.

    Args:
        host: the host as the configuration names it.
        ca_file: PEM file of trusted authorities; None means the system's.

    Raises:
        TlsError: the file holds no usable certificates, or `host` is no name of a host.
    """
    if ca_file is None:
        trust: Any = ssl.platformTrust()  # type: ignore[no-untyped-call]  # untyped in Twisted
    else:
        try:
            roots = _certificates(ca_file)
            trust = ssl.trustRootFromCertificates(roots)  # type: ignore[no-untyped-call]  # untyped in Twisted
        except (OSError, crypto.Error, ValueError) as error:
            raise TlsError(f"cannot use {ca_file}: {_in_words(error)}") from None
    try:
        return _ProvenHost(host, ssl.optionsForClientTLS(host, trustRoot=trust))
    except ValueError:
        raise TlsError(f"no certificate can name {host!r}; give a host name or an IP address") from None


@implementer(IOpenSSLClientConnectionCreator)
class _ProvenHost:
    """TLS towards a host that has to prove that it is that host; whatever goes wrong with the proof is a no.

    Twisted's own check (up to 26.10 at least) lets a certificate pass that names no host at all, such as one
    that the same authority gave to a person: service_identity refuses it with another exception than Twisted
    expects.

    Args:
        host: an IP address or a DNS name.
        options: Twisted's, which know the trusted authorities.
    """

    def __init__(self, host: str, options: IOpenSSLClientConnectionCreator) -> None:
        self._options = options
        try:
            self._identity: ServiceID = IPAddress_ID(host)
        except ValueError:
            self._identity = DNS_ID(host)

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N803 - Twisted's
        """One connection's TLS state."""
        # OpenSSL keeps the callback for as long as the connection, which belongs to the protocol.
        protocol = weakref.ref(tlsProtocol)

        def verify(_: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
            if not ok or depth:
                return bool(ok)
            try:
                verify_service_identity(extract_patterns(certificate), [self._identity], [])
            except Exception as refusal:
                # Nothing may leave a callback of OpenSSL.
                connecting = protocol()
                if connecting is not None:
                    why = Failure(NotTheHost(type(refusal).__name__))  # type: ignore[no-untyped-call]
                    connecting.failVerification(why)  # type: ignore[no-untyped-call]  # untyped in Twisted
                return False
            return True

        connection = self._options.clientConnectionForTLS(tlsProtocol)
        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
        return connection


def _in_words(error: Exception) -> str:
    """What is wrong with a file, without the names that only programs have."""
    match error:
        case OSError(strerror=str(why), filename=name):
            return f"{why}: {name}"
        case SSL.Error() | crypto.Error():
            # A list of (library, function, reason); the function is empty since OpenSSL 3.
            reasons = [str(entry[-1]) for entry in (error.args or ([],))[0]]
            return f'OpenSSL says "{", ".join(reasons)}"' if reasons else "OpenSSL refuses it"
        case _:
            return str(error)


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
