"""The operations of one session that the directory may still answer, by messageID.

Owns the books on them, and with that the question whether a directory connection is quiet: only then may
another identity, or another session, have it. It must not know requests, connections or binds.

An Abandon has no answer, and the abandoned operation may be answered or not (RFC 4511 section 4.11). So when
a client uses the messageID of an abandoned operation again, an answer to one of the two may be taken for the
other's, and nobody can tell when both are over. From then on the connection is never quiet.
"""

from __future__ import annotations

from collections.abc import Iterable

from ldapproxy.ldap.framing import Head
from ldapproxy.ldap.operations import FINAL_RESPONSES


class Outstanding:
    """What one session has asked on its directory connection.

    Args:
        abandoned: how many abandoned operations are remembered, the newest; most are never answered.

    Attributes:
        running: those that have neither been answered nor abandoned; only to be looked at. (A set, because
            every request looks twice, and methods of ours would take four times as long.)
    """

    __slots__ = ("_abandoned", "_capacity", "_is_unsure", "running")

    def __init__(self, abandoned: int) -> None:
        self._capacity = abandoned
        self.running: set[int] = set()
        # A dict keeps the order of arrival.
        self._abandoned: dict[int, None] = {}
        self._is_unsure = False

    @property
    def is_quiet(self) -> bool:
        """True when nothing can still be answered."""
        return not self.running and not self._abandoned and not self._is_unsure

    def begin(self, message_id: int) -> None:
        """An operation goes to the directory."""
        self.running.add(message_id)
        if message_id in self._abandoned:
            self._is_unsure = True

    def abandon(self, message_id: int) -> bool:
        """The client no longer wants an answer.

        Returns:
            False when there is nothing to abandon.
        """
        if message_id not in self.running:
            return False
        self.running.discard(message_id)
        self._abandoned[message_id] = None
        if len(self._abandoned) > self._capacity:
            del self._abandoned[next(iter(self._abandoned))]
            self._is_unsure = True
        return True

    def answered(self, heads: Iterable[Head]) -> bool:
        """Notes messages that came from the directory.

        Returns:
            False when one of them answers nothing that was asked.
        """
        running = self.running
        for message_id, tag in heads:
            if message_id in running:
                if tag in FINAL_RESPONSES:
                    running.discard(message_id)
            elif message_id in self._abandoned:
                if tag in FINAL_RESPONSES:
                    del self._abandoned[message_id]
            elif message_id != 0:
                return False
        return True

    def forget(self) -> None:
        """The directory connection is gone: nothing that was asked on it will be answered."""
        self.running.clear()
        self._abandoned.clear()
        self._is_unsure = False
