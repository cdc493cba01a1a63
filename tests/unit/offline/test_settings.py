"""ldapproxy/offline/settings.py."""

from __future__ import annotations

from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.secret import Secret


def test_neither_password_nor_key_is_shown() -> None:
    shown = repr(OfflineSettings("postgresql://u:hunter2@h/d", (Secret("key material"),), 10, 600.0))
    assert "hunter2" not in shown
    assert "material" not in shown
