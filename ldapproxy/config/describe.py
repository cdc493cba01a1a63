"""The configuration in words, for the person who has to vouch for it.

Owns the text of `check-config`, apart from what it says about each listener (`describe_listener.py`). It must
not know the file. No secret is in it.
"""

from __future__ import annotations

from ldapproxy.auth.outcomes import Factor
from ldapproxy.config.configuration import Configuration, DirectorySettings, Portal
from ldapproxy.config.describe_listener import describe_listener
from ldapproxy.config.directories import is_active_directory
from ldapproxy.config.paragraphs import Paragraph, render
from ldapproxy.config.values import show_duration
from ldapproxy.directory.settings import LookupSettings
from ldapproxy.duo.settings import DuoSettings
from ldapproxy.observe.settings import AuditToFile, AuditToStdout, AuditToSyslog
from ldapproxy.offline import address
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.web.settings import AdminSettings

_TAPS = {Factor.PUSH: "a push", Factor.PHONE: "a call"}


def describe(configuration: Configuration) -> str:
    """What each listener asks of whom, where directories and Duo are, and what deserves a second look."""
    parts = [
        describe_listener(
            listener,
            configuration.directory_of(listener),
            configuration.duo_of(listener),
            configuration.offline,
        )
        for listener in configuration.listeners
    ]
    parts += [_directory(directory) for directory in configuration.directories]
    parts += [_duo(duo) for duo in configuration.duo]
    if configuration.offline is not None:
        parts.append(_offline(configuration.offline, configuration.portal))
    if configuration.portal is not None:
        parts.append(_portal(configuration.portal, configuration))
    parts.append(_operation(configuration))
    parts.append(_warnings(configuration))
    return "\n\n".join(parts) + "\n"


def _directory(directory: DirectorySettings) -> str:
    upstream, lookup = directory.upstream, directory.lookup
    servers = [server.url for server in upstream.servers]
    encrypted = [server.url for server in upstream.servers if server.ldaps or upstream.start_tls]
    plain = [server.url for server in upstream.servers if not server.ldaps and not upstream.start_tls]
    where = [f"Servers, in the order of failover: {', '.join(servers)}."]
    if encrypted:
        trust = f"the authorities in {upstream.ca_file}" if upstream.ca_file else "those of the system"
        start = " (after StartTLS)" if upstream.start_tls else ""
        where.append(f"TLS{start} to {', '.join(encrypted)}; certificates are verified against {trust}.")
    if plain:
        where.append(f"Clear text to {', '.join(plain)}.")
    where.append(
        f"A server has {show_duration(upstream.connect_timeout)} to be connected, and "
        f"{show_duration(upstream.response_timeout)} to answer; logins get 52 (unavailable) when none does."
    )
    condition = f", provided that the entry meets {lookup.search_filter}" if lookup.search_filter else ""
    remembered = f"remembered for {show_duration(lookup.cache)}" if lookup.cache else "never remembered"
    return render(
        f"Directory {directory.name}",
        [
            Paragraph("Where", where),
            Paragraph(
                "Look-ups",
                [
                    f"{lookup.service_account} reads {lookup.username_attribute} and groups of who logs in"
                    f"{condition}. What it found is {remembered}.",
                    f"The directory's base_dn is {lookup.base_dn}.",
                ],
            ),
            Paragraph("Names", _names(lookup)),
        ],
    )


def _names(lookup: LookupSettings) -> list[str]:
    if lookup.username_search is None:
        account_names = "A bare account name goes to the directory as it came."
    else:
        condition = f" and {lookup.search_filter}" if lookup.search_filter else ""
        account_names = (
            f"A bare account name (neither a DN, nor with @ or \\ in it) stands for the one entry that meets "
            f"{lookup.username_search}{condition}; one of nobody, or of several, is answered like a wrong "
            "password."
        )
    exempt = "The directory is taken for Active Directory: who is exempt by a DN has to be that account."
    return [
        account_names,
        "Whose any other name than a DN is, the directory is asked once it has accepted the password. Where "
        f"it does not say, all that {lookup.upn_attribute} and account names make of it must be one entry.",
        *([exempt] if is_active_directory(lookup) else []),
    ]


def _duo(duo: DuoSettings) -> str:
    trust = f"the authorities in {duo.ca_file}" if duo.ca_file else "the authorities of the certifi package"
    way = f" through the HTTP proxy {duo.http_proxy}" if duo.http_proxy else ""
    return render(
        f"Duo application {duo.name}",
        [
            Paragraph(
                "Where",
                [
                    f"https://{duo.api_host}:{duo.port}{way}, integration key {duo.integration_key}; "
                    f"its certificate is verified against {trust}.",
                    f"Duo has {show_duration(duo.connect_timeout)} to be connected, and "
                    f"{show_duration(duo.response_timeout)} to answer; it is pinged every "
                    f"{show_duration(duo.ping_interval)}.",
                ],
            )
        ],
    )


def _offline(offline: OfflineSettings, portal: Portal | None) -> str:
    further = len(offline.encryption_keys) - 1
    rotated = f", {further} more can still decrypt" if further else ""
    return render(
        "Offline authenticators",
        [
            Paragraph(
                "Store",
                [
                    f"{address.parse(offline.store).shown}; secrets in it are encrypted with a key from the "
                    f"configuration{rotated}."
                ],
            ),
            Paragraph(
                "Enrolment",
                [
                    "By `ldapproxy offline`, for whoever can read this configuration and write to the store.",
                    *(["By the portal, for whoever can sign in there."] if portal is not None else []),
                ],
            ),
        ],
    )


def _portal(portal: Portal, configuration: Configuration) -> str:
    listener = configuration.listener_of(portal)
    settings = portal.settings
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    group = listener.policy.require_group
    members = "" if group is None else f", provided that they are in {group}"
    taps = " or ".join(words for factor, words in _TAPS.items() if factor in listener.policy.factors)
    return render(
        "Portal",
        [
            Paragraph(
                "Where",
                [
                    f"https://{host}:{settings.port}, with TLS {portal.tls.minimum_version.value} or later "
                    f"and the certificate in {portal.tls.certificate_file}."
                ],
            ),
            Paragraph(
                "Who",
                [
                    f"People sign in with their password in directory {listener.directory} and {taps} of "
                    f"Duo application {listener.duo}, as at listener {listener.name}{members}.",
                    "No exemption, no bypass, no passcode, no remembered login and no fail mode lets anybody "
                    "in there. While Duo is away nothing can be added.",
                ],
            ),
        ],
    )


def _operation(configuration: Configuration) -> str:
    match configuration.log.audit:
        case AuditToStdout():
            audit = "standard output"
        case AuditToSyslog():
            audit = "syslog"
        case AuditToFile(path):
            audit = str(path)
    return render(
        "Operation",
        [
            Paragraph(
                "Log", [f"{configuration.log.level.value} and above to standard error; audit log to {audit}."]
            ),
            Paragraph("Admin", [_admin(configuration.admin)]),
        ],
    )


def _admin(admin: AdminSettings | None) -> str:
    if admin is None:
        return "No metrics, health or status page: there is no admin address."
    host = f"[{admin.host}]" if ":" in admin.host else admin.host
    return f"Metrics, health and status at http://{host}:{admin.port}, for whoever can reach it."


def _warnings(configuration: Configuration) -> str:
    if not configuration.warnings:
        return "No warnings."
    # One a line, unwrapped, in the form that editors and log searches know.
    return "\n".join(["Warnings", *(f"  {warning}" for warning in configuration.warnings)])
