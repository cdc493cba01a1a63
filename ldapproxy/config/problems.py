"""What is wrong with a configuration, and where: `file:line: path: problem`.

Owns the form of a problem and the exception that carries them all. It must not know YAML, nor what a key
means.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands.

    Attributes:
        file: the file, as it was named to us.
        line: counted from 1; 0 means the file as a whole.
        path: `listeners.vpn.exempt[0].dn`; empty for the whole document.
    """

    file: str
    line: int
    path: str = ""

    def key(self, name: str, line: int) -> Place:
        """The place of a key of the map that stands here."""
        return Place(self.file, line, f"{self.path}.{printable(name)}" if self.path else printable(name))

    def item(self, index: int, line: int) -> Place:
        """The place of an item of the list that stands here."""
        return Place(self.file, line, f"{self.path}[{index}]")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or worth a warning, and where."""

    place: Place
    text: str

    def __str__(self) -> str:
        where = [self.place.file]
        if self.place.line:
            where.append(str(self.place.line))
        path = f" {self.place.path}:" if self.place.path else ""
        return f"{':'.join(where)}:{path} {self.text}"


def printable(text: str) -> str:
    """The text for a message: as it is, or escaped when it holds control characters, and not endless."""
    shown = text if text.isprintable() else repr(text)[1:-1]
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


class ConfigurationError(Exception):
    """The configuration cannot be used.

    Attributes:
        problems: everything that is wrong with it, by line.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems by line, each once; those of one line stay in the order in which they were found."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.place.line))


@dataclass(slots=True)
class Report:
    """What reading the file has brought up so far.

    Attributes:
        errors: what makes the configuration unusable.
        warnings: what an administrator should know, and may well have meant.
    """

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def error(self, place: Place, text: str) -> None:
        """Notes an error."""
        self.errors.append(Problem(place, text))

    def warn(self, place: Place, text: str) -> None:
        """Notes a warning."""
        self.warnings.append(Problem(place, text))
