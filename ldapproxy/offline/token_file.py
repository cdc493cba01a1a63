"""Hardware tokens from a CSV file, as vendors deliver their secrets. Pure.

Owns the file's form, and reports everything that is wrong with it at once. It must not know whose account a
name is.

    account,label,secret_hex,algorithm,digits,period
    alice,Token 4711,3132333435363738393031323334353637383930,sha1,6,30

The first line names the columns: `account`, `label`, and `secret_hex` or `secret_base32` (which of them a
secret is cannot be told from looking at it); `algorithm` (sha1), `digits` (6) and `period` (30) may be left
out, or left empty. Columns are separated by commas or, as some spreadsheets have it, by semicolons.
"""

from __future__ import annotations

import base64
import binascii
import csv
from collections.abc import Callable
from dataclasses import dataclass

from ldapproxy.offline.codes import DIGITS, PERIODS, SHORTEST_SECRET, Algorithm, TotpKey
from ldapproxy.secret import Secret

MOST_LINES = 1_001
"""A thousand tokens: they are added in one transaction, and on SQLite every login waits for its end."""

_NEEDED = {"account", "label"}
_OPTIONAL = {"algorithm", "digits", "period"}


@dataclass(frozen=True, slots=True)
class Token:
    """One line of the file: which account, which label, which key; and where it stood."""

    line: int
    account: str
    label: str
    key: TotpKey


class TokenFileError(ValueError):
    """The file cannot be used.

    Attributes:
        problems: everything that is wrong, a sentence each. Secrets are never quoted.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def read(content: Secret) -> tuple[Token, ...]:
    """The tokens in a file.

    Args:
        content: the whole file, UTF-8.

    Raises:
        TokenFileError: something is wrong with it.
    """
    try:
        lines = content.reveal_text().removeprefix("\ufeff").splitlines()
    except ValueError:
        raise TokenFileError(["the file is not UTF-8; save it as CSV in UTF-8"]) from None
    if len(lines) > MOST_LINES:
        raise TokenFileError([f"the file has more than {MOST_LINES} lines; split it"])
    delimiter = ";" if lines and ";" in lines[0] else ","
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        columns = [name.strip().lower() for name in next(rows, [])]
        decode = _secret_column(columns)
        problems: list[str] = []
        tokens = []
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            try:
                tokens.append(_token(rows.line_num, columns, row, decode))
            except ValueError as error:
                problems.append(f"line {rows.line_num}: {error}")
    except csv.Error:
        raise TokenFileError([f"line {rows.line_num}: is no CSV; look at its quotes"]) from None
    problems += _duplicates(tokens)
    if not tokens and not problems:
        problems.append("the file holds no token; write one line for each below the first")
    if problems:
        raise TokenFileError(problems)
    return tuple(tokens)


def _secret_column(columns: list[str]) -> tuple[str, Callable[[str], bytes]]:
    """The name of the column with the secrets, and how they are written."""
    ways = {name: decode for name, decode in _DECODERS.items() if name in columns}
    missing = sorted(_NEEDED - set(columns))
    unknown = sorted(set(columns) - _NEEDED - _OPTIONAL - set(_DECODERS))
    if missing or unknown or len(ways) != 1 or len(set(columns)) != len(columns):
        raise TokenFileError(
            [
                "line 1: must name the columns account, label, and secret_hex or secret_base32, each once; "
                "algorithm, digits and period may follow, nothing else"
            ]
        )
    return next(iter(ways.items()))


def _token(
    line: int, columns: list[str], row: list[str], secret_column: tuple[str, Callable[[str], bytes]]
) -> Token:
    if len(row) != len(columns):
        raise ValueError(f"has {len(row)} columns where line 1 has {len(columns)}")
    cells = {name: cell.strip() for name, cell in zip(columns, row, strict=True)}
    for name in ("account", "label"):
        if not cells[name]:
            raise ValueError(f"{name} is empty")
    name, decode = secret_column
    try:
        secret = decode(cells[name])
    except (ValueError, binascii.Error):
        raise ValueError(f"{name} cannot be decoded") from None
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(
            f"the secret has {len(secret) * 8} bits, and {SHORTEST_SECRET * 8} are needed (RFC 4226); "
            "use another token"
        )
    try:
        algorithm = Algorithm((cells.get("algorithm") or "sha1").lower().replace("-", ""))
    except ValueError:
        raise ValueError("algorithm must be sha1, sha256 or sha512") from None
    key = TotpKey(
        Secret(secret), algorithm, _number(cells, "digits", DIGITS), _number(cells, "period", PERIODS)
    )
    return Token(line, cells["account"], cells["label"], key)


def _number(cells: dict[str, str], name: str, allowed: tuple[int, ...]) -> int:
    text = cells.get(name) or str(allowed[0])
    if text not in map(str, allowed):
        raise ValueError(f"{name} must be {' or '.join(map(str, allowed))}")
    return int(text)


def _duplicates(tokens: list[Token]) -> list[str]:
    """A secret that two lines share: one token cannot be in two hands."""
    first: dict[bytes, int] = {}
    found = []
    for token in tokens:
        line = first.setdefault(token.key.secret.reveal(), token.line)
        if line != token.line:
            found.append(f"line {token.line}: has the secret of line {line}; each token has its own")
    return found


def _base32(text: str) -> bytes:
    compact = text.replace(" ", "").rstrip("=").upper()
    return base64.b32decode(compact + "=" * (-len(compact) % 8))


_DECODERS: dict[str, Callable[[str], bytes]] = {"secret_hex": bytes.fromhex, "secret_base32": _base32}
