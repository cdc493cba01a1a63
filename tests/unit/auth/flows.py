"""A bind flow as a transcript: the effects it yields, and the answers it is given.

Owns the shared values of the transcripts. It must not know a loop: a flow is driven by hand.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from ldapproxy.auth.bind_flow import Conclusion, bind_flow
from ldapproxy.auth.effects import Effect
from ldapproxy.auth.outcomes import Entry, Factor, FailMode, PrimaryAccepted, PrimaryRefused
from ldapproxy.auth.policy import Address, Anonymous, ListenerPolicy, UsernameSource
from ldapproxy.auth.preconditions import SimpleBind
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.secret import Secret

ALICE = DistinguishedName.parse("uid=alice,ou=people,dc=example,dc=com")
STAFF = DistinguishedName.parse("cn=staff,ou=groups,dc=example,dc=com")
CLIENT: Address = ip_address("192.0.2.7")

ACCEPTED = PrimaryAccepted(b"the directory's response")
REFUSED = PrimaryRefused(b"the directory's refusal", 49, is_referral=False)

POLICY = ListenerPolicy(
    listener="vpn",
    fail_mode=FailMode.CLOSED,
    factors=frozenset({Factor.PUSH, Factor.PHONE, Factor.PASSCODE}),
    delimiter=",",
    bind_timeout=60.0,
    anonymous=Anonymous.ROOT_DSE,
    username=UsernameSource.ATTRIBUTE,
    exempt=(),
    require_group=None,
    client_is_user=False,
    confidentiality_required=False,
)

ENTRY = Entry(
    dn=ALICE,
    identity="6e5c7a1e-0000-4000-8000-000000000001",
    usernames=("alice",),
    rdn_value="alice",
    groups=frozenset(),
)


def policy(**changes: Any) -> ListenerPolicy:
    """The policy of the transcripts, with changes."""
    return replace(POLICY, **changes)


def bind(credential: str, name: str = "uid=alice,ou=people,dc=example,dc=com") -> SimpleBind:
    """A simple bind that passed the preconditions."""
    return SimpleBind(name, Secret(credential))


def transcript(
    attempt: SimpleBind, listener: ListenerPolicy, *answers: Any, client: Address = CLIENT
) -> tuple[list[Effect[Any]], Conclusion]:
    """Drives a flow with these answers.

    Returns:
        The effects in order, and the conclusion. It must ask as many questions as there are answers.
    """
    flow = bind_flow(attempt, listener, client)
    effects: list[Effect[Any]] = []
    waiting = list(answers)
    answer: Any = None
    while True:
        try:
            effect = flow.send(answer)
        except StopIteration as stopped:
            assert not waiting, f"never asked for {waiting}"
            conclusion: Conclusion = stopped.value
            return effects, conclusion
        effects.append(effect)
        assert waiting, f"one question too many: {effect}"
        answer = waiting.pop(0)
