"""The socket beneath a connection: bounded in time and octets, encrypted with verification, interruptible.

Owns what a blocking LDAP library lacks: one deadline for a whole answer instead of one for each piece, a
largest size, and a way for another thread to end the waiting. It must not know LDAP.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from pathlib import Path

_INTERRUPTED = "it was interrupted"


class AnswerTooLargeError(OSError):
    """More octets came than one answer may have."""


class UnusableAuthoritiesError(Exception):
    """The file of trusted authorities cannot be used; the message says why."""


class Wire:
    """Stands in for a socket, as far as ldap3 uses one.

    Attributes:
        failure: what went wrong last; ldap3 keeps nothing but the text of it.
    """

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self._socket: socket.socket | None = None
        self._deadline = 0.0
        self._octets = 0
        self._is_interrupted = False

    def allow(self, deadline: float, octets: int) -> None:
        """Bounds what follows.

        Args:
            deadline: when it must be over, by `time.monotonic`.
            octets: how many may be received.
        """
        self._deadline = deadline
        self._octets = octets
        self.failure = None

    def attach(self, connected: socket.socket) -> None:
        """Takes the socket over."""
        self._socket = connected

    @property
    def encrypted(self) -> ssl.SSLSocket | None:
        """The socket when TLS is on."""
        return self._socket if isinstance(self._socket, ssl.SSLSocket) else None

    def encrypt(self, host: str, ca_file: Path | None) -> None:
        """Starts TLS on the attached socket.

        Args:
            host: the DNS name or address that the certificate must be valid for.
            ca_file: trusted authorities (PEM); None means the system's.

        Raises:
            OSError: the handshake failed, or the certificate does not verify
                (`ssl.SSLCertVerificationError`).
            UnusableAuthoritiesError: `ca_file` cannot be used.
        """
        try:
            plain = self._ready()
            self._socket = _verifying_context(ca_file).wrap_socket(plain, server_hostname=host)
        except (OSError, UnusableAuthoritiesError) as error:
            self.failure = error
            raise

    def recv(self, size: int) -> bytes:
        """Receives; raises OSError when time or octets are used up."""
        try:
            ready = self._ready()
            if self._octets <= 0:
                raise AnswerTooLargeError("the answer is too large")
            received = ready.recv(min(size, self._octets))
        except OSError as error:
            self.failure = error
            raise
        self._octets -= len(received)
        return received

    def sendall(self, data: bytes) -> None:
        """Sends all of it; raises OSError when time is used up."""
        try:
            self._ready().sendall(data)
        except OSError as error:
            self.failure = error
            raise

    def shutdown(self, how: int) -> None:
        """Ends one or both directions."""
        if self._socket is not None:
            self._socket.shutdown(how)

    def close(self) -> None:
        """Closes the socket."""
        if self._socket is not None:
            self._socket.close()

    def interrupt(self) -> None:
        """Makes everything that waits, or is yet to come, fail at once; for other threads."""
        self._is_interrupted = True
        ready = self._socket
        if ready is not None:
            # SSLSocket's own shutdown() would pull TLS from under the thread that is reading.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(ready, socket.SHUT_RDWR)

    def _ready(self) -> socket.socket:
        """The socket, with what is left of the time as its time-out."""
        left = self._deadline - time.monotonic()
        if self._is_interrupted or self._socket is None:
            raise ConnectionAbortedError(_INTERRUPTED)
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)
        return self._socket


def _verifying_context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies certificate and host name, TLS 1.2 or later: Python's defaults for a client.

    It is made anew for each connection, so that a replaced file counts from the next one on.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise UnusableAuthoritiesError(f"ca_file {ca_file} holds no certificate in PEM form") from None
    except OSError as error:
        raise UnusableAuthoritiesError(f"ca_file {ca_file} cannot be read: {error.strerror}") from None
    # A host is named by subjectAltName alone (RFC 9525 section 2), as for sessions.
    context.hostname_checks_common_name = False
    # On from Python 3.13: it refuses authorities without certain extensions, as many companies' own are. What
    # is trusted must not depend on the version of Python, nor differ from what sessions trust.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
