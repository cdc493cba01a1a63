"""Connections to one Duo application: httpx's transport, over aiohttp.

Owns aiohttp's session, TLS, and how the HTTP proxy is used. It must not know what a request means, nor what
an exception means: aiohttp's own leave this file as they are, for the one table in `transport`.

Why not httpx's own pool: it searches all requests in flight at every step, so a call costs the more the more
people are waiting: 1.3 ms of CPU alone, 27 ms beside a thousand (measured). A login that waits for a push is
a request in flight. On aiohttp the cost stays flat (`python -m tests.bench.duo_calls`). Why not the package
httpx-aiohttp: it reports every fault as `ConnectTimeout`, and limits connections to a hundred.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any, Final

import aiohttp
import certifi
import httpx
from yarl import URL

from ldapproxy.duo.settings import DuoSettings

BODY_LIMIT: Final = 256 * 1024
"""Bytes of an answer. A user with a hundred devices takes 30 KiB."""

_KEEP_ALIVE: Final = 4.0
# Seconds that an idle connection is kept: less than the shortest idle time-out in common use among servers,
# which is 5 s, so that a request does not cross the server's farewell. An auth call that did cannot be sent
# again.


_AT_A_TIME: Final = 32
# Connections that are being made at a time. A handshake costs some milliseconds of CPU, so five hundred at
# once keep each other from being done within `connect_timeout`: our own load would look like a Duo that is
# away, and listeners that fail open would open.

_BEFORE_REPETITION: Final = 0.4
# Seconds, about: the kernel counts TCP_USER_TIMEOUT from its first repetition, and ends up one more behind.


class BodyTooLarge(Exception):
    """The answer's body is larger than `BODY_LIMIT`."""


class Connections(httpx.AsyncBaseTransport):
    """Carries httpx's requests to one Duo application.

    Connections are kept alive for a short while and shared; their number is not limited here, because each
    waiting login needs one. The environment is not consulted: no proxies, no certificates, no key log, no
    netrc. A GET whose reused connection turns out to be closed is sent once more on another one; a POST never
    is.

    Of an answer, httpx gets to see the status and the body alone. So no header of Duo's can make it keep
    cookies, follow a redirect or unpack a body.

    Args:
        settings: where Duo is, whom to trust, and the HTTP proxy.
        keeps: whether a later request may use the connection of an earlier one.

    Raises:
        ValueError: the file of trusted authorities cannot be used.
    """

    def __init__(self, settings: DuoSettings, keeps: bool = True) -> None:
        self._tls = _tls_context(settings)
        self._proxy = None if settings.http_proxy is None else URL(settings.http_proxy)
        host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
        self._origin = f"https://{host}:{settings.port}"
        self._timeout = aiohttp.ClientTimeout(
            total=None,  # the caller bounds the whole call
            # `connect` would count the waiting for a turn too; see `_InTurns`.
            ceil_threshold=float("inf"),  # else aiohttp rounds time-outs over 5 s up to whole seconds
        )
        self._connect_timeout = settings.connect_timeout
        self._patience = max(0.5 * self._connect_timeout, self._connect_timeout - _BEFORE_REPETITION)
        self._keeping: dict[str, Any] = {"keepalive_timeout": _KEEP_ALIVE} if keeps else {"force_close": True}
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request whose body is in memory, and brings back the whole answer.

        Args:
            request: where to is in its extension `target`, the path and query byte for byte as they were
                signed (https://www.python-httpx.org/advanced/extensions/#target).

        Raises:
            aiohttp.ClientError: anything that can go wrong below HTTP, or with it.
            OSError: the same, where aiohttp has no name for it.
            BodyTooLarge: see there.
        """
        session = self._session or self._open_session()
        async with session.request(
            request.method,
            URL(f"{self._origin}{request.extensions['target'].decode()}", encoded=True),
            data=_content(request),
            headers=[(name.decode(), value.decode()) for name, value in request.headers.raw],
            allow_redirects=False,
            proxy=self._proxy,
            timeout=self._timeout,
        ) as response:
            return httpx.Response(response.status, stream=httpx.ByteStream(await _read(response)))

    async def aclose(self) -> None:
        """Closes all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        """The session, made at the first call: aiohttp wants the running loop."""
        self._session = aiohttp.ClientSession(
            connector=_InTurns(
                self._connect_timeout,
                ssl=self._tls,
                limit=0,
                socket_factory=self._socket,
                **self._keeping,
            ),
            skip_auto_headers=("Accept", "Accept-Encoding"),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        return self._session

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        """A socket that gives up as soon on a kept connection as on a new one.

        When nothing acknowledges what was written, for as long as a connection may take to come about, the
        other side is out of reach: an outage costs the login that meets it no more on the one than on the
        other. Silence behind an acknowledged request is something else, and has its own time-out.
        """
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(self._patience * 1000))
        return made


class _InTurns(aiohttp.TCPConnector):
    """Makes so many connections at a time; the time limit of each begins with its turn.

    Args:
        connect_timeout: seconds until TCP, TLS and the proxy's tunnel are up.
        options: aiohttp's own.
    """

    def __init__(self, connect_timeout: float, **options: Any) -> None:
        super().__init__(**options)
        self._connect_timeout = connect_timeout
        self._turns = asyncio.Semaphore(_AT_A_TIME)

    async def _create_connection(self, *request: Any) -> Any:
        async with self._turns, asyncio.timeout(self._connect_timeout):
            return await super()._create_connection(*request)


def _content(request: httpx.Request) -> bytes | None:
    """The request's body; None for a request without one."""
    assert isinstance(request.stream, httpx.SyncByteStream), "the body is in memory"
    return b"".join(request.stream) or None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body of an answer, as far as `BODY_LIMIT` allows. Leaving early closes the connection."""
    chunks: list[bytes] = []
    size = 0
    while chunk := await response.content.readany():
        size += len(chunk)
        if size > BODY_LIMIT:
            raise BodyTooLarge
        chunks.append(chunk)
    return b"".join(chunks)


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
    except ssl.SSLError:  # OpenSSL's words say nothing to people
        raise ValueError(f"{authorities}: cannot be used as ca_file of Duo: no certificate in PEM") from None
    except OSError as error:
        raise ValueError(f"{authorities}: cannot be used as ca_file of Duo: {error.strerror}") from None
    return context
