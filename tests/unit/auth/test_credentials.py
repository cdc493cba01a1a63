"""Every form of a credential, and what must not be taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.auth.credentials import Auto, FactorChoice, NamedDevice, Passcode, Phone, Push, Sms, split
from ldapproxy.secret import Secret

YUBIKEY = "cccccccccccb" + "cbdefghijklnrtuv" * 2
assert len(YUBIKEY) == 44


@pytest.mark.parametrize(
    ("credential", "password", "choice"),
    [
        ("secret", "secret", Auto()),
        ("secret,push", "secret", Push(1)),
        ("secret,PUSH", "secret", Push(1)),
        ("secret,push2", "secret", Push(2)),
        ("secret,phone", "secret", Phone(1)),
        ("secret,phone2", "secret", Phone(2)),
        ("secret,sms", "secret", Sms(1)),
        ("secret,sms3", "secret", Sms(3)),
        ("secret,@Alice's phone", "secret", NamedDevice("Alice's phone")),
        ("secret,@Žofie", "secret", NamedDevice("Žofie")),
        ("secret,123456", "secret", Passcode(Secret("123456"))),
        ("secret,123456789", "secret", Passcode(Secret("123456789"))),
        (f"secret,{YUBIKEY}", "secret", Passcode(Secret(YUBIKEY))),
        ("a,b,c,push", "a,b,c", Push(1)),
        (",push", "", Push(1)),
        (",123456", "", Passcode(Secret("123456"))),
        # Not a form: all of it is the password.
        ("a,b", "a,b", Auto()),
        ("secret,", "secret,", Auto()),
        ("secret,12345", "secret,12345", Auto()),
        ("secret,1234567890", "secret,1234567890", Auto()),
        ("secret,12345\uff16", "secret,12345\uff16", Auto()),
        ("secret, push", "secret, push", Auto()),
        ("secret,push0", "secret,push0", Auto()),
        ("secret,push10", "secret,push10", Auto()),
        ("secret,pushy", "secret,pushy", Auto()),
        ("secret,@", "secret,@", Auto()),
        ("secret,123456\n", "secret,123456\n", Auto()),
        (f"secret,{YUBIKEY[:-1]}", f"secret,{YUBIKEY[:-1]}", Auto()),
        (f"secret,{YUBIKEY[:-1]}a", f"secret,{YUBIKEY[:-1]}a", Auto()),
        ("push", "push", Auto()),
        ("123456", "123456", Auto()),
    ],
)
def test_forms(credential: str, password: str, choice: FactorChoice) -> None:
    assert split(Secret(credential), ",") == (Secret(password), choice)


def test_another_delimiter_of_several_characters() -> None:
    assert split(Secret("a,push::push2"), "::") == (Secret("a,push"), Push(2))


def test_without_a_delimiter_nothing_is_split() -> None:
    credential = Secret("secret,push")
    assert split(credential, None) == (credential, Auto())


def test_what_is_not_split_is_the_same_object() -> None:
    """The bind flow tells by identity that the client's request can travel as it came."""
    credential = Secret("a,b")
    assert split(credential, ",")[0] is credential


@given(st.binary(max_size=80))
def test_any_bytes_split_into_parts_that_make_the_whole(raw: bytes) -> None:
    password, choice = split(Secret(raw), ",")
    if choice == Auto():
        assert password.reveal() == raw
    else:
        assert raw.startswith(password.reveal() + b",")


@given(st.text(max_size=30), st.sampled_from(["push", "push2", "phone", "sms", "123456", "@x"]))
def test_the_last_delimiter_counts(password: str, suffix: str) -> None:
    found, choice = split(Secret(f"{password},{suffix}"), ",")
    assert found == Secret(password)
    assert choice != Auto()
