"""What happened to a directory connection, as sentences for the log.

Owns the words. It must not know what follows from a failure.
"""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from ldapproxy.net.tls import NotTheHost


def why_lost(reason: Failure) -> str:
    """Why a connection was lost, without Twisted's and OpenSSL's words for it."""
    match reason.value:
        case ConnectionDone():
            return "the directory closed the connection"
        case NotTheHost():
            return "the server's certificate does not name the host of the configured URL"
        case SSL.Error() as error:
            queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
            texts = [text for *_, text in queue]
            if "certificate verify failed" in texts:
                return "the server's certificate was not issued by a trusted authority, or is not valid now"
            return f"TLS failed: {', '.join(texts) or 'no details'}"
        case error:
            return f"the connection to the directory was lost: {error}"
