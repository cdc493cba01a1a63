"""In words: what people meet while Duo is away, from its first minute to its end.

Owns the sentences about an outage as such. Which failures count as one is told by `describe_listener`, row by
row from `auth.fail_mode`; this must not contradict it.
"""

from __future__ import annotations

from typing import assert_never

from ldapproxy.auth.outcomes import FailMode
from ldapproxy.auth.policy import ListenerPolicy
from ldapproxy.config.values import show_duration
from ldapproxy.duo.availability import THRESHOLD
from ldapproxy.duo.settings import DuoSettings
from ldapproxy.offline.authenticators import FREE_WRONG_CODES, LONGEST_LOCK, SHORTEST_LOCK
from ldapproxy.offline.settings import OfflineSettings


def describe_outage(policy: ListenerPolicy, duo: DuoSettings, offline: OfflineSettings | None) -> list[str]:
    """The sentences for one listener.

    Args:
        policy: its policy.
        duo: its Duo application.
        offline: the store of offline authenticators; None when there is none.
    """
    return [
        f"First: a login waits for {show_duration(duo.connect_timeout)} when Duo cannot be reached, for "
        f"{show_duration(duo.response_timeout)} when it says nothing, and is then decided as above. Who "
        "was just being asked by push or call is refused, unless the answer still comes.",
        f"After {THRESHOLD} failed calls in a row, pings (every {show_duration(duo.ping_interval)}, sooner "
        "after a failure) included: no login waits any more.",
        *_meanwhile(policy, offline),
        "In the end: the first ping that is answered sends logins to Duo again. Nothing has to be restarted.",
    ]


def _meanwhile(policy: ListenerPolicy, offline: OfflineSettings | None) -> list[str]:
    """Who gets in, and how."""
    as_ever = "Who is exempt gets in as ever" if policy.exempt else ""
    if policy.remembers:
        as_ever += ", and so does a remembered login" if as_ever else "A remembered login gets in as ever"
    return [*_who(policy, offline), *([f"{as_ever}."] if as_ever else [])]


def _who(policy: ListenerPolicy, offline: OfflineSettings | None) -> list[str]:
    match policy.fail_mode:
        case FailMode.CLOSED:
            return ["Meanwhile: nobody gets in, whatever is typed."]
        case FailMode.OPEN:
            group = policy.require_group
            whom = "everybody" if group is None else f"members of {group} only"
            return [
                f"Meanwhile: the password is enough, for {whom}. Each such login is a warning in the log, "
                "and has a reason of its own in the audit log and the metrics."
            ]
        case FailMode.OFFLINE:
            assert offline is not None  # the configuration is refused otherwise
            return [
                f"Meanwhile: people type password{policy.delimiter}123456, the digits being the code that "
                "their offline authenticator shows, or an unused recovery code. Nobody else gets in.",
                f"A code works once. A person has {offline.max_logins} such logins, within "
                f"{show_duration(offline.max_age)} since the last one that Duo allowed (at first, since "
                "enrolment); the next one that Duo allows renews both.",
                f"The wrong code number {FREE_WRONG_CODES + 1} in a row locks the account for "
                f"{show_duration(SHORTEST_LOCK)}, each further one for twice as long, at most "
                f"{show_duration(LONGEST_LOCK)}.",
            ]
        case _:
            assert_never(policy.fail_mode)
