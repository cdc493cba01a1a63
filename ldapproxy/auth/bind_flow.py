"""One simple bind, from the credential to the verdict, as one piece.

Owns the order of the questions: primary, identity, exemption, second factor, fail mode, offline code. It must
not know who answers them, how long they take, or how a verdict is written on the wire. It holds no clock and
catches nothing: whoever drives it turns an exception that nobody foresaw into a rejection.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, assert_never

from ldapproxy.auth import credentials, fail_mode, preconditions
from ldapproxy.auth.effects import (
    AskWhoIsBound,
    Effect,
    LookUpEntry,
    RecallLogin,
    VerifyOffline,
    VerifyPrimary,
    VerifySecondFactor,
)
from ldapproxy.auth.outcomes import (
    Entry,
    EntryNotFound,
    LookupUnavailable,
    OfflineResult,
    OfflineVerdict,
    PrimaryAccepted,
    PrimaryRefused,
    PrimaryUnavailable,
    Reason,
    SecondFactorOutcome,
    SecondFactorResult,
    SeveralEntries,
    Verdict,
)
from ldapproxy.auth.policy import Address, ListenerPolicy, UsernameSource, exempt_by_group, exempt_by_name
from ldapproxy.auth.preconditions import SimpleBind
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.errors import InvalidName
from ldapproxy.secret import Secret


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a bind ended, and everything that became known on the way.

    Attributes:
        verdict: accepted or rejected.
        reason: why.
        primary_response: the directory's BindResponse, for the answers that forward it.
        primary_code: its result code.
        text: what to tell the client in the diagnosticMessage; empty for nothing.
        dn: the name that is bound, if known.
        username: the name sent to Duo, if one was.
        identity: the entry's identity, if it was looked up.
        second_factor: how the second factor ended, if it was asked for.
        offline: what became of an offline code, if one was asked for.
        detail: a sentence for the log.
    """

    verdict: Verdict
    reason: Reason
    primary_response: bytes | None = None
    primary_code: int = 0
    text: str = ""
    dn: DistinguishedName | None = None
    username: str | None = None
    identity: str | None = None
    second_factor: SecondFactorResult | None = None
    offline: OfflineResult | None = None
    detail: str = ""


BindFlow = Generator[Effect[Any], Any, Conclusion]

_REJECTED = Verdict.REJECTED


def bind_flow(bind: SimpleBind, policy: ListenerPolicy, client: Address) -> BindFlow:
    """Asks what has to be asked about one simple bind, in order, and concludes.

    Args:
        bind: what `preconditions.examine` let through.
        policy: the listener's policy.
        client: the client's address.
    """
    name = _as_dn(bind.name)
    exempt = None if name is None else exempt_by_name(policy, name, client)
    if exempt is not None:
        # Never split: a service account's password may look like anything.
        primary = yield from VerifyPrimary(None)
        concluded = _unless_accepted(primary)
        if concluded is not None:
            return replace(concluded, dn=name)
        return Conclusion(Verdict.ACCEPTED, exempt, _response(primary), dn=name)

    password, choice = credentials.split(bind.credential, policy.delimiter)
    if not password:
        refused = preconditions.UNAUTHENTICATED
        return Conclusion(_REJECTED, refused.reason, text=refused.text, dn=name)
    primary = yield from VerifyPrimary(None if password is bind.credential else password)
    concluded = _unless_accepted(primary)
    if concluded is not None:
        return replace(concluded, dn=name)

    if name is None:
        name = yield from AskWhoIsBound()
    if name is None or name.is_empty:
        return Conclusion(
            _REJECTED,
            Reason.IDENTITY_UNKNOWN,
            detail="the directory accepted the password and did not say whose it is",
        )
    found = yield from LookUpEntry(name, policy.groups)
    match found:
        case Entry():
            concluded = yield from _second_factor(found, bind.credential, choice, policy, client)
        case EntryNotFound():
            concluded = Conclusion(_REJECTED, Reason.NO_ENTRY)
        case SeveralEntries():
            concluded = Conclusion(_REJECTED, Reason.SEVERAL_ENTRIES)
        case LookupUnavailable(detail):
            concluded = Conclusion(_REJECTED, Reason.LOOKUP_UNAVAILABLE, detail=detail)
        case _:
            assert_never(found)
    return replace(concluded, dn=name, primary_response=_response(primary))


def _second_factor(
    entry: Entry,
    credential: Secret,
    choice: credentials.FactorChoice,
    policy: ListenerPolicy,
    client: Address,
) -> BindFlow:
    """Everything behind an accepted primary whose entry is known."""
    if policy.require_group is not None and policy.require_group not in entry.groups:
        return Conclusion(_REJECTED, Reason.GROUP_REQUIRED)
    exempt = exempt_by_group(policy, entry, client)
    if exempt is not None:
        return Conclusion(Verdict.ACCEPTED, exempt)
    username = _username(entry, policy.username)
    if isinstance(username, Reason):
        return Conclusion(_REJECTED, username)

    if policy.remembers:
        remembered = yield from RecallLogin(entry.identity, credential)
        if remembered:
            return Conclusion(Verdict.ACCEPTED, Reason.REMEMBERED, username=username, identity=entry.identity)
    if isinstance(choice, credentials.Auto) and entry.dn in policy.shared:
        choice = credentials.Everybody()
    result = yield from VerifySecondFactor(
        username=username,
        identity=entry.identity,
        credential=credential,
        choice=choice,
        factors=policy.factors,
        listener=policy.listener,
        client=client,
        client_is_user=policy.client_is_user,
    )
    offline: OfflineResult | None = None
    decision = fail_mode.decide(policy.fail_mode, result.outcome)
    if decision is fail_mode.Decision.ASK_OFFLINE:
        match choice:
            case credentials.Passcode(code):
                offline = yield from VerifyOffline(entry.identity, code)
            case _:
                offline = OfflineResult(OfflineVerdict.NO_CODE)
        decision = fail_mode.decide(policy.fail_mode, result.outcome, offline.verdict)
    accepted = decision is fail_mode.Decision.ACCEPT
    return Conclusion(
        Verdict.ACCEPTED if accepted else _REJECTED,
        _accept_reason(result.outcome, offline) if accepted else _reject_reason(result, offline),
        text="" if accepted else (result.text or ""),
        username=username,
        identity=entry.identity,
        second_factor=result,
        offline=offline,
        detail=result.detail,
    )


