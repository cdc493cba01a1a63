"""The audit log, read while it grows and is rotated away.

Owns which lines were read already. It must not know what they mean.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Line:
    """What the soak looks at of one bind."""

    listener: str
    address: str
    name: str
    verdict: str
    reason: str
    second_factor: str | None
    code: int | None


class AuditLog:
    """The lines of one audit log, in whatever files they are by now.

    Args:
        file: where the proxy writes; `FILE.*` are rotated ones.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read: dict[int, int] = {}

    def new_lines(self) -> list[Line]:
        """The whole lines that came since the last call."""
        lines = []
        for file in self._file.parent.glob(f"{self._file.name}*"):
            with file.open("rb") as opened:
                inode = file.stat().st_ino
                opened.seek(self._read.get(inode, 0))
                data = opened.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._read[inode] = self._read.get(inode, 0) + len(whole)
            lines += [_line(raw) for raw in whole.splitlines()]
        return lines


def _line(raw: bytes) -> Line:
    fields = json.loads(raw)
    assert fields["event"] == "bind", fields
    return Line(
        fields["listener"],
        fields["client_address"],
        fields["name"],
        fields["verdict"],
        fields["reason"],
        fields["second_factor"],
        fields["result_code"],
    )
