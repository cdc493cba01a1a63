"""What is to be done about a client's bytes, as values.

Owns the actions that a session hands out. It must not know who carries them out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ldapproxy.ldap.framing import Frame
from ldapproxy.ldap.messages import BindRequest


class ToDirectory(NamedTuple):
    """Send this request to the directory as it came.

    Most actions are this one: a tuple is made in half the time of a frozen dataclass.
    """

    frame: Frame


@dataclass(frozen=True, slots=True)
class ToClient:
    """Send this answer of our own to the client."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class StartBind:
    """A bind begins; the session is anonymous until `bind_ended`.

    Attributes:
        request: the decoded request.
        raw: the request as it came.
        needs_fresh_connection: answers for the old identity may still be under way, so the directory
            connection
            that it used must be closed first.
    """

    request: BindRequest
    raw: bytes = field(repr=False)  # it holds the password
    needs_fresh_connection: bool


@dataclass(frozen=True, slots=True)
class StartTls:
    """Send this answer in clear, then begin TLS, then call `tls_started`."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The session is over. Send the notice, if there is one, and close.

    Attributes:
        notice: a Notice of Disconnection, or None.
        limit: the limit that was hit (its key in the configuration), if that is why.
        detail: a sentence for the log.
    """

    notice: bytes | None
    detail: str
    limit: str | None = None


@dataclass(frozen=True, slots=True)
class LimitHit:
    """A request was refused because of a limit; to be counted."""

    limit: str


Action = ToDirectory | ToClient | StartBind | StartTls | Disconnect | LimitHit
