"""`exempt:` of a listener."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
import yaml

from ldapproxy.auth.policy import ExemptDn, ExemptGroup, ExemptSubtree
from ldapproxy.config.exemptions import exemption
from ldapproxy.ldap.dn import DistinguishedName
from tests.unit.config.sample import Sample, node, refusal

DN = DistinguishedName.parse


def test_the_three_kinds() -> None:
    assert exemption(node("{dn: 'cn=a,dc=example'}")) == ExemptDn(DN("cn=a,dc=example"))
    assert exemption(node("{subtree: 'ou=a,dc=example'}")) == ExemptSubtree(DN("ou=a,dc=example"))
    assert exemption(node("{networks: [10.1.0.0/16, '::1'], group: 'cn=a,dc=example'}")) == ExemptGroup(
        DN("cn=a,dc=example"), (ip_network("10.1.0.0/16"), ip_network("::1"))
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cn=a", "must be a map: keys with a colon behind them, indented under it"),
        ("{}", "must have exactly one of dn, subtree and group"),
        ("{networks: [10.0.0.0/8]}", "must have exactly one of dn, subtree and group"),
        ("{dn: cn=a, group: cn=b}", "must have exactly one of dn, subtree and group"),
        ("{dn: ''}", "is empty"),
        ("{subtree: ''}", "is empty"),
        ("{subtree: ' '}", "is empty"),
        ("{subtree: }", "has no value; write a text, or leave the line out"),
        ("{group: admins}", "must be a distinguished name such as ou=people,dc=example,dc=com"),
        ("{dn: cn=a, networks: []}", "must name at least one network; leave it out for any"),
        ("{dn: cn=a, networks: }", "has no value; write a list, or leave the line out"),
        ("{dn: cn=a, networks: 10.0.0.0/8}", "must be a list"),
        ("{dn: cn=a, networks: [10.0.0.1/8]}", "has bits behind its prefix; the network is 10.0.0.0/8"),
        ("{dn: cn=a, network: [10.0.0.0/8]}", "is not a known key; did you mean networks?"),
        ("{user: cn=a}", "is not a known key; known here are dn, subtree, group, networks"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    assert why in refusal(exemption, text)


def test_every_mistake_of_an_item_has_its_own_place(sample: Sample) -> None:
    sample.listener["exempt"] = yaml.safe_load(
        "[{dn: 'cn=a,dc=example,dc=com'}, {dn: x, networks: [y]}, {dn: 'CN=a, dc=example,dc=com'}]"
    )
    problems = sample.problems()
    assert [problem.partition(":")[0] for problem in problems] == [
        "listeners.vpn.exempt[1].dn",
        "listeners.vpn.exempt[1].networks[0]",
        "listeners.vpn.exempt[2]",
    ]
    assert problems[2].endswith("is listed twice")


def warnings(sample: Sample, exempt: str, networks: list[str] | None = None) -> list[str]:
    sample.listener["exempt"] = yaml.safe_load(exempt)
    if networks is not None:
        sample.listener["networks"] = networks
    return [warning.removeprefix("listeners.vpn.exempt: ") for warning in sample.warnings()]


def test_an_exemption_of_everybody_is_a_warning(sample: Sample) -> None:
    assert warnings(sample, "[{subtree: 'DC=example, dc=com'}]") == [
        "item 1 holds the whole base_dn: everybody gets in without a second factor"
    ]
    assert warnings(sample, "[{subtree: 'dc=com', networks: [10.0.0.0/8]}]") == [
        "item 1 holds the whole base_dn: everybody from its networks gets in without a second factor"
    ]
    assert warnings(sample, "[{subtree: 'ou=people,dc=example,dc=com'}]") == []


def test_an_exemption_from_networks_that_cannot_connect_is_a_warning(sample: Sample) -> None:
    exempt = "[{dn: 'cn=a,dc=example,dc=com', networks: [10.1.0.0/16, '2001:db8::/32']}]"
    assert warnings(sample, exempt) == []
    assert warnings(sample, exempt, ["10.0.0.0/8"]) == []
    assert warnings(sample, exempt, ["192.0.2.0/24", "::1"]) == [
        "item 1 has no effect: the listener's networks let none of its networks connect"
    ]


def test_an_exempt_name_in_an_exempt_subtree_is_a_warning(sample: Sample) -> None:
    name = "{dn: 'cn=a,ou=services,dc=example,dc=com'}"
    subtree = "subtree: 'ou=services,dc=example,dc=com'"
    assert warnings(sample, f"[{name}, {{{subtree}}}]") == [
        "item 1 has no effect: it is in a subtree that is exempt"
    ]
    assert warnings(sample, f"[{name}, {{{subtree}, networks: [10.0.0.0/8]}}]") == []
