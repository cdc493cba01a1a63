"""The second line of defence against secrets in lines.

Owns the replacement of known secrets in text. The first line is `secret.Secret`, which never shows what it
holds; this one catches what a library puts into an exception. It knows the secrets of the configuration only:
what people type cannot be known here, and stays inside `Secret`.
"""

from __future__ import annotations

from collections.abc import Iterable

from ldapproxy.secret import Secret

REDACTED = "[redacted]"

# Shorter ones would turn ordinary words into holes; who chooses such a secret is not protected by this
# either.
_SHORTEST = 6


class Redaction:
    """Replaces known secrets.

    Args:
        secrets: the secrets of the configuration; those under 6 characters, or not UTF-8, are left out.
    """

    __slots__ = ("_texts",)

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        texts: set[str] = set()
        for secret in secrets:
            try:
                text = secret.reveal_text()
            except ValueError:
                continue
            if len(text) >= _SHORTEST:
                # As a library's repr() would show it, too.
                texts.update((text, repr(text)[1:-1]))
        # The longest first: one secret may contain another.
        self._texts = sorted(texts, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """`text` without the known secrets."""
        for secret in self._texts:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text

    def __repr__(self) -> str:
        return f"Redaction({len(self._texts)} texts)"
