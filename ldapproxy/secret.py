"""What must not be shown: passwords, passcodes, keys.

Owns the one type that carries a secret through the program. It must not know where secrets come from or go
to.
"""

from __future__ import annotations

import hmac
from typing import NoReturn, final


@final
class Secret:
    """A secret value that no log, repr, format, pickle or traceback shows by accident.

    Comparison takes constant time for values of equal length. Secrets are not hashable, so that none ends up
    as a dictionary key that is printed somewhere.
    """

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: bytes | str) -> None:
        self._value = value.encode() if isinstance(value, str) else bytes(value)

    def reveal(self) -> bytes:
        """The bytes themselves. Every call of it is a place for a reviewer to look at."""
        return self._value

    def reveal_text(self) -> str:
        """The value as text.

        Raises:
            ValueError: the value is not UTF-8. (Python's own UnicodeDecodeError would carry the bytes.)
        """
        try:
            return self._value.decode()
        except UnicodeDecodeError:
            raise ValueError("the secret is not valid UTF-8") from None

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not to be serialised")
