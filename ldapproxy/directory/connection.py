"""One authenticated connection of the service account to one server.

Owns everything that is ldap3's, which is used nowhere else, and its dangerous defaults:

- referrals are never followed (`auto_referrals` hands the credentials to any host);
- certificates and host names are verified, by Python's own `ssl`, for DNS names and addresses alike (ldap3
  verifies nothing by default, and its own name check refuses addresses from Python 3.12 on);
- an answer has one deadline and a largest size, whatever the server does (ldap3 has a time-out for each
  piece of it);
- schema and root DSE are not read, names are not checked against them, values stay bytes.

It must not know what is asked, nor which other servers there are. No exception that leaves here carries a
secret: ldap3's are never passed on (`repr()` of its connection shows the password).
"""

from __future__ import annotations

import math
import socket
import ssl
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from ldapproxy.directory.entries import RawEntry
from ldapproxy.directory.failures import (
    CLOSED,
    LARGEST_ANSWER,
    NO_START_TLS,
    ConnectionLostError,
    RequestRefusedError,
    ServerFailedError,
    check,
    failure,
)
from ldapproxy.directory.settings import LookupServer, LookupSettings
from ldapproxy.directory.wire import Wire
from ldapproxy.ldap.result_codes import ResultCode

with warnings.catch_warnings():
    # ldap3 2.9.1 uses names that pyasn1 has deprecated; under `-W error` it could not even be imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
    from ldap3.core.exceptions import LDAPExceptionError

SEVERAL = 2
"""So many entries tell that a search has found more than one."""

# A time-out that is over at once; 0 would mean none at all.
_INSTANT = 0.001

# There is no such entry. A name that this directory cannot even read names none of its entries.
_ABSENT = frozenset({ResultCode.NO_SUCH_OBJECT, ResultCode.INVALID_DN_SYNTAX})


