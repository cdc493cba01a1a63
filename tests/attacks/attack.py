"""One row of the table.

Owns what a row says. It must not know how it is run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.attacks.steps import Step
from tests.support.example_directory import Account

# Every kind of listener: with Duo there, fail mode closed; with Duo there, fail mode open; with Duo away
# and fail mode open (a password alone gets in then, and everything else must hold all the same); and with Duo
# away and fail mode offline.
MODES = ("", "_open", "_away", "_offline")


def _in_every_mode(transport: str) -> tuple[str, ...]:
    return tuple(transport + mode for mode in MODES)


LDAP = _in_every_mode("ldap")
START_TLS_REQUIRED = _in_every_mode("start_tls_required")
START_TLS_OPTIONAL = _in_every_mode("start_tls_optional")
LDAPS = _in_every_mode("ldaps")

EVERYWHERE = (*LDAP, *START_TLS_REQUIRED, *START_TLS_OPTIONAL, *LDAPS)
WITH_DUO = tuple(name for name in EVERYWHERE if not name.endswith(("_away", "_offline")))
"""For attackers who have the victim's password: where Duo is away, `open` lets them in, and is meant to."""
OFFLINE = tuple(name for name in EVERYWHERE if name.endswith("_offline"))
"""For attackers who have the victim's password while Duo is away, and no code; nor has the insider."""
SOME = ("ldap", "ldaps_away")
"""For what has nothing to do with the kind of listener: two that differ in everything."""
SOME_WITH_DUO = ("ldap", "ldaps_open")


@dataclass(frozen=True)
class Cast:
    """Who is in the play: each performance has a victim of its own.

    Attributes:
        victim: the attacker has the password or not; never the phone, which asks, and waits for an answer.
        insider: the attacker's own account, phone included.
    """

    victim: Account
    insider: Account


@dataclass(frozen=True)
class Attack:
    """What an attacker does, and what must come of it.

    Whatever the row says, these must hold too: nobody was accepted but whom `admits` and the logins of the
    insider explain; nothing reached the directory but what `reaches` and those logins explain; Duo was asked
    about nobody else; and then an honest login at the same listener works.

    Attributes:
        name: in a few words.
        against: the rule that it tries to break: a section of an RFC, a CVE, a section of the design.
        steps: what happens on one connection, in order, for a cast.
        on: the listeners.
        in_clear: the connection begins without TLS also where the listener has StartTLS.
        reaches: the requests that the directory sees, in its own words (`BIND`, `SRCH`, ...).
        may_reach: those that it may see too, where that is a matter of moments.
        asks_duo: how often Duo is asked about somebody.
        admits: binds that are rightly accepted, beside the insider's.
        limit: the key of `limits:` that stops it, and whose metric counts it.
    """

    name: str
    against: str
    steps: Callable[..., Sequence[Step]]  # called with a Cast; rows that come in families add defaults
    on: tuple[str, ...] = EVERYWHERE
    in_clear: bool = False
    reaches: tuple[str, ...] = ()
    may_reach: tuple[str, ...] = ()
    asks_duo: int = 0
    admits: int = 0
    limit: str | None = None
