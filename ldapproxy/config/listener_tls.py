"""`tls:` of a listener, and of the portal.

Owns its keys, and whether certificate and key can be used together. It must not know the handshake.
"""

from __future__ import annotations

from dataclasses import dataclass

from ldapproxy.config import certificates, values
from ldapproxy.config.addresses import Endpoint
from ldapproxy.config.files import Surroundings
from ldapproxy.config.sections import Section
from ldapproxy.net.settings import ServerTls, StartTls, TlsVersion
from ldapproxy.net.tls import ServerContext, TlsError


@dataclass(frozen=True, slots=True)
class ListenerTls:
    """What `tls:` says; without it, `server` is None."""

    server: ServerTls | None
    start_tls: StartTls


def read_tls(listener: Section, endpoint: Endpoint | None, surroundings: Surroundings) -> ListenerTls | None:
    """A listener's TLS; None only after an error was reported.

    Args:
        listener: the listener's section.
        endpoint: where it listens; None after an error, when only the section itself can be checked.
        surroundings: where the files are.
    """
    ldaps = endpoint is not None and endpoint.scheme == "ldaps"
    if not listener.given("tls"):
        if ldaps:
            listener.missing("tls", "an ldaps:// url needs {certificate_file: ..., private_key_file: ...}")
            return None
        return ListenerTls(None, StartTls.REQUIRED)

    section = listener.section("tls")
    server = read_server(section, surroundings)
    start_tls = section.read("start_tls", values.choice(StartTls), default=StartTls.REQUIRED)
    section.finish()
    if ldaps:
        section.warn_without_effect("start_tls", "with an ldaps:// url TLS starts at once")
    return None if server is None else ListenerTls(server, start_tls)


def read_server(section: Section, surroundings: Surroundings) -> ServerTls | None:
    """Certificate and key, which belong together; None only after an error was reported."""
    chain = section.require("certificate_file", certificates.chain(surroundings))
    key = section.require("private_key_file", certificates.private_key(surroundings))
    # RFC 8996 deprecates what is older; RFC 9325 section 3.1.1 recommends 1.2 or later.
    minimum_version = section.read("minimum_version", values.choice(TlsVersion), default=TlsVersion.V1_2)
    if chain is None or key is None:
        return None
    if not certificates.belong_together(chain[1], key[1]):
        section.error(
            "private_key_file",
            "is not the key of the first certificate in certificate_file (its own comes first)",
        )
        return None
    server = ServerTls(chain[0], key[0], minimum_version)
    try:
        ServerContext(server)
    except TlsError as error:
        # What OpenSSL alone knows: keys too short, signatures too old.
        section.error("certificate_file", f"OpenSSL refuses it: {error}")
        return None
    return server
