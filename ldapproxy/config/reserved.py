"""Keys whose meaning is fixed, and which are not built yet.

Owns the table. Whoever builds a feature deletes its rows here. It must not know what the features do.

Such a key is refused with "not available yet", never ignored. Where leaving it out means that the feature
is off, it may also be written out with exactly that value, since then nothing is ignored either. The others
(what would be on by default, once built) are refused whatever they say.
"""

from __future__ import annotations

from ldapproxy.config.document import Kind, Mapping, Node, Scalar, Sequence

# What a reserved key may say: nested maps of texts, lists, None for null.
Off = str | None | list["Off"] | dict[str, "Off"]


class Never:
    """The key may not be given at all."""


Reserved = dict[str, Off | type[Never]]

NOTHING: Reserved = {}

DOCUMENT: Reserved = {
    "portal": Never,
}
DIRECTORY: Reserved = {}
LISTENER: Reserved = {}


def says(node: Node, off: Off | type[Never]) -> bool:
    """True when the node says exactly `off`; a map may leave keys out."""
    match node, off:
        case Scalar(kind=kind), None:
            return kind is Kind.NULL
        case Scalar(text=text), str():
            return text == off
        case Sequence(items=items), list():
            return len(items) == len(off) and all(map(says, items, off))
        case Mapping(items=entries), dict():
            return all(key in off and says(value, off[key]) for key, value in entries.items())
        case _:
            return False
