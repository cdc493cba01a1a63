"""What went wrong on a connection to a directory, in sentences of our own.

Owns the exceptions of a connection, and the table from what ldap3, `ssl` and the socket raise, and from
result codes, to them. No text of ldap3's is passed on: it may show the password.
"""

from __future__ import annotations

import ssl
import warnings
from typing import Any

from ldapproxy.directory.wire import AnswerTooLargeError, UnusableAuthoritiesError
from ldapproxy.ldap.result_codes import ResultCode

with warnings.catch_warnings():
    # ldap3 2.9.1 uses names that pyasn1 has deprecated; under `-W error` it could not even be imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    from ldap3.core.exceptions import (
        LDAPSessionTerminatedByServerError,
        LDAPSocketReceiveError,
        LDAPStartTLSError,
    )

LARGEST_ANSWER = 256 * 1024
"""Octets of one answer, all of its messages together. The three attributes of a person take some hundred, so
there is room for any real answer, and a server that never ends costs a tenth of a second of decoding."""

CLOSED = "it closed the connection"
NO_START_TLS = "it does not start TLS"

# The server is in trouble, another one may not be (RFC 4511 appendix A).
_TROUBLE = frozenset(
    {
        ResultCode.OPERATIONS_ERROR,
        ResultCode.TIME_LIMIT_EXCEEDED,
        ResultCode.ADMIN_LIMIT_EXCEEDED,
        ResultCode.BUSY,
        ResultCode.UNAVAILABLE,
        ResultCode.OTHER,
    }
)


class ServerFailedError(Exception):
    """The server could not be used; another one may do. The message is a sentence that may be logged."""


class ConnectionLostError(ServerFailedError):
    """The connection ended while an answer was awaited: a kept one may simply have been too old."""


class RequestRefusedError(Exception):
    """The server answered, and refuses what all others would refuse too. The message may be logged."""


def failure(error: Exception) -> ServerFailedError:
    """What ldap3's or the socket's exception means. No text of ldap3's is passed on."""
    match error:
        case UnusableAuthoritiesError():
            return ServerFailedError(str(error))
        case AnswerTooLargeError():
            return ServerFailedError(f"its answer is larger than {LARGEST_ANSWER} octets")
        case ssl.SSLCertVerificationError():
            return ServerFailedError(f"its certificate does not verify: {error.verify_message}")
        case TimeoutError():
            return ServerFailedError("it did not answer in time")
        case ConnectionRefusedError():
            return ServerFailedError("the connection was refused")
        case ssl.SSLEOFError() | ConnectionError():
            return ConnectionLostError(CLOSED)
        case ssl.SSLError():
            return ServerFailedError(f"TLS failed: {error.reason or 'no reason given'}")
        case LDAPSessionTerminatedByServerError():
            return ConnectionLostError(CLOSED)
        case LDAPStartTLSError():
            return ServerFailedError(NO_START_TLS)
        case OSError(strerror=str(reason)):
            return ServerFailedError(f"the connection failed: {reason}")
        case LDAPSocketReceiveError():
            return ServerFailedError("it sent an answer to something else")
        case _:
            return ServerFailedError(f"it could not be asked ({type(error).__name__})")


def check(result: dict[str, Any], question: str) -> None:
    """Makes sure that ldap3's `result` is a success.

    Args:
        result: what ldap3 says about an answer.
        question: what was asked, to complete "it answered busy (51) ...".

    Raises:
        ServerFailedError: the server is in trouble.
        RequestRefusedError: it refuses.
    """
    code = result["result"]
    if code == ResultCode.SUCCESS:
        return
    try:
        answer = f"{ResultCode(code).name.lower()} ({code})"
    except ValueError:
        answer = f"result code {code}"
    sentence = f"it answered {answer} {question}"
    raise ServerFailedError(sentence) if code in _TROUBLE else RequestRefusedError(sentence)
