"""`limits:` of a listener.

Owns their defaults and bounds. It must not know how they are enforced.
"""

from __future__ import annotations

from ldapproxy.auth.failed_binds import FailedBindRules
from ldapproxy.config import values
from ldapproxy.config.sections import Section
from ldapproxy.net.settings import Limits

_MANY = 1_000_000
_COUNT = "fewer serve nobody, and more do not fit into one process"
_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30


def read_limits(section: Section) -> Limits:
    """The limits of one listener; what is not given has its default."""
    limits = Limits(
        connections=section.read("connections", values.integer(1, _MANY, _COUNT), default=10_000),
        # Off: one address is often one application with all its users behind it.
        connections_per_client=section.read(
            "connections_per_client", values.integer(0, _MANY, f"{_COUNT}; 0 is off"), default=0
        ),
        pending_binds=section.read("pending_binds", values.integer(1, _MANY, _COUNT), default=5000),
        outstanding=section.read("outstanding", values.integer(1, _MANY, _COUNT), default=1000),
        buffered=section.read(
            "buffered",
            values.size(4 * _KIB, 64 * _MIB, "it holds the requests of one session during a bind, in memory"),
            default=256 * _KIB,
        ),
        # A thousand sessions at their own limit; a quarter of the memory of a small container.
        buffered_total=section.read(
            "buffered_total",
            values.size(
                4 * _MIB, 64 * _GIB, "it holds what all sessions wait for, in memory, beside what runs there"
            ),
            default=256 * _MIB,
        ),
        message_size=section.read(
            "message_size",
            values.size(
                64 * _KIB, 256 * _MIB, "an anonymous session may send 64KiB, and all of it is memory"
            ),
            default=4 * _MIB,
        ),
        idle_timeout=section.read(
            "idle_timeout",
            values.duration(1, 7 * 86400, "a session that nobody uses holds a connection at both ends"),
            default=3600.0,
        ),
        handshake_timeout=section.read(
            "handshake_timeout",
            values.duration(0.1, 300, "a client that says nothing holds a connection"),
            default=10.0,
        ),
        failed_binds=_failed_binds(section.section("failed_binds")),
    )
    section.finish()

    for key, one in (("buffered", limits.buffered), ("message_size", limits.message_size)):
        if one > limits.buffered_total:
            section.error("buffered_total", f"must be at least {key}, which is {values.show_size(one)}")
    for key, count in (
        ("connections_per_client", limits.connections_per_client),
        ("pending_binds", limits.pending_binds),
    ):
        # A session has one bind at a time, so neither can exceed the number of sessions.
        if section.given(key) and count > limits.connections:
            section.warn_without_effect(key, f"there are never more than {limits.connections} connections")
    return limits


def _failed_binds(section: Section) -> FailedBindRules:
    """Off by default: the directory has its own rules, and one address is often a whole application."""
    off = FailedBindRules()
    count = values.integer(0, 1000, "more is no limit, and each one is remembered; 0 is off")
    rules = FailedBindRules(
        per_user=section.read("per_user", count, default=off.per_user),
        per_client=section.read("per_client", count, default=off.per_client),
        per=section.read(
            "per",
            values.duration(1, 86400, "shorter limits nobody, and longer locks people out for a day"),
            default=off.per,
        ),
    )
    section.finish()
    if rules.are_off and rules.per != off.per:
        section.warn_without_effect("per", "per_user and per_client are 0, which is off")
    return rules
