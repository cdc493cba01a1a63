"""What is in the image, and what is not."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from ldapproxy import __version__
from tests.container.docker import Docker, DockerError
from tests.house.files import ROOT, locked

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]

RUNTIME_LOCK = ROOT / "lock" / "runtime.txt"
# Everything that an orchestrator may take away from a container.
LOCKED_DOWN = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=host")


def run(docker: Docker, image: str, entrypoint: str, *arguments: str) -> str:
    return docker("run", "--rm", *LOCKED_DOWN, f"--entrypoint={entrypoint}", image, *arguments)


def test_it_starts_locked_down_and_names_its_version(docker: Docker, image: str) -> None:
    assert docker("run", "--rm", *LOCKED_DOWN, image, "--version").endswith(__version__)


def test_it_runs_as_a_user_without_rights(docker: Docker, image: str) -> None:
    assert run(docker, image, "id", "-u") == "10001"
    # A numeric user lets an orchestrator see that it is not root (runAsNonRoot).
    assert docker.inspect(image)["Config"]["User"] == "10001:10001"
    capabilities = run(docker, image, "grep", "CapEff", "/proc/self/status").split()[-1]
    assert int(capabilities, 16) == 0


def test_nothing_in_it_belongs_to_that_user_but_the_place_of_the_store(docker: Docker, image: str) -> None:
    # Not with --read-only, under which nothing counts as writable.
    find = (
        "find / -xdev -writable -not -type l -not -path '/proc/*' -not -path '/dev/*'"
        " -not -path /tmp -not -path /var/tmp -not -path /run/lock 2>/dev/null; true"
    )
    assert docker("run", "--rm", "--network=host", "--entrypoint=sh", image, "-c", find) == (
        "/var/lib/ldapproxy"
    )


@pytest.mark.parametrize("module", ["pip", "setuptools", "ldaptor", "trustme", "pytest"])
def test_it_has_no_build_tools_and_no_demo(docker: Docker, image: str, module: str) -> None:
    with pytest.raises(DockerError, match="No module named"):
        run(docker, image, "python3", "-c", f"import {module}")


@pytest.mark.parametrize("program", ["gcc", "pip", "pip3"])
def test_no_program_installs_or_compiles(docker: Docker, image: str, program: str) -> None:
    assert run(docker, image, "sh", "-c", f"command -v {program} || echo none") == "none"


def test_exactly_the_locked_releases_are_installed(docker: Docker, image: str) -> None:
    installed = run(
        docker, image, "python3", "-c",
        "from importlib.metadata import distributions\n"
        "for each in distributions(): print(each.name + '==' + each.version)",
    )  # fmt: skip
    wanted = [pin for pins in locked(RUNTIME_LOCK).values() for pin in pins]
    assert {canonical(line) for line in installed.split()} == {
        f"ldapproxy=={__version__}",
        *(
            canonical(f"{pin.name}{pin.specifier}")
            for pin in wanted
            if not pin.marker or pin.marker.evaluate()
        ),
    }


def canonical(pin: str) -> str:
    name, version = pin.split("==")
    return f"{canonicalize_name(name)}=={version}"


def test_the_repository_and_its_tests_are_not_in_it(docker: Docker, image: str) -> None:
    found = docker(
        "run", "--rm", "--network=host", "--user=0", "--entrypoint=find", image,
        "/", "-xdev", "(", "-name", ".git", "-o", "-name", "conftest.py", ")", "-not", "-path", "/proc/*",
    )  # fmt: skip
    assert found == ""


def test_the_health_check_says_no_when_nothing_answers(docker: Docker, image: str) -> None:
    with pytest.raises(DockerError, match=r"no answer from http://127\.0\.0\.1:1/healthz"):
        docker(
            "run", "--rm", *LOCKED_DOWN, "--env=LDAPPROXY_ADMIN=127.0.0.1:1", "--entrypoint=python3", image,
            "-I", "/opt/ldapproxy/healthcheck.py",
        )  # fmt: skip
