"""One listener in words: who gets in, by what, and what happens while Duo is away.

Owns the sentences. It must not decide anything: what the fail mode means is asked of `auth.fail_mode`, row by
row, so that the text cannot differ from what is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from ldapproxy.auth.fail_mode import Decision, decide
from ldapproxy.auth.failed_binds import FailedBindRules
from ldapproxy.auth.outcomes import Factor, SecondFactorOutcome
from ldapproxy.auth.policy import (
    Anonymous,
    ExemptDn,
    ExemptGroup,
    Exemption,
    ExemptSubtree,
    ListenerPolicy,
    Network,
    UsernameSource,
)
from ldapproxy.auth.sign_in import BY_TAP
from ldapproxy.auth.usernames import LowerCase, Substitution
from ldapproxy.config.configuration import DirectorySettings
from ldapproxy.config.describe_outage import describe_outage
from ldapproxy.config.describe_pushes import describe_pushes
from ldapproxy.config.listener_values import ALWAYS_RELAYED
from ldapproxy.config.paragraphs import Paragraph, render
from ldapproxy.config.values import show_duration, show_size
from ldapproxy.duo.settings import DuoSettings
from ldapproxy.net.settings import ListenerSettings, StartTls
from ldapproxy.offline.settings import OfflineSettings

_OUTCOMES = {
    SecondFactorOutcome.ALLOWED: "Duo allows the login",
    SecondFactorOutcome.BYPASSED: "Duo asks for no second factor (bypass status, or a policy in Duo)",
    SecondFactorOutcome.DENIED: "the person or Duo says no, or reports fraud",
    SecondFactorOutcome.NOT_ENROLLED: "Duo wants the person to enrol first",
    SecondFactorOutcome.NO_FACTOR: "no device can do what is allowed or was asked for",
    SecondFactorOutcome.PAUSED: "too many pushes were not approved",
    SecondFactorOutcome.TIMED_OUT: "the person does not answer in time",
    SecondFactorOutcome.UNAVAILABLE: "Duo is away: no connection, silence or server errors",
    SecondFactorOutcome.INTERRUPTED: "Duo was asked, and was lost before it answered",
    SecondFactorOutcome.UNTRUSTED: "Duo's certificate does not verify",
    SecondFactorOutcome.RATE_LIMITED: "Duo says that there were too many requests",
    SecondFactorOutcome.MISCONFIGURED: "Duo refuses our keys or clock, or makes no sense",
}
_DECISIONS = {
    Decision.ACCEPT: "gets in",
    Decision.ASK_OFFLINE: "gets in with an offline code, and not otherwise,",
    Decision.REJECT: "is refused",
}
# In words, and as people type them. Who may use passcodes may have some sent by text message.
_FACTORS = {
    Factor.PUSH: ("push", ["push"]),
    Factor.PHONE: ("phone call", ["phone"]),
    Factor.PASSCODE: ("passcode", ["123456", "sms"]),
}


def describe_listener(
    listener: ListenerSettings,
    directory: DirectorySettings,
    duo: DuoSettings,
    offline: OfflineSettings | None,
) -> str:
    """What a reviewer has to know about one listener.

    Args:
        listener: the listener.
        directory: the directory behind it.
        duo: its Duo application.
        offline: the store of offline authenticators; None when there is none.
    """
    policy = listener.policy
    host = f"[{listener.host}]" if ":" in listener.host else listener.host
    scheme = "ldaps" if listener.ldaps else "ldap"
    return render(
        f"Listener {listener.name}: {scheme}://{host}:{listener.port}",
        [
            Paragraph("Clients", _clients(listener)),
            Paragraph("Encryption", _encryption(listener)),
            Paragraph("Who gets in", _who(policy, directory, duo)),
            Paragraph("Second factor", _second_factor(policy)),
            *describe_pushes(listener),
            Paragraph("Exempt", _exempt(policy)),
            Paragraph("Fail mode", _fail_mode(policy)),
            Paragraph("In an outage", describe_outage(policy, duo, offline)),
            Paragraph("Without login", [_anonymous(policy)]),
            Paragraph("After login", _after_login(listener)),
            Paragraph("Limits", _limits(listener)),
        ],
    )


def _clients(listener: ListenerSettings) -> list[str]:
    return [f"May connect from {_from(listener.networks)}."]


def _from(networks: Iterable[Network]) -> str:
    words = [str(network) for network in networks]
    return "anywhere" if {"0.0.0.0/0", "::/0"} <= set(words) else ", ".join(words)


def _encryption(listener: ListenerSettings) -> list[str]:
    if listener.tls is None:
        return ["None: passwords and answers travel in clear text."]
    certificate = (
        f"TLS {listener.tls.minimum_version.value} or later, certificate {listener.tls.certificate_file}."
    )
    if listener.ldaps:
        return [f"TLS from the first byte. {certificate}"]
    match listener.start_tls:
        case StartTls.REQUIRED:
            return [f"StartTLS is required: before it, only the root DSE can be read. {certificate}"]
        case StartTls.OPTIONAL:
            return [f"StartTLS is offered; passwords in clear text are accepted, too. {certificate}"]
        case _:
            assert_never(listener.start_tls)


def _who(policy: ListenerPolicy, directory: DirectorySettings, duo: DuoSettings) -> list[str]:
    sentences = [
        f"Whom directory {directory.name} accepts with the password, and then Duo application {duo.name}, "
        f"within {show_duration(policy.bind_timeout)}."
    ]
    if policy.require_group is not None:
        sentences.append(f"Only members of {policy.require_group} (and who is exempt by name or subtree).")
    match policy.username:
        case UsernameSource.ATTRIBUTE:
            source = f"the value of {directory.lookup.username_attribute}"
        case UsernameSource.RDN:
            source = "the first value of the entry's DN"
        case _:
            assert_never(policy.username)
    sentences.append(f"Duo knows the person by {source}, as the directory returns it.")
    sentences += _rewrites(policy)
    if policy.groups:
        sentences.append(
            "On Active Directory, nested groups count, and a person's primary group "
            "(mostly Domain Users) does not: it is not among the group's members."
        )
    return sentences


def _rewrites(policy: ListenerPolicy) -> list[str]:
    if not policy.rewrites:
        return []
    steps = []
    for rewrite in policy.rewrites:
        match rewrite:
            case Substitution(pattern, replacement):
                steps.append(f"- {pattern.pattern} becomes {replacement or 'nothing'}")
            case LowerCase():
                steps.append("- all of it becomes lower case")
            case _:
                assert_never(rewrite)
    return [
        "Before that, it is rewritten. Whose names become the same are one person to Duo.",
        *steps,
    ]


def _second_factor(policy: ListenerPolicy) -> list[str]:
    allowed = [spelling for factor, spelling in _FACTORS.items() if factor in policy.factors]
    sentences = [f"Allowed: {', '.join(words for words, _ in allowed)}."]
    match Factor.PUSH in policy.factors, Factor.PHONE in policy.factors:
        case True, True:
            sentences.append("Who types only the password gets a push, or a call if no device can do a push.")
        case True, False:
            sentences.append("Who types only the password gets a push.")
        case False, True:
            sentences.append("Who types only the password gets a call.")
        case _:
            sentences.append("Who types only the password is refused.")
    if policy.delimiter is None:
        sentences.append("Nothing can be typed behind the password.")
    else:
        typed = [f"password{policy.delimiter}{form}" for _, forms in allowed for form in forms]
        sentences.append(f"Who wants another one types {' or '.join(typed)}.")
        if policy.factors & BY_TAP:
            sentences.append(f"password{policy.delimiter}@NAME asks the device of that name.")
        if Factor.PASSCODE in policy.factors:
            sentences.append("(sms only sends passcodes for the next login; this one fails.)")
    if policy.client_is_user:
        sentences.append(
            "The client's address goes to Duo as the person's own: Duo lets networks that it trusts in "
            "without a second factor."
        )
    return sentences


def _exempt(policy: ListenerPolicy) -> list[str]:
    if not policy.exempt:
        return ["Nobody: each login needs the second factor."]
    return ["The password is enough for"] + [f"- {_rule(rule)}" for rule in policy.exempt]


def _rule(rule: Exemption) -> str:
    match rule:
        case ExemptDn(dn):
            whom = str(dn)
        case ExemptSubtree(base):
            whom = f"everybody below {base}"
        case ExemptGroup(group):
            whom = f"members of {group}"
        case _:
            assert_never(rule)
    return f"{whom}, from {_from(rule.networks) if rule.networks else 'anywhere'}"


def _fail_mode(policy: ListenerPolicy) -> list[str]:
    by_decision: dict[Decision, list[str]] = {decision: [] for decision in _DECISIONS}
    for outcome, words in _OUTCOMES.items():
        by_decision[decide(policy.fail_mode, outcome)].append(words)
    sentences = [f"{policy.fail_mode.value}. With the right password, a person"]
    for decision, outcomes in by_decision.items():
        if outcomes:
            sentences += [f"{_DECISIONS[decision]} when"] + [f"- {words}" for words in outcomes]
    return sentences


def _anonymous(policy: ListenerPolicy) -> str:
    match policy.anonymous:
        case Anonymous.ROOT_DSE:
            return "The root DSE can be read, nothing else."
        case Anonymous.DENY:
            return "Nothing: anonymous binds are refused."
        case Anonymous.ALLOW:
            return "Whatever the directory lets anonymous clients do."
        case _:
            assert_never(policy.anonymous)


def _after_login(listener: ListenerSettings) -> list[str]:
    if not listener.search_after_bind:
        return ["Nothing: other operations than binds are refused."]
    sentences = ["Whatever the directory lets the person do."]
    if listener.allow_password_compare:
        sentences.append(
            "Passwords can be tested by Compare and by filters, without a bind: no second factor."
        )
    else:
        names = ", ".join(listener.password_attributes)
        sentences.append(f"Compare of, and filters on, {names} are refused.")
    further = [oid for oid in listener.extended_operations if oid not in ALWAYS_RELAYED]
    relayed = [*ALWAYS_RELAYED.values(), *further]
    sentences.append(f"Of extended operations, {', '.join(relayed)} are relayed, and no other.")
    return sentences


def _limits(listener: ListenerSettings) -> list[str]:
    limits = listener.limits
    client = f", {limits.connections_per_client} of one address" if limits.connections_per_client else ""
    return [
        f"At a time: {limits.connections} connections{client}; {limits.pending_binds} pending binds; "
        f"{limits.outstanding} operations a connection.",
        f"A request has at most {show_size(limits.message_size)}, 64KiB before a login; "
        f"{show_size(limits.buffered)} wait behind a pending bind; all connections together keep at most "
        f"{show_size(limits.buffered_total)} waiting.",
        f"A connection ends after {show_duration(limits.idle_timeout)} of silence, and when it says nothing "
        f"complete for {show_duration(limits.handshake_timeout)} after it was opened.",
        *_failed_binds(limits.failed_binds),
    ]


def _failed_binds(rules: FailedBindRules) -> list[str]:
    counts = [
        f"{count} {whose}"
        for count, whose in ((rules.per_user, "of one user"), (rules.per_client, "from one address"))
        if count
    ]
    if not counts:
        return []
    return [
        f"Wrong passwords in {show_duration(rules.per)}: {' or '.join(counts)}; then the directory is not "
        "asked, and the answer is busy."
    ]
