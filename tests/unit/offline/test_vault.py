"""ldapproxy/offline/vault.py."""

from __future__ import annotations

import base64

import pytest
from cryptography.fernet import Fernet

from ldapproxy.offline.vault import UnreadableSecretError, Vault, parse_keys
from ldapproxy.secret import Secret

OLD, NEW = (Secret(Fernet.generate_key()) for _ in range(2))


def test_a_secret_comes_back_for_its_owner_only() -> None:
    vault = Vault([OLD])
    sealed = vault.seal(Secret(b"\0\xff secret"), "alice/1")
    assert vault.unseal(sealed, "alice/1") == Secret(b"\0\xff secret")
    with pytest.raises(UnreadableSecretError, match="for another authenticator"):
        vault.unseal(sealed, "mallory/1")


def test_nothing_of_a_secret_is_seen() -> None:
    sealed = Vault([OLD]).seal(Secret(b"plain text"), "alice/1")
    assert b"plain" not in base64.urlsafe_b64decode(sealed)


def test_every_change_is_noticed() -> None:
    sealed = Vault([OLD]).seal(Secret(b"secret"), "alice/1")
    for place in range(0, len(sealed) - 2, 7):
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        with pytest.raises(UnreadableSecretError):
            Vault([OLD]).unseal(changed, "alice/1")


@pytest.mark.parametrize("text", ["", "x", "not a token \N{SNOWMAN}", "gAAAAA=="])
def test_what_was_never_sealed_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableSecretError):
        Vault([OLD]).unseal(text, "alice/1")


def test_the_first_key_encrypts_and_the_others_still_decrypt() -> None:
    of_old = Vault([OLD]).seal(Secret(b"secret"), "alice/1")
    both = Vault([NEW, OLD])
    assert both.unseal(of_old, "alice/1") == Secret(b"secret")
    of_both = both.seal(Secret(b"secret"), "alice/1")
    assert Vault([NEW]).unseal(of_both, "alice/1") == Secret(b"secret")
    with pytest.raises(UnreadableSecretError, match="none of the encryption keys fits"):
        Vault([OLD]).unseal(of_both, "alice/1")


def test_resealing_moves_a_secret_to_the_first_key() -> None:
    sealed = Vault([OLD]).seal(Secret(b"secret"), "alice/1")
    assert Vault([NEW]).unseal(Vault([NEW, OLD]).reseal(sealed), "alice/1") == Secret(b"secret")
    with pytest.raises(UnreadableSecretError):
        Vault([NEW]).reseal(sealed)


def test_a_key_file() -> None:
    text = b"# the new one\r\n" + NEW.reveal() + b"\r\n\n  " + OLD.reveal() + b"  \n"
    assert parse_keys(Secret(text)) == (NEW, OLD)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no key; make one with: openssl"),
        ("# none yet\n", "holds no key"),
        ("hunter2\n", "line 1 is not a Fernet key"),
        (OLD.reveal_text() + "\n\nc2hvcnQ=\n", "line 3 is not a Fernet key"),
    ],
    ids=["empty", "a remark", "a password", "too short"],
)
def test_a_file_without_a_usable_key(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refused:
        parse_keys(Secret(text))
    assert "hunter2" not in str(refused.value)


def test_the_advised_command_makes_a_key() -> None:
    made = base64.b64encode(bytes(range(200, 232))).translate(bytes.maketrans(b"+/", b"-_"))
    assert parse_keys(Secret(made)) == (Secret(made),)


def test_a_vault_needs_a_key() -> None:
    with pytest.raises(ValueError, match="no encryption key"):
        Vault([])
