"""What the admin pages tell, as values, and the port that delivers them.

Owns the shape of a report and the rule for "ready". It must not know how the values are found out, nor HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ListenerStatus:
    """One listener.

    Attributes:
        name: its name in the configuration.
        url: where it listens.
        bound: True while it accepts connections.
        fail_mode: `closed`, `open` or `offline`.
        sessions: clients connected now.
        pending_binds: binds that wait for an answer now.
    """

    name: str
    url: str
    bound: bool
    fail_mode: str
    sessions: int = 0
    pending_binds: int = 0


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server of a directory; `up` is None while nobody has asked it anything yet."""

    url: str
    up: bool | None


@dataclass(frozen=True, slots=True)
class DirectoryStatus:
    """One directory; it is reachable while at least one of its servers is."""

    name: str
    servers: tuple[ServerStatus, ...]

    @property
    def reachable(self) -> bool:
        """True when a server is known to answer; one that nobody has asked does not count."""
        return any(server.up for server in self.servers)


@dataclass(frozen=True, slots=True)
class DuoStatus:
    """One Duo application. Its state is shown and never decides.

    Attributes:
        name: its name in the configuration.
        api_host: the API host, with its port unless that is 443.
        state: `up`, `degraded` or `down`.
        detail: a sentence about what is wrong; empty when nothing is.
    """

    name: str
    api_host: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Everything at one moment.

    Attributes:
        version: the program's version.
        uptime: seconds since the start.
        stopping: True from SIGTERM on.
    """

    version: str
    uptime: float
    stopping: bool
    listeners: tuple[ListenerStatus, ...]
    directories: tuple[DirectoryStatus, ...]
    duos: tuple[DuoStatus, ...]

    @property
    def ready(self) -> bool:
        """True when every listener is bound, every directory reachable, and nobody stops us.

        Duo never decides: an orchestrator would otherwise take every proxy away just when `open` and
        `offline` matter.
        """
        return (
            not self.stopping
            and bool(self.listeners)
            and all(listener.bound for listener in self.listeners)
            and all(directory.reachable for directory in self.directories)
        )


class Status(Protocol):
    """Delivers the report; `app.py` has it."""

    def report(self) -> StatusReport:
        """How things are now. Must not block: it is asked on the reactor's thread."""
