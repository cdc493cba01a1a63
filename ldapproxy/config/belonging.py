"""Where each key of the configuration belongs, for the sentence about one that stands elsewhere.

Owns that table. It must not know what a key means. Who reads a section decides what is known there; a test
compares the table with that.
"""

from __future__ import annotations

from collections.abc import Mapping

TOP = ""
"""The top of the file."""

_TLS = "certificate_file private_key_file minimum_version"

KEYS: Mapping[str, frozenset[str]] = {
    section: frozenset(keys.split())
    for section, keys in {
        TOP: "directories duo listeners offline portal admin log",
        "directories.NAME": "urls start_tls ca_file connect_timeout response_timeout lookup_cache base_dn "
        "username_attribute upn_attribute search_filter username_search service_account",
        "directories.NAME.service_account": "dn password password_file password_env",
        "duo.NAME": "api_host integration_key secret_key secret_key_file secret_key_env ca_file http_proxy "
        "connect_timeout response_timeout ping_interval",
        "listeners.NAME": "url tls directory duo fail_mode factors delimiter bind_timeout anonymous "
        "allow_password_compare username username_rewrite exempt require_group networks extended_operations "
        "search_after_bind client_is_user password_attributes limits single_flight late_approval "
        "answer_before remember push_limits shared_accounts",
        "listeners.NAME.tls": f"{_TLS} start_tls",
        "listeners.NAME.username_rewrite": "pattern replace",
        "listeners.NAME.exempt": "dn subtree group networks",
        "listeners.NAME.limits": "connections connections_per_client pending_binds outstanding buffered "
        "buffered_total message_size idle_timeout handshake_timeout failed_binds",
        "listeners.NAME.limits.failed_binds": "per_user per_client per",
        "listeners.NAME.remember": "for idle",
        "listeners.NAME.push_limits": "pushes per pause_after_denial pause_after_fraud",
        "listeners.NAME.shared_accounts": "dn push",
        "offline": "store store_file store_env encryption_key encryption_key_file encryption_key_env "
        "max_logins max_age",
        "portal": "url tls listener",
        "portal.tls": _TLS,
        "admin": "url",
        "log": "level audit",
    }.items()
}
"""The keys by section. NAME stands for any name; the maps of a list stand under the key of the list."""


def belongs_under(key: str) -> str:
    """`; it belongs under directories.NAME`, or nothing for a key that belongs nowhere."""
    sections = [section for section, keys in KEYS.items() if key in keys]
    if sections == [TOP]:
        return "; it belongs at the top of the file, not indented"
    # `duo` at the top is many applications, and under a listener the name of one.
    named = [section for section in sections if section != TOP]
    return f"; it belongs under {' or '.join(named)}" if named else ""
