"""What ldap3, TLS and sockets raise, and what servers answer, becomes a sentence without a secret."""

from __future__ import annotations

import errno
import ssl

import pytest
from ldap3.core.exceptions import (
    LDAPSessionTerminatedByServerError,
    LDAPSocketReceiveError,
    LDAPSocketSendError,
    LDAPStartTLSError,
)

from ldapproxy.directory.failures import (
    ConnectionLostError,
    RequestRefusedError,
    ServerFailedError,
    check,
    failure,
)
from ldapproxy.directory.wire import AnswerTooLargeError, UnusableAuthoritiesError

LOST = [ConnectionResetError(), BrokenPipeError(), ssl.SSLEOFError(), LDAPSessionTerminatedByServerError()]


def tls_error(reason: str | None) -> ssl.SSLError:
    """As OpenSSL raises it."""
    error = ssl.SSLError(1, "[SSL] secret")
    error.reason = reason  # type: ignore[assignment]  # typeshed takes it for a text, always
    return error


@pytest.mark.parametrize("error", LOST)
def test_a_connection_that_was_lost_may_only_have_been_too_old(error: Exception) -> None:
    assert isinstance(failure(error), ConnectionLostError)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UnusableAuthoritiesError("ca_file x cannot be read"), "ca_file x cannot be read"),
        (AnswerTooLargeError(), "its answer is larger than 262144 octets"),
        (TimeoutError(), "it did not answer in time"),
        (ConnectionRefusedError(), "the connection was refused"),
        (tls_error("WRONG_VERSION_NUMBER"), "TLS failed: WRONG_VERSION_NUMBER"),
        (tls_error(None), "TLS failed: no reason given"),
        (LDAPStartTLSError("Secret"), "it does not start TLS"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "the connection failed: No route to host"),
        (LDAPSocketReceiveError("Secret"), "it sent an answer to something else"),
        (LDAPSocketSendError("Secret"), "it could not be asked (LDAPSocketSendError)"),
    ],
)
def test_every_other_failure_is_a_sentence_of_our_own(error: Exception, sentence: str) -> None:
    found = failure(error)
    assert not isinstance(found, ConnectionLostError)
    assert str(found) == sentence


def test_success_is_none() -> None:
    check({"result": 0}, "to a search")


@pytest.mark.parametrize(
    ("code", "kind", "sentence"),
    [
        (1, ServerFailedError, "it answered operations_error (1) to a search"),
        (51, ServerFailedError, "it answered busy (51) to a search"),
        (52, ServerFailedError, "it answered unavailable (52) to a search"),
        (4, RequestRefusedError, "it answered size_limit_exceeded (4) to a search"),
        (10, RequestRefusedError, "it answered referral (10) to a search"),
        (50, RequestRefusedError, "it answered insufficient_access_rights (50) to a search"),
        (4711, RequestRefusedError, "it answered result code 4711 to a search"),
    ],
)
def test_a_server_in_trouble_is_not_one_that_refuses(code: int, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind) as raised:
        check({"result": code}, "to a search")
    assert str(raised.value) == sentence
