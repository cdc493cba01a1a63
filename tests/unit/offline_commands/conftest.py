"""A configuration with a real directory and a store of its own, for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.example_directory import SERVICE, SUFFIX
from tests.support.slapd import Slapd
from tests.unit.config.sample import Sample


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd")) as running:
        yield running


@pytest.fixture
def sample(tmp_path: Path, authority: Authority, slapd: Slapd) -> Sample:
    sample = Sample(tmp_path, authority)
    sample.write("directory-password", SERVICE.password.encode())
    sample.directory.update(urls=[slapd.url], start_tls=True, ca_file=str(slapd.ca_file), base_dn=SUFFIX)
    sample.directory["service_account"]["dn"] = SERVICE.dn
    sample.add_offline()
    return sample
