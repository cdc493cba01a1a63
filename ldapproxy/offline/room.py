"""What an account has room for: labels, and how many authenticators.

Owns these rules. It must not know what is added.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from ldapproxy.auth.enrolment import EnrolmentRefusedError
from ldapproxy.offline import accounts
from ldapproxy.offline.schema import AUTHENTICATORS

LONGEST_LABEL = 64
"""Characters: it must fit a line of the portal and of the audit log."""

MOST_AUTHENTICATORS = 100
"""Of one account: more people than share one. With each, a guess has three more codes in a million to hit."""

UNCONFIRMED_KEPT = 86_400.0
"""Seconds: an administrator may hand the QR code over today and get the code tomorrow. Then it begins
anew."""


def clean_label(label: str) -> str:
    """The label without space around it.

    Raises:
        EnrolmentRefusedError: nobody could read it, or it is too long.
    """
    label = label.strip()
    if not 1 <= len(label) <= LONGEST_LABEL or not label.isprintable():
        raise EnrolmentRefusedError(
            f"the label must have 1 to {LONGEST_LABEL} printable characters; choose another one"
        )
    return label


def make_room(connection: Connection, identity: str, label: str, now: float) -> None:
    """Makes room for an authenticator: removes what was never confirmed, if it is old or in the way.

    Args:
        connection: in a transaction in which the account is locked.
        identity: the account.
        label: of the authenticator that is going to be added.
        now: seconds since 1970.

    Raises:
        EnrolmentRefusedError: the label is in use, or the account has too many authenticators.
    """
    rows = connection.execute(select(AUTHENTICATORS).where(AUTHENTICATORS.c.identity == identity)).all()
    kept = []
    for row in rows:
        if row.confirmed is None and (row.label == label or now - row.created > UNCONFIRMED_KEPT):
            accounts.remove_authenticator(connection, row.id)
        else:
            kept.append(row)
    if any(row.label == label for row in kept):
        raise EnrolmentRefusedError(
            f"there is an authenticator {label!r} already; choose another label, or remove that one first"
        )
    if len(kept) >= MOST_AUTHENTICATORS:
        raise EnrolmentRefusedError(
            f"the account has {MOST_AUTHENTICATORS} authenticators, which is the most; remove one first"
        )
