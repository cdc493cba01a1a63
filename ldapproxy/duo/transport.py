"""HTTPS to one Duo application, and the one table of everything that can go wrong.

Owns the httpx client, and what each exception below it means for a call. It must not know what a request
means, nor what a failure means for a login. No exception leaves this file, because they carry requests.
"""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from typing import Final, NamedTuple

import aiohttp
import httpx

from ldapproxy import __version__
from ldapproxy.duo.calls import CallOutcome, Endpoint, Failure, Reply
from ldapproxy.duo.connections import BodyTooLarge, Connections
from ldapproxy.duo.settings import DuoSettings
from ldapproxy.duo.signing import SignedRequest

_OUR_HEADERS: Final = {"User-Agent": f"ldapproxy/{__version__}"}


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
    _Row(BodyTooLarge, BaseException, CallOutcome.NONSENSE, "Duo's answer makes no sense: it does not end"),
)

# Someone who uses up our descriptors or ports must not make Duo look away.
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}


class _ClientWithoutCookies(httpx.AsyncClient):
    """An httpx client that neither sends nor keeps cookies; looking for them took a tenth of a call."""

    @property  # type: ignore[misc]  # nobody is to set them
    def cookies(self) -> httpx.Cookies:
        """None, for good."""
        return _NO_COOKIES


class _NoCookies(httpx.Cookies):
    def extract_cookies(self, response: httpx.Response) -> None:
        """Keeps none."""


_NO_COOKIES: Final = _NoCookies()


class Transport:
    """Sends requests to one Duo application and brings back replies or failures; never raises.

    Args:
        settings: where Duo is, whom to trust, and the HTTP proxy.
        keeps_connections: whether a later request may use the connection of an earlier one.

    Raises:
        ValueError: the file of trusted authorities cannot be used.
    """

    def __init__(self, settings: DuoSettings, keeps_connections: bool = True) -> None:
        self._client = _ClientWithoutCookies(
            transport=Connections(settings, keeps_connections),
            timeout=None,  # `send` bounds the whole call, and `Connections` the connecting
            follow_redirects=False,
            trust_env=False,
        )
        host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
        self._url = httpx.URL(f"https://{host}:{settings.port}")

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
        if self._client.is_closed:
            return Failure(CallOutcome.ABANDONED, "the connections to Duo are closed")
        try:
            async with asyncio.timeout(within):
                try:
                    response = await self._client.send(self._prepared(endpoint, request), stream=True)
                    assert isinstance(response.stream, httpx.AsyncByteStream)
                    body = b"".join([part async for part in response.stream])
                except Exception as error:
                    return failure_of(error)
                return Reply(response.status_code, body)
        except TimeoutError:
            return Failure(CallOutcome.RESPONSE_TIMEOUT, "no answer from Duo in time")

    async def aclose(self) -> None:
        """Closes all connections, for good."""
        await self._client.aclose()

    def _prepared(self, endpoint: Endpoint, request: SignedRequest) -> httpx.Request:
        """The request as httpx sends it: nothing is added to it, and what was signed is not spelled anew."""
        target = f"{endpoint.path}?{request.query}" if request.query else endpoint.path
        return httpx.Request(
            endpoint.method,
            self._url,
            headers={**_OUR_HEADERS, **request.headers},
            stream=httpx.ByteStream(request.body or b""),
            extensions={"target": target.encode()},
        )


def failure_of(error: Exception) -> Failure:
    """What an exception means: the only place that knows those of aiohttp, and of httpx."""
    cause = getattr(error, "os_error", None) or error.__cause__
    if {getattr(error, "errno", None), getattr(cause, "errno", None)} & _EXHAUSTED:
        return Failure(CallOutcome.EXHAUSTED, f"this host ran out of resources{_reason(cause or error)}")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _proxy_said(error.status)
    was_connected = not isinstance(error, aiohttp.ClientConnectorError)
    if was_connected and getattr(error, "errno", None) == errno.ETIMEDOUT:
        # `Connections._socket`. Not LOST: a second try would only wait once more.
        return Failure(CallOutcome.RESPONSE_TIMEOUT, "nothing reaches Duo over a connection that was there")
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
