"""`portal:`: where people add their own offline authenticators.

Owns its keys, and what its listener must be like. It must not know what the portal shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ldapproxy.auth.outcomes import FailMode
from ldapproxy.auth.sign_in import BY_TAP
from ldapproxy.config import addresses, values
from ldapproxy.config.addresses import Endpoint
from ldapproxy.config.configuration import Portal
from ldapproxy.config.files import Surroundings
from ldapproxy.config.listener_tls import read_server
from ldapproxy.config.sections import Section
from ldapproxy.net.settings import ListenerSettings
from ldapproxy.web.settings import PortalSettings

_EXAMPLE = "https://0.0.0.0:8443"
_portal_url = addresses.listening_url({"https": 443}, example=_EXAMPLE)


@dataclass(frozen=True, slots=True)
class PortalPlace:
    """What `portal:` says, and its address for the comparison with others."""

    portal: Portal
    endpoint: Endpoint


def read_portal(
    section: Section, listeners: Mapping[str, ListenerSettings | None], surroundings: Surroundings
) -> PortalPlace | None:
    """The portal; None only after an error was reported.

    Args:
        section: its section.
        listeners: by name; None for those that are not right.
        surroundings: where the files are.
    """
    endpoint = section.require("url", _portal_url, hint=f"such as {_EXAMPLE}")
    tls = None
    if section.given("tls"):
        server = section.section("tls")
        tls = read_server(server, surroundings)
        server.finish()
    else:
        section.missing("tls", "the portal speaks HTTPS only: {certificate_file: ..., private_key_file: ...}")
    name = section.require(
        "listener",
        values.reference("listener", listeners),
        hint="its directory and Duo application are asked when people sign in",
    )
    section.finish()
    listener = None if name is None else listeners[name]
    if listener is not None:
        _check_listener(section, listener, listeners)
    if endpoint is None or tls is None or name is None:
        return None
    return PortalPlace(Portal(PortalSettings(endpoint.host, endpoint.port, name), tls), endpoint)


def _check_listener(
    section: Section, listener: ListenerSettings, listeners: Mapping[str, ListenerSettings | None]
) -> None:
    """Refuses a listener with which nobody could sign in; warns when what people add opens nothing."""
    if not listener.policy.factors & BY_TAP:
        section.error(
            "listener",
            f"lets nobody in: people sign in with a push or a call, and the factors of {listener.name} "
            "have neither",
        )
    good = [each for each in listeners.values() if each is not None]
    opened = [
        each
        for each in good
        if each.policy.fail_mode is FailMode.OFFLINE and each.directory == listener.directory
    ]
    if not opened and len(good) == len(listeners):
        section.warn(
            "listener",
            f"what people add opens nothing: no listener with directory {listener.directory} has fail_mode "
            "offline",
        )
