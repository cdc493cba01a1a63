"""How long the clients of a listener wait for an answer before they hang up.

Owns the waits of one listener and what they show: many that are alike are a time-out that is too short for
people to tap within. It must not know the clock (`now` is passed in), nor where a warning goes.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass
from typing import Final

_SHORTEST: Final = 2.0
# Seconds. No client gives up so soon by itself; these are connections that were cut.

_LOOKED_AT: Final = 12
# The last waits of a listener. Enough to see through people who interrupt a login by hand.

_ALIKE: Final = 5
# So many of them that are alike show a time-out; fewer may be one application that retried.

_WITHIN: Final = 3600.0
# Seconds in which they have to come, and between two warnings: who has read one needs no second.

_MARGIN: Final = 5
# Seconds by which an application should wait longer than a bind may take, for the network and its own work.


@dataclass(frozen=True, slots=True)
class Patience:
    """Clients of the listener give up after about `seconds`."""

    seconds: float

    def advice(self, listener: str, bind_timeout: float) -> str:
        """What to do about it, for the log.

        Args:
            listener: the listener's name.
            bind_timeout: seconds that a bind may take there.
        """
        enough = math.ceil(bind_timeout) + _MARGIN
        return (
            f"clients of listener {listener} give up after about {self.seconds:.0f} s: "
            f"raise the application's time-out to {enough} s, or use passcodes / late_approval"
        )


class Waits:
    """The waits of the clients of one listener that left pending binds."""

    def __init__(self) -> None:
        self._waits: deque[tuple[float, float]] = deque(maxlen=_LOOKED_AT)
        self._told_at = -math.inf

    def left(self, now: float, waited: float) -> Patience | None:
        """A client has left.

        Args:
            now: the time, in seconds on a clock that never goes back.
            waited: how long it had waited, in seconds.

        Returns:
            The clients' patience, if it shows now and nobody has been told lately.
        """
        if waited < _SHORTEST:
            return None
        self._waits.append((now, waited))
        if now < self._told_at + _WITHIN:
            return None
        alike = _largest_group([each for at, each in self._waits if now - at < _WITHIN])
        if len(alike) < _ALIKE:
            return None
        self._told_at = now
        return Patience(statistics.median(alike))


def _largest_group(waits: list[float]) -> list[float]:
    """The most waits that are alike: within a second of each other, or a tenth when they are long."""
    waits = sorted(waits)
    groups = ([other for other in waits if each <= other <= each + max(1.0, each / 10)] for each in waits)
    return max(groups, key=len, default=[])
