"""How the proxy's process is, seen from outside: memory, descriptors, connections, threads, processor time.

Owns the reading of /proc. It must not know what is too much.
"""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

_ESTABLISHED, _CLOSE_WAIT, _LISTEN = "01", "08", "0A"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look.

    Attributes:
        memory: resident memory in KiB.
        descriptors: all open files, sockets and pipes.
        clients: connections of clients, to the listeners or the admin address.
        directory: connections to the directory.
        duo: connections to Duo.
        others: descriptors that are none of these.
        threads: threads.
        processor: seconds of processor time used since the start.
    """

    memory: int
    descriptors: int
    clients: int
    directory: int
    duo: int
    others: int
    threads: int
    processor: float


class Patient:
    """A process to look at.

    Args:
        pid: its id.
        directory_ports: where it reaches the directory, on 127.0.0.1.
        duo_port: where it reaches Duo.
    """

    def __init__(self, pid: int, directory_ports: Set[int], duo_port: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self._directory_ports = directory_ports
        self._duo_port = duo_port

    def look(self) -> Vitals:
        """How it is now."""
        sockets, descriptors = self._descriptors()
        clients = directory = duo = 0
        for inode, local, remote, state in self._connections():
            if inode not in sockets or state == _LISTEN:
                continue
            if remote == self._duo_port:
                duo += 1
            elif remote in self._directory_ports:
                directory += 1
            elif local:
                clients += 1
        status = dict(
            line.split(":", 1) for line in (self._folder / "status").read_text().splitlines() if ":" in line
        )
        return Vitals(
            memory=int(status["VmRSS"].split()[0]),
            descriptors=descriptors,
            clients=clients,
            directory=directory,
            duo=duo,
            others=descriptors - clients - directory - duo,
            threads=int(status["Threads"]),
            processor=self._processor(),
        )

    def _descriptors(self) -> tuple[set[str], int]:
        """The inodes of its sockets, and how many descriptors there are."""
        sockets, count = set(), 0
        for descriptor in (self._folder / "fd").iterdir():
            try:
                target = str(descriptor.readlink())
            except OSError:
                continue  # closed meanwhile
            count += 1
            if target.startswith("socket:["):
                sockets.add(target[8:-1])
        return sockets, count

    def _connections(self) -> list[tuple[str, int, int, str]]:
        """All TCP connections of the machine: inode, local and remote port, state (proc(5))."""
        found = []
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            (
                _,
                local,
                remote,
                state,
                *_,
            ) = (fields := line.split())
            found.append((fields[9], _port(local), _port(remote), state))
        return found

    def _processor(self) -> float:
        fields = (self._folder / "stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


def _port(address: str) -> int:
    return int(address.partition(":")[2], 16)
