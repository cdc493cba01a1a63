"""ldapproxy.web.settings: addresses that nobody changes once they are read."""

from __future__ import annotations

import dataclasses

import pytest

from ldapproxy.web.settings import AdminSettings, PortalSettings


def test_the_address_stays_what_was_read() -> None:
    settings = AdminSettings(host="::1", port=9464)
    assert (settings.host, settings.port) == ("::1", 9464)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 80  # type: ignore[misc]


def test_the_portal_stays_where_it_was_read_to_be() -> None:
    settings = PortalSettings(host="::1", port=8443, listener="vpn")
    assert (settings.host, settings.port, settings.listener) == ("::1", 8443, "vpn")
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.listener = "lax"  # type: ignore[misc]
