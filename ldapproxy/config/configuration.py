"""The configuration as a whole: each consumer's own frozen settings, side by side.

Owns nothing but the shelf. It must not know the file they were read from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ldapproxy.config.problems import Problem
from ldapproxy.directory.settings import LookupSettings
from ldapproxy.duo.settings import DuoSettings
from ldapproxy.net.settings import ListenerSettings, ServerTls, UpstreamSettings
from ldapproxy.observe.settings import LogSettings
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.web.settings import AdminSettings, PortalSettings


@dataclass(frozen=True, slots=True)
class DirectorySettings:
    """One directory, as sessions reach it and as entries are looked up in it."""

    upstream: UpstreamSettings
    lookup: LookupSettings

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self.upstream.name


@dataclass(frozen=True, slots=True)
class Portal:
    """The self-service portal: where it is, and how it proves who it is."""

    settings: PortalSettings
    tls: ServerTls


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that a process is told.

    Attributes:
        path: the file, as it was named to us.
        directories: in the order of the file; names are unique.
        duo: Duo applications, in the order of the file; names are unique.
        listeners: in the order of the file; each names a directory and a Duo application from above.
        admin: the address of metrics and health; None when there is none.
        log: what is logged, and where to.
        offline: the store of offline authenticators; None when there is none.
        portal: where people add offline authenticators; None when there is none.
        warnings: what an administrator should know, by line.
    """

    path: Path
    directories: tuple[DirectorySettings, ...]
    duo: tuple[DuoSettings, ...]
    listeners: tuple[ListenerSettings, ...]
    admin: AdminSettings | None
    log: LogSettings
    offline: OfflineSettings | None = None
    portal: Portal | None = None
    warnings: tuple[Problem, ...] = ()

    def listener_of(self, portal: Portal) -> ListenerSettings:
        """The listener of the portal."""
        return next(listener for listener in self.listeners if listener.name == portal.settings.listener)

    def directory_of(self, listener: ListenerSettings) -> DirectorySettings:
        """The directory behind a listener."""
        return next(directory for directory in self.directories if directory.name == listener.directory)

    def duo_of(self, listener: ListenerSettings) -> DuoSettings:
        """The Duo application of a listener."""
        return next(duo for duo in self.duo if duo.name == listener.duo)
