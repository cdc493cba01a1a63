"""Secrets at rest: encrypted with Fernet keys from a file.

Owns encryption, and what a key must look like. It must not know what the secrets are for.

Each secret is bound to its owner: who can write to the store, but has no key, cannot give a person's
authenticator to somebody else.

Rotation, with several proxies on one store: add the new key as the last one everywhere and restart; move it
to the front everywhere and restart; re-encrypt (`Administration.reencrypt`); remove the old key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ldapproxy.secret import Secret

_HOW_TO_MAKE_ONE = "make one with: openssl rand -base64 32 | tr '+/' '-_'"
_OWNER_LENGTH = 32


class UnreadableSecretError(Exception):
    """A secret was not encrypted with any of the keys, or for another owner, or it was changed since."""


def parse_keys(text: Secret) -> tuple[Secret, ...]:
    """The keys of a key file: one a line, empty lines and lines that begin with `#` do not count.

    Raises:
        ValueError: there is none, or a line is no Fernet key. The message names the line and quotes nothing.
    """
    keys = []
    for number, line in enumerate(text.reveal().splitlines(), start=1):
        key = Secret(line.strip())
        if not key or key.reveal().startswith(b"#"):
            continue
        try:
            Fernet(key.reveal())
        except ValueError:
            raise ValueError(
                f"line {number} is not a Fernet key (32 bytes in URL-safe base64); {_HOW_TO_MAKE_ONE}"
            ) from None
        keys.append(key)
    if not keys:
        raise ValueError(f"holds no key; {_HOW_TO_MAKE_ONE}")
    return tuple(keys)


class Vault:
    """Encrypts and decrypts.

    Args:
        keys: Fernet keys, at least one. The first encrypts, all of them decrypt.

    Raises:
        ValueError: there is no key, or one is no Fernet key.
    """

    def __init__(self, keys: Sequence[Secret]) -> None:
        if not keys:
            raise ValueError(f"there is no encryption key; {_HOW_TO_MAKE_ONE}")
        self._fernet = MultiFernet([Fernet(key.reveal()) for key in keys])

    def seal(self, secret: Secret, owner: str) -> str:
        """The secret, encrypted for its owner (any text that names one place in the store)."""
        return self._fernet.encrypt(_digest(owner) + secret.reveal()).decode()

    def unseal(self, sealed: str, owner: str) -> Secret:
        """The secret again.

        Raises:
            UnreadableSecretError: no key fits, or it was sealed for another owner, or it was changed.
        """
        try:
            content = self._fernet.decrypt(sealed.encode())
        except InvalidToken:
            raise UnreadableSecretError("none of the encryption keys fits") from None
        if not hmac.compare_digest(content[:_OWNER_LENGTH], _digest(owner)):
            raise UnreadableSecretError("a secret was encrypted for another authenticator")
        return Secret(content[_OWNER_LENGTH:])

    def reseal(self, sealed: str) -> str:
        """The same, encrypted with the first key.

        Raises:
            UnreadableSecretError: no key fits, or it was changed.
        """
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken:
            raise UnreadableSecretError("none of the encryption keys fits") from None


def _digest(owner: str) -> bytes:
    return hashlib.sha256(owner.encode()).digest()
