"""`offline:`: the store of offline authenticators, its keys, and the limits of those who use it.

Owns their keys, defaults and bounds. It must not know how a store is opened, nor what a key encrypts.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from sqlalchemy import make_url

from ldapproxy.config import values
from ldapproxy.config.files import Surroundings
from ldapproxy.config.secret_sources import given_sources, secret
from ldapproxy.config.sections import Section
from ldapproxy.offline import address, vault
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.offline.sqlite_file import SqliteFile
from ldapproxy.secret import Secret

_DEFAULT_STORE = "sqlite:///var/lib/ldapproxy/offline.db"
_SQLITE = "sqlite:///"
_DAY = 86400.0


def read_offline(section: Section, surroundings: Surroundings) -> OfflineSettings | None:
    """The store and the limits; None only after an error was reported."""
    store = _store(section, surroundings)
    keys = _encryption_keys(section, surroundings)
    max_logins = section.read(
        "max_logins",
        values.integer(1, 1000, "an outage takes some logins, and each is one without Duo's policies"),
        # Some days of an outage, for a person who logs in a few times a day.
        default=10,
    )
    max_age = section.read(
        "max_age",
        values.duration(1, 365 * _DAY, "for so long an offline code works for who was locked out in Duo"),
        # Longer than any outage of Duo yet; who has not logged in for a week may have left.
        default=7 * _DAY,
    )
    section.finish()
    if store is None or keys is None:
        return None
    return OfflineSettings(store=store, encryption_keys=keys, max_logins=max_logins, max_age=max_age)


def _store(section: Section, surroundings: Surroundings) -> str | None:
    """The URL of the store; like a secret it may come from a file or the environment, as it may hold one."""
    given = given_sources(section, "store")
    key = given[0] if given else "store"
    if key != "store" or len(given) > 1:
        found = secret(section, "store", surroundings)
        url = None if found is None else found.reveal().decode(errors="replace")
    else:
        url = section.read("store", values.text, default=_DEFAULT_STORE if not given else None)
    if url is None:
        return None
    if url.startswith((f"{_SQLITE}./", f"{_SQLITE}../")):
        # Three slashes alone begin an absolute path, as the store's own URLs do.
        url = f"{_SQLITE}{quote(str((surroundings.folder / unquote(url.removeprefix(_SQLITE))).absolute()))}"
    try:
        place = address.parse(url)
    except ValueError as error:
        section.error(key, str(error))
        return None
    for warning in place.warnings():
        section.warn(key, warning)
    if isinstance(place, SqliteFile) and place.path.parent == place.path.parent.parent:
        section.warn(
            key, "is a file in the root folder; a path from the folder of this file is sqlite:///./offline.db"
        )
    if key == "store" and surroundings.is_exposed and make_url(url).password:
        section.warn(key, "holds a password in a file that others can read; chmod o-r it, or use store_file")
    return url


def _encryption_keys(section: Section, surroundings: Surroundings) -> tuple[Secret, ...] | None:
    text = secret(section, "encryption_key", surroundings, one_line=False)
    if text is None:
        return None
    try:
        return vault.parse_keys(text)
    except ValueError as error:
        section.error(given_sources(section, "encryption_key")[0], str(error))
        return None
