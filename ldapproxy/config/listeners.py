"""`listeners:`: one listener's section becomes its settings and its policy.

Owns the keys of a listener and their defaults. It must not know how a listener works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from ldapproxy.auth.outcomes import Factor, FailMode
from ldapproxy.auth.policy import Anonymous, ListenerPolicy, Network, UsernameSource
from ldapproxy.config import addresses, names, values
from ldapproxy.config.exemptions import exemptions, warn_about_exemptions
from ldapproxy.config.files import Surroundings
from ldapproxy.config.limits import read_limits
from ldapproxy.config.listener_tls import read_tls
from ldapproxy.config.listener_values import (
    ALWAYS_RELAYED,
    FAST_BIND,
    delimiter,
    extended_operations,
    factors,
    password_attributes,
)
from ldapproxy.config.pushes import read_pushes, read_remember, read_shared_accounts
from ldapproxy.config.sections import Section
from ldapproxy.config.username_rewrite import username_rewrite
from ldapproxy.ldap.attributes import canonical_attribute
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.net.settings import ListenerSettings, StartTls

_DEFAULT_FACTORS = (Factor.PUSH, Factor.PHONE, Factor.PASSCODE)
# Attributes of OpenLDAP, Active Directory, RFC 3112, Samba and slapd's own configuration that hold passwords.
_PASSWORD_ATTRIBUTES = (
    "userPassword",
    "unicodePwd",
    "dBCSPwd",
    "authPassword",
    "sambaNTPassword",
    "sambaLMPassword",
    "olcRootPW",
)
_EVERYWHERE: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))

_listener_url = addresses.listening_url({"ldap": 389, "ldaps": 636}, example="ldap://0.0.0.0:389")


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What a listener may refer to.

    Attributes:
        directories: the names under `directories:`, with the base_dn of those that are right.
        duo: the names under `duo:`.
        active_directories: the directories that are taken for Active Directory.
        nobodies: of the directories that look up bare account names, a name of no entry.
    """

    directories: Mapping[str, DistinguishedName | None]
    duo: frozenset[str]
    nobodies: Mapping[str, DistinguishedName]
    active_directories: frozenset[str]


def read_listener(
    name: str, section: Section, neighbours: Neighbours, surroundings: Surroundings
) -> ListenerSettings | None:
    """One listener; None only after an error was reported."""
    endpoint = section.require("url", _listener_url, hint="such as ldap://0.0.0.0:389 or ldaps://0.0.0.0:636")
    tls = read_tls(section, endpoint, surroundings)
    directory = section.require("directory", values.reference("directory", neighbours.directories))
    duo = section.require("duo", values.reference("Duo application", neighbours.duo))
    fail_mode = section.require(
        "fail_mode",
        values.choice(FailMode),
        hint="closed lets nobody in while Duo is away, open lets the password be enough, offline asks for an "
        "offline code; there is no default",
    )
    allowed_factors = section.read("factors", factors, default=_DEFAULT_FACTORS)
    split_at = section.read("delimiter", values.optional(delimiter), default=",")
    bind_timeout = section.read(
        "bind_timeout",
        values.duration(1, 600, "a person needs some seconds, and Duo ends a push after 60s"),
        default=60.0,
    )
    anonymous = section.read("anonymous", values.choice(Anonymous), default=Anonymous.ROOT_DSE)
    allow_compare = section.read("allow_password_compare", values.boolean, default=False)
    username = section.read("username", values.choice(UsernameSource), default=UsernameSource.ATTRIBUTE)
    rewrites = section.read("username_rewrite", username_rewrite, default=())
    exempt = section.read("exempt", exemptions, default=())
    require_group = section.read("require_group", values.optional(names.distinguished_name), default=None)
    networks = section.read(
        "networks", values.list_of(addresses.network, if_empty="lets nobody connect"), default=_EVERYWHERE
    )
    operations = section.read("extended_operations", extended_operations, default=())
    search_after_bind = section.read("search_after_bind", values.boolean, default=True)
    client_is_user = section.read("client_is_user", values.boolean, default=False)
    attributes = section.read("password_attributes", password_attributes, default=_PASSWORD_ATTRIBUTES)
    shared = read_shared_accounts(section, allowed_factors, exempt)
    pushes = read_pushes(section, bind_timeout, allowed_factors)
    remember = read_remember(section.section("remember"))
    limits = read_limits(section.section("limits"))
    section.finish()

    if endpoint is None or tls is None or directory is None or duo is None or fail_mode is None:
        return None
    ldaps = endpoint.scheme == "ldaps"
    settings = ListenerSettings(
        name=name,
        host=endpoint.host,
        port=endpoint.port,
        ldaps=ldaps,
        tls=tls.server,
        start_tls=tls.start_tls,
        directory=directory,
        duo=duo,
        policy=ListenerPolicy(
            listener=name,
            fail_mode=fail_mode,
            factors=frozenset(allowed_factors),
            delimiter=split_at,
            bind_timeout=bind_timeout,
            anonymous=anonymous,
            username=username,
            exempt=exempt,
            require_group=require_group,
            client_is_user=client_is_user,
            confidentiality_required=not ldaps
            and tls.server is not None
            and tls.start_tls is StartTls.REQUIRED,
            remembers=remember.lasts > 0,
            shared=shared,
            rewrites=rewrites,
            nobody=neighbours.nobodies.get(directory),
            confirms_names=directory in neighbours.active_directories,
        ),
        limits=limits,
        networks=networks,
        search_after_bind=search_after_bind,
        allow_password_compare=allow_compare,
        password_attributes=attributes,
        extended_operations=operations,
        pushes=pushes,
        remember=remember,
    )
    _check_factors(section, settings.policy)
    _warn(section, settings)
    warn_about_exemptions(section, exempt, networks, neighbours.directories[directory])
    return settings


