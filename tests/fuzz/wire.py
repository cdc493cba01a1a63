"""The wire fuzzer: mutated sessions, many at a time, against a running proxy with slapd and Duo behind it.

    python -m tests.fuzz.wire --messages 200000 --parallel 16 --seed 7

Owns the connections and what is looked at: acceptances without a second factor, identities that slapd should
not see at work, exceptions in the program's log, sessions and binds that do not end, memory and descriptors.
It must not know how sessions are made.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import socket
import ssl
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.e2e.world import directory_settings, duo_settings
from tests.fuzz.mutations import Session, session
from tests.support.example_directory import SERVICE, Account, numbered
from tests.support.ldap_bytes import start_tls
from tests.support.proxy import ProxyProcess, Settings
from tests.support.simulator import SimulatorProcess, phone
from tests.support.slapd import Slapd

_VICTIMS = 400
# A client that reads on waits so long for more, in seconds.
_QUIET = 0.15
# Nothing may keep a session longer than this.
_HANGS = 20.0

_UNLIMITED: Settings = {"push_limits": {"pushes": 0, "pause_after_denial": "0s", "pause_after_fraud": "0s"}}
_LISTENERS: dict[str, Settings] = {
    "plain": {**_UNLIMITED, "tls": {"start_tls": "optional"}},
    "anonymous": {**_UNLIMITED, "tls": {"start_tls": "optional"}, "anonymous": "allow", "fail_mode": "open"},
    "bare_names": {**_UNLIMITED, "tls": {"start_tls": "optional"}},
    "ldaps": {**_UNLIMITED, "scheme": "ldaps", "tls": {}},
}

_SLAPD_LINE = re.compile(
    r" conn=(\d+) (?:op=\d+ )?(BIND|SRCH|CMP|MOD|ADD|DEL|MODRDN|EXT|closed|ACCEPT)\b(.*)"
)


@dataclass
class Figures:
    """What a run comes to.

    Attributes:
        sessions, messages: sent.
        answers: BindResponses by result code, as the clients saw them.
        binds: audit lines by verdict and reason.
        problems: what must not be, each a sentence.
        memory: resident memory in KiB after each tenth of the run, and at its end.
        descriptors: open ones at the same moments.
        seconds: how long it took.
    """

    sessions: int = 0
    messages: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    binds: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    seconds: float = 0.0


class Target:
    """The processes."""

    def __init__(self, proxy: ProxyProcess, slapd: Slapd, duo: SimulatorProcess) -> None:
        self.proxy = proxy
        self.slapd = slapd
        self.duo = duo
        self.insider = numbered(_VICTIMS + 1)
        self.victims = [numbered(number) for number in range(1, _VICTIMS + 1)]

    def memory(self) -> int:
        """Resident memory in KiB."""
        status = Path(f"/proc/{self.proxy.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found is not None
        return int(found[1])

    def descriptors(self) -> int:
        """Open descriptors."""
        return len(list(Path(f"/proc/{self.proxy.pid}/fd").iterdir()))

    def is_idle(self) -> bool:
        """Whether no session and no bind is left."""
        metrics = self.proxy.metrics()
        return not any(
            value
            for name, value in metrics.items()
            if name.startswith(("ldapproxy_sessions{", "ldapproxy_binds_pending"))
        )


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Target]:
    """Starts slapd, Duo and the proxy."""
    with (
        Slapd(folder, people=_VICTIMS + 1, allow_unauthenticated=True, log_operations=True) as slapd,
        SimulatorProcess(folder) as duo,
        ProxyProcess(
            folder / "proxy", directory_settings(slapd), duo_settings(duo), _LISTENERS, _searched(slapd)
        ) as proxy,
    ):
        target = Target(proxy, slapd, duo)
        for account in (*target.victims, target.insider):
            duo.add_user(_uid(account), [phone("phone")])
        duo.answer_always("deny")
        duo.answer_always("approve", user=_uid(target.insider))
        yield target


def _searched(slapd: Slapd) -> Settings:
    """A second directory, the same one, where bare account names are looked up."""
    searched = {**directory_settings(slapd), "username_search": "(uid={name})"}
    return {"directories": {"searched": searched}, "listeners": {"bare_names": {"directory": "searched"}}}


def fuzz(target: Target, messages: int, parallel: int, seed: int) -> Figures:
    """Sends so many messages, then looks at what came of them."""
    figures = Figures()
    began = time.monotonic()
    asyncio.run(_Run(target, figures, messages, parallel, seed).run())
    figures.seconds = time.monotonic() - began
    try:
        target.proxy.wait_for(target.is_idle, "all sessions and binds to end", _HANGS)
    except AssertionError as error:
        figures.problems.append(str(error)[:300])
    figures.memory.append(target.memory())
    figures.descriptors.append(target.descriptors())
    _look_at_the_audit(target, figures)
    _look_at_slapd(target, figures)
    _look_at_the_log(target, figures)
    with target.proxy.client("plain") as client:
        if client.bind(target.insider.dn, target.insider.password).result_code != 0:
            figures.problems.append("an honest login does not work afterwards")
    return figures


class _Run:
    """The connections of one run."""

    def __init__(self, target: Target, figures: Figures, messages: int, parallel: int, seed: int) -> None:
        self._target = target
        self._figures = figures
        self._wanted = messages
        self._parallel = parallel
        self._seed = seed
        self._next = 0
        self._tls = ssl.create_default_context(cafile=str(target.proxy.ca_file))

    async def run(self) -> None:
        """All connections, so many at a time."""
        await asyncio.gather(*(self._one_after_the_other() for _ in range(self._parallel)))

    async def _one_after_the_other(self) -> None:
        figures = self._figures
        while figures.messages < self._wanted:
            number, self._next = self._next, self._next + 1
            made = session(Random(f"{self._seed}/{number}"), self._target.victims, self._target.insider)
            figures.sessions += 1
            figures.messages += made.messages
            try:
                async with asyncio.timeout(_HANGS):
                    await self._play(made)
            except TimeoutError:
                figures.problems.append(f"session {number} of seed {self._seed} hangs")
            except (OSError, ssl.SSLError):
                pass
            if figures.messages > self._wanted / 10 * (len(figures.memory) + 1):
                figures.memory.append(self._target.memory())
                figures.descriptors.append(self._target.descriptors())

    async def _play(self, made: Session) -> None:
        name = "ldaps" if made.tls == "at_once" else ("plain", "anonymous", "bare_names")[made.messages % 3]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            self._target.proxy.port(name),
            ssl=self._tls if made.tls == "at_once" else None,
            server_hostname="127.0.0.1" if made.tls == "at_once" else None,
        )
        try:
            if made.tls == "start_tls":
                writer.write(start_tls(0x7FFF))
                header = await reader.readexactly(2)
                await reader.readexactly(header[1])
                await writer.start_tls(self._tls, server_hostname="127.0.0.1")
            for piece in made.pieces:
                writer.write(piece.data)
                await writer.drain()
                if piece.waits:
                    self._count(await reader.read(65536))
                else:
                    await asyncio.sleep(0)
            await self._leave(made, reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
                await writer.wait_closed()

    async def _leave(self, made: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match made.leaves:
            case "reset":
                raw = writer.get_extra_info("socket")
                if raw is not None:  # the proxy may have closed it before
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            case "half" if made.tls == "none":
                writer.write_eof()
                await self._read(reader, _HANGS)
            case "half" | "wait":
                await self._read(reader, _QUIET)
            case _:
                pass

    async def _read(self, reader: asyncio.StreamReader, quiet: float) -> None:
        """Reads until it is quiet for so long, or the end; counts the answers to binds."""
        came = b""
        with contextlib.suppress(TimeoutError):
            while data := await asyncio.wait_for(reader.read(65536), quiet):
                came += data
        self._count(came)

    def _count(self, came: bytes) -> None:
        for found in re.finditer(rb"\x61[\x07-\x7f]\x0a\x01(.)", came, re.DOTALL):
            self._figures.answers[found[1][0]] += 1


def _look_at_the_audit(target: Target, figures: Figures) -> None:
    for line in target.proxy.audit():
        figures.binds[f"{line['verdict']} {line['reason']}"] += 1
        reason = line["reason"]
        if (
            line["verdict"] == "accepted"
            and reason != "anonymous"
            and not (reason == "second_factor" and line["dn"] == target.insider.dn)
        ):
            figures.problems.append(f"accepted without a second factor: {json.dumps(line)}")
        if reason == "internal_error":
            figures.problems.append(f"an internal error: {json.dumps(line)}")


def _look_at_slapd(target: Target, figures: Figures) -> None:
    """Nobody but the insider, our service account and nobody at all may be at work in the directory."""
    allowed = {"", target.insider.dn, SERVICE.dn}
    bound: dict[str, str] = {}
    for line in target.slapd.log().splitlines():
        found = _SLAPD_LINE.search(line)
        if found is None:
            continue
        connection, kind, rest = found.groups()
        if kind in ("ACCEPT", "closed"):
            bound.pop(connection, None)
        elif kind == "BIND":
            # The line with the mechanism is written when a bind has succeeded; the other one when it begins.
            name = re.search(r'dn="([^"]*)"', rest)
            bound[connection] = name[1] if name and " mech=" in rest else ""
        elif bound.get(connection, "") not in allowed and "4203.1.11.3" not in rest:
            figures.problems.append(f"{bound[connection]} is at work in the directory: {line}")


def _look_at_the_log(target: Target, figures: Figures) -> None:
    for line in target.proxy.errors().splitlines():
        if (
            "Traceback" in line
            or "nobody foresaw" in line
            or '"level": "error"' in line
            or not line.startswith("{")
        ):
            figures.problems.append(f"in the log: {line[:500]}")


def _uid(account: Account) -> str:
    return account.dn.partition("=")[2].partition(",")[0]


def growth(figures: Figures) -> list[str]:
    """What has grown more than it may."""
    problems = []
    memory, memory_then = figures.memory[0], figures.memory[-1]
    descriptors, descriptors_then = figures.descriptors[0], figures.descriptors[-1]
    # The allocator keeps what it once needed, and caches fill; a leak of 1 KiB a session would be far above.
    allowed = max(24 * 1024, figures.sessions // 4)
    if memory_then - memory > allowed:
        problems.append(f"memory has grown from {memory} to {memory_then} KiB")
    if descriptors_then > max(descriptors, 150):
        problems.append(f"descriptors have grown from {descriptors} to {descriptors_then}")
    return problems


def main() -> int:
    """Runs it and prints the figures."""
    parser = argparse.ArgumentParser(description="Fuzzes a running ldapproxy on the wire.")
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--parallel", type=int, default=16, help="connections at a time")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as target:
        figures = fuzz(target, arguments.messages, arguments.parallel, arguments.seed)
    problems = [*figures.problems, *growth(figures)]
    print(
        f"seed {arguments.seed}: {figures.messages} messages in {figures.sessions} sessions, "
        f"{figures.seconds:.0f} s"
    )
    print(f"memory in KiB {figures.memory}, descriptors {figures.descriptors}")
    print(f"BindResponses seen by result code: {dict(sorted(figures.answers.items()))}")
    print(f"binds: {dict(figures.binds.most_common())}")
    print(f"{len(problems)} problems", *problems[:50], sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
