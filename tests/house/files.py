"""The files of this repository, as the tests of the house look at them.

Owns the listing and the parsing. It must not know the rules.
"""

from __future__ import annotations

import ast
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "ldapproxy"
TESTS = ROOT / "tests"


def python_files(*folders: Path) -> list[Path]:
    """Every Python file below the folders, sorted."""
    return sorted(file for folder in folders for file in folder.rglob("*.py"))


def text_files(*folders: Path) -> list[Path]:
    """Every file below the folders that people write, sorted: no caches, no pictures."""
    return sorted(
        file
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.suffix not in {".pyc", ".png"}
    )


def shown(file: Path) -> str:
    """The path as an error message shows it."""
    return file.relative_to(ROOT).as_posix()


def statements(file: Path) -> list[ast.stmt]:
    """What a Python file holds besides its docstring."""
    body = ast.parse(file.read_text()).body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return body[1:]
    return body


def locked(lock: Path) -> dict[str, list[Requirement]]:
    """The releases that a lock file names, by package; more than one where they differ between Pythons."""
    found: dict[str, list[Requirement]] = {}
    for line in lock.read_text().splitlines():
        if line and not line.startswith(("#", " ")):
            pin = Requirement(line.rstrip("\\ "))
            found.setdefault(canonicalize_name(pin.name), []).append(pin)
    return found
