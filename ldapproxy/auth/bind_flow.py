"""One simple bind, from the credential to the verdict, as one piece.

Owns the order of the questions: account name, primary, identity, exemption, second factor, fail mode, offline
code. It must not know who answers them, how long they take, or how a verdict is written on the wire. It holds
no clock and catches nothing: whoever drives it turns an exception that nobody foresaw into a rejection.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, assert_never

from ldapproxy.auth import credentials, fail_mode, preconditions
from ldapproxy.auth.effects import (
    AskIdentifierOf,
    AskSecurityIdentifier,
    AskWhoIsBound,
    Effect,
    FindEntry,
    LookUpEntry,
    RecallLogin,
    VerifyOffline,
    VerifyPrimary,
    VerifySecondFactor,
)
from ldapproxy.auth.names import LoginName, as_account_name, as_dn
from ldapproxy.auth.outcomes import (
    Entry,
    EntryNotFound,
    LookupUnavailable,
    OfflineResult,
    OfflineVerdict,
    PrimaryAccepted,
    PrimaryNotAsked,
    PrimaryOutcome,
    PrimaryRefused,
    PrimaryUnavailable,
    Reason,
    SecondFactorResult,
    SeveralEntries,
    Verdict,
)
from ldapproxy.auth.policy import Address, ListenerPolicy, exempt_by_group, exempt_by_name
from ldapproxy.auth.preconditions import SimpleBind
from ldapproxy.auth.reasons import accept_reason, reject_reason
from ldapproxy.auth.usernames import username as username_of
from ldapproxy.ldap.dn import DistinguishedName
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
    name, found_name = as_dn(bind.name), None
    account = as_account_name(bind.name)
    if name is None and account is not None and policy.nobody is not None:
        found = yield from FindEntry(account)
        if not isinstance(found, DistinguishedName):
            return (yield from _refuse_nobody(found, policy.nobody, bind.credential, policy))
        name = found_name = found
    exempt = None if name is None else exempt_by_name(policy, name, client)
    if exempt is not None:
        # Never split: a service account's password may look like anything.
        primary = yield from VerifyPrimary(None, found_name)
        concluded = _unless_accepted(primary)
        if concluded is None and found_name is None and policy.confirms_names and name is not None:
            concluded = yield from _unless_confirmed(name)
        if concluded is not None:
            return replace(concluded, dn=name)
        return Conclusion(Verdict.ACCEPTED, exempt, _response(primary), dn=name)

    password, choice = credentials.split(bind.credential, policy.delimiter)
    if not password:
        return replace(_unauthenticated(), dn=name)
    primary = yield from VerifyPrimary(None if password is bind.credential else password, found_name)
    concluded = _unless_accepted(primary)
    if concluded is not None:
        return replace(concluded, dn=name)

    if name is None:
        identified = yield from _identify(bind.name)
        if isinstance(identified, Conclusion):
            return replace(identified, primary_response=_response(primary))
        name = identified
        # One account is one account, however its name is spelled.
        exempt = exempt_by_name(policy, name, client)
        if exempt is not None:
            return Conclusion(Verdict.ACCEPTED, exempt, _response(primary), dn=name)
    if name.is_empty:
        return replace(_unknown(), primary_response=_response(primary))
    concluded = yield from _entry_known(name, bind.credential, choice, policy, client)
    return replace(concluded, dn=name, primary_response=_response(primary))


def _refuse_nobody(
    found: EntryNotFound | SeveralEntries | LookupUnavailable,
    nobody: DistinguishedName,
    credential: Secret,
    policy: ListenerPolicy,
) -> BindFlow:
    """The end of a bind whose account name is nobody's, or more than one's.

    The directory is asked all the same, under a name that is no entry's. So the answer, and the time it
    takes, are those of the directory itself to somebody who does not exist, and strangers learn no names that
    the directory would not tell them.
    """
    if isinstance(found, LookupUnavailable):
        return _not_found(found)
    password, _ = credentials.split(credential, policy.delimiter)
    if not password:
        return _unauthenticated()
    primary = yield from VerifyPrimary(None if password is credential else password, nobody)
    refused = _unless_accepted(primary)
    if refused is None:
        return _not_found(found)
    return replace(refused, reason=_not_found(found).reason) if refused.primary_code else refused


def _identify(name: str) -> Generator[Effect[Any], Any, DistinguishedName | Conclusion]:
    """Whose password the directory has just accepted under a name that is no DN; or why nobody knows.

    The directory itself is asked first: by "Who am I?" (RFC 4532), then for the SID of Active Directory,
    which answers "Who am I?" with an account name at best. What a name may mean is searched for only where
    neither is answered.
    """
    bound = yield from AskWhoIsBound()
    if isinstance(bound, LookupUnavailable):
        return _not_found(bound)
    if bound is not None:
        return _unknown() if bound.is_empty else bound
    identifier = yield from AskSecurityIdentifier()
    if isinstance(identifier, LookupUnavailable):
        return _not_found(identifier)
    found = yield from FindEntry(LoginName(name) if identifier is None else identifier)
    if isinstance(found, DistinguishedName):
        return found
    # A SID that is nobody's is somebody whom the service account does not see; a name that is nobody's may
    # be anything.
    return _unknown() if identifier is None and isinstance(found, EntryNotFound) else _not_found(found)


def _unless_confirmed(name: DistinguishedName) -> Generator[Effect[Any], Any, Conclusion | None]:
    """The rejection of somebody else than the DN names, or None when it is the one.

    A directory that knows no SIDs is none that reads a DN in any other way.
    """
    bound = yield from AskSecurityIdentifier()
    if bound is None:
        return None
    named = yield from AskIdentifierOf(name)
    for answer in (bound, named):
        if isinstance(answer, LookupUnavailable):
            return _not_found(answer)
    return None if bound == named else _unknown()


def _entry_known(
    name: DistinguishedName,
    credential: Secret,
    choice: credentials.FactorChoice,
    policy: ListenerPolicy,
    client: Address,
) -> BindFlow:
    """Everything behind an accepted primary whose DN is known."""
    found = yield from LookUpEntry(name, policy.groups)
    if isinstance(found, Entry):
        return (yield from _second_factor(found, credential, choice, policy, client))
    return _not_found(found)


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
    username = username_of(entry, policy.username, policy.rewrites)
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
        accept_reason(result.outcome, offline) if accepted else reject_reason(result, offline),
        text="" if accepted else (result.text or ""),
        username=username,
        identity=entry.identity,
        second_factor=result,
        offline=offline,
        # Behind an offline code it also says what is left of the limits, or why the code is no way in.
        detail="; ".join(filter(None, (result.detail, "" if offline is None else offline.detail))),
    )


def _unauthenticated() -> Conclusion:
    """A password that is empty, at least once the factor was split off."""
    refused = preconditions.UNAUTHENTICATED
    return Conclusion(_REJECTED, refused.reason, text=refused.text)


def _unknown() -> Conclusion:
    return Conclusion(
        _REJECTED,
        Reason.IDENTITY_UNKNOWN,
        detail="the directory accepted the password and did not say whose it is",
    )


def _not_found(found: EntryNotFound | SeveralEntries | LookupUnavailable) -> Conclusion:
    """The rejection of a bind without exactly one entry."""
    match found:
        case EntryNotFound():
            return Conclusion(_REJECTED, Reason.NO_ENTRY)
        case SeveralEntries():
            return Conclusion(_REJECTED, Reason.SEVERAL_ENTRIES)
        case LookupUnavailable(detail):
            return Conclusion(_REJECTED, Reason.LOOKUP_UNAVAILABLE, detail=detail)
        case _:
            assert_never(found)


def _unless_accepted(primary: PrimaryOutcome) -> Conclusion | None:
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
        case PrimaryNotAsked():
            refused = preconditions.TOO_MANY_FAILED
            return Conclusion(_REJECTED, refused.reason, text=refused.text)
        case _:
            assert_never(primary)


def _response(primary: PrimaryOutcome) -> bytes | None:
    return primary.response if isinstance(primary, PrimaryAccepted | PrimaryRefused) else None
