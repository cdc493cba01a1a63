"""One listener's policy, as the bind flow reads it, and who is exempt from the second factor.

Owns the frozen settings of the first floor and the exemption rules (design 4.4). It must not know the
configuration file, nor how an entry is looked up.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from ldapproxy.auth.outcomes import Entry, Factor, FailMode, Reason
from ldapproxy.auth.usernames import Rewrite
from ldapproxy.auth.usernames import UsernameSource as UsernameSource
from ldapproxy.ldap.admission import Anonymous as Anonymous
from ldapproxy.ldap.dn import DistinguishedName

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class ExemptDn:
    """One account is exempt. An empty `networks` means from anywhere."""

    dn: DistinguishedName
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class ExemptSubtree:
    """Every account in the subtree (its base included) is exempt."""

    base: DistinguishedName
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class ExemptGroup:
    """Every member of the group is exempt."""

    group: DistinguishedName
    networks: tuple[Network, ...] = ()


Exemption = ExemptDn | ExemptSubtree | ExemptGroup


@dataclass(frozen=True, slots=True)
class ListenerPolicy:
    """What a listener asks of a bind. The fields are those of `listeners:` in the configuration.

    Attributes:
        listener: the listener's name.
        fail_mode: what happens while Duo cannot be reached.
        factors: the factors that may be used.
        delimiter: between password and factor choice; None when no credential is ever split.
        bind_timeout: seconds for the whole bind, push included.
        anonymous: what anonymous sessions may do.
        username: where Duo's user name comes from.
        exempt: exemptions, in the order of the configuration; the first that applies names the reason.
        require_group: only members of this group may log in; None when anybody may.
        client_is_user: True when the client address is the person's own and goes to Duo as `ipaddr`.
        confidentiality_required: True when nothing but StartTLS and root DSE reads is answered in clear text.
        remembers: True when logins are remembered (`remember.for`).
        shared: accounts of several people, whose logins ask all their devices at once.
        rewrites: what becomes of the name before it is sent to Duo.
        nobody: the name of no entry, below the directory's `base_dn`. A bare account name that is nobody's is
            sent on under it, so that the answer is the directory's own to a login that does not exist. None
            when bare account names are not looked up.
        confirms_names: True with Active Directory, which takes a DN that is no entry's for another name,
            perhaps somebody's displayName (MS-ADTS section 5.1.1.1.1): who is exempt by a DN has to be it.
    """

    listener: str
    fail_mode: FailMode
    factors: frozenset[Factor]
    delimiter: str | None
    bind_timeout: float
    anonymous: Anonymous
    username: UsernameSource
    exempt: tuple[Exemption, ...]
    require_group: DistinguishedName | None
    client_is_user: bool
    confidentiality_required: bool
    remembers: bool = False
    shared: frozenset[DistinguishedName] = frozenset()
    rewrites: tuple[Rewrite, ...] = ()
    nobody: DistinguishedName | None = None
    confirms_names: bool = False

    @property
    def groups(self) -> frozenset[DistinguishedName]:
        """The groups whose membership a look-up has to find out."""
        groups = {rule.group for rule in self.exempt if isinstance(rule, ExemptGroup)}
        if self.require_group is not None:
            groups.add(self.require_group)
        return frozenset(groups)


def exempt_by_name(policy: ListenerPolicy, dn: DistinguishedName, client: Address) -> Reason | None:
    """The reason why this name is exempt without a look-up, or None.

    An empty name is never exempt.
    """
    if dn.is_empty:
        return None
    for rule in policy.exempt:
        match rule:
            case ExemptDn(exempt_dn, networks) if dn == exempt_dn and _covers(networks, client):
                return Reason.EXEMPT_DN
            case ExemptSubtree(base, networks) if dn.is_within(base) and _covers(networks, client):
                return Reason.EXEMPT_SUBTREE
            case _:
                pass
    return None


def exempt_by_group(policy: ListenerPolicy, entry: Entry, client: Address) -> Reason | None:
    """The reason why this entry is exempt by its groups, or None."""
    for rule in policy.exempt:
        match rule:
            case ExemptGroup(group, networks) if group in entry.groups and _covers(networks, client):
                return Reason.EXEMPT_GROUP
            case _:
                pass
    return None


def _covers(networks: tuple[Network, ...], client: Address) -> bool:
    if not networks:
        return True
    if isinstance(client, IPv6Address) and client.ipv4_mapped is not None:
        client = client.ipv4_mapped
    return any(client in network for network in networks)
