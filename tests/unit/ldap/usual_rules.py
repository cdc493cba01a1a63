"""The usual rules of a listener, for sessions and admission.

Owns the values that the tests of this floor change one by one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ldapproxy.ldap.admission import AdmissionRules, Anonymous, PasswordAttributes
from ldapproxy.ldap.session import SessionRules

PASSWORDS = PasswordAttributes(
    (
        "userPassword",
        "unicodePwd",
        "dBCSPwd",
        "authPassword",
        "sambaNTPassword",
        "sambaLMPassword",
        "olcRootPW",
    )
)
ADMISSION = AdmissionRules(
    anonymous=Anonymous.ROOT_DSE,
    search_after_bind=True,
    password_attributes=PASSWORDS,
    extended_operations=frozenset(),
)


def rules(**changes: Any) -> SessionRules:
    """The rules of a listener, with changes to either kind of rule."""
    of_admission = {name: changes.pop(name) for name in list(changes) if hasattr(ADMISSION, name)}
    return replace(
        SessionRules(
            admission=replace(ADMISSION, **of_admission),
            start_tls_offered=True,
            confidentiality_required=False,
            outstanding=10,
            buffered=10_000,
            message_size=1_000_000,
        ),
        **changes,
    )
