"""What a bind must meet before anything is asked of anybody (design 4.3, the rows about binds).

Owns the refusals that need no I/O. It must not know the directory, Duo, or what the session does with an
answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from ldapproxy.auth.outcomes import Reason
from ldapproxy.auth.policy import Anonymous, ListenerPolicy
from ldapproxy.ldap.messages import (
    BindRequest,
    SaslAuthentication,
    SimpleAuthentication,
    UnknownAuthentication,
)
from ldapproxy.ldap.result_codes import ResultCode
from ldapproxy.secret import Secret


@dataclass(frozen=True, slots=True)
class Refused:
    """The bind is answered at once. `text` becomes the diagnosticMessage."""

    result_code: ResultCode
    reason: Reason
    text: str


@dataclass(frozen=True, slots=True)
class AnonymousBind:
    """The client asked to be anonymous, and may."""


@dataclass(frozen=True, slots=True)
class SimpleBind:
    """A name (UTF-8, no NUL) and a credential that is not empty, both as sent."""

    name: str
    credential: Secret


UNAUTHENTICATED = Refused(
    ResultCode.UNWILLING_TO_PERFORM, Reason.UNAUTHENTICATED_BIND, "a name without a password is not a login"
)
TOO_MANY_PENDING = Refused(
    ResultCode.BUSY, Reason.TOO_MANY_PENDING, "too many logins are waiting; try again later"
)
TOO_MANY_FAILED = Refused(
    ResultCode.BUSY, Reason.TOO_MANY_FAILED, "too many logins have failed; try again later"
)
_MALFORMED = Refused(
    ResultCode.INVALID_CREDENTIALS, Reason.INVALID_CREDENTIALS_FORM, "the name or password is not valid"
)


def examine(
    request: BindRequest, policy: ListenerPolicy, *, confidential: bool
) -> Refused | AnonymousBind | SimpleBind:
    """Sorts a BindRequest into what is refused at once, what is anonymous, and what is worth asking about.

    Args:
        request: the request as decoded.
        policy: the listener's policy.
        confidential: True when the client's connection is protected by TLS.
    """
    if policy.confidentiality_required and not confidential:
        return Refused(
            ResultCode.CONFIDENTIALITY_REQUIRED,
            Reason.CONFIDENTIALITY_REQUIRED,
            "use StartTLS or ldaps first",
        )
    if request.version != 3:
        return Refused(
            ResultCode.PROTOCOL_ERROR, Reason.UNSUPPORTED_VERSION, "only LDAP version 3 is spoken here"
        )
    match request.authentication:
        case SimpleAuthentication(credential):
            return _examine_simple(request.name, credential, policy)
        case SaslAuthentication() | UnknownAuthentication():
            return Refused(
                ResultCode.AUTH_METHOD_NOT_SUPPORTED,
                Reason.UNSUPPORTED_METHOD,
                "only simple binds are supported; they are where the second factor is asked for",
            )
        case _:
            assert_never(request.authentication)


def _examine_simple(
    name: bytes, credential: Secret, policy: ListenerPolicy
) -> Refused | AnonymousBind | SimpleBind:
    if not name and not credential:
        if policy.anonymous is Anonymous.DENY:
            return Refused(
                ResultCode.INAPPROPRIATE_AUTHENTICATION,
                Reason.ANONYMOUS_DENIED,
                "anonymous binds are not allowed",
            )
        return AnonymousBind()
    # RFC 4513 section 5.1.2: a directory may answer success to a name without a password, and an application
    # that forgot to check for an empty password field then lets everybody in.
    if not credential:
        return UNAUTHENTICATED
    if not name or b"\0" in name or b"\0" in credential.reveal():
        return _MALFORMED
    try:
        return SimpleBind(name.decode(), credential)
    except UnicodeDecodeError:
        return _MALFORMED
