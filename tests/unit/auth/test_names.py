"""Which form a name has."""

from __future__ import annotations

import pytest

from ldapproxy.auth.names import AccountName, LoginName, as_account_name, as_dn, as_login_name


@pytest.mark.parametrize(
    "name", ["alice", "Alice Adams", "a", "zoë", "S-1-5-21-1-2-3-500", "a/b", "*", "a" * 256]
)
def test_bare_account_names(name: str) -> None:
    assert as_account_name(name) == AccountName(name)
    assert as_dn(name) is None


@pytest.mark.parametrize(
    "name", ["", "  ", "alice@example.com", "@", "EXAMPLE\\alice", "uid=alice", "uid=alice;o=x", "a" * 257]
)
def test_other_names(name: str) -> None:
    assert as_account_name(name) is None


def test_distinguished_names() -> None:
    name = as_dn("UID=Alice, o=x")
    assert name is not None
    assert name.normalised == "uid=alice,o=x"
    nameless = as_dn("")
    assert nameless is not None
    assert nameless.is_empty
    assert as_dn("uid=alice;o=x") is None, "directories read this in different ways"


@pytest.mark.parametrize(
    "name", ["alice@example.com", "EXAMPLE\\alice", "a@b@c", "uid=alice@example.com;o=x", "a@" + "b" * 510]
)
def test_login_names(name: str) -> None:
    assert as_login_name(name) == LoginName(name)


@pytest.mark.parametrize("name", ["", "alice", "mail=a@example.com,o=x", "a@" + "b" * 511])
def test_what_is_no_login_name(name: str) -> None:
    assert as_login_name(name) is None
