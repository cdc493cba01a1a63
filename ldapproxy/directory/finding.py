"""Finds the one entry that something else than a DN stands for: an account name, a SID, a login name.

Owns what is searched for each of them, and when a hit may count. It must not know ldap3, nor threads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from ldapproxy.auth.names import AccountName, LoginName, SecurityIdentifier
from ldapproxy.auth.outcomes import EntryNotFound, FindOutcome, LookupUnavailable, SeveralEntries
from ldapproxy.directory import entries
from ldapproxy.directory.connection import DirectoryConnection
from ldapproxy.directory.entries import RawEntry, UnusableEntryError
from ldapproxy.directory.settings import LookupSettings
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.errors import InvalidName

_ACCOUNT_NAME = "sAMAccountName"


def find(
    connection: DirectoryConnection,
    settings: LookupSettings,
    by: AccountName | SecurityIdentifier | LoginName,
) -> FindOutcome:
    """Finds the entry below `base_dn`.

    Raises:
        ServerFailedError: there was no usable answer.
        RequestRefusedError: the server refuses the search.
        UnusableEntryError: the entry's name cannot be read.
    """
    match by:
        case AccountName(text):
            if settings.username_search is None:
                return LookupUnavailable("bare account names are not looked up: there is no username_search")
            condition = entries.account_filter(settings.username_search, text, settings.search_filter)
            return _only(_search(connection, settings, condition))
        case SecurityIdentifier(value):
            return _only(_search(connection, settings, entries.identifier_filter(value)))
        case LoginName(text):
            return _by_readings(connection, settings, text)
        case _:
            assert_never(by)


def _by_readings(connection: DirectoryConnection, settings: LookupSettings, name: str) -> FindOutcome:
    r"""The entry that a name stands for in every reading of Active Directory's (MS-ADTS section 5.1.1.1.1).

    `alice@example.com` may be a userPrincipalName, or alice of the domain example.com; `EXAMPLE\alice` is
    alice of the domain with that NetBIOS name. One person's userPrincipalName may be what another one's
    account name looks like: then both are found, whoever's password it was, and nobody is let in. The account
    name counts only in the domain that `base_dn` is in: there is another alice in another domain.
    """
    account, domain = _account_and_domain(name)
    explicit = entries.equal(settings.upn_attribute, name)
    implicit = entries.equal(_ACCOUNT_NAME, account) if account and domain else ""
    found = _only(_search(connection, settings, f"(|{explicit}{implicit})"))
    if not isinstance(found, DistinguishedName):
        return found
    is_explicit = bool(connection.read(found.text, explicit, ()))
    return found if is_explicit or _is_own_domain(connection, settings, domain) else EntryNotFound()


def _account_and_domain(name: str) -> tuple[str, str]:
    r"""The two parts of `account@domain` or of `domain\account`; both empty for any other name."""
    if "\\" in name:
        domain, _, account = name.partition("\\")
    else:
        account, at, domain = name.rpartition("@")
        if not at:
            return "", ""
    return account, domain


def _is_own_domain(connection: DirectoryConnection, settings: LookupSettings, domain: str) -> bool:
    """Whether this is a name of the domain that `base_dn` is in: its DNS name or its NetBIOS name."""
    if not domain:
        return False
    if domain.lower() == _dns_name(settings.base_dn).lower():
        return True
    for root in connection.read("", entries.ANY_ENTRY, ("configurationNamingContext",)):
        for configuration in root.attributes.get("configurationNamingContext", ()):
            # MS-ADTS section 6.1.1.2.1.1: one crossRef for each domain of the forest.
            domains = connection.read(
                f"CN=Partitions,{configuration.decode(errors='replace')}",
                "(&(objectClass=crossRef)(nETBIOSName=*)"
                f"(|{entries.equal('nETBIOSName', domain)}{entries.equal('dnsRoot', domain)}))",
                ("nCName",),
                below=True,
            )
            return any(settings.base_dn.is_within(name) for name in _values_as_names(domains, "nCName"))
    return False


def _dns_name(name: DistinguishedName) -> str:
    """The DNS name of a DN's `dc=` components (RFC 2247); empty if there are none."""
    labels = []
    above: DistinguishedName | None = name
    while above is not None and not above.is_empty:
        if above.normalised.startswith("dc="):
            labels.append(above.first_value)
        above = above.parent
    return ".".join(labels)


def _search(
    connection: DirectoryConnection, settings: LookupSettings, condition: str
) -> tuple[RawEntry, ...]:
    return connection.read(settings.base_dn.text, condition, (), below=True)


def _only(found: tuple[RawEntry, ...]) -> FindOutcome:
    match found:
        case ():
            return EntryNotFound()
        case (entry,):
            return entries.name_of(entry)
        case _:
            return SeveralEntries()


def _values_as_names(found: Iterable[RawEntry], attribute: str) -> Iterable[DistinguishedName]:
    for entry in found:
        for value in entry.attributes.get(attribute, ()):
            try:
                yield DistinguishedName.parse(value.decode())
            except (UnicodeDecodeError, InvalidName):
                raise UnusableEntryError(f"a value of {attribute} is no distinguished name") from None
