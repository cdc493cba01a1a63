"""Clients, a directory and people who do everything in any order, and what must hold nevertheless.

Each name tells what becomes of its bind (`ou=ok`, `ou=bad`, `ou=denied`), and each search names the identity
under which it was sent. So the directory's end can tell a search under another identity, and the client's end
an answer that belongs to one.

Owns the dice and the checks. It must not know how the product does it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from ldapproxy.auth.effects import LookUpEntry, VerifySecondFactor
from ldapproxy.auth.outcomes import LookupOutcome, SecondFactorResult
from tests.support.ldap_bytes import abandon, bind, compare, message, octets, search, tlv
from tests.support.ldap_client import Message
from tests.unit.net.neighbours import ScriptedLookup, ScriptedSecondFactor
from tests.unit.net.scripted_directory import bind_response, search_done
from tests.unit.net.usual_settings import ALLOWED, DENIED, ENTRY
from tests.unit.net.wire import Wire, element
from tests.unit.net.world import World

_KINDS = ("ok", "ok", "bad", "denied", "empty", "anonymous")
_CODES = {"ok": 0, "bad": 49, "denied": 49, "empty": 53, "anonymous": 0}


def _text(operation: bytes, index: int) -> str:
    """The element number `index` of an operation, as text."""
    start = end = 0
    for _ in range(index + 1):
        _, start, end = element(operation, end)
    return operation[start:end].decode()


def _entry(message_id: int, name: str, size: int) -> bytes:
    value = tlv(0x30, octets("description"), tlv(0x31, octets(b"x" * size)))
    return message(message_id, tlv(0x64, octets(name), tlv(0x30, value)))


class RandomDirectory:
    """Answers everybody, in pieces of any size; notes what must not happen."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self._world = world
        self._dice = dice
        self.complaints: list[str] = []

    async def serve(self) -> None:
        """Serves until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                peer = await self._world.directory.accept(patience=60)
                group.create_task(self._serve(peer))

    async def _serve(self, peer: Wire) -> None:
        answers: asyncio.Queue[bytes] = asyncio.Queue()
        sending = asyncio.create_task(self._send(peer, answers))
        bound: str | None = None
        try:
            while True:
                request = await peer.receive(patience=60)
                if request.tag == 0x60:
                    name = _text(request.operation, 1)
                    await asyncio.sleep(self._dice.choice([0, 0, 0.001, 0.003]))
                    refused = "ou=bad" in name
                    bound = None if refused or not name else name
                    answers.put_nowait(bind_response(request.message_id, 49 if refused else 0))
                elif request.tag == 0x63:
                    name = _text(request.operation, 0)
                    if name != bound or "ou=denied" in name:
                        self.complaints.append(f"a search of {name} while {bound} was bound")
                    for _ in range(self._dice.choice([0, 1, 3, 10])):
                        size = self._dice.choice([1, 100, 30_000, 100_000])
                        answers.put_nowait(_entry(request.message_id, name, size))
                    answers.put_nowait(search_done(request.message_id))
                elif request.tag != 0x50:
                    self.complaints.append(f"an operation {request.tag:#x}")
        except EOFError:
            pass
        finally:
            sending.cancel()

    async def _send(self, peer: Wire, answers: asyncio.Queue[bytes]) -> None:
        while True:
            rest = await answers.get()
            while rest:
                size = self._dice.choice([1, 2, 7, 100, 5000, 20_000])
                peer.writer.write(rest[:size])
                rest = rest[size:]
                with contextlib.suppress(ConnectionError):
                    await peer.writer.drain()
                if self._dice.random() < 0.7:
                    await asyncio.sleep(self._dice.choice([0, 0, 0.0005, 0.002]))


class RandomPerson(ScriptedSecondFactor):
    """Takes their time, and denies what is to be denied."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self._dice = dice

    async def verify(self, question: VerifySecondFactor, budget: float) -> SecondFactorResult:
        await asyncio.sleep(self._dice.choice([0, 0.001, 0.005]))
        return DENIED if question.username == "denied" else ALLOWED


class EverybodyIsThere(ScriptedLookup):
    """Finds an entry for every name."""

    async def entry(self, query: LookUpEntry) -> LookupOutcome:
        await asyncio.sleep(0)
        username = "denied" if "ou=denied" in query.dn.normalised else "alice"
        return replace(ENTRY, dn=query.dn, usernames=(username,))


