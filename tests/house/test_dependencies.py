"""Dependencies: each with its reason, each locked, the locks free of this or that machine's configuration."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.files import ROOT, SOURCE, TESTS, locked, python_files, shown

PYPROJECT = ROOT / "pyproject.toml"
PROJECT = tomllib.loads(PYPROJECT.read_text())
LOCKS = sorted((ROOT / "lock").glob("*.txt"))


def requirements(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for, with the extras named."""
    lines = list(PROJECT["project"]["dependencies"])
    for extra in extras:
        lines += PROJECT["project"]["optional-dependencies"][extra]
    return [Requirement(line) for line in lines if not line.startswith("ldapproxy[")]


def test_every_dependency_has_a_reason() -> None:
    reasons = dict(re.findall(r'^ +"([^"]+)",? *(# \S.*)?$', PYPROJECT.read_text(), flags=re.MULTILINE))
    wanted = [
        *PROJECT["project"]["dependencies"],
        *(line for extra in PROJECT["project"]["optional-dependencies"].values() for line in extra),
    ]
    assert not [line for line in wanted if not line.startswith("ldapproxy[") and not reasons.get(line)]


@pytest.mark.parametrize(
    ("folders", "extras"),
    [((SOURCE,), ("demo",)), ((TESTS,), ("demo", "dev"))],
    ids=["the program", "the tests"],
)
def test_every_package_that_is_imported_is_asked_for(
    folders: tuple[Path, ...], extras: tuple[str, ...]
) -> None:
    """Not only brought along by another, which may drop it."""
    asked_for = {canonicalize_name(each.name) for each in requirements(*extras)} | {"ldapproxy"}
    came_from = packages_distributions()
    unasked = {
        f"{shown(file)}:{line} imports {package}"
        for file in python_files(*folders)
        for line, package in _imports(file)
        if package not in {*sys.stdlib_module_names, "tests"}
        and not asked_for & {canonicalize_name(name) for name in came_from.get(package, ())}
    }
    assert not unasked, "\n".join(sorted(unasked))


def test_every_dependency_of_the_program_is_imported() -> None:
    imported = {package for file in python_files(SOURCE) for _, package in _imports(file)}
    used = {
        canonicalize_name(name)
        for package, names in packages_distributions().items()
        if package in imported
        for name in names
    }
    assert not {canonicalize_name(each.name) for each in requirements("demo")} - used


def _imports(file: Path) -> Iterator[tuple[int, str]]:
    """The top-level packages that a file imports, with their lines."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            yield node.lineno, node.module.partition(".")[0]


@pytest.mark.parametrize(("lock", "extras"), [("runtime", ()), ("demo", ("demo",)), ("dev", ("demo", "dev"))])
def test_the_lock_answers_pyproject(lock: str, extras: tuple[str, ...]) -> None:
    pins = locked(ROOT / "lock" / f"{lock}.txt")
    unmet = [
        str(wanted)
        for wanted in requirements(*extras)
        if not any(
            wanted.specifier.contains(str(pin.specifier).removeprefix("=="))
            for pin in pins.get(canonicalize_name(wanted.name), [])
        )
    ]
    assert not unmet, f"lock/{lock}.txt lacks {', '.join(unmet)}; run `make lock`"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_release_has_hashes(lock: Path) -> None:
    blocks = re.split(r"\n(?=\S)", lock.read_text())
    bare = [block.splitlines()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block]
    assert not bare


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_host_and_no_path(lock: Path) -> None:
    """Whoever installs from it decides on the index."""
    odd = [
        line
        for line in lock.read_text().splitlines()
        if re.search(r"://|@ |--(extra-)?index|--find-links|--trusted|/(root|home|tmp|opt|work)\b", line)
    ]
    assert not odd


def test_locks_agree_with_each_other() -> None:
    whole = locked(ROOT / "lock" / "dev.txt")
    for name in ("runtime", "demo"):
        for package, pins in locked(ROOT / "lock" / f"{name}.txt").items():
            assert {str(pin) for pin in pins} == {str(pin) for pin in whole[package]}
