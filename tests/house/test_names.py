"""Names: words that say what a thing is, not that it does something."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.files import ROOT, SOURCE, TESTS, python_files, shown

# They fit anything, and so say nothing (design 2).
EMPTY_WORDS = {"handler", "manager", "processor", "engine", "helper", "util", "common", "base"}

# LDAP's own words: a search has a base object (RFC 4511, 4.5.1), a certificate a common name.
TERMS = re.compile(r"base_?(dn|object|scope|search)|search_base|common_?name", re.IGNORECASE)


def words(name: str) -> set[str]:
    """The words of a name, lower-case, plural as singular: `LoginHandlers` -> login, handler."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\W]", " ", TERMS.sub("", name))
    return {word.removesuffix("s") for word in spaced.lower().split()}


def names(file: Path) -> Iterator[tuple[int, str]]:
    """The names that a file gives: its own, and those of its classes and functions, with their lines."""
    yield 1, file.stem
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name


def test_no_name_is_made_of_empty_words() -> None:
    found = [
        f"{shown(file)}:{line}: {name}"
        for file in python_files(SOURCE, TESTS / "support", ROOT / "deploy")
        for line, name in names(file)
        if words(name) & EMPTY_WORDS
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ["LDAPHandler", "connection_manager", "utils", "commonStuff", "BaseSession"])
def test_empty_words_are_found_in_every_spelling(name: str) -> None:
    assert words(name) & EMPTY_WORDS


@pytest.mark.parametrize(
    "name", ["base_dn", "baseObject", "is_base_search", "database", "common_name", "basic"]
)
def test_terms_of_the_trade_are_not(name: str) -> None:
    assert not words(name) & EMPTY_WORDS
