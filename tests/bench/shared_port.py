"""`python -m tests.bench.shared_port run -c FILE`: ldapproxy whose ports other processes may listen on, too.

Owns that one change (SO_REUSEPORT), which the product has no switch for: what several processes on one port
are worth is measured with it.
"""

from __future__ import annotations

import socket
import sys

from ldapproxy import cli
from ldapproxy.net.sockets import ListeningSocket

_create = ListeningSocket.createInternetSocket


def _create_shared(self: ListeningSocket) -> socket.socket:
    listening = _create(self)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, True)
    return listening


if __name__ == "__main__":
    ListeningSocket.createInternetSocket = _create_shared  # type: ignore[method-assign]
    sys.exit(cli.main())
