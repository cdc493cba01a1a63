"""Which API calls arrived at the simulated Duo.

Owns the record that tests ask ("was Duo asked at all? for whom?"). It holds no passcode and no key.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from ldapproxy.demo.duo_parameters import Parameters

# The last calls that are kept one by one; the counts are exact without limit.
REMEMBERED = 10_000


@dataclass(slots=True)
class Call:
    """One API call, without its secrets.

    Attributes:
        number: counted from 1 since the start or the last `forget`.
        endpoint: `ping`, `check`, `preauth`, `auth`, `auth_status`, ...
        at: when it arrived, in seconds since the epoch, on this machine's clock.
        status: the HTTP status of the answer; None when there was none (yet).
        username, factor, device, type, pushinfo, ipaddr, txid: the parameters as sent; empty when not sent.
        asynchronous: whether an auth call said `async=1`.
    """

    number: int
    endpoint: str
    at: float
    status: int | None = None
    username: str = ""
    factor: str = ""
    device: str = ""
    type: str = ""
    pushinfo: str = ""
    ipaddr: str = ""
    txid: str = ""
    asynchronous: bool = False


class Calls:
    """The record of calls."""

    def __init__(self) -> None:
        self._last: deque[Call] = deque(maxlen=REMEMBERED)
        self._counts: Counter[str] = Counter()

    def add(self, endpoint: str, at: float, parameters: Parameters) -> Call:
        """Records a call that arrives."""
        self._counts[endpoint] += 1
        call = Call(
            number=self._counts.total(),
            endpoint=endpoint,
            at=at,
            username=parameters.get("username", ""),
            factor=parameters.get("factor", ""),
            device=parameters.get("device", ""),
            type=parameters.get("type", ""),
            pushinfo=parameters.get("pushinfo", ""),
            ipaddr=parameters.get("ipaddr", ""),
            txid=parameters.get("txid", ""),
            asynchronous=parameters.get("async") == "1",
        )
        self._last.append(call)
        return call

    def forget(self) -> None:
        """Starts anew."""
        self._last.clear()
        self._counts.clear()

    def counts(self) -> dict[str, int]:
        """How many calls arrived, by endpoint."""
        return dict(self._counts)

    def last(self, endpoint: str | None = None, username: str | None = None) -> list[Call]:
        """The calls that are remembered, the oldest first, of one endpoint or one user only if so asked."""
        return [
            call
            for call in self._last
            if endpoint in (None, call.endpoint) and username in (None, call.username)
        ]
