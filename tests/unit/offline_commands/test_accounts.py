"""Names of accounts, asked of a real slapd."""

from __future__ import annotations

import pytest

from ldapproxy.config.configuration import DirectorySettings
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.offline_commands.accounts import (
    Account,
    NoSuchDirectoryError,
    UnknownAccountError,
    directory_named,
    find,
    find_one,
    identity_in,
)
from tests.support.example_directory import ALICE, BOB, NAMELESS, ODD_NAME, PEOPLE, SEVERAL, UNICODE
from tests.support.example_directory import Account as AccountOfExample
from tests.unit.config.sample import Sample


@pytest.fixture
def corp(sample: Sample) -> DirectorySettings:
    return sample.load().directories[0]


def why(directory: DirectorySettings, name: str) -> str:
    """Why the name is nobody's."""
    with pytest.raises(UnknownAccountError) as caught:
        find_one(directory, name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "account", "shown"),
    [
        ("alice", ALICE, "alice"),
        (ALICE.dn, ALICE, "alice"),
        (f"UID=Alice, {PEOPLE}", ALICE, "alice"),
        ("zoë", UNICODE, "zoë"),
        (ODD_NAME.dn, ODD_NAME, "jsmith"),
        # Without exactly one user name it is the first value of the DN.
        (NAMELESS.dn, NAMELESS, "nameless"),
        (SEVERAL.dn, SEVERAL, "several"),
        ("several-too", SEVERAL, "several"),
    ],
    ids=lambda value: value.dn if isinstance(value, AccountOfExample) else value,
)
def test_a_dn_or_a_user_name(
    corp: DirectorySettings, name: str, account: AccountOfExample, shown: str
) -> None:
    found = find_one(corp, name)
    assert (found.identity, found.name) == (account.entry_uuid, shown)
    assert DistinguishedName.parse(found.dn) == DistinguishedName.parse(account.dn)


def test_many_names_at_once(corp: DirectorySettings) -> None:
    found = find(corp, ["alice", "nobody", BOB.dn, "alice"])
    assert list(found) == ["alice", "nobody", BOB.dn]
    assert isinstance(found["alice"], Account)
    assert isinstance(found["nobody"], UnknownAccountError)
    assert isinstance(found[BOB.dn], Account)


def test_names_that_are_nobodys(corp: DirectorySettings) -> None:
    assert why(corp, "nobody") == "directory corp has nobody with uid 'nobody'"
    assert why(corp, "*") == "directory corp has nobody with uid '*'"
    assert why(corp, f"uid=nobody,{PEOPLE}") == f"directory corp has no entry uid=nobody,{PEOPLE}"
    for empty in ("", " "):
        assert why(corp, empty) == "the name is empty; write a DN or a user name"


def test_a_user_name_of_several(sample: Sample) -> None:
    sample.directory["username_attribute"] = "objectClass"
    why_not = why(sample.load().directories[0], "inetOrgPerson")
    assert why_not == "directory corp has several entries with objectClass 'inetOrgPerson'; write a DN"


def test_the_condition_on_people_holds_here_too(sample: Sample) -> None:
    sample.directory["search_filter"] = "(!(uid=alice))"
    corp = sample.load().directories[0]
    assert find_one(corp, "bob").name == "bob"
    assert why(corp, ALICE.dn) == f"directory corp has no entry {ALICE.dn} that meets search_filter"
    assert why(corp, "alice") == "directory corp has nobody with uid 'alice'"


def test_a_directory_that_is_away(sample: Sample) -> None:
    sample.directory["urls"] = ["ldap://127.0.0.1:1"]
    corp = sample.load().directories[0]
    for name in ("alice", ALICE.dn):
        assert why(corp, name).startswith("directory corp could not be asked: ldap://127.0.0.1:1: ")


def test_which_directory_is_meant(sample: Sample) -> None:
    alone = sample.load()
    assert directory_named(alone, None).name == directory_named(alone, "corp").name == "corp"
    sample.document["directories"]["lab"] = dict(sample.directory)
    both = sample.load()
    assert directory_named(both, "lab").name == "lab"
    with pytest.raises(
        NoSuchDirectoryError, match=r"say which directory is meant: --directory .* corp, lab$"
    ):
        directory_named(both, None)
    with pytest.raises(NoSuchDirectoryError, match="there is no directory 'crop' in the configuration"):
        directory_named(both, "crop")


def test_identities() -> None:
    assert identity_in(ALICE.entry_uuid.upper()) == ALICE.entry_uuid
    for other in ("alice", ALICE.dn, ALICE.entry_uuid[:-1], f"{ALICE.entry_uuid}0", "", "g" * 8):
        assert identity_in(other) is None
