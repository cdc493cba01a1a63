"""The listeners of the soak's proxy.

Owns their settings, and what clients have to know of each. It must not know people or processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

from tests.support.example_directory import NO_SECOND_FACTOR, VPN_SEARCH
from tests.support.proxy import Settings


@unique
class Mode(Enum):
    """What happens while Duo is away."""

    CLOSED = "closed"
    OPEN = "open"
    OFFLINE = "offline"


@unique
class Tls(Enum):
    """How a client comes to TLS."""

    NONE = "none"
    START_TLS = "start_tls"
    FROM_THE_START = "ldaps"


@dataclass(frozen=True, slots=True)
class Listener:
    """One listener.

    Attributes:
        settings: of its own, besides fail mode, TLS and `bind_timeout`.
        exempts: it knows people who need no second factor.
        remembers: what it keeps of people or addresses grows with them by design, up to a bound. So that
            memory can be flat here, everybody has one address here, and strangers have few names.
        finds_names: a bare account name is enough.
    """

    mode: Mode
    tls: Tls
    settings: Settings
    exempts: bool = False
    remembers: bool = False
    finds_names: bool = False


BIND_TIMEOUT = 5.0

_EXEMPT: Settings = {"exempt": [{"dn": VPN_SEARCH.dn}, {"group": NO_SECOND_FACTOR}]}
_LATE: Settings = {"late_approval": "5s"}

LISTENERS: dict[str, Listener] = {
    "closed": Listener(Mode.CLOSED, Tls.NONE, {**_EXEMPT, **_LATE}, exempts=True),
    "open": Listener(Mode.OPEN, Tls.NONE, {**_LATE}),
    "offline": Listener(Mode.OFFLINE, Tls.NONE, {**_LATE}),
    "ldaps": Listener(Mode.CLOSED, Tls.FROM_THE_START, {**_EXEMPT, **_LATE}, exempts=True),
    "start_tls": Listener(Mode.OPEN, Tls.START_TLS, {**_LATE}),
    "optional_tls": Listener(Mode.OFFLINE, Tls.START_TLS, {**_LATE}),
    "remembering": Listener(
        Mode.CLOSED, Tls.NONE, {**_LATE, "remember": {"for": "20s", "idle": "10s"}}, remembers=True
    ),
    "limited": Listener(
        Mode.CLOSED,
        Tls.NONE,
        {
            **_LATE,
            "push_limits": {
                "pushes": 3,
                "per": "20s",
                "pause_after_denial": "3s",
                "pause_after_fraud": "10s",
            },
            "limits": {
                "connections": 8,
                "pending_binds": 4,
                "failed_binds": {"per_user": 3, "per_client": 10, "per": "10s"},
                "handshake_timeout": "1s",
                "idle_timeout": "2s",
            },
        },
        remembers=True,
    ),
    "impatient": Listener(Mode.CLOSED, Tls.NONE, {**_LATE, "answer_before": "1s"}),
    "pair": Listener(Mode.OPEN, Tls.NONE, {**_LATE}, finds_names=True),
}


def settings_of(listener: str) -> Settings:
    """The settings of a listener, as `ProxyProcess` wants them."""
    where = LISTENERS[listener]
    settings: Settings = {
        "fail_mode": where.mode.value,
        "bind_timeout": f"{BIND_TIMEOUT:g}s",
        **where.settings,
    }
    match where.tls:
        case Tls.FROM_THE_START:
            settings |= {"scheme": "ldaps", "tls": {}}
        case Tls.START_TLS:
            settings |= {"tls": {"start_tls": "optional" if listener == "optional_tls" else "required"}}
        case Tls.NONE:
            pass
    return settings