class RandomClient:
    """Sends binds, searches, forbidden compares and abandons, and checks every answer."""

    def __init__(self, number: int, wire: Wire, dice: random.Random) -> None:
        self._number = number
        self._wire = wire
        self._dice = dice
        self._ids = count(1)
        self._bound: str | None = None
        self._sent: dict[int, tuple[str, str]] = {}
        self._received: list[Message] = []

    async def run(self) -> None:
        """One session, from its first request to its end."""
        reading = asyncio.create_task(self._read())
        try:
            for _ in range(self._dice.randint(5, 40)):
                requests = [self._request() for _ in range(self._dice.choice([1, 1, 1, 2, 4]))]
                await self._wire.send(*requests)
                if self._dice.random() < 0.6:
                    await asyncio.sleep(self._dice.choice([0, 0.001, 0.004]))
            if self._dice.random() < 0.35:
                leave = (self._wire.reset, self._wire.half_close, self._wire.writer.close)
                self._dice.choice(leave)()
                return
            await self._last_words(reading)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            self._wire.writer.transport.abort()
        self._check()

    async def _read(self) -> None:
        while True:
            if self._dice.random() < 0.05:
                await asyncio.sleep(0.01)
            self._received.append(await self._wire.receive())

    def _request(self) -> bytes:
        message_id = next(self._ids)
        chance = self._dice.random()
        if chance < 0.45:
            return self._search(message_id)
        if chance < 0.65:
            return self._bind(message_id, self._dice.choice(_KINDS))
        if chance < 0.92 or not self._sent:
            self._sent[message_id] = ("compare", "")
            return compare(message_id, "userPassword")
        return abandon(message_id, self._dice.choice(list(self._sent)))

    def _search(self, message_id: int) -> bytes:
        name = self._bound or "dc=nobody"
        self._sent[message_id] = ("search", name)
        return search(message_id, name)

    def _bind(self, message_id: int, kind: str) -> bytes:
        name = "" if kind == "anonymous" else f"uid=s{self._number}m{message_id},ou={kind}"
        self._sent[message_id] = ("bind", kind)
        self._bound = name if kind == "ok" else None
        return bind(message_id, name, "" if kind in ("anonymous", "empty") else "secret")

    async def _last_words(self, reading: asyncio.Task[None]) -> None:
        """Whatever happened before: a login and a search must still work."""
        last_bind, last_search = next(self._ids), next(self._ids)
        await self._wire.send(self._bind(last_bind, "ok"), self._search(last_search))
        async with asyncio.timeout(10):
            while not any(each.message_id == last_search and each.tag == 0x65 for each in self._received):
                assert not reading.done(), f"the connection was closed: {reading}"
                await asyncio.sleep(0.001)

    def _check(self) -> None:
        answered: list[int] = []
        for each in self._received:
            what, detail = self._sent[each.message_id]
            if what == "bind":
                assert (each.tag, each.result_code) == (0x61, _CODES[detail])
                answered.append(each.message_id)
            else:
                late = [bind_id for bind_id in answered if bind_id > each.message_id]
                assert not late or what == "compare", f"{each} came behind the answers to binds {late}"
            if each.tag == 0x64:
                assert _text(each.operation, 0) == detail
        assert answered == list(self._binds()), "each bind is answered once, in order"

    def _binds(self) -> Iterator[int]:
        return (message_id for message_id, (what, _) in self._sent.items() if what == "bind")


async def run_sessions(seed: int, clients: int, *, pooled: bool) -> None:
    """Runs some sessions at a time against one listener.

    Raises:
        AssertionError: something that must hold did not.
    """
    dice = random.Random(seed)
    async with World(pooled=pooled, outstanding=1000) as world:
        world.use(RandomPerson(dice), EverybodyIsThere())
        directory = RandomDirectory(world, dice)
        serving = asyncio.create_task(directory.serve())
        try:
            sessions = [RandomClient(number, await world.client(), dice) for number in range(clients)]
            await asyncio.gather(*(session.run() for session in sessions))
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        assert not directory.complaints, directory.complaints
        started = world.recorder.operations["bind"]
    assert world.recorder.pending == 0
    assert len(world.recorder.audited) == started, "one record for each bind"
