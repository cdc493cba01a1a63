"""The daemon and the images, made once for all container tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container import base_image
from tests.container.docker import Docker
from tests.house.files import ROOT

DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    """A daemon that has the base images."""
    with Docker(Path(tempfile.mkdtemp(prefix="ldapproxy-docker-"))) as daemon:
        base_image.provide(daemon)
        yield daemon


@pytest.fixture(scope="session")
def image(docker: Docker) -> str:
    """The proxy's image."""
    docker.build(DOCKERFILE, "ldapproxy", context=ROOT)
    return "ldapproxy"


@pytest.fixture(scope="session")
def simulator_image(docker: Docker, image: str) -> str:
    """The image of the Duo simulator."""
    docker.build(DOCKERFILE, "ldapproxy-simulator", "--target=simulator", context=ROOT)
    return "ldapproxy-simulator"


@pytest.fixture(scope="session")
def directory_image(docker: Docker) -> str:
    """The image of the example directory."""
    docker.build(DOCKERFILE.with_name("slapd.Dockerfile"), "ldapproxy-directory", context=ROOT)
    return "ldapproxy-directory"
