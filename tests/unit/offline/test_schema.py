"""ldapproxy/offline/schema.py: what queries believe is what the migrations make."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, Inspector, inspect

from ldapproxy.offline import migrations
from ldapproxy.offline.address import parse
from ldapproxy.offline.database import Database
from ldapproxy.offline.schema import METADATA
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.offline.vault import Vault

# One type, whose names come back differently.
FLOATING = dict.fromkeys(("DOUBLE", "DOUBLE PRECISION", "DOUBLE_PRECISION", "REAL"), "floating")


def description(inspector: Inspector) -> dict[str, Any]:
    """Everything about the tables that both databases can tell."""
    return {
        table: {
            "columns": {
                column["name"]: (FLOATING.get(str(column["type"]), str(column["type"])), column["nullable"])
                for column in inspector.get_columns(table)
            },
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "references": [
                (key["constrained_columns"], key["referred_table"], key["options"].get("ondelete"))
                for key in inspector.get_foreign_keys(table)
            ],
            "unique": [each["column_names"] for each in inspector.get_unique_constraints(table)],
        }
        for table in sorted(inspector.get_table_names())
    }


@pytest.fixture
def connections(settings: OfflineSettings) -> Engine:
    place = parse(settings.store)
    with Database(place, Vault(settings.encryption_keys)).read():
        return place.connections


def test_the_migrations_make_these_tables(connections: Engine) -> None:
    migrated = description(inspect(connections))
    with connections.begin() as connection:
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
    assert description(inspect(connections)) == migrated
    assert len(migrated) == len(METADATA.tables)
    assert migrations.STEPS
