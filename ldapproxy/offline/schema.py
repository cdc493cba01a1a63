"""The tables, as today's queries see them; the same for SQLite and PostgreSQL.

Owns names and columns. How a store gets there is `migrations`'; a test holds the two together.

Times are seconds since 1970 (UTC). Secrets are Fernet tokens, digests are hexadecimal text: nothing in here
needs a type that one of the two databases lacks.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, ForeignKey, MetaData, Table, Text, UniqueConstraint

METADATA = MetaData()

VERSION = "schema"
"""The fact that says which version the tables have."""

KEY_CHECK = "key_check"
"""The fact that shows whether the keys of a process are those of the store."""

FACTS = Table(
    "offline_store",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

ACCOUNTS = Table(
    "offline_accounts",
    METADATA,
    Column("identity", Text, primary_key=True),
    Column("account_name", Text, nullable=False),
    Column("last_online", Double, nullable=False),
    Column("logins", BigInteger, nullable=False),
    Column("wrong_codes", BigInteger, nullable=False),
    Column("last_wrong", Double, nullable=False),
)

AUTHENTICATORS = Table(
    "offline_authenticators",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("identity", Text, ForeignKey("offline_accounts.identity"), nullable=False),
    Column("label", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("secret", Text, nullable=False),  # encrypted: the TOTP secret, or the key of a sheet's digests
    Column("algorithm", Text),  # these three: TOTP only
    Column("digits", BigInteger),
    Column("period", BigInteger),
    Column("last_step", BigInteger),
    Column("created", Double, nullable=False),
    Column("confirmed", Double),
    Column("last_used", Double),
    UniqueConstraint("identity", "label"),
)

RECOVERY_CODES = Table(
    "offline_recovery_codes",
    METADATA,
    Column(
        "authenticator",
        Text,
        ForeignKey("offline_authenticators.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("digest", Text, primary_key=True),
    Column("used", Double),
)