def _check_factors(section: Section, policy: ListenerPolicy) -> None:
    """Refuses factors that let nobody in, and warns about those that nobody can use."""
    if policy.delimiter is not None:
        return
    if policy.fail_mode is FailMode.OFFLINE:
        section.error(
            "fail_mode", "offline needs a delimiter: without one nobody can type an offline code; use closed"
        )
    if policy.factors == {Factor.PASSCODE}:
        section.error(
            "factors", "lets nobody in: without a delimiter nobody can type a passcode; add push or phone"
        )
    elif Factor.PASSCODE in policy.factors and section.given("factors"):
        section.warn("factors", "passcode cannot be used: without a delimiter nobody can type one")


def _warn(section: Section, settings: ListenerSettings) -> None:
    if settings.tls is None and not addresses.is_loopback(settings.host):
        section.warn(
            "url", "passwords arrive in clear text: there is no tls, and others can reach the address"
        )
    if not _may_connect(settings.networks, settings.host):
        section.warn("networks", "lets nobody connect: none of them is of the same IP version as the url")
    for oid in settings.extended_operations:
        if oid in ALWAYS_RELAYED:
            section.warn(
                "extended_operations", f"{oid} has no effect: {ALWAYS_RELAYED[oid]} is relayed anyway"
            )
    if FAST_BIND in settings.extended_operations:
        section.warn("extended_operations", f"{FAST_BIND} makes each later bind a mere test of a password")
    if settings.allow_password_compare:
        section.warn_without_effect("password_attributes", "allow_password_compare is true")
    if not settings.search_after_bind:
        because = "search_after_bind is false, so nothing but binds is relayed"
        section.warn_without_effect("extended_operations", because)
        section.warn_without_effect("password_attributes", because)
        if settings.allow_password_compare:
            section.warn_without_effect("allow_password_compare", because)
    if "userpassword" not in map(canonical_attribute, settings.password_attributes):
        section.warn(
            "password_attributes", "does not name userPassword, so passwords can be tested without a bind"
        )


def _may_connect(networks: tuple[Network, ...], host: str) -> bool:
    """False when no client of the networks can reach the address, whatever its own address is."""
    address = addresses.address_of(host)
    assert address is not None  # the URL names one
    # [::] takes clients of both versions.
    takes_both = address.version == 6 and address.is_unspecified
    return takes_both or any(network.version == address.version for network in networks)
