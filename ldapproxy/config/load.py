"""Reads a configuration file into each consumer's own settings.

Owns the top level of the file, and what holds between its sections: references, addresses in use twice,
parts that nobody uses. It must not know the keys of a section.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ldapproxy.auth.outcomes import FailMode
from ldapproxy.config import document, files, names
from ldapproxy.config.addresses import Endpoint, overlap
from ldapproxy.config.configuration import Configuration
from ldapproxy.config.directories import is_active_directory, read_directory
from ldapproxy.config.duo import read_duo
from ldapproxy.config.files import Surroundings
from ldapproxy.config.listeners import Neighbours, read_listener
from ldapproxy.config.offline import read_offline
from ldapproxy.config.portal import PortalPlace, read_portal
from ldapproxy.config.problems import ConfigurationError, Report, in_order
from ldapproxy.config.sections import Section
from ldapproxy.config.services import read_admin, read_log
from ldapproxy.config.values import show_duration
from ldapproxy.net.settings import ListenerSettings
from ldapproxy.web.settings import AdminSettings


def load(path: Path, environment: Mapping[str, str]) -> Configuration:
    """Reads the file, and the secrets and certificates that it names. Touches no network.

    Args:
        path: the configuration file; relative paths in it start at its folder.
        environment: where the keys `x_env` look.

    Raises:
        ConfigurationError: with every problem that was found.
    """
    report = Report()
    tree = document.read(path, report)
    surroundings = Surroundings(
        folder=path.parent,
        environment=environment,
        report=report,
        is_exposed=files.others_can_read(path),
    )
    top = Section(tree, report)
    directory_sections = _named(top, "directories", "directory")
    duo_sections = _named(top, "duo", "Duo application")
    listener_sections = _named(top, "listeners", "listener")

    directories = {
        name: read_directory(name, section, surroundings) for name, section in directory_sections.items()
    }
    duo = {name: read_duo(name, section, surroundings) for name, section in duo_sections.items()}
    neighbours = Neighbours(
        directories={name: found.lookup.base_dn if found else None for name, found in directories.items()},
        duo=frozenset(duo),
        nobodies={
            name: names.nobody(found.lookup.base_dn)
            for name, found in directories.items()
            if found and found.lookup.username_search
        },
        active_directories=frozenset(
            name for name, found in directories.items() if found and is_active_directory(found.lookup)
        ),
    )
    listeners = {
        name: read_listener(name, section, neighbours, surroundings)
        for name, section in listener_sections.items()
    }
    offline = read_offline(top.section("offline"), surroundings) if top.given("offline") else None
    portal = read_portal(top.section("portal"), listeners, surroundings) if top.given("portal") else None
    admin = read_admin(top.section("admin")) if top.given("admin") else None
    log = read_log(top.section("log"), surroundings)
    top.finish()

    good = [listener for listener in listeners.values() if listener is not None]
    _check_addresses(good, portal, admin, listener_sections, top)
    if len(good) == len(listeners):
        _warn_about_unused(directory_sections, {listener.directory for listener in good})
        _warn_about_unused(duo_sections, {listener.duo for listener in good})
    _check_offline(good, listener_sections, top)
    for listener in good:
        settings = duo[listener.duo]
        if settings is not None and settings.response_timeout >= listener.policy.bind_timeout:
            listener_sections[listener.name].warn(
                "bind_timeout",
                f"ends a login before the response_timeout of duo {listener.duo} "
                f"({show_duration(settings.response_timeout)}) can",
            )
    if report.errors:
        raise ConfigurationError(report.errors)
    return Configuration(
        path=path,
        directories=tuple(found for found in directories.values() if found is not None),
        duo=tuple(found for found in duo.values() if found is not None),
        listeners=tuple(good),
        admin=None if admin is None else AdminSettings(host=admin.host, port=admin.port),
        log=log,
        offline=offline,
        portal=None if portal is None else portal.portal,
        warnings=in_order(report.warnings),
    )


def _named(top: Section, key: str, what: str) -> dict[str, Section]:
    """The sections under one of the keys that hold names."""
    sections = top.entries(key, what)
    for name, section in sections.items():
        if not names.is_section_name(name):
            section.refuse("must have a name of letters, digits, dots, hyphens and underscores, at most 63")
    return sections


def _check_addresses(
    listeners: list[ListenerSettings],
    portal: PortalPlace | None,
    admin: Endpoint | None,
    sections: Mapping[str, Section],
    top: Section,
) -> None:
    """Refuses two sockets on one address. [::] takes IPv4 as well, 0.0.0.0 all of IPv4."""
    taken: list[tuple[Endpoint, str]] = []
    for listener in listeners:
        endpoint = Endpoint("ldaps" if listener.ldaps else "ldap", listener.host, listener.port)
        for other, name in taken:
            if overlap(endpoint, other):
                sections[listener.name].error("url", f"listener {name} has this address and port already")
        taken.append((endpoint, listener.name))
    for key, found in (("portal", None if portal is None else portal.endpoint), ("admin", admin)):
        for other, name in taken:
            if found is not None and overlap(found, other):
                top.section(key).error("url", f"listener {name} has this address and port already")
    if portal is not None and admin is not None and overlap(portal.endpoint, admin):
        top.section("admin").error("url", "the portal has this address and port already")


def _check_offline(listeners: list[ListenerSettings], sections: Mapping[str, Section], top: Section) -> None:
    """Refuses fail mode offline, and a portal, without a store; warns about a store that nobody asks."""
    asking = [listener for listener in listeners if listener.policy.fail_mode is FailMode.OFFLINE]
    if not top.given("offline"):
        for listener in asking:
            sections[listener.name].error(
                "fail_mode", "offline needs the store of offline authenticators: add an offline: section"
            )
        if top.given("portal"):
            top.section("portal").refuse("needs the store of offline authenticators: add an offline: section")
    elif not asking and len(listeners) == len(sections) and not top.given("portal"):
        top.section("offline").warn_whole("has no effect: no listener has fail_mode offline")


def _warn_about_unused(sections: Mapping[str, Section], used: set[str]) -> None:
    for name, section in sections.items():
        if name not in used:
            section.warn_whole("has no effect: no listener uses it")
