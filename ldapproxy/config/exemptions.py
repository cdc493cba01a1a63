"""`exempt:` of a listener: who needs no second factor.

Owns how an exemption is written, and the warnings about one that does nothing, or too much. It must not know
how one is applied.
"""

from __future__ import annotations

from collections.abc import Callable

from ldapproxy.auth.policy import ExemptDn, ExemptGroup, Exemption, ExemptSubtree, Network
from ldapproxy.config import addresses, names, values
from ldapproxy.config.document import Node
from ldapproxy.config.problems import Report
from ldapproxy.config.sections import Section
from ldapproxy.config.values import Invalid, Parser
from ldapproxy.ldap.dn import DistinguishedName

_KINDS: dict[str, Callable[[DistinguishedName, tuple[Network, ...]], Exemption]] = {
    "dn": ExemptDn,
    "subtree": ExemptSubtree,
    "group": ExemptGroup,
}


def exemption(node: Node) -> Exemption:
    """One item of `exempt`: exactly one of `dn`, `subtree` and `group`, and perhaps `networks`."""
    report = Report()
    section = Section(node, report)
    kinds = [kind for kind in _KINDS if section.given(kind)]
    found = [section.require(kind, names.distinguished_name) for kind in kinds]
    networks = section.read(
        "networks",
        # The policy reads "no networks" as "from anywhere"; nobody who writes [] means that.
        values.list_of(addresses.network, if_empty="must name at least one network; leave it out for any"),
        default=(),
    )
    section.finish()
    if section.is_map and len(kinds) != 1:
        report.error(node.place, "must have exactly one of dn, subtree and group")
    if report.errors or not found or found[0] is None:
        raise Invalid(report.errors)
    return _KINDS[kinds[0]](found[0], networks)


exemptions: Parser[tuple[Exemption, ...]] = values.list_of(exemption)


def warn_about_exemptions(
    listener: Section,
    exempt: tuple[Exemption, ...],
    networks: tuple[Network, ...],
    base_dn: DistinguishedName | None,
) -> None:
    """Notes exemptions that never apply, and those that leave nobody with a second factor.

    Args:
        listener: the listener's section; the warnings stand at its `exempt`.
        exempt: its exemptions.
        networks: the clients that may connect to it.
        base_dn: that of its directory; None when the directory's section is wrong.
    """
    for index, rule in enumerate(exempt):
        item = f"item {index + 1}"
        if rule.networks and not any(_overlap(one, other) for one in rule.networks for other in networks):
            listener.warn(
                "exempt", f"{item} has no effect: the listener's networks let none of its networks connect"
            )
        if base_dn is None:
            continue
        match rule:
            case ExemptSubtree(base, from_networks) if base_dn.is_within(base):
                whom = "everybody from its networks" if from_networks else "everybody"
                listener.warn(
                    "exempt", f"{item} holds the whole base_dn: {whom} gets in without a second factor"
                )
            case ExemptDn(dn):
                if any(
                    isinstance(other, ExemptSubtree) and not other.networks and dn.is_within(other.base)
                    for other in exempt
                ):
                    listener.warn("exempt", f"{item} has no effect: it is in a subtree that is exempt")
            case _:
                pass


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)
