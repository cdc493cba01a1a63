"""The shelf: who finds what on it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from tests.unit.config.sample import Sample


def test_a_listener_finds_its_directory_and_its_duo(sample: Sample) -> None:
    sample.document["directories"]["lab"] = dict(sample.directory)
    sample.document["duo"]["test"] = dict(sample.duo)
    sample.document["listeners"]["wifi"] = dict(
        sample.listener, url="ldap://127.0.0.1:390", directory="lab", duo="test"
    )
    configuration = sample.load()
    vpn, wifi = configuration.listeners
    assert (configuration.directory_of(vpn).name, configuration.duo_of(vpn).name) == ("corp", "prod")
    assert (configuration.directory_of(wifi).name, configuration.duo_of(wifi).name) == ("lab", "test")


def test_it_does_not_change(sample: Sample) -> None:
    configuration = sample.load()
    with pytest.raises(FrozenInstanceError):
        configuration.listeners = ()  # type: ignore[misc]
