"""One bind's questions to the directory, on one connection: the session's own, where there is a session.

Owns what is written there for a bind, and what the answers mean. It must not know what follows from them.
"""

from __future__ import annotations

from typing import Protocol

from ldapproxy.auth.names import SecurityIdentifier
from ldapproxy.auth.outcomes import (
    LookupUnavailable,
    PrimaryAccepted,
    PrimaryOutcome,
    PrimaryRefused,
    PrimaryUnavailable,
)
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.errors import DecodeError, InvalidName
from ldapproxy.ldap.messages import (
    WHO_AM_I_OID,
    BindRequest,
    SimpleAuthentication,
    Tag,
    decode_entry_values,
    decode_result,
    encode_bind_request,
    encode_entry_search,
    encode_extended_request,
)
from ldapproxy.ldap.result_codes import ResultCode
from ldapproxy.net.servers import DirectoryUnavailable
from ldapproxy.net.upstream import DirectoryConnection, DirectoryLost
from ldapproxy.secret import Secret

_TOKEN_GROUPS = "tokenGroups"  # noqa: S105 - the name of an attribute
_OBJECT_SID = "objectSid"


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

    async def verify(self, password: Secret | None, name: DistinguishedName | None) -> PrimaryOutcome:
        """Sends the BindRequest, as it came or with another password or name; all else of it stays."""
        request = self._request
        raw = self._raw
        if password is not None or name is not None:
            raw = encode_bind_request(
                request.message_id,
                request.name if name is None else name.text.encode(),
                _credential(request) if password is None else password,
                request.controls,
            )
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

    async def who_is_bound(self) -> DistinguishedName | LookupUnavailable | None:
        """Asks "Who am I?" (RFC 4532) after an accepted bind; None when the answer is no name."""
        number = self._own_message_id
        question = encode_extended_request(number, WHO_AM_I_OID)
        try:
            connection = await self._connection.begin_bind()
            frame = await connection.ask(question, number, Tag.EXTENDED_RESPONSE, self._response_timeout)
            result = decode_result(frame)
        except (DirectoryUnavailable, DirectoryLost, DecodeError) as error:
            return LookupUnavailable(f'no answer to "Who am I?": {error}')
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

    async def security_identifier(self) -> SecurityIdentifier | LookupUnavailable | None:
        """Asks Active Directory for the SID that an accepted bind has given the connection.

        The root DSE's tokenGroups are the SIDs of the security context (MS-ADTS section 3.1.1.3.2), the
        user's own before those of its groups. None when there are none, as in other directories.
        """
        return await self._first_value(b"", _TOKEN_GROUPS)

    async def identifier_of(self, entry: DistinguishedName) -> SecurityIdentifier | LookupUnavailable | None:
        """Asks Active Directory for the SID of an entry, with the rights of who is bound."""
        return await self._first_value(entry.text.encode(), _OBJECT_SID)

    async def _first_value(
        self, base: bytes, attribute: str
    ) -> SecurityIdentifier | LookupUnavailable | None:
        number = self._own_message_id
        question = encode_entry_search(number, base, attribute)
        try:
            connection = await self._connection.begin_bind()
            *entries, done = await connection.search(question, number, self._response_timeout)
            if decode_result(done).result_code != ResultCode.SUCCESS:
                return None
            identifiers = [value for entry in entries for value in decode_entry_values(entry, attribute)]
        except (DirectoryUnavailable, DirectoryLost, DecodeError) as error:
            return LookupUnavailable(f"no answer to the search for {attribute}: {error}")
        return SecurityIdentifier(identifiers[0]) if identifiers else None

    @property
    def _own_message_id(self) -> int:
        """Of a question of ours; it is answered before the client can use the same one."""
        return 2 if self._request.message_id == 1 else 1


def _credential(request: BindRequest) -> Secret:
    match request.authentication:
        case SimpleAuthentication(credential):
            return credential
        case _:
            raise AssertionError("only simple binds come here")
