"""HTTPS to one Duo application: connections, TLS, and the one table of everything that can go wrong.

Owns aiohttp: its session, its exceptions and its traps. It must not know what a request means, nor what a
failure means for a login. Nothing that aiohttp raises leaves this file, because its exceptions carry
requests.

Why aiohttp alone, without httpx in front of it: measured over TLS on uvloop, a call costs 0.14 ms of CPU,
with one request in flight and with thousands. httpx over aiohttp costs 0.39 ms, and httpx's own pool is
quadratic in the requests in flight. A login that waits for a push is a request in flight, and every login
makes three or four calls.
"""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from typing import Final, NamedTuple

import aiohttp
import certifi
from yarl import URL

from ldapproxy import __version__
from ldapproxy.duo.calls import CallOutcome, Endpoint, Failure, Reply
from ldapproxy.duo.settings import DuoSettings
from ldapproxy.duo.signing import SignedRequest

BODY_LIMIT: Final = 256 * 1024
"""Bytes of an answer. A user with a hundred devices takes 30 KiB."""

_KEEP_ALIVE: Final = 4.0
# Seconds that an idle connection is kept: less than the shortest idle time-out in common use among servers,
# which is 5 s, so that a request does not cross the server's farewell. An auth call that did cannot be sent
# again.

_USER_AGENT: Final = f"ldapproxy/{__version__}"


class _Row(NamedTuple):
    """A row of the table: the exception, what caused it, and what we call that."""

    error: type[BaseException]
    cause: type[BaseException]
    outcome: CallOutcome
    sentence: str


# First match wins. `cause` is the exception below aiohttp's own; `BaseException` stands for any, or none.
# aiohttp reports certificates, alerts and resets under one roof, and here they mean different things.
_EOF_IN_TLS: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
_TABLE: Final = (
    _Row(
        aiohttp.ConnectionTimeoutError,
        BaseException,
        CallOutcome.CONNECT_TIMEOUT,
        "no connection to Duo in time",
    ),
    _Row(
        aiohttp.ClientConnectorCertificateError,
        BaseException,
        CallOutcome.UNTRUSTED,
        "the certificate of Duo's host does not verify",
    ),
    *(
        _Row(
            aiohttp.ClientConnectorError, eof, CallOutcome.UNREACHABLE, "the connection ended while TLS began"
        )
        for eof in _EOF_IN_TLS
    ),
    _Row(
        aiohttp.ClientConnectorError,
        ssl.SSLError,
        CallOutcome.UNTRUSTED,
        "TLS with Duo's host failed",
    ),
    _Row(
        aiohttp.ClientConnectorDNSError,
        BaseException,
        CallOutcome.UNRESOLVED,
        "the name of Duo's host (or of the HTTP proxy) does not resolve",
    ),
    _Row(
        aiohttp.ClientProxyConnectionError,
        BaseException,
        CallOutcome.PROXY_UNAVAILABLE,
        "the HTTP proxy cannot be reached",
    ),
    _Row(
        aiohttp.ClientConnectorError, BaseException, CallOutcome.UNREACHABLE, "Duo's host cannot be reached"
    ),
    *(
        _Row(aiohttp.ClientConnectionError, eof, CallOutcome.LOST, "the connection ended before Duo's answer")
        for eof in _EOF_IN_TLS
    ),
    _Row(
        aiohttp.ClientConnectionError,
        ssl.SSLError,
        CallOutcome.UNTRUSTED,
        "the connection to Duo carried something that is not TLS",
    ),
    _Row(
        aiohttp.ClientConnectionError,
        BaseException,
        CallOutcome.LOST,
        "the connection was lost before Duo's answer",
    ),
    _Row(
        aiohttp.ClientPayloadError, BaseException, CallOutcome.LOST, "the connection was lost in Duo's answer"
    ),
    _Row(
        aiohttp.ClientResponseError,
        BaseException,
        CallOutcome.NONSENSE,
        "Duo's answer is not HTTP; check api_host",
    ),
)

# Someone who uses up our descriptors or ports must not make Duo look away.
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}


