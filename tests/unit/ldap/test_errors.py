"""The exceptions of the LDAP floor."""

from __future__ import annotations

import pytest

from ldapproxy.ldap.errors import DecodeError, InvalidName, LdapError, MessageTooLarge


@pytest.mark.parametrize("kind", [DecodeError, MessageTooLarge, InvalidName])
def test_whoever_catches_the_floor_s_errors_catches_them_all(kind: type[Exception]) -> None:
    assert issubclass(kind, LdapError)


def test_a_message_that_is_too_large_is_one_that_cannot_be_decoded() -> None:
    assert issubclass(MessageTooLarge, DecodeError)


def test_a_name_that_is_none_is_no_reason_to_end_a_connection() -> None:
    assert not issubclass(InvalidName, DecodeError)
