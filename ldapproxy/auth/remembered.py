"""Logins that are remembered for a while, so that an application that binds again and again asks for one tap.

Owns the memory and its rules (design 4.6): what is remembered, for how long, and what makes it forgotten. It
must not know the clock (`now` is passed in), nor who asks. Keys are HMACs under a key that lives as long as
the process, so the memory holds no credential, and a copy of it is of no use in another process.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from ldapproxy.auth.policy import Address
from ldapproxy.secret import Secret

K = TypeVar("K")

# Logins in memory at a time, about 500 bytes each. More than the people of most companies; the longest unused
# goes first.
CAPACITY = 20_000


@dataclass(frozen=True, slots=True)
class LoginKey:
    """What makes two binds the same login.

    Attributes:
        login: HMAC of all four.
        credential: HMAC of listener and credential, for forgetting when the directory refuses it.
    """

    login: bytes
    credential: bytes


class LoginKeys:
    """Makes keys.

    Args:
        key: random bytes of this process, at least 32.
    """

    def __init__(self, key: Secret) -> None:
        self._key = key

    def of(self, listener: str, client: Address, identity: str, credential: Secret) -> LoginKey:
        """The key of a login; `credential` is the whole string that was sent."""
        return LoginKey(
            self._hash(
                b"login", listener.encode(), str(client).encode(), identity.encode(), credential.reveal()
            ),
            self.of_credential(listener, credential),
        )

    def of_credential(self, listener: str, credential: Secret) -> bytes:
        """The credential's part of a key, for when it is not known whose it is."""
        return self._hash(b"credential", listener.encode(), credential.reveal())

    def _hash(self, *parts: bytes) -> bytes:
        # Each part with its length: no two different logins are the same bytes.
        message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.digest(self._key.reveal(), message, hashlib.sha256)


@dataclass(slots=True)
class _Login:
    identity: str
    credential: bytes
    since: float
    last_used: float


class RememberedLogins:
    """The remembered logins of one listener.

    Args:
        lasts: seconds from the full acceptance on; 0 remembers nothing.
        idle: seconds without use after which a login is forgotten; 0 means no such limit.
        capacity: how many are kept.
    """

    def __init__(self, lasts: float, idle: float, capacity: int = CAPACITY) -> None:
        self._lasts = lasts
        self._idle = idle
        self._capacity = capacity
        self._logins: OrderedDict[bytes, _Login] = OrderedDict()
        # Who forgets asks by credential (each wrong password) or by user, so both find their logins at once.
        self._by_credential: dict[bytes, set[bytes]] = {}
        self._by_user: dict[str, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._logins)

    def remember(self, key: LoginKey, identity: str, now: float) -> None:
        """Duo has allowed this login in full."""
        if self._lasts <= 0:
            return
        self._forget(key.login)
        self._logins[key.login] = _Login(identity, key.credential, now, now)
        self._by_credential.setdefault(key.credential, set()).add(key.login)
        self._by_user.setdefault(identity, set()).add(key.login)
        if len(self._logins) > self._capacity:
            self._forget(next(iter(self._logins)))

    def recall(self, key: LoginKey, now: float) -> bool:
        """Whether this login needs no second factor now. Using it keeps it from getting idle, never older."""
        login = self._logins.get(key.login)
        if login is None:
            return False
        is_over = now - login.since >= self._lasts
        is_idle = self._idle > 0 and now - login.last_used >= self._idle
        if is_over or is_idle:
            self._forget(key.login)
            return False
        login.last_used = now
        self._logins.move_to_end(key.login)
        return True

    def forget_credential(self, credential: bytes) -> None:
        """The directory has refused it: a changed password ends what the old one had opened."""
        for login in list(self._by_credential.get(credential, ())):
            self._forget(login)

    def forget_user(self, identity: str) -> None:
        """Duo has denied a login of this user."""
        for login in list(self._by_user.get(identity, ())):
            self._forget(login)

    def forget_all(self) -> None:
        """An administrator purges the memory."""
        self._logins.clear()
        self._by_credential.clear()
        self._by_user.clear()

    def _forget(self, key: bytes) -> None:
        login = self._logins.pop(key, None)
        if login is None:
            return
        _discard(self._by_credential, login.credential, key)
        _discard(self._by_user, login.identity, key)


def _discard(index: dict[K, set[bytes]], of: K, key: bytes) -> None:
    keys = index[of]
    keys.discard(key)
    if not keys:
        del index[of]
