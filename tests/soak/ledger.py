"""What the clients sent and were answered, for comparison with what the proxy says of itself.

Owns the count of binds by listener and client address. Nearly every connection comes from an address of its
own (all of 127.0.0.0/8 is ours), so each can be found again in the audit log. It must not know connections.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.soak.listeners import LISTENERS
from tests.soak.people import Claim


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a client is to the proxy."""

    listener: str
    address: str


@dataclass(slots=True)
class Account:
    """The binds of one caller.

    Attributes:
        sent: how many were sent. The proxy may not have seen those that were never answered.
        codes: the result codes of the answers.
        admits: by name as sent, the reasons for which it may have been let in.
    """

    sent: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    admits: dict[str, set[str]] = field(default_factory=dict)


class Ledger:
    """The binds of one round; safe across threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: dict[Caller, Account] = {}

    def sending(self, caller: Caller, *claims: Claim) -> None:
        """These binds are about to be sent."""
        with self._lock:
            account = self._accounts.setdefault(caller, Account())
            account.sent += len(claims)
            for claim in claims:
                account.admits.setdefault(claim.name, set()).update(claim.admits)

    def answered(self, caller: Caller, code: int) -> None:
        """A bind was answered."""
        with self._lock:
            self._accounts[caller].codes[code] += 1

    @property
    def sent(self) -> int:
        """How many binds were sent."""
        with self._lock:
            return sum(account.sent for account in self._accounts.values())

    def take(self) -> dict[Caller, Account]:
        """All accounts; the ledger is empty then."""
        with self._lock:
            accounts, self._accounts = self._accounts, {}
        return accounts


class Addresses:
    """Addresses that clients come from."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def of(self, listener: str, home: int) -> str:
        """An address that nobody has used, or somebody's own at a listener that remembers."""
        if LISTENERS[listener].remembers:
            return f"127.200.{home >> 8}.{home & 0xFF}"
        number = next(self._numbers)
        return f"127.{1 + (number >> 16)}.{number >> 8 & 0xFF}.{number & 0xFF}"


def total(accounts: Iterable[Account]) -> Account:
    """All of them together, without names."""
    result = Account()
    for account in accounts:
        result.sent += account.sent
        result.codes += account.codes
    return result
