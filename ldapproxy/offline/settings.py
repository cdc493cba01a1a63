"""What `offline:` says.

Owns the frozen settings; must not know the configuration file.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ldapproxy.secret import Secret


@dataclass(frozen=True, slots=True)
class OfflineSettings:
    """The store of offline authenticators, and the limits of those who use them.

    Attributes:
        store: URL of the store, `sqlite:///PATH` or `postgresql://...` (`offline.address.parse`).
        encryption_keys: Fernet keys (`offline.vault.parse_keys`); the first encrypts, all of them decrypt.
        max_logins: offline logins since the last online one; 1 or more.
        max_age: seconds since the last online login.
    """

    store: str = field(repr=False)  # may carry a password
    encryption_keys: tuple[Secret, ...]
    max_logins: int
    max_age: float
