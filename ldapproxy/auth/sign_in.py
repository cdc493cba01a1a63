"""What it takes to sign in to the self-service portal: a listener's rules, without any of its exceptions.

Owns the policy of a sign-in and the one test that lets somebody in. Whoever gets in can add a way to log in
without Duo, so nothing but the directory's yes to the password and a person's yes on a phone, given for this
sign-in, may open the portal. It must not know who asks, nor what the portal shows.
"""

from __future__ import annotations

from dataclasses import replace

from ldapproxy.auth.bind_flow import Conclusion
from ldapproxy.auth.outcomes import Factor, FailMode, Reason, SecondFactorOutcome, Verdict
from ldapproxy.auth.policy import Anonymous, ListenerPolicy
from ldapproxy.ldap.dn import DistinguishedName

BY_TAP = frozenset({Factor.PUSH, Factor.PHONE})
"""The factors with which a person answers. A typed code may be one of Duo's bypass codes, which an
administrator, or whoever pretended to be somebody else at the help desk, holds."""

_TAPPED = frozenset(factor.value for factor in BY_TAP)


def sign_in_policy(policy: ListenerPolicy, nobody: DistinguishedName) -> ListenerPolicy:
    """The policy of a sign-in to the portal of a listener with this policy.

    Who may log in (`require_group`), the name for Duo and shared accounts are the listener's. There is no
    exemption, no remembered login, no fail mode that accepts, and nothing is typed behind the password.
    People type user names, so these are looked up, whether the listener does so or not.

    Args:
        policy: the listener's.
        nobody: the name of no entry, below the directory's `base_dn`, unless the listener has one.
    """
    return replace(
        policy,
        fail_mode=FailMode.CLOSED,
        factors=policy.factors & BY_TAP,
        delimiter=None,
        anonymous=Anonymous.DENY,
        exempt=(),
        # Duo lets people in from trusted networks without asking them.
        client_is_user=False,
        remembers=False,
        nobody=policy.nobody or nobody,
    )


def admits(conclusion: Conclusion) -> bool:
    """Whether a bind that was performed under `sign_in_policy` opens the portal.

    The policy leaves no other way to be accepted; this states it once more, so that no later one is let in.
    """
    result = conclusion.second_factor
    return (
        conclusion.verdict is Verdict.ACCEPTED
        and conclusion.reason is Reason.SECOND_FACTOR
        and result is not None
        and result.outcome is SecondFactorOutcome.ALLOWED
        and result.factor in _TAPPED
        and result.joined is None
        and conclusion.offline is None
        and bool(conclusion.identity)
        and bool(conclusion.username)
        and conclusion.dn is not None
    )
