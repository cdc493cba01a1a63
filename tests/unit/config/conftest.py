"""A good configuration to spoil, for every test of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.unit.config.sample import Sample


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def sample(tmp_path: Path, authority: Authority) -> Sample:
    return Sample(tmp_path, authority)
