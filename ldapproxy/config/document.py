"""The YAML file as a tree in which every value knows its line and its path.

Owns the reading of YAML: size, depth, anchors, tags, duplicate keys. It must not know what any key means.

YAML's own typing (`no` is a boolean, `1:30` is ninety, `0123` is octal) stays out: a scalar keeps the text
as written, and whoever reads a key decides what it is. A value may be a secret, so no problem here quotes
one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique
from pathlib import Path

import yaml

from ldapproxy.config.problems import ConfigurationError, Place, Problem, Report

# A configuration of a hundred listeners has about 100 KiB, 5,000 nodes and six levels. What is larger is
# the wrong file, or aliases that multiply each other ("billion laughs").
MAX_BYTES = 1 << 20
MAX_NODES = 20_000
MAX_DEPTH = 20


@unique
class Kind(Enum):
    """What YAML makes of a scalar, as far as it matters to us."""

    NULL = "null"
    TRUE = "true"
    FALSE = "false"
    NUMBER = "number"
    PLAIN = "plain"
    QUOTED = "quoted"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; `text` is what the file says, without quotes. Not in `repr`: it may be a secret."""

    place: Place
    text: str = field(repr=False)
    kind: Kind


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A map. The place of a value is that of its key."""

    place: Place
    items: dict[str, Node]


Node = Scalar | Sequence | Mapping


def read(path: Path, report: Report) -> Mapping:
    """Reads the file.

    Args:
        path: the file; places name it as this does.
        report: takes duplicate keys and the like, behind which the rest of the tree is still good.

    Raises:
        ConfigurationError: the file cannot be read, or is not one YAML map. After a mistake in YAML itself
            nothing behind it can be trusted, so that problem comes alone.
    """
    return parse(_text(path, Place(str(path), 0)), str(path), report)


def parse(text: str, file: str, report: Report) -> Mapping:
    """As `read`, from a text; `file` is what the places name."""
    tree = _tree(text, file, report)
    if not isinstance(tree, Mapping):
        here = Place(file, tree.place.line)
        raise _error(here, "must be a map with the keys directories, duo and listeners")
    return tree


def _text(path: Path, whole: Place) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _error(whole, f"cannot be read: {error.strerror or error}") from None
    if len(content) > MAX_BYTES:
        raise _error(whole, f"is larger than {MAX_BYTES >> 20} MiB; this cannot be a configuration file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _error(Place(whole.file, line), "is not UTF-8; save the file in that encoding") from None


def _error(place: Place, text: str) -> ConfigurationError:
    return ConfigurationError([Problem(place, text)])


class _Loader(yaml.SafeLoader):
    """PyYAML's composer with a bound on the depth, where it would otherwise recurse until Python gives up."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # PyYAML's stubs are partial
            raise yaml.composer.ComposerError(None, None, "too deep", mark)
        node = super().compose_node(parent, index)  # type: ignore[arg-type]  # the stub says int, keys are nodes
        self._depth -= 1
        return node


