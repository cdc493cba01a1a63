"""Packets that a socket of ours does not get any more: the kernel drops them before it acknowledges anything.

    with losing_packets(listener, connection): ...

A socket filter (socket(7), SO_ATTACH_FILTER) that keeps nothing needs no privilege; on a listening socket it
drops every SYN.

Owns the filter. It must not know whose sockets these are.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
from collections.abc import Iterator

_ATTACH, _DETACH = 26, 27  # asm-generic/socket.h; Python has no names for them
_KEEP_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # one instruction of BPF: return 0 bytes


def lose_packets(of: socket.socket) -> None:
    """From now on nothing that is sent to this socket arrives."""
    instructions = ctypes.create_string_buffer(_KEEP_NOTHING, len(_KEEP_NOTHING))
    of.setsockopt(socket.SOL_SOCKET, _ATTACH, struct.pack("HL", 1, ctypes.addressof(instructions)))


def find_packets(of: socket.socket) -> None:
    """Ends it; what the other side repeats arrives again."""
    of.setsockopt(socket.SOL_SOCKET, _DETACH, 0)


@contextlib.contextmanager
def losing_packets(*of: socket.socket) -> Iterator[None]:
    """For the time of the block."""
    for one in of:
        lose_packets(one)
    try:
        yield
    finally:
        for one in of:
            find_packets(one)