class DirectoryConnection:
    """A connection on which the service account is bound. For one thread at a time, but for `interrupt`.

    Args:
        server: where to.
        settings: TLS, time-outs and the account.
    """

    def __init__(self, server: LookupServer, settings: LookupSettings) -> None:
        self.server = server
        self._settings = settings
        self._wire = Wire()
        self._ldap3: ldap3.Connection | None = None

    def open(self) -> None:
        """Connects, starts TLS as the settings say, and binds the service account.

        Raises:
            ServerFailedError: there was no connection, no trust, or no answer.
            RequestRefusedError: the server does not let the service account in.
        """
        try:
            self._connect()
            self._bind()
        except BaseException:
            self.close()
            raise

    @property
    def certificate_expires(self) -> datetime | None:
        """When the server's certificate ends; None without TLS."""
        encrypted = self._wire.encrypted
        certificate = None if encrypted is None else encrypted.getpeercert()
        if not certificate:
            return None
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)

    def read(
        self, dn: str, condition: str, attributes: tuple[str, ...], *, below: bool = False
    ) -> tuple[RawEntry, ...]:
        """Reads one entry, or those of a subtree.

        Args:
            dn: its name.
            condition: a filter that it must meet.
            attributes: what to read; empty for nothing but its existence.
            below: True for everything below it as well; no more than `SEVERAL` entries come then.

        Returns:
            The entry; nothing when there is none or it does not meet the condition.

        Raises:
            ServerFailedError: there was no usable answer; the connection is closed.
            RequestRefusedError: the server refuses the request.
        """
        connection = self._opened()
        self._allow(self._settings.response_timeout)
        with self._translated():
            _, result, response, _ = connection.search(
                dn,
                condition,
                ldap3.SUBTREE if below else ldap3.BASE,
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=list(attributes) or [ldap3.NO_ATTRIBUTES],
                size_limit=SEVERAL if below else 0,
                time_limit=math.ceil(self._settings.response_timeout),
            )
            if result["result"] in _ABSENT:
                return ()
            entries = [_raw_entry(found) for found in response or () if found["type"] == "searchResEntry"]
            # There are more, and nobody wants to know which. A limit of the server's own hides what we ask.
            if result["result"] != ResultCode.SIZE_LIMIT_EXCEEDED or len(entries) < SEVERAL:
                check(result, "to a search")
            return tuple(entries)

    def close(self) -> None:
        """Ends the connection without a goodbye: a server that hangs would keep us waiting."""
        connection, self._ldap3 = self._ldap3, None
        if connection is not None and connection.socket is not None:
            connection.socket.close()

    def interrupt(self) -> None:
        """Makes whatever waits on this connection fail at once; may be called from another thread."""
        self._wire.interrupt()

    def _connect(self) -> None:
        deadline = time.monotonic() + self._settings.connect_timeout
        failure = ServerFailedError("its name does not resolve")
        for address in self._addresses():
            try:
                self._connect_to(address, deadline)
            except ServerFailedError as error:
                failure = error
            else:
                return
        raise failure

    def _addresses(self) -> list[str]:
        """The server's addresses; ldap3 would leak the sockets of all but the last that it tries."""
        try:
            found = socket.getaddrinfo(self.server.host, self.server.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return []
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def _connect_to(self, address: str, deadline: float) -> None:
        self._wire.allow(deadline, LARGEST_ANSWER)
        with self._translated():
            connection = ldap3.Connection(
                ldap3.Server(
                    address,
                    self.server.port,
                    use_ssl=self.server.ldaps,
                    tls=_VerifyingTls(self._wire, self.server.host, self._settings),
                    get_info=ldap3.NONE,
                    mode=ldap3.IP_SYSTEM_DEFAULT,
                    connect_timeout=max(deadline - time.monotonic(), _INSTANT),
                    allowed_referral_hosts=[],
                ),
                user=self._settings.service_account,
                password=self._settings.service_password.reveal(),  # type: ignore[arg-type]  # bytes go out as they are
                authentication=ldap3.SIMPLE,
                client_strategy=ldap3.SAFE_SYNC,
                auto_bind=ldap3.AUTO_BIND_NONE,
                auto_referrals=False,
                auto_range=False,
                auto_escape=False,
                auto_encode=False,
                check_names=False,
                read_only=True,
                raise_exceptions=False,
                return_empty_attributes=False,
            )
            self._ldap3 = connection
            connection.open(read_server_info=False)
            if self.server.ldaps:
                return
            self._wire.attach(connection.socket)
            connection.socket = self._wire
            if self._settings.start_tls:
                connection.start_tls(read_server_info=False)
                if self._wire.encrypted is None:
                    raise ServerFailedError(NO_START_TLS)

    def _bind(self) -> None:
        connection = self._opened()
        self._allow(self._settings.response_timeout)
        with self._translated():
            _, result, _, _ = connection.bind(read_server_info=False)
            # ldap3 keeps it for reconnecting, which it is never asked to do.
            connection.password = None
            check(result, f"to the bind of {self._settings.service_account}")

    def _opened(self) -> ldap3.Connection:
        if self._ldap3 is None:
            raise ConnectionLostError(CLOSED)
        return self._ldap3

    def _allow(self, seconds: float) -> None:
        self._wire.allow(time.monotonic() + seconds, LARGEST_ANSWER)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turns what ldap3 raises into this file's errors, without its text, and closes what has failed."""
        try:
            yield
        except RequestRefusedError:
            raise
        except ServerFailedError:
            self.close()
            raise
        except (LDAPExceptionError, OSError) as error:
            self.close()
            raise failure(self._wire.failure or error) from None
        except Exception as error:
            self.close()
            # ldap3's decoder meets malformed bytes with whatever Python raises at that point.
            raise ServerFailedError(f"it sent what is no LDAP ({type(error).__name__})") from None


class _VerifyingTls(ldap3.Tls):
    """Has ldap3 start TLS our way."""

    def __init__(self, wire: Wire, host: str, settings: LookupSettings) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._wire = wire
        self._host = host
        self._ca_file = settings.ca_file

    def wrap_socket(self, connection: ldap3.Connection, do_handshake: bool = False) -> None:
        """Replaces the connection's socket by an encrypted one; called by ldap3 for ldaps:// and StartTLS."""
        if connection.socket is not self._wire:
            self._wire.attach(connection.socket)
            connection.socket = self._wire
        self._wire.encrypt(self._host, self._ca_file)


def _raw_entry(found: dict[str, Any]) -> RawEntry:
    attributes = {
        str(description): tuple(bytes(value) for value in values or ())
        for description, values in found["raw_attributes"].items()
    }
    return RawEntry(bytes(found["raw_dn"]), attributes)
