"""Files that the configuration names: where they are, whether they can be read, who else can read them.

Owns paths and reading. It must not know what is in a file.

A problem does not quote the path: people paste a key behind `secret_key_file`, and the line is there to
look at.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ldapproxy.config.document import Node
from ldapproxy.config.problems import Report
from ldapproxy.config.values import Invalid, text

# Certificates of all the world's public authorities have 250 KiB.
_MAX_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the configuration refers to outside of its file.

    Attributes:
        folder: that of the configuration file; relative paths start here.
        environment: for `x_env` keys; not shown, since it holds secrets.
        report: takes warnings about files.
        is_exposed: True when others can read the configuration file itself.
    """

    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    report: Report
    is_exposed: bool


def path(node: Node, surroundings: Surroundings) -> Path:
    """The path that the node names, from the folder of the configuration."""
    return surroundings.folder / text(node)


def content(node: Node, surroundings: Surroundings) -> tuple[Path, bytes]:
    """The path that the node names, and what is in the file.

    Raises:
        Invalid: it is not a file that can be read now.
    """
    where = path(node, surroundings)
    try:
        if where.is_dir():
            raise Invalid.at(node, "is a folder, not a file")
        with where.open("rb") as file:
            found = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        is_relative = not Path(text(node)).is_absolute()
        hint = f" (relative paths start at {surroundings.folder.absolute()})" if is_relative else ""
        raise Invalid.at(node, f"there is no such file{hint}") from None
    except OSError as error:
        raise Invalid.at(node, f"the file cannot be read: {error.strerror}") from None
    except ValueError:
        raise Invalid.at(node, "is not a path") from None
    if not found.strip():
        raise Invalid.at(node, "the file is empty")
    if len(found) > _MAX_BYTES:
        raise Invalid.at(node, f"the file is larger than {_MAX_BYTES >> 20} MiB")
    return where, found


def warn_if_exposed(node: Node, where: Path, surroundings: Surroundings) -> None:
    """Warns about a secret file that others can read; never an error, since mounted secrets often are."""
    if others_can_read(where):
        surroundings.report.warn(
            node.place, "others on this machine can read this file; chmod o-r takes that from them"
        )


def others_can_read(where: Path) -> bool:
    """True when the file's mode lets everybody read it; folders above it may still keep them out."""
    try:
        return bool(where.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
