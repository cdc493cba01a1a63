"""Ways in which the simulated Duo can misbehave.

Owns the faults as values and their book-keeping. It must not know how a fault is carried out; that is
`duo_simulator`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique

EVERY_ENDPOINT = "*"


@unique
class Reachability(Enum):
    """Whether anybody can talk to the simulated Duo at all.

    ON: as usual. REFUSED: the port is closed, open connections are cut. SILENT: connections are taken by the
    kernel and nothing ever answers, so a TLS handshake hangs. RESET: connections are reset as soon as made.
    """

    ON = "on"
    REFUSED = "off"
    SILENT = "silent"
    RESET = "reset"


@unique
class FaultKind(Enum):
    """What happens instead of, or before, the answer."""

    RESPOND = "respond"  # the given status, headers and body
    TRUNCATE = "truncate"  # headers that promise the whole body, half of the body, then the end
    HANG = "hang"  # no answer at all
    CLOSE = "close"  # the connection is cut
    DELAY = "delay"  # the right answer, late


@dataclass(slots=True)
class Fault:
    """One way to misbehave at one endpoint.

    Attributes:
        kind: what happens.
        status: the HTTP status of RESPOND.
        body: the body of RESPOND.
        content_type: the type of that body.
        headers: further headers of RESPOND, for redirects.
        delay: seconds before anything else happens.
        times: after so many calls the endpoint is well again; None means never.
        acts: True lets the call take effect (a push is sent) and spoils the answer alone.
    """

    kind: FaultKind
    status: int = 200
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    times: int | None = None
    acts: bool = False


class Faults:
    """The faults that are in force, by endpoint."""

    def __init__(self) -> None:
        self._by_endpoint: dict[str, Fault] = {}

    def put(self, endpoint: str, fault: Fault) -> None:
        """Puts a fault in force; it replaces the endpoint's former one. `*` stands for all the others."""
        self._by_endpoint[endpoint] = fault

    def clear(self, endpoint: str | None = None) -> None:
        """Ends the fault of one endpoint, or all of them."""
        if endpoint is None:
            self._by_endpoint.clear()
        else:
            self._by_endpoint.pop(endpoint, None)

    def take(self, endpoint: str) -> Fault | None:
        """The fault that hits the call which arrives now, if any; it is counted."""
        key = endpoint if endpoint in self._by_endpoint else EVERY_ENDPOINT
        fault = self._by_endpoint.get(key)
        if fault is None or fault.times is None:
            return fault
        fault.times -= 1
        if fault.times <= 0:
            del self._by_endpoint[key]
        return fault
