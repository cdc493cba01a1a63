"""The event loop: uvloop, with two faults of its own mended, and its large buffers given back.

Owns that no file descriptor is closed twice, that the end of a connection is not reported as an error, and
that TLS buffers leave the process with their connections. It must not know who connects where.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import socket
from typing import Any

import uvloop

_log = logging.getLogger(__name__)

# mallopt(3): from this size on, a block is mapped on its own and unmapped when it is freed. 128 KiB is what
# the GNU C library begins with.
_M_MMAP_THRESHOLD = -3
_ON_ITS_OWN = 128 * 1024

# uvloop's own words for a connection that was closed before (uvloop/handles/handle.pyx).
_IS_CLOSED = "the handler is closed"


def give_large_buffers_back() -> None:
    """Lets blocks of 128 KiB and more return to the system when they are freed, now and ever after.

    uvloop allocates 256 KiB for each TLS connection, which is one for each login that waits for Duo. The
    GNU C library raises its threshold to the size of the first such block that is freed; from then on they
    lie in its heap, between small blocks that stay, and hardly any of it ever gets smaller. A thousand
    waiting logins left a heap of 280 MiB, of which 27 were in use, and every further crowd touched more of
    it. A threshold that is set stays. Mapping costs some microseconds, beside a handshake of milliseconds.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # other C libraries have other heaps
        mallopt(_M_MMAP_THRESHOLD, _ON_ITS_OWN)


class Loop(uvloop.Loop):
    """uvloop's loop; a socket that is given to it is its own from then on.

    `create_connection(sock=...)`, by which aiohttp connects, leaves the socket object in the belief that the
    descriptor is its own whenever the connection breaks in the very moment in which TLS begins: uvloop 0.23
    closes the descriptor, and the object closes it once more when it is collected (the same fault as
    https://github.com/MagicStack/uvloop/issues/738, on another path). By then the number may be somebody
    else's: a Duo that resets connections as soon as it has taken them broke LDAP connections that way.

    And uvloop's TLS goes on with what it was doing when its TCP connection has just been closed, by us or by
    the peer, and reports as a fatal error that it cannot. Nobody waits for that connection any more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set_exception_handler(_report)

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


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Reports what went wrong in a callback, but not that a connection that was closed is closed."""
    error = context.get("exception")
    if isinstance(error, RuntimeError) and _IS_CLOSED in str(error):
        _log.debug("behind the end of a connection: %s: %s", context.get("message"), error)
    else:
        loop.default_exception_handler(context)
