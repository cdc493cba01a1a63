"""What binds share, and how often a person is bothered: `single_flight` to `shared_accounts` of a listener.

Owns these keys and their defaults (design 4.6). It must not know how they are carried out.
"""

from __future__ import annotations

from enum import Enum, unique

from ldapproxy.auth.outcomes import Factor
from ldapproxy.auth.policy import ExemptDn, Exemption, ExemptSubtree
from ldapproxy.auth.push_limits import PushLimitRules
from ldapproxy.config import names, values
from ldapproxy.config.document import Node
from ldapproxy.config.problems import Report
from ldapproxy.config.sections import Section
from ldapproxy.config.values import Invalid, Parser
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.net.settings import PushSettings, RememberSettings

_BOTHERING = {Factor.PUSH, Factor.PHONE}
_DAY = 86400.0
_MOMENT = "an approval is honoured without a tap for so long; 0s is off"


def read_pushes(section: Section, bind_timeout: float, factors: tuple[Factor, ...]) -> PushSettings:
    """What the binds of one listener share; what is not given has its default.

    Args:
        section: the listener's section.
        bind_timeout: that of the listener, in seconds.
        factors: those of the listener.
    """
    default = PushSettings()
    settings = PushSettings(
        single_flight=section.read("single_flight", values.boolean, default=default.single_flight),
        late_approval=section.read(
            "late_approval", values.duration(0, 600, _MOMENT), default=default.late_approval
        ),
        answer_before=section.read(
            "answer_before",
            values.optional(values.duration(1, 600, "it ends just before the application would give up")),
            default=default.answer_before,
        ),
        limits=_push_limits(section.section("push_limits")),
    )
    if settings.answer_before is not None:
        if settings.answer_before >= bind_timeout:
            section.warn_without_effect("answer_before", "bind_timeout ends the bind earlier")
        elif not settings.late_approval:
            section.error("answer_before", "needs late_approval: without it the push ends with the answer")
    if not _BOTHERING & set(factors):
        for key in ("late_approval", "answer_before", "push_limits"):
            section.warn_without_effect(key, "factors allows neither push nor phone")
    return settings


def _push_limits(section: Section) -> PushLimitRules:
    default = PushLimitRules()
    pause = values.duration(0, _DAY, "a longer pause keeps people out, not attackers; 0s is off")
    rules = PushLimitRules(
        pushes=section.read(
            "pushes", values.integer(0, 1000, "more is no limit; 0 is off"), default=default.pushes
        ),
        per=section.read(
            "per",
            values.duration(1, _DAY, "shorter limits nobody, and longer keeps people out for a day"),
            default=default.per,
        ),
        pause_after_denial=section.read("pause_after_denial", pause, default=default.pause_after_denial),
        pause_after_fraud=section.read("pause_after_fraud", pause, default=default.pause_after_fraud),
    )
    section.finish()
    if not rules.pushes:
        section.warn_without_effect("per", "pushes is 0, which is off")
    return rules


def read_remember(section: Section) -> RememberSettings:
    """How long logins are remembered; off unless `for` says so."""
    settings = RememberSettings(
        lasts=section.read(
            "for",
            values.duration(0, 7 * _DAY, "for so long a stolen password needs no tap; 0s is off"),
            default=0.0,
        ),
        idle=section.read("idle", values.duration(0, 7 * _DAY, "0s is no limit"), default=0.0),
    )
    section.finish()
    if settings.idle and not settings.lasts:
        section.warn_without_effect("idle", "nothing is remembered while for is 0s")
    elif settings.idle and settings.idle >= settings.lasts:
        section.warn_without_effect("idle", "for ends it earlier")
    return settings


@unique
class _Push(Enum):
    """Whom a push of a shared account asks."""

    ALL = "all"


def _shared_account(node: Node) -> DistinguishedName:
    """One item of `shared_accounts`."""
    report = Report()
    section = Section(node, report)
    dn = section.require("dn", names.distinguished_name)
    section.require("push", values.choice(_Push), hint="all asks every phone at once")
    section.finish()
    if report.errors or dn is None:
        raise Invalid(report.errors)
    return dn


def read_shared_accounts(
    section: Section, factors: tuple[Factor, ...], exempt: tuple[Exemption, ...]
) -> frozenset[DistinguishedName]:
    """The accounts that several people share.

    Args:
        section: the listener's section.
        factors: those of the listener.
        exempt: its exemptions; who is exempt gets no push.
    """
    accounts = section.read("shared_accounts", _shared_accounts, default=())
    if accounts and Factor.PUSH not in factors:
        section.warn_without_effect("shared_accounts", "factors does not allow push")
    for index, account in enumerate(accounts):
        if any(_is_exempt(account, rule) for rule in exempt):
            section.warn("shared_accounts", f"item {index + 1} has no effect: the account is exempt")
    return frozenset(accounts)


def _is_exempt(account: DistinguishedName, rule: Exemption) -> bool:
    """True when the rule exempts the account wherever it comes from, as far as its name tells."""
    match rule:
        case ExemptDn(dn, ()):
            return account == dn
        case ExemptSubtree(base, ()):
            return account.is_within(base)
        case _:
            return False


_shared_accounts: Parser[tuple[DistinguishedName, ...]] = values.list_of(_shared_account)
