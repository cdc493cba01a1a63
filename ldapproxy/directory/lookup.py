"""Look-ups for asyncio: who is this entry, and which groups is it in?

Owns what is asked of the directory, the threads that ask it, and the short memory of answers. It must not
know ldap3, nor what an answer leads to.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from ldapproxy.auth.effects import FindEntry, LookUpEntry
from ldapproxy.auth.outcomes import (
    Entry,
    EntryNotFound,
    FindOutcome,
    LookupOutcome,
    LookupUnavailable,
    SeveralEntries,
)
from ldapproxy.directory import entries
from ldapproxy.directory.connection import DirectoryConnection
from ldapproxy.directory.entries import Person, UnusableEntryError
from ldapproxy.directory.failures import RequestRefusedError, ServerFailedError
from ldapproxy.directory.finding import find
from ldapproxy.directory.pool import DirectoryUnavailableError, Pool
from ldapproxy.directory.settings import LookupServer, LookupSettings
from ldapproxy.ldap.dn import DistinguishedName

_log = logging.getLogger(__name__)

THREADS = 8
"""Look-ups of one directory at a time, hence connections to it. One takes some milliseconds, mostly ldap3's
own, under
one interpreter lock: more threads would not answer more of them, only hold more connections when a server
hangs."""

CACHED = 10_000
"""Answers that are remembered: about 1 KiB each. Only those who gave a right password get here."""

_Answer = TypeVar("_Answer")

_STOPPED = LookupUnavailable("look-ups have been stopped")


@dataclass(frozen=True, slots=True)
class Probe:
    """What `Lookup.probe` found out about one server.

    Attributes:
        ok: everything worked.
        detail: what worked, or what did not, as a sentence.
        certificate_expires: when its certificate ends; None without TLS, or when it did not come that far.
    """

    ok: bool
    detail: str
    certificate_expires: datetime | None = None


class Lookup:
    """Reads entries of one directory (`net.ports.EntryLookup`).

    Entries are remembered for `settings.cache` seconds. Nothing else is: who has just been added, or who can
    be found again, is not made to wait.

    Identical questions that come while one is being asked share its answer. Cancelling one who waits leaves
    the question to the others; a thread that is asking goes on, and its answer is dropped when nobody waits.

    Args:
        settings: the directory, the service account, and what is asked.
    """

    def __init__(self, settings: LookupSettings) -> None:
        self._settings = settings
        self._pool = Pool(settings)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"look-up {settings.name}")
        self._asking: dict[LookUpEntry, asyncio.Future[LookupOutcome]] = {}
        self._cache: OrderedDict[LookUpEntry, tuple[float, Entry]] = OrderedDict()
        self._is_closed = False

    async def entry(self, query: LookUpEntry) -> LookupOutcome:
        """Answers the query; never raises for what a directory may do."""
        if self._is_closed:
            return _STOPPED
        remembered = self._remembered(query)
        if remembered is not None:
            return remembered
        asking = self._asking.get(query)
        if asking is None:
            asking = asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, query)
            self._asking[query] = asking
            asking.add_done_callback(partial(self._asked, query))
        await asyncio.wait([asking])
        return _STOPPED if asking.cancelled() else asking.result()

    async def find(self, wanted: FindEntry) -> FindOutcome:
        """Finds the one entry; never raises for what a directory may do. Not remembered."""
        return await self._on_a_thread(partial(self._find, wanted))

    async def named(self, username: str) -> FindOutcome:
        """The name of the one entry below `base_dn` with this user name; never raises. Not remembered.

        Args:
            username: as somebody typed it, not empty.
        """
        return await self._on_a_thread(partial(self._look_for, username))

    async def probe(self, server: LookupServer) -> Probe:
        """Tries, on a connection of its own, what look-ups need: connect, TLS, bind, read `base_dn`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._probe, server)

    async def aclose(self) -> None:
        """Ends all connections; look-ups that are waiting answer `LookupUnavailable`."""
        self._is_closed = True
        self._pool.close()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def _on_a_thread(self, ask: Callable[[], FindOutcome]) -> FindOutcome:
        if self._is_closed:
            return _STOPPED
        asking = asyncio.get_running_loop().run_in_executor(self._threads, ask)
        await asyncio.wait([asking])
        return _STOPPED if asking.cancelled() else asking.result()

    def _remembered(self, query: LookUpEntry) -> Entry | None:
        found = self._cache.get(query)
        if found is None:
            return None
        until, entry = found
        if until <= time.monotonic():
            del self._cache[query]
            return None
        return entry

    def _asked(self, query: LookUpEntry, asking: asyncio.Future[LookupOutcome]) -> None:
        """Remembers an entry. On the loop's thread."""
        del self._asking[query]
        if asking.cancelled() or self._settings.cache <= 0:
            return
        outcome = asking.result()
        if isinstance(outcome, Entry):
            self._cache[query] = (time.monotonic() + self._settings.cache, outcome)
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)

    def _look_up(self, query: LookUpEntry) -> LookupOutcome:
        return self._answer(partial(self._ask, query))

    def _find(self, wanted: FindEntry) -> FindOutcome:
        return self._answer(lambda connection: find(connection, self._settings, wanted.by))

    def _look_for(self, username: str) -> FindOutcome:
        return self._answer(partial(self._search, username))

    def _answer(self, ask: Callable[[DirectoryConnection], _Answer]) -> _Answer | LookupUnavailable:
        """Asks the directory. On a thread of its own; never raises."""
        try:
            return self._pool.ask(ask)
        except (DirectoryUnavailableError, RequestRefusedError, UnusableEntryError) as error:
            return LookupUnavailable(str(error))
        except Exception:
            _log.exception("a look-up failed in a way that nobody foresaw")
            return LookupUnavailable("an unforeseen error, see the program's log")

    def _ask(self, query: LookUpEntry, connection: DirectoryConnection) -> LookupOutcome:
        found = connection.read(
            query.dn.text,
            self._settings.search_filter or entries.ANY_ENTRY,
            entries.attributes_of_a_person(self._settings.username_attribute),
        )
        if not found:
            return EntryNotFound()
        if len(found) > 1:
            return SeveralEntries()
        person = entries.person(found[0], self._settings.username_attribute)
        return Entry(
            dn=person.dn,
            identity=person.identity,
            usernames=person.usernames,
            rdn_value=person.rdn_value,
            groups=frozenset(group for group in query.groups if _is_member(connection, person, group)),
        )

    def _search(self, username: str, connection: DirectoryConnection) -> FindOutcome:
        settings = self._settings
        attribute = settings.username_attribute
        found = connection.read(
            settings.base_dn.text,
            entries.username_filter(attribute, username, settings.search_filter),
            entries.attributes_of_a_person(attribute),
            below=True,
        )
        if not found:
            return EntryNotFound()
        if len(found) > 1:
            return SeveralEntries()
        return entries.person(found[0], attribute).dn

    def _probe(self, server: LookupServer) -> Probe:
        connection = DirectoryConnection(server, self._settings)
        expires = None
        try:
            connection.open()
            expires = connection.certificate_expires
            if not connection.read(self._settings.base_dn.text, entries.ANY_ENTRY, ()):
                return Probe(
                    False,
                    f"the service account does not see base_dn {self._settings.base_dn.text}",
                    expires,
                )
        except (ServerFailedError, RequestRefusedError) as error:
            return Probe(False, str(error), expires)
        finally:
            connection.close()
        return Probe(True, "the service account is bound and sees base_dn", expires)


def _is_member(connection: DirectoryConnection, person: Person, group: DistinguishedName) -> bool:
    """Whether the directory says so. A group that does not exist has no members."""
    if person.in_active_directory:
        return bool(connection.read(person.dn.text, entries.nested_membership_filter(group), ()))
    return bool(connection.read(group.text, entries.membership_filter(person), ()))
