"""Known secrets do not appear in text."""

from __future__ import annotations

from ldapproxy.observe.redaction import REDACTED, Redaction
from ldapproxy.secret import Secret


def test_known_secrets_are_replaced_wherever_they_stand() -> None:
    redaction = Redaction([Secret("hunter2-hunter2"), Secret("s3cret-key")])
    assert (
        redaction("a hunter2-hunter2, s3cret-key!hunter2-hunter2") == f"a {REDACTED}, {REDACTED}!{REDACTED}"
    )


def test_a_secret_that_contains_another_goes_as_a_whole() -> None:
    assert Redaction([Secret("secret"), Secret("secret-and-more")])("secret-and-more") == REDACTED


def test_a_secret_is_found_as_repr_shows_it() -> None:
    secret = "back\\slash'quote"
    assert "slash" not in Redaction([Secret(secret)])(f"bad value {secret!r}")


def test_short_secrets_make_no_holes_in_words() -> None:
    assert Redaction([Secret("ldap")])("ldap is down") == "ldap is down"


def test_a_secret_that_is_no_text_is_left_out() -> None:
    assert Redaction([Secret(b"\xff\xfe\xfd\xfc\xfb\xfa\xf9")])("text") == "text"


def test_it_does_not_show_what_it_knows() -> None:
    assert "hunter2" not in repr(Redaction([Secret("hunter2-hunter2")]))
