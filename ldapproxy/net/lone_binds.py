"""Binds that belong to no session: sign-ins to the self-service portal.

Owns the way of a name and a password through the same pieces as a client's bind, on a directory connection
that nothing else uses and that is closed behind it. It must not know who signs in, nor what that opens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from ldapproxy.auth.audit import Durations
from ldapproxy.auth.bind_flow import Conclusion, bind_flow
from ldapproxy.auth.failed_binds import FailedBinds
from ldapproxy.auth.outcomes import Reason, Verdict
from ldapproxy.auth.policy import Address, ListenerPolicy
from ldapproxy.auth.preconditions import AnonymousBind, Refused, SimpleBind, examine
from ldapproxy.ldap.messages import BindRequest, SimpleAuthentication, encode_bind_request
from ldapproxy.net.counted import CountedPrimary
from ldapproxy.net.perform import BindPorts, perform
from ldapproxy.net.ports import EntryLookup, SecondFactor
from ldapproxy.net.primary import Primary
from ldapproxy.net.servers import Directory
from ldapproxy.net.upstream import DirectoryConnection
from ldapproxy.secret import Secret

# The connection carries one bind, and "Who am I?" behind it.
_MESSAGE_ID = 1


class LoneBinds:
    """Performs binds without a session.

    Args:
        policy: what is asked of them (`auth.sign_in.sign_in_policy`).
        directory: where passwords are checked.
        failed: the listener's own count of wrong passwords: there are not two sets of guesses.
        lookup: reads entries.
        second_factor: asks Duo.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        policy: ListenerPolicy,
        directory: Directory,
        failed: FailedBinds,
        lookup: EntryLookup,
        second_factor: SecondFactor,
        clock: Callable[[], float],
    ) -> None:
        self._policy = policy
        self._directory = directory
        self._failed = failed
        self._lookup = lookup
        self._second_factor = second_factor
        self._clock = clock

    async def bind(self, name: str, password: Secret, client: Address) -> tuple[Conclusion, Durations]:
        """Binds, and forgets the connection.

        Args:
            name: the name for the directory; a DN, or any form that it takes itself.
            password: the credential.
            client: whose address counts, and is shown on the phone.

        Raises:
            asyncio.CancelledError: nobody waits for the answer any more.
        """
        request = BindRequest(
            message_id=_MESSAGE_ID,
            version=3,
            name=name.encode(errors="replace"),
            authentication=SimpleAuthentication(password),
            controls=b"",
        )
        examined = examine(request, self._policy, confidential=True)
        match examined:
            case SimpleBind():
                return await self._perform(request, examined, client)
            case Refused(reason=reason):
                return _refused(reason)
            case AnonymousBind():
                return _refused(Reason.ANONYMOUS_DENIED)
            case _:
                assert_never(examined)

    async def _perform(
        self, request: BindRequest, bind: SimpleBind, client: Address
    ) -> tuple[Conclusion, Durations]:
        attempt = self._failed.begin(bind.name, client, self._clock())
        if attempt is None:
            return _refused(Reason.TOO_MANY_FAILED)
        connection = _OwnConnection(self._directory)
        raw = encode_bind_request(request.message_id, request.name, bind.credential, request.controls)
        primary = Primary(connection, request, raw, self._directory.response_timeout)
        ports = BindPorts(
            primary=CountedPrimary(
                primary, attempt, bind.name, self._lookup, self._policy.nobody, self._clock
            ),
            lookup=self._lookup,
            second_factor=self._second_factor,
            recall=lambda _: False,
            offline=None,
        )
        flow = bind_flow(bind, self._policy, client)
        try:
            return await perform(flow, ports, self._policy.bind_timeout, self._clock)
        finally:
            attempt.came_to_nothing()  # unless the directory was asked, and its answer counted
            connection.close()


class _OwnConnection:
    """A directory connection for one bind (`primary.BindConnection`)."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._connection: DirectoryConnection | None = None

    async def begin_bind(self) -> DirectoryConnection:
        """The connection; made at the first call.

        Raises:
            DirectoryUnavailable: no server could be reached.
        """
        if self._connection is None:
            self._connection = await self._directory.take()
        return self._connection

    def close(self) -> None:
        """The identity on it is nobody's to use."""
        if self._connection is not None:
            self._connection.abort("the bind is over")


def _refused(reason: Reason) -> tuple[Conclusion, Durations]:
    return Conclusion(Verdict.REJECTED, reason), Durations()
