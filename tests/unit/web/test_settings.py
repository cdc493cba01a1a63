"""ldapproxy.web.settings: an address that nobody changes once it is read."""

from __future__ import annotations

import dataclasses

import pytest

from ldapproxy.web.settings import AdminSettings


def test_the_address_stays_what_was_read() -> None:
    settings = AdminSettings(host="::1", port=9464)
    assert (settings.host, settings.port) == ("::1", 9464)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 80  # type: ignore[misc]
