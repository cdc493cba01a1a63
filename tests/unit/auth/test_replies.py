"""The BindResponse of each conclusion."""

from __future__ import annotations

import pytest

from ldapproxy.auth.bind_flow import Conclusion
from ldapproxy.auth.outcomes import Reason, Verdict
from ldapproxy.auth.preconditions import UNAUTHENTICATED
from ldapproxy.auth.replies import refusal, reply, result_code
from ldapproxy.ldap.framing import MessageFramer
from ldapproxy.ldap.messages import LdapResult, decode_result
from ldapproxy.ldap.result_codes import ResultCode

ACCEPTING = {
    Reason.SECOND_FACTOR,
    Reason.BYPASSED,
    Reason.EXEMPT_DN,
    Reason.EXEMPT_SUBTREE,
    Reason.EXEMPT_GROUP,
    Reason.FAIL_MODE_OPEN,
    Reason.OFFLINE_CODE,
    Reason.ANONYMOUS,
}


def decoded(raw: bytes) -> LdapResult:
    framer = MessageFramer(10_000)
    framer.append(raw)
    frame = framer.next()
    assert frame is not None
    return decode_result(frame)


def rejected(reason: Reason, response: bytes | None = b"success from the directory") -> Conclusion:
    return Conclusion(Verdict.REJECTED, reason, response)


def test_an_acceptance_forwards_the_directorys_response() -> None:
    assert reply(7, Conclusion(Verdict.ACCEPTED, Reason.SECOND_FACTOR, b"as it came")) == b"as it came"


def test_an_acceptance_without_the_directory_cannot_be_answered() -> None:
    with pytest.raises(AssertionError):
        reply(7, Conclusion(Verdict.ACCEPTED, Reason.SECOND_FACTOR))


def test_the_directorys_own_refusal_is_forwarded() -> None:
    assert reply(7, rejected(Reason.PRIMARY_REFUSED, b"as it came")) == b"as it came"


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in ACCEPTING])
def test_no_rejection_forwards_a_success(reason: Reason) -> None:
    if reason is Reason.PRIMARY_REFUSED:
        return
    result = decoded(reply(7, rejected(reason)))
    assert result.message_id == 7
    assert result.result_code != ResultCode.SUCCESS


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.DENIED, 49),
        (Reason.TIMED_OUT, 49),
        (Reason.PAUSED, 49),
        (Reason.DUO_UNAVAILABLE, 49),
        (Reason.DUO_RATE_LIMITED, 49),
        (Reason.NO_ENTRY, 49),
        (Reason.PRIMARY_REFERRAL, 49),
        (Reason.OFFLINE_WRONG_CODE, 49),
        (Reason.UNAUTHENTICATED_BIND, 53),
        (Reason.PRIMARY_UNAVAILABLE, 52),
        (Reason.LOOKUP_UNAVAILABLE, 52),
        (Reason.INTERNAL_ERROR, 49),
    ],
)
def test_codes(reason: Reason, code: int) -> None:
    assert result_code(rejected(reason)) == code


def test_an_internal_error_before_the_primary_is_other() -> None:
    assert result_code(rejected(Reason.INTERNAL_ERROR, None)) == ResultCode.OTHER


def test_duos_text_is_told() -> None:
    conclusion = Conclusion(Verdict.REJECTED, Reason.DENIED, b"success", text="Login request denied.")
    assert decoded(reply(7, conclusion)).diagnostic == "Login request denied."


def test_a_refusal_before_any_question() -> None:
    result = decoded(refusal(9, UNAUTHENTICATED))
    assert (result.message_id, result.result_code) == (9, 53)
    assert result.diagnostic
