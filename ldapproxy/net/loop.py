"""The event loop: uvloop, with a fault of its own mended.

Owns that no file descriptor is closed twice. It must not know who connects where.
"""

from __future__ import annotations

import socket
from typing import Any

import uvloop


class Loop(uvloop.Loop):
    """uvloop's loop; a socket that is given to it is its own from then on.

    `create_connection(sock=...)`, by which aiohttp connects, leaves the socket object in the belief that the
    descriptor is its own whenever the connection breaks in the very moment in which TLS begins: uvloop 0.23
    closes the descriptor, and the object closes it once more when it is collected (the same fault as
    https://github.com/MagicStack/uvloop/issues/738, on another path). By then the number may be somebody
    else's: a Duo that resets connections as soon as it has taken them broke LDAP connections that way.
    """

    async def create_connection(
        self, protocol_factory: Any, *where: Any, sock: socket.socket | None = None, **further: Any
    ) -> Any:
        """Connects; see `asyncio.loop.create_connection`. Afterwards `sock` is a closed socket."""
        try:
            return await super().create_connection(protocol_factory, *where, sock=sock, **further)
        finally:
            if sock is not None:
                # The transport closes the descriptor, whatever became of it.
                sock.detach()
