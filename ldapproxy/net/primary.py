"""One bind's questions to the directory, on one connection: the session's own, where there is a session.

Owns what is written there for a bind, and what the answers mean. It must not know what follows from them.
"""

from __future__ import annotations

from typing import Protocol

from ldapproxy.auth.outcomes import PrimaryAccepted, PrimaryOutcome, PrimaryRefused, PrimaryUnavailable
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.errors import DecodeError, InvalidName
from ldapproxy.ldap.messages import (
    WHO_AM_I_OID,
    BindRequest,
    Tag,
    decode_result,
    encode_bind_request,
    encode_extended_request,
)
from ldapproxy.ldap.result_codes import ResultCode
from ldapproxy.net.servers import DirectoryUnavailable
from ldapproxy.net.upstream import DirectoryConnection, DirectoryLost
from ldapproxy.secret import Secret


class BindConnection(Protocol):
    """Where one bind gets its directory connection (`relay.Relay`, or a bind without a session)."""

    async def begin_bind(self) -> DirectoryConnection:
        """The connection on which the bind travels, silent now; always the same one.

        Raises:
            DirectoryUnavailable: no server could be reached.
        """


class Primary:
    """The directory as one bind sees it.

    Args:
        connection: the session's relay, suspended.
        request: the client's BindRequest.
        raw: the same as it came.
        response_timeout: seconds to wait for one answer.
    """

    def __init__(
        self, connection: BindConnection, request: BindRequest, raw: bytes, response_timeout: float
    ) -> None:
        self._connection = connection
        self._request = request
        self._raw = raw
        self._response_timeout = response_timeout

    async def verify(self, password: Secret | None) -> PrimaryOutcome:
        """Sends the BindRequest, as it came or with another password."""
        request = self._request
        if password is None:
            raw = self._raw
        else:
            raw = encode_bind_request(request.message_id, request.name, password, request.controls)
        try:
            connection = await self._connection.begin_bind()
            frame = await connection.ask(raw, request.message_id, Tag.BIND_RESPONSE, self._response_timeout)
            result = decode_result(frame)
        except DirectoryUnavailable as error:
            return PrimaryUnavailable(f"no server answers: {error}")
        except DirectoryLost as error:
            return PrimaryUnavailable(str(error))
        except DecodeError as error:
            return PrimaryUnavailable(f"the directory's BindResponse cannot be decoded: {error}")
        is_referral = result.result_code == ResultCode.REFERRAL or bool(result.referral)
        if result.result_code == ResultCode.SUCCESS and not is_referral:
            return PrimaryAccepted(frame.raw)
        return PrimaryRefused(frame.raw, result.result_code, is_referral)

    async def who_is_bound(self) -> DistinguishedName | None:
        """Asks "Who am I?" (RFC 4532) after an accepted bind; None when the answer is no name."""
        message_id = 2 if self._request.message_id == 1 else 1
        question = encode_extended_request(message_id, WHO_AM_I_OID)
        try:
            connection = await self._connection.begin_bind()
            frame = await connection.ask(question, message_id, Tag.EXTENDED_RESPONSE, self._response_timeout)
            result = decode_result(frame)
        except (DirectoryUnavailable, DirectoryLost, DecodeError):
            return None
        if result.result_code != ResultCode.SUCCESS or result.response_value is None:
            return None
        # RFC 4513 section 5.2.1.8: authzId is "dn:" or "u:", case-sensitive.
        kind, _, name = result.response_value.partition(b":")
        if kind != b"dn":
            return None
        try:
            return DistinguishedName.parse(name.decode())
        except (UnicodeDecodeError, InvalidName):
            return None
