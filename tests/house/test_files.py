"""Files: one concern each, none empty, each source file with its mirrored test."""

from __future__ import annotations

import ast

from tests.house.files import ROOT, SOURCE, TESTS, python_files, shown, statements, text_files

# A file that has outgrown one screenful of concern is split; a test file may tell a longer story.
LONGEST_SOURCE = 320
LONGEST_TEST = 500

# Read by their presence alone.
MARKERS = {"ldapproxy/py.typed"}


def test_every_source_file_has_its_mirrored_test() -> None:
    sources = [
        file.relative_to(SOURCE)
        for file in python_files(SOURCE)
        if file.name not in {"__init__.py", "__main__.py"}
    ]
    assert sources
    missing = [
        f"ldapproxy/{source.as_posix()} has no {mirror.relative_to(ROOT).as_posix()}"
        for source in sources
        if not (mirror := TESTS / "unit" / source.with_name(f"test_{source.name}")).exists()
    ]
    assert not missing, "\n".join(missing)


def test_every_unit_test_has_its_source_file() -> None:
    """`test_client.py`, and `test_client_with_simulator.py` too, are tests of `client.py`."""
    unit = TESTS / "unit"
    stale = [
        shown(test)
        for test in python_files(unit)
        if test.name.startswith("test_")
        and not any(
            f"{test.stem}_".startswith(f"test_{source.stem}_")
            for source in (SOURCE / test.relative_to(unit)).parent.glob("*.py")
        )
    ]
    assert not stale, "tests of files that are gone:\n" + "\n".join(stale)


def test_every_test_file_holds_a_test() -> None:
    hollow = [
        shown(file)
        for file in python_files(TESTS)
        if file.name.startswith("test_")
        and not any(
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
            for node in ast.walk(ast.parse(file.read_text()))
        )
        and "RuleBasedStateMachine" not in file.read_text()
    ]
    assert not hollow, "\n".join(hollow)


def test_no_file_is_empty() -> None:
    empty = [
        shown(file)
        for file in text_files(
            SOURCE, TESTS, *(ROOT / name for name in ("conf", "deploy", ".ci", ".github", "lock"))
        )
        if not file.read_text(errors="replace").strip() and shown(file) not in MARKERS
    ]
    assert not empty, "\n".join(empty)


def test_every_module_does_something() -> None:
    hollow = [
        shown(file) for file in python_files(SOURCE) if file.name != "__init__.py" and not statements(file)
    ]
    assert not hollow, "\n".join(hollow)


def test_every_module_opens_with_a_docstring() -> None:
    silent = [
        shown(file)
        for file in python_files(SOURCE, TESTS)
        if not ast.get_docstring(ast.parse(file.read_text()))
    ]
    assert not silent, "\n".join(silent)


def test_every_package_maps_its_files() -> None:
    missing = [
        f"{shown(package)} does not mention {file.name}"
        for package in SOURCE.rglob("__init__.py")
        if package.parent != SOURCE
        for file in package.parent.glob("*.py")
        if file != package and file.stem not in package.read_text()
    ]
    assert not missing, "\n".join(missing)


def test_no_file_has_outgrown_one_concern() -> None:
    long = [
        f"{shown(file)}: {lines} lines, at most {limit}"
        for folder, limit in ((SOURCE, LONGEST_SOURCE), (TESTS, LONGEST_TEST))
        for file in python_files(folder)
        if (lines := len(file.read_text().splitlines())) > limit
    ]
    assert not long, "\n".join(long)
