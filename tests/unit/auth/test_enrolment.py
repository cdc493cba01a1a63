"""ldapproxy/auth/enrolment.py."""

from __future__ import annotations

from ldapproxy.auth.enrolment import Provisioning
from ldapproxy.secret import Secret


def test_a_provisioning_shows_no_secret() -> None:
    provisioning = Provisioning(
        "phone", Secret("JBSWY3DPEHPK3PXP"), Secret("otpauth://totp/x?secret=JBSWY3DP")
    )
    assert "JBSWY" not in repr(provisioning)
