"""The BindResponse that a verdict becomes.

Owns result codes and diagnosticMessages of binds (design 4.1, "Answers"). It must not know how the verdict
was reached.
"""

from __future__ import annotations

from typing import assert_never

from ldapproxy.auth.bind_flow import Conclusion
from ldapproxy.auth.outcomes import Reason, Verdict
from ldapproxy.auth.preconditions import UNAUTHENTICATED, Refused
from ldapproxy.ldap.messages import Tag, encode_result
from ldapproxy.ldap.result_codes import ResultCode


def refusal(message_id: int, refused: Refused) -> bytes:
    """The BindResponse for a bind that was refused before any I/O."""
    return encode_result(message_id, Tag.BIND_RESPONSE, refused.result_code, refused.text)


def result_code(conclusion: Conclusion) -> ResultCode | None:
    """The proxy's own result code; None when the directory's response is forwarded.

    Raises:
        AssertionError: an acceptance without the directory's response, which would admit without a directory.
    """
    match conclusion.verdict:
        case Verdict.ACCEPTED:
            if conclusion.primary_response is None:
                raise AssertionError("an accepted bind has the directory's response")
            return None
        case Verdict.REJECTED:
            return _rejection_code(conclusion)
        case _:
            assert_never(conclusion.verdict)


def _rejection_code(conclusion: Conclusion) -> ResultCode | None:
    match conclusion.reason:
        case Reason.PRIMARY_REFUSED:
            return None
        # An account name that is nobody's: the directory was asked all the same, and refused.
        case Reason.NO_ENTRY | Reason.SEVERAL_ENTRIES if conclusion.primary_code != ResultCode.SUCCESS:
            return None
        # `unavailable` is for the directory only; Duo's absence is a 49, since 51 or 52 make clients try the
        # next server and push again.
        case Reason.PRIMARY_UNAVAILABLE | Reason.LOOKUP_UNAVAILABLE:
            return ResultCode.UNAVAILABLE
        case Reason.ANSWERED_BEFORE | Reason.TOO_MANY_FAILED:
            return ResultCode.BUSY
        case Reason.UNAUTHENTICATED_BIND:
            return UNAUTHENTICATED.result_code
        case Reason.INTERNAL_ERROR if conclusion.primary_response is None:
            return ResultCode.OTHER
        case _:
            return ResultCode.INVALID_CREDENTIALS


def reply(message_id: int, conclusion: Conclusion) -> bytes:
    """The BindResponse for a concluded bind: the directory's own one where it is forwarded, else ours."""
    code = result_code(conclusion)
    if code is None:
        if conclusion.primary_response is None:
            raise AssertionError("only an existing response can be forwarded")
        return conclusion.primary_response
    return encode_result(message_id, Tag.BIND_RESPONSE, code, conclusion.text)
