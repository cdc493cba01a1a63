"""One call of Duo's Auth API: which endpoints there are, and what may come of a call.

Owns the closed set of outcomes of a call: every fault of a network, a proxy or a server ends in one of them.
It must not know how a call is made, nor what an outcome means for a login.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique


@unique
class Endpoint(Enum):
    """The endpoints in use (https://duo.com/docs/authapi); the values are the last part of the path."""

    PING = "ping"
    CHECK = "check"
    PREAUTH = "preauth"
    AUTH = "auth"
    AUTH_STATUS = "auth_status"

    @property
    def path(self) -> str:
        """The path, as it is requested and signed."""
        return f"/auth/v2/{self.value}"

    @property
    def method(self) -> str:
        """The HTTP method that Duo documents for the endpoint."""
        return "POST" if self in (Endpoint.PREAUTH, Endpoint.AUTH) else "GET"


@unique
class CallOutcome(Enum):
    """What came of a call; the `outcome` label of the metrics."""

    OK = "ok"
    """Duo answered, and the answer makes sense."""
    UNRESOLVED = "unresolved"
    """The name of the host did not resolve."""
    UNREACHABLE = "unreachable"
    """No connection: refused, no route, or lost before TLS was up."""
    CONNECT_TIMEOUT = "connect_timeout"
    """TCP, TLS and the proxy's tunnel were not up in time."""
    PROXY_UNAVAILABLE = "proxy_unavailable"
    """The HTTP proxy cannot be reached, or answered 5xx."""
    LOST = "lost"
    """The connection was lost between the request and the end of the answer."""
    RESPONSE_TIMEOUT = "response_timeout"
    """There was a connection, but no complete answer in time."""
    SERVER_ERROR = "server_error"
    """Duo answered 5xx."""
    UNTRUSTED = "untrusted"
    """The certificate did not verify, TLS failed, or what came was not TLS."""
    RATE_LIMITED = "rate_limited"
    """Duo answered 429."""
    UNAUTHORIZED = "unauthorized"
    """Duo answered 401: the keys or the clock are wrong."""
    REFUSED = "refused"
    """Duo answered another 4xx, or `stat` FAIL."""
    PROXY_REFUSED = "proxy_refused"
    """The HTTP proxy wants other credentials (407), or does not allow the tunnel."""
    NONSENSE = "nonsense"
    """The answer is not one that Duo documents."""
    EXHAUSTED = "exhausted"
    """This host is out of file descriptors, ports or memory; it says nothing about Duo."""
    UNFORESEEN = "unforeseen"
    """An error that the table of transport.py does not know."""
    ABANDONED = "abandoned"
    """The login ended first: its time was up, or nobody waited any more."""
    NOT_MADE = "not_made"
    """There was no time left to make the call. Never counted, since nothing happened."""


AWAY = frozenset(
    {
        CallOutcome.UNRESOLVED,
        CallOutcome.UNREACHABLE,
        CallOutcome.CONNECT_TIMEOUT,
        CallOutcome.PROXY_UNAVAILABLE,
        CallOutcome.LOST,
        CallOutcome.RESPONSE_TIMEOUT,
        CallOutcome.SERVER_ERROR,
    }
)
"""Duo is not there (design 4.1): nobody answered, or the one who did cannot work."""

NEVER_SENT = frozenset(
    {
        CallOutcome.UNRESOLVED,
        CallOutcome.UNREACHABLE,
        CallOutcome.CONNECT_TIMEOUT,
        CallOutcome.PROXY_UNAVAILABLE,
        CallOutcome.PROXY_REFUSED,
        CallOutcome.NOT_MADE,
    }
)
"""Not a byte of the request was written to Duo. An outcome that leaves this open is not in the set."""

TELLS_NOTHING = frozenset({CallOutcome.EXHAUSTED, CallOutcome.ABANDONED, CallOutcome.NOT_MADE})
"""It is about this host or this login, not about Duo."""

TRANSIENT = AWAY | {CallOutcome.RATE_LIMITED, CallOutcome.EXHAUSTED}
"""Worth asking again a little later, when asking again does no harm."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer that came in full.

    Attributes:
        status: the HTTP status code.
        body: the body, at most `connections.BODY_LIMIT` bytes.
    """

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that did not end in an answer to work with.

    Attributes:
        outcome: anything but OK.
        detail: one sentence for the log, without secrets.
    """

    outcome: CallOutcome
    detail: str
