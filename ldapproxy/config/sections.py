"""Reads one map of the file key by key: defaults, required keys, unknown keys.

Owns the bookkeeping; what has been read is what is known. It must not know any key or kind of value;
where a key belongs that is not known here, `belonging` says.

Nothing raises: a value that cannot be used goes into the report, and reading goes on, so that all problems
come at once. What `read` and `require` return for it only has to fit the type, since the configuration is
refused anyway.
"""

from __future__ import annotations

from typing import TypeVar

from ldapproxy.config.belonging import belongs_under
from ldapproxy.config.document import Kind, Mapping, Node, Scalar
from ldapproxy.config.problems import Place, Report
from ldapproxy.config.values import Invalid, Parser, did_you_mean

# `directory` for `directories`, and nearer; `username_search` for `username` is further away.
_SLIP = 0.8

T = TypeVar("T")
D = TypeVar("D")


class Section:
    """One map. Read its keys, then call `finish`.

    Attributes:
        is_map: False when the file has something else here; that was reported then.
    """

    def __init__(self, node: Node, report: Report) -> None:
        # Of what is no map at all, nothing else needs to be said than that.
        self.is_map = isinstance(node, Mapping)
        self._node = _as_mapping(node, report)
        self._report = report
        self._known: dict[str, None] = {}

    @property
    def place(self) -> Place:
        """Where the map stands."""
        return self._node.place

    def given(self, key: str) -> bool:
        """True when the file has the key."""
        self._known[key] = None
        return key in self._node.items

    def place_of(self, key: str) -> Place:
        """Where the key stands; the map itself when the file does not have it."""
        return self._node.items[key].place if key in self._node.items else self.place

    def read(self, key: str, parser: Parser[T], default: D) -> T | D:
        """The value of a key that may be left out."""
        value = self._parse(key, parser)
        return default if value is None else value[0]

    def require(self, key: str, parser: Parser[T], hint: str = "") -> T | None:
        """The value of a key that must be there; None only after an error was reported.

        Args:
            key: the key.
            parser: reads its value.
            hint: what to write, for the sentence about a missing key.
        """
        if not self.given(key):
            self.missing(key, hint)
            return None
        value = self._parse(key, parser)
        return None if value is None else value[0]

    def section(self, key: str) -> Section:
        """The map under a key; an empty one when the file does not have it, so that its defaults apply."""
        node = self._node.items[key] if self.given(key) else Mapping(self.place, {})
        return Section(node, self._report)

    def entries(self, key: str, what: str) -> dict[str, Section]:
        """The maps under the names of a required key (`listeners:`), by name.

        Args:
            key: the key.
            what: what each of them is, for the sentence when there is none.
        """
        if not self.given(key):
            self.missing(key, f"it holds at least one {what}")
            return {}
        node = self._node.items[key]
        if isinstance(node, Mapping) and not node.items:
            self._report.error(node.place, f"must hold at least one {what}: a name, and a map under it")
        return {
            name: Section(entry, self._report)
            for name, entry in _as_mapping(node, self._report).items.items()
        }

    def missing(self, key: str, hint: str = "") -> None:
        """Notes that a required key is not there, at the line of the map."""
        if self.is_map:
            here = Place(self.place.file, self.place.line, self.place.key(key, 0).path)
            self._report.error(here, f"is required{f'; {hint}' if hint else ''}")

    def refuse(self, text: str) -> None:
        """Notes an error with the whole map."""
        self._report.error(self.place, text)

    def warn_whole(self, text: str) -> None:
        """Notes a warning about the whole map."""
        self._report.warn(self.place, text)

    def warn(self, key: str, text: str) -> None:
        """Notes a warning about a key."""
        self._report.warn(self.place_of(key), text)

    def error(self, key: str, text: str) -> None:
        """Notes an error with a key."""
        self._report.error(self.place_of(key), text)

    def warn_without_effect(self, key: str, because: str) -> None:
        """Notes a warning about a key if the file has it: it does nothing here."""
        if self.given(key):
            self.warn(key, f"has no effect: {because}")

    def finish(self) -> None:
        """Reports every key that nobody read."""
        for key, node in self._node.items.items():
            if key not in self._known:
                self._report.error(node.place, f"is not a known key{_hint(key, list(self._known))}")

    def _parse(self, key: str, parser: Parser[T]) -> tuple[T] | None:
        if not self.given(key):
            return None
        try:
            return (parser(self._node.items[key]),)
        except Invalid as invalid:
            self._report.errors += invalid.problems
            return None


def _hint(key: str, known: list[str]) -> str:
    """What may have been meant: a slip of the pen, else a key in the wrong section, else something near."""
    return (
        did_you_mean(key, known, nearness=_SLIP)
        or belongs_under(key)
        or did_you_mean(key, known)
        or _choose_from(known)
    )


def _choose_from(known: list[str]) -> str:
    """The known keys as a hint, if they fit a line."""
    return f"; known here are {', '.join(known)}" if len(known) <= 8 else "; conf/full.yml shows all that are"


def _as_mapping(node: Node, report: Report) -> Mapping:
    """The node as a map; an empty one after an error was reported."""
    if isinstance(node, Mapping):
        return node
    if isinstance(node, Scalar) and node.kind is Kind.NULL:
        report.error(node.place, "has no value; write a map under it, or leave the line out")
    else:
        report.error(node.place, "must be a map: keys with a colon behind them, indented under it")
    return Mapping(node.place, {})
