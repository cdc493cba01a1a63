"""Free ports for processes that tests start.

Owns the choice. Ports below the range that the kernel gives to outgoing connections, so that a client of a
test that runs at the same time does not take one between the choice and its use.
"""

from __future__ import annotations

import random
import socket

_LOWEST, _HIGHEST = 15_000, 32_000
# Ports that were given out are not listened on yet when the next one is chosen.
_given: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """A port of `host` that nobody listens on now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        port = random.randint(_LOWEST, _HIGHEST)
        if port in _given:
            continue
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
        _given.add(port)
        return port
