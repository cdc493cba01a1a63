"""The rest of a message of which a client has a part when a bind arrives.

Owns the old identity's connection until that message is whole, and the end of it: nothing else of that
identity may reach the client, and nothing at all may come in the middle of the message. It must not know
binds or sessions.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from ldapproxy.ldap.framing import Head
from ldapproxy.net.upstream import DirectoryConnection


class LeftoverClient(Protocol):
    """Who gets the rest (`relay.Relay`)."""

    @property
    def client_is_slow(self) -> bool:
        """True while the client has to catch up, and so nothing is read for it."""

    def pass_on(self, data: bytes) -> None:
        """Bytes of the message."""

    def leftover_ended(self, *, whole: bool) -> None:
        """The message has reached its end, or never will."""


class Leftover:
    """A connection whose current message is still passed on, and nothing behind it; then it is closed.

    Args:
        connection: where the rest comes from.
        client: who has the beginning.
        rest: how many octets that is.
        patience: seconds without any of them, while the client keeps up, after which they never come.
    """

    def __init__(
        self, connection: DirectoryConnection, client: LeftoverClient, rest: int, patience: float
    ) -> None:
        self._client = client
        self._rest = rest
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(patience, self._give_up_unless_slow)
        self.connection = connection
        self.gone: asyncio.Future[None] = self._loop.create_future()
        connection.pass_to(self)

    def from_directory(self, data: bytes, heads: list[Head]) -> None:
        """Bytes of the directory: the rest of the message, and perhaps what is not to be passed on."""
        part = data[: self._rest]
        self._rest -= len(part)
        self._client.pass_on(part)
        if self._rest:
            self._wait_again()
        else:
            self._end()

    def directory_lost(self) -> None:
        """The connection closed within the message."""
        self._end()

    def give_up(self) -> None:
        """The session is over."""
        self._end()

    def _wait_again(self) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(self._patience, self._give_up_unless_slow)

    def _give_up_unless_slow(self) -> None:
        if self._client.client_is_slow:
            self._wait_again()
        else:
            self._end()

    def _end(self) -> None:
        self._timer.cancel()
        self.connection.abort("a bind has replaced the identity on it")
        if not self.gone.done():
            self.gone.set_result(None)
        self._client.leftover_ended(whole=not self._rest)
