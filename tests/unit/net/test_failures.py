"""Why a connection was lost, in words that say what to mend."""

from __future__ import annotations

import pytest
from OpenSSL import SSL
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from ldapproxy.net.failures import why_lost
from ldapproxy.net.tls import NotTheHost


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionDone(), "the directory closed the connection"),
        (NotTheHost(), "does not name the host"),
        (SSL.Error([("SSL routines", "", "certificate verify failed")]), "not issued by a trusted authority"),
        (SSL.Error([("SSL routines", "", "wrong version number")]), "TLS failed: wrong version number"),
        (SSL.Error(), "TLS failed: no details"),
        (SSL.Error("odd"), "TLS failed: no details"),
        (ConnectionLost(), "the connection to the directory was lost"),
    ],
)
def test_words(error: Exception, words: str) -> None:
    assert words in why_lost(Failure(error))  # type: ignore[no-untyped-call]  # untyped in Twisted
