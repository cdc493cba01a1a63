"""Secrets: `x` in the configuration itself, `x_file`, or `x_env`; exactly one of them.

Owns where a secret comes from. It must not know what it is for. No sentence here quotes a value.
"""

from __future__ import annotations

import re

from ldapproxy.config import files
from ldapproxy.config.document import Node
from ldapproxy.config.files import Surroundings
from ldapproxy.config.sections import Section
from ldapproxy.config.values import Invalid, Parser, scalar
from ldapproxy.secret import Secret

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def given_sources(section: Section, key: str) -> list[str]:
    """Which of `x`, `x_file` and `x_env` the section has for the secret `key`."""
    return [source for source in (key, f"{key}_file", f"{key}_env") if section.given(source)]


def secret(section: Section, key: str, surroundings: Surroundings, *, one_line: bool = True) -> Secret | None:
    """The secret `key` of the section; None only after an error was reported.

    Args:
        section: the section.
        key: the secret's key, without `_file` or `_env`.
        surroundings: for files and the environment.
        one_line: False lets a file hold several lines.
    """
    sources: dict[str, Parser[Secret]] = {
        key: lambda node: _inline(node, surroundings),
        f"{key}_file": lambda node: _from_file(node, surroundings, one_line=one_line),
        f"{key}_env": lambda node: _from_environment(node, surroundings),
    }
    given = given_sources(section, key)
    ways = f"{key}, {key}_file or {key}_env"
    if not given:
        section.missing(key, f"give one of {ways}")
        return None
    for superfluous in given[1:]:
        section.error(superfluous, f"only one of {ways} may be given")
    return section.require(given[0], sources[given[0]])


def _inline(node: Node, surroundings: Surroundings) -> Secret:
    value = scalar(node, "a text").text
    if not value:
        raise Invalid.at(node, "is empty")
    if surroundings.is_exposed:
        surroundings.report.warn(
            node.place, "is a secret in a file that others can read; chmod o-r it, or give the secret its own"
        )
    return Secret(value)


def _from_file(node: Node, surroundings: Surroundings, *, one_line: bool) -> Secret:
    where, content = files.content(node, surroundings)
    files.warn_if_exposed(node, where, surroundings)
    if not one_line:
        return Secret(content)
    # Editors and `echo` end a file with a line break that is not part of the secret.
    value = content.removesuffix(b"\n").removesuffix(b"\r")
    if b"\n" in value or b"\0" in value:
        raise Invalid.at(node, "the file must hold the secret in one line, and nothing else")
    return Secret(value)


def _from_environment(node: Node, surroundings: Surroundings) -> Secret:
    name = scalar(node, "the name of an environment variable").text
    if not _VARIABLE.fullmatch(name):
        raise Invalid.at(node, "must be the name of an environment variable (letters, digits, _)")
    value = surroundings.environment.get(name)
    if value is None:
        raise Invalid.at(node, "names an environment variable that is not set")
    if not value:
        raise Invalid.at(node, "names an environment variable that is empty")
    # What the environment holds need not be UTF-8; Python keeps such bytes as lone surrogates.
    return Secret(value.encode(errors="surrogateescape"))