def _tree(text: str, file: str, report: Report) -> Node:
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        # For a text, the reader counts characters from its start.
        place = Place(file, text.count("\n", 0, error.position) + 1)
        raise _error(place, "holds a control character, which YAML does not allow") from None
    try:
        root = loader.get_single_node()
    except ValueError:
        # PyYAML hands "\U00110000" to chr().
        raise _error(
            Place(file, loader.line + 1), "an escape in double quotes that is no character"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _error(Place(file, mark.line + 1 if mark else 0), _yaml_problem(error)) from None
    if root is None:
        raise _error(Place(file, 0), "is empty; conf/minimal.yml is a place to start from")
    return _Builder(loader, report).build(root, Place(file, root.start_mark.line + 1), 0)


# PyYAML's own texts may quote what it found, which may be a password. So none of them is passed on.
_YAML_PROBLEMS = (
    ("too deep", f"is nested more than {MAX_DEPTH} levels deep"),
    ("but found another document", "a second document begins here (---); one file holds one configuration"),
    ("found undefined alias", "an alias (*) to nothing; a text that begins with * must be in quotes"),
    (
        "found duplicate anchor",
        "an anchor (&) that exists already; a text that begins with & must be in quotes",
    ),
    ("found character '\\t'", "a tab; YAML is indented with spaces"),
    ("found character", "a text cannot begin with this character; put it in quotes"),
    (
        "mapping values are not allowed",
        "a colon where none can be; indent the line properly, or put the text in quotes",
    ),
    (
        "found unknown escape",
        "an unknown escape in double quotes; in single quotes a backslash is just a backslash",
    ),
    (
        "found undefined tag handle",
        "a tag (!) that is not known; a text that begins with ! must be in quotes",
    ),
    ("could not find expected ':'", "a key without a colon behind it"),
    ("expected <block end>", "is not indented like the lines around it"),
    ("expected ',' or", "a comma or the closing bracket of a list or map is missing"),
    ("found unexpected end of stream", "a quote or bracket is never closed"),
)


def _yaml_problem(error: yaml.MarkedYAMLError) -> str:
    for beginning, sentence in _YAML_PROBLEMS:
        if any(text is not None and text.startswith(beginning) for text in (error.problem, error.context)):
            return sentence
    return "is not valid YAML here"


class _Builder:
    """Turns PyYAML's nodes into ours, aliases written out, and reports what is wrong on the way."""

    def __init__(self, loader: yaml.SafeLoader, report: Report) -> None:
        self._loader = loader
        self._report = report
        self._left = MAX_NODES

    def build(self, node: yaml.Node, place: Place, depth: int) -> Node:
        self._left -= 1
        # An anchor may hold an alias to itself; the depth ends that, the count ends aliases that multiply.
        if depth > MAX_DEPTH or self._left < 0:
            raise _error(place, "is too large once its aliases (*) are written out")
        if self._is_tagged(node):
            self._report.error(
                place, "YAML tags (!) are not supported; a text that begins with ! must be in quotes"
            )
        match node:
            case yaml.MappingNode():
                return self._mapping(node, place, depth)
            case yaml.SequenceNode():
                # The place of an item is its own; an alias's content is where the anchor is.
                return Sequence(
                    place,
                    tuple(
                        self.build(item, place.item(index, item.start_mark.line + 1), depth + 1)
                        for index, item in enumerate(node.value)
                    ),
                )
            case yaml.ScalarNode():
                if not _is_unicode(node.value):
                    self._report.error(place, "an escape in double quotes that is no character")
                return Scalar(place, node.value, _kind(node))
            case _:
                raise AssertionError("YAML knows no other kind of node")

    def _mapping(self, node: yaml.MappingNode, place: Place, depth: int) -> Mapping:
        items: dict[str, Node] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            here = Place(place.file, line, place.path)
            if not isinstance(key, yaml.ScalarNode):
                self._report.error(here, "a key must be a text, not a list or a map")
            elif key.tag == "tag:yaml.org,2002:merge":
                self._report.error(here, "merge keys (<<) are not supported; write the settings out")
            elif key.tag != "tag:yaml.org,2002:str" or not _is_unicode(key.value):
                self._report.error(here, "a key must be a text; put it in quotes")
            elif key.value in items:
                first = items[key.value].place.line
                self._report.error(
                    place.key(key.value, line), f"is given twice; the first is in line {first}"
                )
            else:
                items[key.value] = self.build(value, place.key(key.value, line), depth + 1)
        return Mapping(place, items)

    def _is_tagged(self, node: yaml.Node) -> bool:
        """True when the file itself gives a tag, as `!!binary` or `!secret` do."""
        implicit = (True, False) if getattr(node, "style", None) is None else (False, True)
        value = node.value if isinstance(node, yaml.ScalarNode) else None
        expected = self._loader.resolve(type(node), value, implicit)  # type: ignore[no-untyped-call]
        return bool(node.tag != expected)


def _is_unicode(text: str) -> bool:
    """False for half of a surrogate pair, which YAML's escapes can spell and no encoding can hold."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _kind(node: yaml.ScalarNode) -> Kind:
    if node.style is not None:
        return Kind.QUOTED
    match node.tag:
        case "tag:yaml.org,2002:null":
            return Kind.NULL
        case "tag:yaml.org,2002:bool":
            return Kind.TRUE if node.value.lower() in {"true", "yes", "on"} else Kind.FALSE
        case "tag:yaml.org,2002:int" | "tag:yaml.org,2002:float":
            return Kind.NUMBER
        case _:
            return Kind.PLAIN
