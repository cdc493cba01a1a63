"""Single values and lists of them: text, booleans, numbers, durations, sizes, choices.

Owns what a value of each kind looks like, and the sentence for one that does not. It must not know any key.

A `Parser` turns a node into a value or raises `Invalid`. Its sentences never quote the value: it may be a
secret in the wrong line, and the line is there to look at.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Hashable, Iterable
from enum import Enum
from typing import TypeVar

from ldapproxy.config.document import Kind, Mapping, Node, Scalar, Sequence
from ldapproxy.config.problems import Problem

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)
E = TypeVar("E", bound=Enum)

Parser = Callable[[Node], T]

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class Invalid(Exception):
    """A value, or parts of it, cannot be used."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.text for problem in self.problems))

    @classmethod
    def at(cls, node: Node, text: str) -> Invalid:
        """One problem with this node."""
        return cls([Problem(node.place, text)])


def scalar(node: Node, expected: str) -> Scalar:
    """A single value that is there; `expected` says what it should be, for the sentence."""
    match node:
        case Scalar(kind=Kind.NULL):
            raise Invalid.at(node, f"has no value; write {expected}, or leave the line out")
        case Scalar():
            return node
        case _:
            raise Invalid.at(
                node, f"must be {expected}, not a {'map' if isinstance(node, Mapping) else 'list'}"
            )


def text(node: Node) -> str:
    """A text that is not empty and fits one line. Numbers and the like count as written."""
    value = scalar(node, "a text").text
    if not value.strip():
        raise Invalid.at(node, "is empty")
    if not value.isprintable():
        raise Invalid.at(node, "must be one line without control characters")
    return value


def boolean(node: Node) -> bool:
    """`true` or `false`, or one of YAML's other words for them."""
    match scalar(node, "true or false").kind:
        case Kind.TRUE:
            return True
        case Kind.FALSE:
            return False
        case _:
            raise Invalid.at(node, "must be true or false, without quotes")


def integer(minimum: int, maximum: int, because: str) -> Parser[int]:
    """A whole number between the two, both included; `because` is the reason for the bounds."""

    def parse(node: Node) -> int:
        value = scalar(node, "a whole number").text
        found = re.fullmatch(r"(-?)(0|[1-9][0-9]*)", value)
        if not found:
            raise Invalid.at(node, "must be a whole number")
        number = -_number(found[2]) if found[1] else _number(found[2])
        return _within(node, number, minimum, maximum, because, str)

    return parse


def duration(minimum: float, maximum: float, because: str) -> Parser[float]:
    """A duration such as `3s`, in seconds; `because` is the reason for the bounds."""

    def parse(node: Node) -> float:
        value = scalar(node, "a duration such as 10s").text
        found = re.fullmatch(r"([0-9]+) ?(ms|s|m|h|d)", value)
        if not found:
            raise Invalid.at(
                node, "must be a duration: a whole number and a unit, such as 500ms, 10s, 5m, 8h or 7d"
            )
        return _within(node, _number(found[1]) * _SECONDS[found[2]], minimum, maximum, because, show_duration)

    return parse


def size(minimum: int, maximum: int, because: str) -> Parser[int]:
    """A size such as `64KiB`, in bytes; `because` is the reason for the bounds."""

    def parse(node: Node) -> int:
        value = scalar(node, "a size such as 64KiB").text
        found = re.fullmatch(r"([0-9]+) ?(B|KiB|MiB|GiB)", value)
        if not found:
            raise Invalid.at(node, "must be a size: a whole number and a unit, such as 64KiB or 4MiB")
        return _within(node, _number(found[1]) * _BYTES[found[2]], minimum, maximum, because, show_size)

    return parse


def _number(digits: str) -> int:
    """The number; one of more digits than any bound has becomes a huge one, since Python limits `int()`."""
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= 18 else 10**18


N = TypeVar("N", int, float)


def _within(node: Node, value: N, minimum: N, maximum: N, because: str, show: Callable[[N], str]) -> N:
    if minimum <= value <= maximum:
        return value
    bound = f"at least {show(minimum)}" if value < minimum else f"at most {show(maximum)}"
    raise Invalid.at(node, f"must be {bound}: {because}")


def choice(members: Iterable[E]) -> Parser[E]:
    """One of the members of an enum, by its value."""
    by_value = {str(member.value): member for member in members}

    def parse(node: Node) -> E:
        known = list(by_value)
        value = scalar(node, _either(known)).text
        if value not in known:
            raise Invalid.at(node, f"must be {_either(known)}{did_you_mean(value, known)}")
        return by_value[value]

    return parse


def reference(kind: str, names: Iterable[str]) -> Parser[str]:
    """A name that another section of the file defines."""
    known = sorted(names)

    def parse(node: Node) -> str:
        value = text(node)
        if value not in known:
            defined = f"those in the file are {', '.join(known)}" if known else "the file defines none"
            raise Invalid.at(node, f"is no {kind}; {defined}{did_you_mean(value, known)}")
        return value

    return parse


def optional(parser: Parser[T]) -> Parser[T | None]:
    """What the parser reads, or null."""

    def parse(node: Node) -> T | None:
        return None if isinstance(node, Scalar) and node.kind is Kind.NULL else parser(node)

    return parse


def list_of(parser: Parser[H], if_empty: str | None = None) -> Parser[tuple[H, ...]]:
    """A list without repetitions.

    Args:
        parser: reads each item.
        if_empty: the sentence for a list without items; None when it may be empty.
    """

    def parse(node: Node) -> tuple[H, ...]:
        if isinstance(node, Scalar) and node.kind is Kind.NULL:
            raise Invalid.at(node, "has no value; write a list, or leave the line out")
        if not isinstance(node, Sequence):
            raise Invalid.at(node, "must be a list: [a, b], or one item a line with a dash before it")
        if not node.items and if_empty is not None:
            raise Invalid.at(node, if_empty)
        values: dict[H, None] = {}
        problems: list[Problem] = []
        for item in node.items:
            try:
                value = parser(item)
            except Invalid as invalid:
                problems += invalid.problems
                continue
            if value in values:
                problems.append(Problem(item.place, "is listed twice"))
            values[value] = None
        if problems:
            raise Invalid(problems)
        return tuple(values)

    return parse


def did_you_mean(word: str, known: Iterable[str], nearness: float = 0.6) -> str:
    """`; did you mean X?`, or nothing when no known word is near.

    Args:
        word: what the file says.
        known: what it may say.
        nearness: the share of letters that must be the same, from 0 to 1.
    """
    lower = {name.lower(): name for name in known if any(map(str.isalpha, name))}
    near = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=nearness)
    return f"; did you mean {lower[near[0]]}?" if near else ""


def show_duration(seconds: float) -> str:
    """The duration as the configuration writes it: `500ms`, `60s`, `10m`, `8h`, `7d`."""
    if seconds != int(seconds):
        return f"{seconds * 1000:.0f}ms"
    # One minute and one day read better as 60s and 24h.
    for unit, least in (("d", 2 * 86400), ("h", 3600), ("m", 120)):
        if seconds >= least and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds:.0f}s"


def show_size(count: int) -> str:
    """The size as the configuration writes it: `64KiB`, `4MiB`."""
    for unit in ("GiB", "MiB", "KiB"):
        if count >= _BYTES[unit] and count % _BYTES[unit] == 0:
            return f"{count // _BYTES[unit]}{unit}"
    return f"{count}B"


def _either(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
