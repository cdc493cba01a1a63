"""`listeners:`: settings, defaults, bounds, and what is worth a warning."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from ldapproxy.auth.outcomes import Factor, FailMode
from ldapproxy.auth.policy import Anonymous, ExemptGroup, ListenerPolicy, UsernameSource
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.net.settings import StartTls
from tests.unit.config.sample import Sample


def test_the_defaults(sample: Sample) -> None:
    (listener,) = sample.load().listeners
    assert listener.policy == ListenerPolicy(
        listener="vpn",
        fail_mode=FailMode.CLOSED,
        factors=frozenset({Factor.PUSH, Factor.PHONE, Factor.PASSCODE}),
        delimiter=",",
        bind_timeout=60.0,
        anonymous=Anonymous.ROOT_DSE,
        username=UsernameSource.ATTRIBUTE,
        exempt=(),
        require_group=None,
        client_is_user=False,
        confidentiality_required=False,
    )
    assert (listener.name, listener.host, listener.port) == ("vpn", "127.0.0.1", 389)
    assert (listener.ldaps, listener.tls, listener.start_tls) == (False, None, StartTls.REQUIRED)
    assert (listener.directory, listener.duo) == ("corp", "prod")
    assert listener.networks == (ip_network("0.0.0.0/0"), ip_network("::/0"))
    assert listener.search_after_bind
    assert not listener.allow_password_compare
    assert listener.extended_operations == ()
    assert listener.password_attributes == (
        "userPassword",
        "unicodePwd",
        "dBCSPwd",
        "authPassword",
        "sambaNTPassword",
        "sambaLMPassword",
        "olcRootPW",
    )


def test_every_setting(sample: Sample) -> None:
    sample.listener.update(
        url="ldap://[::1]:1389",
        fail_mode="open",
        factors=["push", "passcode"],
        delimiter=None,
        bind_timeout="30s",
        anonymous="deny",
        allow_password_compare=True,
        username="rdn",
        exempt=[{"group": "cn=robots,dc=example,dc=com"}],
        require_group="cn=vpn,dc=example,dc=com",
        networks=["::1"],
        extended_operations=["1.3.6.1.4.1.1466.101.119.1"],
        search_after_bind=False,
        client_is_user=True,
        password_attributes=["userPassword", "hrPin"],
    )
    (listener,) = sample.load().listeners
    assert listener.policy == ListenerPolicy(
        listener="vpn",
        fail_mode=FailMode.OPEN,
        factors=frozenset({Factor.PUSH, Factor.PASSCODE}),
        delimiter=None,
        bind_timeout=30.0,
        anonymous=Anonymous.DENY,
        username=UsernameSource.RDN,
        exempt=(ExemptGroup(DistinguishedName.parse("cn=robots,dc=example,dc=com")),),
        require_group=DistinguishedName.parse("cn=vpn,dc=example,dc=com"),
        client_is_user=True,
        confidentiality_required=False,
    )
    assert (listener.host, listener.port) == ("::1", 1389)
    assert listener.networks == (ip_network("::1/128"),)
    assert not listener.search_after_bind
    assert listener.allow_password_compare
    assert listener.password_attributes == ("userPassword", "hrPin")
    assert listener.extended_operations == ("1.3.6.1.4.1.1466.101.119.1",)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("url", "127.0.0.1:389", "url: must be a URL"),
        ("url", "http://127.0.0.1:389", "url: must begin with ldap:// or ldaps://"),
        ("url", "ldap://vpn.example.com", "url: must name an address, not a host"),
        ("url", "ldap://127.0.0.1:0", "url: must have a port between 1 and 65535"),
        ("directory", "corporate", "directory: is no directory; those in the file are corp"),
        ("duo", "prd", "duo: is no Duo application; those in the file are prod; did you mean prod?"),
        ("fail_mode", "secure", "fail_mode: must be closed, open or offline"),
        ("fail_mode", "close", "fail_mode: must be closed, open or offline; did you mean closed?"),
        ("factors", [], "factors: lets nobody in"),
        ("factors", ["push", "sms"], "factors[1]: is no factor of its own: who types sms is sent passcodes"),
        ("factors", None, "factors: has no value"),
        ("delimiter", "x", "delimiter: must not hold letters, digits or @"),
        ("bind_timeout", "0s", "bind_timeout: must be at least 1s: a person needs some seconds"),
        ("bind_timeout", "1h", "bind_timeout: must be at most 10m"),
        ("bind_timeout", 60, "bind_timeout: must be a duration"),
        ("anonymous", True, "anonymous: must be root_dse, deny or allow"),
        ("anonymous", "rootdse", "anonymous: must be root_dse, deny or allow; did you mean root_dse?"),
        ("allow_password_compare", "yes", "allow_password_compare: must be true or false, without quotes"),
        ("username", "uid", "username: must be attribute or rdn"),
        ("exempt", None, "exempt: has no value; write a list"),
        ("exempt", {"dn": "cn=a"}, "exempt: must be a list"),
        ("require_group", "vpn", "require_group: must be a distinguished name"),
        ("networks", [], "networks: lets nobody connect"),
        ("networks", None, "networks: has no value"),
        ("networks", ["10.1.0.5/16"], "networks[0]: has bits behind its prefix; the network is 10.1.0.0/16"),
        ("extended_operations", ["starttls"], "extended_operations[0]: must be an OID"),
        ("search_after_bind", 1, "search_after_bind: must be true or false"),
        ("client_is_user", "no", "client_is_user: must be true or false"),
        ("password_attributes", [], "password_attributes: protects nothing"),
        ("failmode", "open", "failmode: is not a known key; did you mean fail_mode?"),
        ("fail-mode", "open", "fail-mode: is not a known key; did you mean fail_mode?"),
        ("nonsense", 1, "nonsense: is not a known key; conf/full.yml shows all that are"),
    ],
)
def test_what_is_refused(sample: Sample, key: str, value: Any, problem: str) -> None:
    sample.listener[key] = value
    (found,) = sample.problems()
    assert f"listeners.vpn.{problem}" in found


def test_what_is_required(sample: Sample) -> None:
    sample.document["listeners"]["vpn"] = {}
    assert [problem.partition(";")[0] for problem in sample.problems()] == [
        "listeners.vpn.url: is required",
        "listeners.vpn.directory: is required",
        "listeners.vpn.duo: is required",
        "listeners.vpn.fail_mode: is required",
    ]


def test_a_listener_whose_factors_nobody_can_use_is_refused(sample: Sample) -> None:
    sample.listener.update(factors=["passcode"], delimiter=None)
    assert sample.problems() == [
        "listeners.vpn.factors: lets nobody in: without a delimiter nobody can type a passcode; "
        "add push or phone"
    ]


def warnings(sample: Sample, **keys: Any) -> list[str]:
    sample.listener.update(keys)
    return [warning.removeprefix("listeners.vpn.") for warning in sample.warnings()]


def test_factors_without_a_delimiter(sample: Sample) -> None:
    assert warnings(sample, factors=["push", "passcode"], delimiter=None) == [
        "factors: passcode cannot be used: without a delimiter nobody can type one"
    ]
    assert warnings(sample, factors=["push"]) == []
    del sample.listener["factors"]
    assert warnings(sample) == []


@pytest.mark.parametrize("url", ["ldap://0.0.0.0", "ldap://192.0.2.1", "ldap://[::]"])
def test_clear_text_that_others_can_reach(sample: Sample, url: str) -> None:
    assert warnings(sample, url=url) == [
        "url: passwords arrive in clear text: there is no tls, and others can reach the address"
    ]


def test_networks_of_the_wrong_ip_version(sample: Sample) -> None:
    assert warnings(sample, networks=["2001:db8::/32"]) == [
        "networks: lets nobody connect: none of them is of the same IP version as the url"
    ]
    assert warnings(sample, url="ldap://[::1]:389", networks=["10.0.0.0/8"]) != []
    sample.listener["tls"] = {"certificate_file": "vpn.pem", "private_key_file": "vpn.key"}
    assert warnings(sample, url="ldap://[::]:389", networks=["10.0.0.0/8"]) == []


def test_password_attributes_that_mean_nothing(sample: Sample) -> None:
    assert warnings(sample, password_attributes=["2.5.4.35"]) == []
    assert warnings(sample, password_attributes=["hrPin"]) == [
        "password_attributes: does not name userPassword, so passwords can be tested without a bind"
    ]
    assert warnings(sample, password_attributes=["userPassword"], allow_password_compare=True) == [
        "password_attributes: has no effect: allow_password_compare is true"
    ]


def test_settings_of_a_relay_that_relays_nothing(sample: Sample) -> None:
    because = "has no effect: search_after_bind is false, so nothing but binds is relayed"
    assert warnings(
        sample, search_after_bind=False, allow_password_compare=True, extended_operations=["1.2.3"]
    ) == [f"allow_password_compare: {because}", f"extended_operations: {because}"]


def test_extended_operations_that_deserve_a_second_look(sample: Sample) -> None:
    assert warnings(sample, extended_operations=["1.3.6.1.1.8", "1.2.840.113556.1.4.1781"]) == [
        "extended_operations: 1.3.6.1.1.8 has no effect: Cancel is relayed anyway",
        "extended_operations: 1.2.840.113556.1.4.1781 makes each later bind a mere test of a password",
    ]