def _as_dn(name: str) -> DistinguishedName | None:
    """The name as a DN, or None when it is of another form (`alice@example.com`)."""
    try:
        return DistinguishedName.parse(name)
    except InvalidName:
        return None


def _unless_accepted(primary: PrimaryAccepted | PrimaryRefused | PrimaryUnavailable) -> Conclusion | None:
    """The rejection that a primary means, or None when it was accepted."""
    match primary:
        case PrimaryAccepted():
            return None
        case PrimaryRefused(is_referral=True):
            return Conclusion(
                _REJECTED, Reason.PRIMARY_REFERRAL, detail="the directory answered with a referral"
            )
        case PrimaryRefused(response, code):
            return Conclusion(_REJECTED, Reason.PRIMARY_REFUSED, response, code)
        case PrimaryUnavailable(detail):
            return Conclusion(_REJECTED, Reason.PRIMARY_UNAVAILABLE, detail=detail)
        case _:
            assert_never(primary)


def _response(primary: PrimaryAccepted | PrimaryRefused | PrimaryUnavailable) -> bytes | None:
    return None if isinstance(primary, PrimaryUnavailable) else primary.response


def _username(entry: Entry, source: UsernameSource) -> str | Reason:
    """The name for Duo, or the reason why there is none. Absence of data never admits."""
    match source:
        case UsernameSource.RDN:
            names: tuple[str, ...] = (entry.rdn_value,)
        case UsernameSource.ATTRIBUTE:
            names = entry.usernames
        case _:
            assert_never(source)
    if len(names) > 1:
        return Reason.SEVERAL_USERNAMES
    if not names or not names[0].strip():
        return Reason.NO_USERNAME
    return names[0]


def _accept_reason(outcome: SecondFactorOutcome, offline: OfflineResult | None) -> Reason:
    """Names an acceptance that was decided already; any other outcome here is an error."""
    if offline is not None:
        return Reason.OFFLINE_CODE
    match outcome:
        case SecondFactorOutcome.ALLOWED:
            return Reason.SECOND_FACTOR
        case SecondFactorOutcome.BYPASSED:
            return Reason.BYPASSED
        case SecondFactorOutcome.UNAVAILABLE:
            return Reason.FAIL_MODE_OPEN
        case _:
            raise AssertionError(f"{outcome} is never accepted")


_REJECT_REASONS = {
    SecondFactorOutcome.DENIED: Reason.DENIED,
    SecondFactorOutcome.NOT_ENROLLED: Reason.NOT_ENROLLED,
    SecondFactorOutcome.NO_FACTOR: Reason.NO_FACTOR,
    SecondFactorOutcome.PAUSED: Reason.PAUSED,
    SecondFactorOutcome.TIMED_OUT: Reason.TIMED_OUT,
    SecondFactorOutcome.UNAVAILABLE: Reason.DUO_UNAVAILABLE,
    SecondFactorOutcome.INTERRUPTED: Reason.DUO_INTERRUPTED,
    SecondFactorOutcome.UNTRUSTED: Reason.DUO_UNTRUSTED,
    SecondFactorOutcome.RATE_LIMITED: Reason.DUO_RATE_LIMITED,
    SecondFactorOutcome.MISCONFIGURED: Reason.DUO_MISCONFIGURED,
}

_OFFLINE_REASONS = {
    OfflineVerdict.NO_CODE: Reason.OFFLINE_NO_CODE,
    OfflineVerdict.WRONG_CODE: Reason.OFFLINE_WRONG_CODE,
    OfflineVerdict.REPLAYED: Reason.OFFLINE_REPLAYED,
    OfflineVerdict.NOT_ENROLLED: Reason.OFFLINE_NOT_ENROLLED,
    OfflineVerdict.LOCKED: Reason.OFFLINE_LOCKED,
    OfflineVerdict.LOGINS_USED_UP: Reason.OFFLINE_LOGINS_USED_UP,
    OfflineVerdict.TOO_LONG_OFFLINE: Reason.OFFLINE_TOO_LONG,
    OfflineVerdict.STORE_UNAVAILABLE: Reason.OFFLINE_STORE_UNAVAILABLE,
    OfflineVerdict.NOT_CONFIGURED: Reason.OFFLINE_STORE_UNAVAILABLE,
}


def _reject_reason(result: SecondFactorResult, offline: OfflineResult | None) -> Reason:
    if offline is not None:
        return _OFFLINE_REASONS[offline.verdict]
    if result.fraud:
        return Reason.FRAUD
    return _REJECT_REASONS[result.outcome]
