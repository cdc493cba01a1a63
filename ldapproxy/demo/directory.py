"""The embedded directory: ldaptor's in-memory server with the demo's entries in it.

Owns its rules of access: bind with a password, read once bound, write never. It must not know Duo or the
proxy.

Import this module only after the program has installed its reactor: ldaptor imports
`twisted.internet.reactor`, which installs the default one where there is none.
"""

from __future__ import annotations

import hmac
import warnings
from collections.abc import Callable, Iterable
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import ServerFactory
from twisted.python import components

from ldapproxy.demo.people import BASE_DN, DirectoryEntry
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.errors import InvalidName

with warnings.catch_warnings():
    # ldaptor 21.2 uses names that pyparsing and passlib have deprecated since.
    warnings.simplefilter("ignore")
    from ldaptor.inmemory import ReadOnlyInMemoryLDAPEntry
    from ldaptor.interfaces import IConnectedLDAPEntry
    from ldaptor.protocols import pureldap
    from ldaptor.protocols.ldap import ldaperrors
    from ldaptor.protocols.ldap.ldapserver import LDAPServer

_WHO_AM_I = b"1.3.6.1.4.1.4203.1.11.3"  # RFC 4532

Reply = Callable[[Any], None]


class _Connection(LDAPServer):  # type: ignore[misc]  # ldaptor is not typed
    """One client. Method names are those that ldaptor looks up by the request's class."""

    factory: _Tree

    def handle_LDAPBindRequest(self, request: Any, controls: Any, reply: Reply) -> Any:  # noqa: N802
        # RFC 4513, section 4: whatever becomes of the bind, the old identity is gone.
        self.boundUser = None
        self.checkControls(controls)
        if request.version != 3:
            raise ldaperrors.LDAPProtocolError("only version 3 is spoken here")
        if request.sasl:
            raise ldaperrors.LDAPAuthMethodNotSupported("only the simple bind is supported")
        if request.dn and not request.auth:
            raise ldaperrors.LDAPUnwillingToPerform("a bind with a name needs a password (RFC 4513, 5.1.2)")
        if request.dn:
            self.boundUser = self.factory.authenticate(request.dn, request.auth)
            if self.boundUser is None:
                raise ldaperrors.LDAPInvalidCredentials()
        return pureldap.LDAPBindResponse(resultCode=0)

    def handle_LDAPSearchRequest(self, request: Any, controls: Any, reply: Reply) -> Any:  # noqa: N802
        if request.baseObject == b"" and request.scope == pureldap.LDAP_SCOPE_baseObject:
            return self.getRootDSE(request, reply)
        if self.boundUser is None:
            raise ldaperrors.LDAPInsufficientAccessRights("bind first")
        return super().handle_LDAPSearchRequest(request, controls, reply)

    def handle_LDAPCompareRequest(self, request: Any, controls: Any, reply: Reply) -> Any:  # noqa: N802
        if self.boundUser is None:
            raise ldaperrors.LDAPInsufficientAccessRights("bind first")
        return super().handle_LDAPCompareRequest(request, controls, reply)

    def getRootDSE(self, request: Any, reply: Reply) -> Any:  # noqa: N802
        reply(
            pureldap.LDAPSearchResultEntry(
                objectName="",
                attributes=[
                    ("objectClass", ["top"]),
                    ("supportedLDAPVersion", ["3"]),
                    ("namingContexts", [BASE_DN]),
                    ("supportedExtension", [_WHO_AM_I]),
                ],
            )
        )
        return pureldap.LDAPSearchResultDone(resultCode=0)

    def _refuse_to_write(self, request: Any, controls: Any, reply: Reply) -> Any:
        raise ldaperrors.LDAPUnwillingToPerform("this directory is read-only")

    handle_LDAPAddRequest = _refuse_to_write  # noqa: N815
    handle_LDAPDelRequest = _refuse_to_write  # noqa: N815
    handle_LDAPModifyRequest = _refuse_to_write  # noqa: N815
    handle_LDAPModifyDNRequest = _refuse_to_write  # noqa: N815
    extendedRequest_LDAPPasswordModifyRequest = None  # noqa: N815

    def extendedRequest_who_am_i(self, value: Any, reply: Reply) -> Any:  # noqa: N802
        bound = self.boundUser
        identity = b"" if bound is None else b"dn:" + bound.dn.getText().encode()
        return pureldap.LDAPExtendedResponse(resultCode=0, response=identity)

    extendedRequest_who_am_i.oid = _WHO_AM_I  # type: ignore[attr-defined]  # ldaptor looks for it


class _Tree(ServerFactory):
    """The entries, and the passwords beside them."""

    protocol = _Connection
    noisy = False

    def __init__(self, entries: Iterable[DirectoryEntry]) -> None:
        self.root: Any = None
        self._secrets: dict[DistinguishedName, tuple[Any, bytes]] = {}
        by_name: dict[str, Any] = {}
        for entry in entries:
            # Octets throughout: ldaptor's matching fails on values that are texts.
            attributes = {
                name: [value.encode() for value in values] for name, values in entry.attributes.items()
            }
            rdn, _, parent = entry.dn.partition(",")
            if self.root is None:
                added = self.root = ReadOnlyInMemoryLDAPEntry(entry.dn, attributes)
            else:
                added = by_name[parent].addChild(rdn, attributes)
            by_name[entry.dn] = added
            if entry.password is not None:
                name = DistinguishedName.parse(entry.dn)
                self._secrets[name] = (added, entry.password.encode())

    def authenticate(self, name: bytes, password: bytes) -> Any:
        """The entry of that name if the password is right, else None."""
        try:
            found = self._secrets.get(DistinguishedName.parse(name.decode()))
        except (InvalidName, UnicodeDecodeError):
            return None
        if found is None or not hmac.compare_digest(found[1], password):
            return None
        return found[0]


# How ldaptor finds the entries that belong to a connection.
components.registerAdapter(lambda tree: tree.root, _Tree, IConnectedLDAPEntry)  # type: ignore[no-untyped-call]


class EmbeddedDirectory:
    """A directory on a loopback port, in clear text.

    Args:
        reactor: the reactor that the program installed.
        entries: what is in it, parents first.
        host: the address to listen on.
        port: the port; 0 takes a free one.
    """

    def __init__(
        self, reactor: Any, entries: Iterable[DirectoryEntry], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._reactor = reactor
        self._tree = _Tree(entries)
        self._host = host
        self._port = port
        self._listening: IListeningPort | None = None

    def start(self) -> None:
        """Opens the port.

        Raises:
            twisted.internet.error.CannotListenError: the address cannot be listened on.
        """
        self._listening = self._reactor.listenTCP(self._port, self._tree, interface=self._host)
        self._port = cast(IPv4Address, self._listening.getHost()).port

    def stop(self) -> Deferred[None] | None:
        """Closes the port; connections end with the process."""
        return self._listening.stopListening() if self._listening is not None else None

    @property
    def url(self) -> str:
        """The address, as `urls:` takes it."""
        return f"ldap://{self._host}:{self._port}"
