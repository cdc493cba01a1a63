"""In words: what the logins of one listener share, and how often a person is bothered.

Owns the sentences about design 4.6. It must not decide anything.
"""

from __future__ import annotations

from ldapproxy.auth.outcomes import Factor
from ldapproxy.auth.push_limits import PushLimitRules
from ldapproxy.config.paragraphs import Paragraph
from ldapproxy.config.values import show_duration
from ldapproxy.net.settings import ListenerSettings, PushSettings, RememberSettings


def describe_pushes(listener: ListenerSettings) -> list[Paragraph]:
    """The paragraphs for one listener; what its factors rule out is left out."""
    factors = listener.policy.factors
    bothers = bool(factors & {Factor.PUSH, Factor.PHONE})
    shared = sorted(str(account) for account in listener.policy.shared) if Factor.PUSH in factors else []
    return [
        Paragraph("Shared", _shared(shared)),
        Paragraph("Retries", _retries(listener.pushes, bothers=bothers)),
        Paragraph("Remembered", _remembered(listener.remember)),
        Paragraph("Push limits", _push_limits(listener.pushes.limits) if bothers else []),
    ]


def _shared(accounts: list[str]) -> list[str]:
    if not accounts:
        return []
    return ["Every phone of these accounts is asked at once, and the first approval is enough, for"] + [
        f"- {account}" for account in accounts
    ]


def _retries(pushes: PushSettings, *, bothers: bool) -> list[str]:
    if pushes.single_flight:
        sentences = [
            "While a login waits for Duo, the same login (person, client address and all that was typed) "
            "waits with it, and Duo is not asked again."
        ]
    else:
        sentences = ["Each login asks Duo, also while the same one still waits."]
    if not bothers:
        return sentences
    if pushes.late_approval:
        sentences.append(
            "An approval that comes after the client has left lets the same login in, once, within "
            f"{show_duration(pushes.late_approval)}."
        )
    else:
        sentences.append("When the client leaves, its push ends, and an approval that still comes is void.")
    if pushes.answer_before is not None:
        sentences.append(
            f"After {show_duration(pushes.answer_before)} a login is answered busy, while its push goes on "
            "for the next try."
        )
    return sentences


def _remembered(remember: RememberSettings) -> list[str]:
    if not remember.lasts:
        return ["Never: each login needs a second factor of its own."]
    idle = f", or {show_duration(remember.idle)} after its last use" if remember.idle else ""
    return [
        f"What Duo has allowed is enough for {show_duration(remember.lasts)}{idle}, for the same person, "
        "client address and all that was typed; the directory checks the password every time.",
        "Someone who has the password and sits behind the same address shares the tap. (To an application "
        "that logs people in, all of them have its address.)",
        "A denial ends it for that person on all listeners, and the signal SIGUSR1 for everybody.",
    ]


def _push_limits(rules: PushLimitRules) -> list[str]:
    sentences = []
    if rules.pushes:
        sentences.append(
            f"{rules.pushes} pushes or calls that are not approved in {show_duration(rules.per)}, "
            "then no more."
        )
    pauses = [
        f"for {show_duration(seconds)} after one that was {what}"
        for seconds, what in (
            (rules.pause_after_denial, "denied or not answered"),
            (rules.pause_after_fraud, "reported as fraud"),
        )
        if seconds
    ]
    if pauses:
        sentences.append(f"None {', and '.join(pauses)}.")
    if not sentences:
        return ["None: who has the password can send pushes without end."]
    return [*sentences, "All that per person, over all listeners. A passcode works all the same."]
