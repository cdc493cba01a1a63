"""Where the pages are served. Owns the frozen settings of `web`; must not know the configuration file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdminSettings:
    """`admin:`: the address of metrics, health and status, clear-text HTTP.

    Attributes:
        host: address to listen on, without brackets.
        port: TCP port.
    """

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """`portal:`: the address of the self-service portal, HTTPS.

    Attributes:
        host: address to listen on, without brackets.
        port: TCP port.
        listener: the listener whose directory, Duo application and policy sign-ins follow.
    """

    host: str
    port: int
    listener: str
