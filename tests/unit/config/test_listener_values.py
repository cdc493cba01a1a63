"""Factors, delimiter, extended operations, password attributes."""

from __future__ import annotations

import pytest

from ldapproxy.auth.outcomes import Factor
from ldapproxy.config import listener_values
from tests.unit.config.sample import node, refusal


def test_factors() -> None:
    assert listener_values.factors(node("[passcode, push]")) == (Factor.PASSCODE, Factor.PUSH)
    assert refusal(listener_values.factors, "[]") == "lets nobody in; name push, phone or passcode"
    assert refusal(listener_values.factors, "[pusj]") == (
        "must be push, phone or passcode; did you mean push?"
    )
    assert refusal(listener_values.factors, "[push, sms]") == (
        "is no factor of its own: who types sms is sent passcodes, wherever passcode is listed"
    )
    assert refusal(listener_values.factors, "[push, push]") == "is listed twice"
    assert "must be a list" in refusal(listener_values.factors, "push")


@pytest.mark.parametrize("text", ["','", "+", "'#'", "'::'", "' '", "/", "§"])
def test_delimiters(text: str) -> None:
    assert listener_values.delimiter(node(text)) == text.strip("'") or " "


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("''", "is empty; write null if no credential is to be split"),
        ("'---------'", "must be one to eight visible characters"),
        ('"\\n"', "must be one to eight visible characters"),
        ("x", "must not hold letters, digits or @"),
        ("0", "must not hold letters, digits or @"),
        ("',ü'", "must not hold letters, digits or @"),
        ("'@'", "must not hold letters, digits or @"),
        ("yes", "must not hold letters, digits or @"),
        ("[',']", "must be a character such as ',', not a list"),
    ],
)
def test_what_is_no_delimiter(text: str, why: str) -> None:
    assert why in refusal(listener_values.delimiter, text)


def test_extended_operations() -> None:
    assert listener_values.extended_operations(node("[1.3.6.1.4.1.1466.101.119.1]")) == (
        "1.3.6.1.4.1.1466.101.119.1",
    )
    assert listener_values.extended_operations(node("[]")) == ()
    assert refusal(listener_values.extended_operations, "[1.3.6.1.4.1.1466.20037]") == (
        "is StartTLS, which the listener does itself and never relays"
    )
    assert "must be an OID" in refusal(listener_values.extended_operations, "[whoami]")


def test_password_attributes() -> None:
    assert listener_values.password_attributes(node("[userPassword, 2.5.4.35]")) == (
        "userPassword",
        "2.5.4.35",
    )
    assert refusal(listener_values.password_attributes, "[]") == (
        "protects nothing; if applications must be able to test passwords, set allow_password_compare"
    )
    assert "must be the name of an attribute" in refusal(listener_values.password_attributes, "[user pw]")
