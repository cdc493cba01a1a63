"""How many wrong passwords one user, and one client address, may send on to the directory.

Owns the counts behind `limits.failed_binds`, so that a stranger cannot use the proxy to lock people out of
the directory wholesale. It must not know the clock (`now` is passed in), nor how a refusal is answered.

A bind counts from the moment it is let through until the directory has answered, as if it were to fail: a
hundred guesses sent at once must not all pass before the first of them has failed.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, final

from ldapproxy.auth.policy import Address
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.errors import InvalidName

# Users, and as many addresses, whose failures are remembered; under 1 KiB each with a dozen failures. The one
# whose last failure is oldest is forgotten first, and each place that an attacker takes costs a bind that
# really failed.
_CAPACITY: Final = 50_000

# Octets of a key. Names come from strangers, 60 KiB at a time; 50,000 of those would be the process's end.
_KEY_SIZE: Final = 16

# Katakana to hiragana.
_KANA: Final = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}

# Texts that look like a DN and are none here share one count. A directory may read one name in endless such
# spellings, and each must not get its own guesses.
_ODD_NAMES: Final = "="


@dataclass(frozen=True, slots=True)
class FailedBindRules:
    """What one listener allows.

    Attributes:
        per_user: so many binds of one user that the directory answers with invalidCredentials; 0 is off.
        per_client: the same of one client address; 0 is off.
        per: in so many seconds.
    """

    per_user: int = 0
    per_client: int = 0
    per: float = 600.0

    @property
    def are_off(self) -> bool:
        """True when nothing is limited."""
        return not self.per_user and not self.per_client


def user_key(name: str) -> bytes:
    """What the failures of a user are counted under, for a name as sent: one key for all its spellings."""
    try:
        return _key_of(DistinguishedName.parse(name).normalised)
    except InvalidName:
        return _key_of(_ODD_NAMES if "=" in name else name)


def _key_of(name: str) -> bytes:
    """One key, of one size, for all names that some directory may hold equal.

    Active Directory compares without case, accents, width and kind of kana, and passes over invisible
    characters (MS-ADTS section 6.5). To count two people as one only limits them sooner; one person in a
    thousand spellings would be worth a thousand times the guesses.
    """
    if not name.isascii():
        letters = unicodedata.normalize("NFKD", name)
        name = "".join(
            letter for letter in letters if unicodedata.category(letter) not in ("Mn", "Me", "Cf")
        ).translate(_KANA)
    folded = " ".join(name.casefold().split())
    return hashlib.blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=_KEY_SIZE).digest()


@final
class Attempt:
    """One bind that was let through. Tell how it ended; only the first word counts.

    Made by `FailedBinds.begin`.
    """

    __slots__ = ("_client", "_counts", "_is_over", "_user")

    def __init__(self, counts: FailedBinds, user: bytes, client: Address) -> None:
        self._counts = counts
        self._user = user
        self._client = client
        self._is_over = False

    @property
    def counts_for_a_user(self) -> bool:
        """False where the limit of users is off: then it does not matter whose attempt it is."""
        return self._counts.users.is_on

    def belongs_to(self, name: DistinguishedName, now: float) -> bool:
        """The name as sent turned out to be this entry's; the attempt counts as the entry's from now on.

        Returns:
            False when too many of the entry's have failed: the directory must not be asked.
        """
        user = _key_of(name.normalised)
        if self._is_over or not self._counts.users.allow(user, now):
            return False
        self._counts.users.release(self._user)
        self._counts.users.take(user)
        self._user = user
        return True

    def failed(self, now: float) -> None:
        """The directory said invalidCredentials, or may have: nobody waited for its answer."""
        if self._end():
            self._counts.users.add(self._user, now)
            self._counts.clients.add(self._client, now)

    def succeeded(self) -> None:
        """The directory accepted the password, and so forgets its user's failures, as directories do."""
        if self._end():
            self._counts.users.forget(self._user)

    def came_to_nothing(self) -> None:
        """The directory was not asked, or did not answer, or refused for another cause than the password."""
        self._end()

    def _end(self) -> bool:
        if self._is_over:
            return False
        self._is_over = True
        self._counts.users.release(self._user)
        self._counts.clients.release(self._client)
        return True


class FailedBinds:
    """The failed binds of one listener.

    Args:
        rules: what is allowed.
        capacity: users, and client addresses, that are remembered.
    """

    def __init__(self, rules: FailedBindRules, capacity: int = _CAPACITY) -> None:
        self.users = _Failures(rules.per_user, rules.per, capacity)
        self.clients = _Failures(rules.per_client, rules.per, capacity)

    def begin(self, name: str, client: Address, now: float) -> Attempt | None:
        """Lets a bind through to the directory.

        Args:
            name: the name as sent.
            client: the client's address.
            now: seconds of a monotonic clock.

        Returns:
            None when too many have failed, or may yet: the directory must not be asked.
        """
        user = user_key(name)
        if not self.users.allow(user, now) or not self.clients.allow(client, now):
            return None
        self.users.take(user)
        self.clients.take(client)
        return Attempt(self, user, client)


class _Failures:
    """Failures by one kind of key. A limit of 0 allows everything and remembers nothing."""

    def __init__(self, limit: int, per: float, capacity: int) -> None:
        self._limit = limit
        self._per = per
        self._capacity = capacity
        self._pending: Counter[Hashable] = Counter()
        self._failed: OrderedDict[Hashable, deque[float]] = OrderedDict()

    @property
    def is_on(self) -> bool:
        """Whether there is a limit."""
        return self._limit > 0

    def allow(self, key: Hashable, now: float) -> bool:
        """Whether one more may fail."""
        if not self._limit:
            return True
        failed = self._failed.get(key, ())
        recent = sum(now - when < self._per for when in failed)
        return recent + self._pending[key] < self._limit

    def take(self, key: Hashable) -> None:
        """One more is on its way."""
        if self._limit:
            self._pending[key] += 1

    def release(self, key: Hashable) -> None:
        """One has arrived."""
        if self._limit:
            self._pending[key] -= 1
            if not self._pending[key]:
                del self._pending[key]

    def add(self, key: Hashable, now: float) -> None:
        """One has failed."""
        if not self._limit:
            return
        self._failed.setdefault(key, deque(maxlen=self._limit)).append(now)
        self._failed.move_to_end(key)
        if len(self._failed) > self._capacity:
            self._failed.popitem(last=False)

    def forget(self, key: Hashable) -> None:
        """The failures so far do not count any more."""
        self._failed.pop(key, None)
