"""What the duo package needs of its neighbours, as protocols; `app.py` wires them.

Owns the ports of `duo`. It must not know who is behind them.
"""

from __future__ import annotations

from typing import Protocol


class RequestObserver(Protocol):
    """Counts the calls of Duo's API (`observe.metrics.Metrics`)."""

    def duo_request(self, duo: str, endpoint: str, outcome: str, seconds: float) -> None:
        """One call ended.

        Args:
            duo: the name of the Duo application in the configuration.
            endpoint: a value of `calls.Endpoint`.
            outcome: a value of `calls.CallOutcome`.
            seconds: how long it took.
        """


class DuoObserver(RequestObserver, Protocol):
    """Counts calls, and shows the state of an application (`observe.metrics.Metrics`)."""

    def duo_state(self, duo: str, state: str) -> None:
        """The application is in this state now, a value of `availability.State`."""
