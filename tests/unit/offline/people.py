"""People with authenticators, for tests of the offline store."""

from __future__ import annotations

from dataclasses import dataclass

import pyotp
from cryptography.fernet import Fernet

from ldapproxy.auth.enrolment import Provisioning
from ldapproxy.offline.administration import Administration
from ldapproxy.secret import Secret

ALICE = "6f0d7b9c-1111-4a6e-9d2f-000000000001"
BOB = "6f0d7b9c-2222-4a6e-9d2f-000000000002"
KEYS = (Secret(Fernet.generate_key()),)

# A moment in the middle of a time step of 30 and of 60 seconds.
NOON = 1_795_521_600.0 + 15


@dataclass
class Clock:
    """A clock that tests set."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Phone:
    """An authenticator app of its own make: it knows only the QR code."""

    otp: pyotp.TOTP

    @classmethod
    def scanning(cls, provisioning: Provisioning) -> Phone:
        otp = pyotp.parse_uri(provisioning.uri.reveal_text())
        assert isinstance(otp, pyotp.TOTP)
        return cls(otp)

    def shows(self, at: float) -> Secret:
        return Secret(self.otp.generate_otp(int(at // self.otp.interval)))


def enrol(administration: Administration, identity: str, label: str, at: float) -> Phone:
    """A confirmed authenticator. Its codes from `at` on are unused."""
    phone = Phone.scanning(administration.enroll_totp(identity, "someone", label))
    administration.confirm(identity, label, phone.shows(at - phone.otp.interval))
    return phone
