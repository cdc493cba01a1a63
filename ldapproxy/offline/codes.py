"""The codes themselves: TOTP (RFC 6238) and recovery codes. Pure.

Owns which code belongs to which moment, and what is kept of a recovery code. It must not know which codes
were used before, nor whose they are.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from enum import Enum, unique

from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from ldapproxy.secret import Secret

SKEW = 1
"""Time steps that a clock may be off either way. RFC 6238, 5.2, recommends one for the network's delay; more
would give a guess more codes to hit."""

SHORTEST_SECRET = 16
"""Bytes: 128 bits, which RFC 4226, R6, demands."""

NEW_SECRET = 20
"""Bytes of a secret that we make: 160 bits, as RFC 4226, R6, recommends, and as long as SHA-1's output."""

DIGITS = (6, 8)
PERIODS = (30, 60)

RECOVERY_DIGITS = 9
"""The longest code that the credential forms know, and a length that no TOTP code has."""


@unique
class Algorithm(Enum):
    """The hash of a TOTP key, by its name in an `otpauth` URI."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"


# SHA-1 inside HMAC is sound, and what RFC 6238 and every authenticator app use.
_HASHES: dict[Algorithm, SHA1 | SHA256 | SHA512] = {
    Algorithm.SHA1: SHA1(),  # noqa: S303 - see above
    Algorithm.SHA256: SHA256(),
    Algorithm.SHA512: SHA512(),
}


@dataclass(frozen=True, slots=True)
class TotpKey:
    """A TOTP secret and how its codes are made.

    The defaults are what every authenticator app can do; several ignore any other value in the QR code, and
    show wrong codes.

    Attributes:
        secret: the shared secret, at least `SHORTEST_SECRET` bytes.
        algorithm: the hash.
        digits: of a code, 6 or 8.
        period: seconds of a time step, 30 or 60.
    """

    secret: Secret
    algorithm: Algorithm = Algorithm.SHA1
    digits: int = 6
    period: int = 30

    def step(self, now: float) -> int:
        """The time step at `now`, seconds since 1970 (RFC 6238, 4.2: T0 is 0)."""
        return int(now // self.period)

    def code(self, step: int) -> Secret:
        """The code of a time step, 0 or later."""
        key = HOTP(self.secret.reveal(), self.digits, _HASHES[self.algorithm])
        return Secret(key.generate(step))

    def steps_showing(self, code: Secret, now: float) -> tuple[int, ...]:
        """The steps around `now` whose code this is; usually none or one. Always looks at all of them."""
        current = self.step(now)
        steps = range(max(current - SKEW, 0), current + SKEW + 1)
        return tuple([step for step in steps if self.code(step) == code])

    def uri(self, account_name: str, issuer: str) -> Secret:
        """The key as a URI for a QR code.

        Source: https://github.com/google/google-authenticator/wiki/Key-Uri-Format
        """
        key = TOTP(self.secret.reveal(), self.digits, _HASHES[self.algorithm], self.period)
        return Secret(key.get_provisioning_uri(account_name, issuer))

    def text(self) -> Secret:
        """The secret as base32 text without padding, as apps take it when it is typed."""
        return Secret(base64.b32encode(self.secret.reveal()).rstrip(b"="))


def recovery_digest(key: Secret, code: Secret) -> str:
    """What is kept of a recovery code.

    Nine digits are quickly tried, whatever the hash, so it is a keyed one: without its sheet's key, which is
    kept encrypted, a stolen store says nothing about them.
    """
    return hmac.digest(key.reveal(), code.reveal(), "sha256").hex()