class Transport:
    """Sends requests to one Duo application and brings back replies or failures; never raises.

    Connections are kept alive for a short while and shared; their number is not limited here, because each
    waiting login needs one. The environment is not consulted: no proxies, no certificates, no key log, no
    netrc.

    Args:
        settings: where Duo is, whom to trust, and the HTTP proxy.

    Raises:
        ValueError: the file of trusted authorities cannot be used.
    """

    def __init__(self, settings: DuoSettings) -> None:
        self._tls = _tls_context(settings)
        self._proxy = None if settings.http_proxy is None else URL(settings.http_proxy)
        host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
        self._urls = {
            endpoint: URL(f"https://{host}:{settings.port}{endpoint.path}") for endpoint in Endpoint
        }
        self._timeout = aiohttp.ClientTimeout(
            total=None,  # `send` bounds the whole call
            connect=settings.connect_timeout,
            ceil_threshold=float("inf"),  # else aiohttp rounds time-outs over 5 s up to whole seconds
        )
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def send(self, endpoint: Endpoint, request: SignedRequest, within: float | None) -> Reply | Failure:
        """Sends one request.

        Redirects are not followed, cookies are not kept. A GET whose reused connection turns out to be closed
        is sent once more on another one; a POST never is.

        Args:
            endpoint: where to.
            request: what to send.
            within: seconds for the whole call, connection included; None waits for the answer without end.

        Returns:
            The reply, or why there is none.
        """
        if self._closed:
            return Failure(CallOutcome.ABANDONED, "the connections to Duo are closed")
        session = self._session or self._open_session()
        url = self._urls[endpoint]
        if request.query:
            url = URL(f"{url}?{request.query}", encoded=True)  # byte for byte as it was signed
        try:
            async with asyncio.timeout(within):
                try:
                    async with session.request(
                        endpoint.method,
                        url,
                        data=request.body,
                        headers=request.headers,
                        allow_redirects=False,
                        proxy=self._proxy,
                        timeout=self._timeout,
                    ) as response:
                        return await _read(response)
                except Exception as error:
                    return failure_of(error)
        except TimeoutError:
            return Failure(CallOutcome.RESPONSE_TIMEOUT, "no answer from Duo in time")

    async def aclose(self) -> None:
        """Closes all connections, for good."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open_session(self) -> aiohttp.ClientSession:
        """The session, made at the first call: aiohttp wants the running loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls, limit=0, keepalive_timeout=_KEEP_ALIVE),
            headers={"User-Agent": _USER_AGENT},
            skip_auto_headers=("Accept", "Accept-Encoding"),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        return self._session


def failure_of(error: Exception) -> Failure:
    """What an exception means: the only place that knows aiohttp's exceptions."""
    cause = getattr(error, "os_error", None) or error.__cause__
    if {getattr(error, "errno", None), getattr(cause, "errno", None)} & _EXHAUSTED:
        return Failure(CallOutcome.EXHAUSTED, f"this host ran out of resources{_reason(cause or error)}")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _proxy_said(error.status)
    for row in _TABLE:
        if isinstance(error, row.error) and (row.cause is BaseException or isinstance(cause, row.cause)):
            return Failure(row.outcome, f"{row.sentence}{_reason(cause)}")
    return Failure(CallOutcome.UNFORESEEN, f"unforeseen {type(error).__name__} in a call to Duo")


def _proxy_said(status: int) -> Failure:
    if status == 407:
        return Failure(
            CallOutcome.PROXY_REFUSED, "the HTTP proxy wants other credentials (HTTP 407); check http_proxy"
        )
    if 500 <= status <= 599:
        return Failure(CallOutcome.PROXY_UNAVAILABLE, f"the HTTP proxy answered HTTP {status}")
    return Failure(
        CallOutcome.PROXY_REFUSED, f"the HTTP proxy does not let us through to Duo (HTTP {status})"
    )


def _reason(cause: BaseException | None) -> str:
    """The system's or OpenSSL's own words for a cause; an exception's text may carry a request."""
    match cause:
        case ssl.SSLCertVerificationError():
            return f": {cause.verify_message}"
        case ssl.SSLError():
            reason = getattr(cause, "reason", None)  # absent when Python made the error, not OpenSSL
            return f": {reason}" if reason else ""
        case OSError(errno=int(number)) if number > 0:
            return f": {os.strerror(number)}"
        case _:
            return ""


async def _read(response: aiohttp.ClientResponse) -> Reply | Failure:
    """The body of an answer, as far as `BODY_LIMIT` allows. Leaving early closes the connection."""
    chunks: list[bytes] = []
    size = 0
    while chunk := await response.content.readany():
        size += len(chunk)
        if size > BODY_LIMIT:
            return Failure(CallOutcome.NONSENSE, "Duo's answer makes no sense: it does not end")
        chunks.append(chunk)
    return Reply(response.status, b"".join(chunks))


def _tls_context(settings: DuoSettings) -> ssl.SSLContext:
    """TLS 1.2 or later with verification, which has no off switch.

    Not `ssl.create_default_context`: that writes the keys of every connection to a file that the environment
    names.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    authorities = settings.ca_file or certifi.where()
    try:
        context.load_verify_locations(authorities)
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"{authorities}: cannot be used as ca_file of Duo{_reason(error)}") from None
    return context
