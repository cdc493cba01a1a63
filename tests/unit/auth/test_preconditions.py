"""What is refused before anybody is asked."""

from __future__ import annotations

import pytest

from ldapproxy.auth.outcomes import Reason
from ldapproxy.auth.policy import Anonymous
from ldapproxy.auth.preconditions import AnonymousBind, Refused, SimpleBind, examine
from ldapproxy.ldap.messages import (
    BindRequest,
    SaslAuthentication,
    SimpleAuthentication,
    UnknownAuthentication,
)
from ldapproxy.ldap.result_codes import ResultCode
from ldapproxy.secret import Secret
from tests.unit.auth.flows import policy

Authentication = SimpleAuthentication | SaslAuthentication | UnknownAuthentication


def request(name: bytes, authentication: Authentication | bytes, version: int = 3) -> BindRequest:
    if isinstance(authentication, bytes):
        authentication = SimpleAuthentication(Secret(authentication))
    return BindRequest(1, version, name, authentication, b"")


@pytest.mark.parametrize(
    ("name", "authentication", "version", "code", "reason"),
    [
        (b"uid=a", b"", 3, 53, Reason.UNAUTHENTICATED_BIND),
        (b" ", b"", 3, 53, Reason.UNAUTHENTICATED_BIND),
        (b"", b"secret", 3, 49, Reason.INVALID_CREDENTIALS_FORM),
        (b"uid=a\0", b"secret", 3, 49, Reason.INVALID_CREDENTIALS_FORM),
        (b"uid=a", b"sec\0ret", 3, 49, Reason.INVALID_CREDENTIALS_FORM),
        (b"uid=\xff", b"secret", 3, 49, Reason.INVALID_CREDENTIALS_FORM),
        (b"uid=a", b"secret", 2, 2, Reason.UNSUPPORTED_VERSION),
        (b"uid=a", b"secret", 4, 2, Reason.UNSUPPORTED_VERSION),
        (b"", b"", 2, 2, Reason.UNSUPPORTED_VERSION),
        (b"", SaslAuthentication(b"EXTERNAL"), 3, 7, Reason.UNSUPPORTED_METHOD),
        (b"uid=a", SaslAuthentication(b"PLAIN"), 3, 7, Reason.UNSUPPORTED_METHOD),
        (b"", UnknownAuthentication(0x89), 3, 7, Reason.UNSUPPORTED_METHOD),
        (b"NTLM", UnknownAuthentication(0x8A), 3, 7, Reason.UNSUPPORTED_METHOD),
    ],
)
def test_refusals(
    name: bytes, authentication: Authentication | bytes, version: int, code: int, reason: Reason
) -> None:
    refused = examine(request(name, authentication, version), policy(), confidential=True)
    assert isinstance(refused, Refused)
    assert (refused.result_code, refused.reason) == (code, reason)


def test_a_simple_bind_is_worth_asking_about() -> None:
    assert examine(request("uid=ž".encode(), b"secret"), policy(), confidential=False) == SimpleBind(
        "uid=ž", Secret("secret")
    )


@pytest.mark.parametrize("anonymous", [Anonymous.ROOT_DSE, Anonymous.ALLOW])
def test_anonymous_binds_where_they_may(anonymous: Anonymous) -> None:
    assert isinstance(
        examine(request(b"", b""), policy(anonymous=anonymous), confidential=True), AnonymousBind
    )


def test_anonymous_binds_where_they_may_not() -> None:
    refused = examine(request(b"", b""), policy(anonymous=Anonymous.DENY), confidential=True)
    assert isinstance(refused, Refused)
    assert refused.result_code is ResultCode.INAPPROPRIATE_AUTHENTICATION


@pytest.mark.parametrize("name", [b"", b"uid=a"])
def test_nothing_in_clear_where_tls_is_required(name: bytes) -> None:
    strict = policy(confidentiality_required=True)
    refused = examine(request(name, name), strict, confidential=False)
    assert isinstance(refused, Refused)
    assert refused.result_code is ResultCode.CONFIDENTIALITY_REQUIRED
    assert not isinstance(examine(request(name, name), strict, confidential=True), Refused)
