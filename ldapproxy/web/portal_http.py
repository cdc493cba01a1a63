"""Between twisted.web's requests and the portal's visits.

Owns how a request is read, its body bounded, and how an answer is written. It must not know sockets, nor what
the portal does. Parts of twisted.web carry no types, hence the ignored `no-untyped-call`s.
"""

from __future__ import annotations

import asyncio
import logging
from io import BytesIO
from ipaddress import IPv6Address, ip_address
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ldapproxy.auth.policy import Address
from ldapproxy.web import pages
from ldapproxy.web.portal import Portal
from ldapproxy.web.portal_forms import (
    BROWSER,
    LARGEST_FORM,
    SESSION,
    BadFormError,
    Visit,
    is_from_our_page,
    read_cookie,
    read_form,
    read_query,
)
from ldapproxy.web.portal_pages import SECURITY, Answer

_log = logging.getLogger(__name__)


class PortalRequest(Request):
    """A request whose body is bounded, and that is answered without telling what serves it."""

    is_too_large = False
    body: BytesIO

    def gotLength(self, length: int | None) -> None:  # noqa: N802 (Twisted's own name)
        """Prepares for a form. A body without a length, or too long a one, is thrown away as it comes."""
        self.content = self.body = BytesIO()
        self.is_too_large = length is None or length > LARGEST_FORM

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 (Twisted's own name)
        """Keeps a part of the body."""
        if not self.is_too_large:
            self.body.write(data)

    def setHeader(self, name: bytes, value: bytes) -> None:  # noqa: N802 (Twisted's own name)
        """Sets a header field, but not `Server`, which Twisted sets for every request."""
        if name.lower() != b"server":
            super().setHeader(name, value)  # type: ignore[no-untyped-call]


class Everything(Resource):
    """Answers for every path."""

    isLeaf = True

    def __init__(self, portal: Portal) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._portal = portal
        self._answering: set[asyncio.Task[None]] = set()

    def render(self, request: PortalRequest) -> int:
        """Answers as soon as the portal does."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        task = asyncio.get_running_loop().create_task(self._answer(request, gone))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
        return NOT_DONE_YET

    def close(self) -> None:
        """Nobody waits for answers any more."""
        for task in self._answering:
            task.cancel()

    async def _answer(self, request: PortalRequest, gone: list[object]) -> None:
        try:
            visit = _visit(request)
            answer = visit if isinstance(visit, Answer) else await self._portal.answer(visit)
        except Exception as error:
            # Its text might hold what somebody typed, so only its type and place are logged.
            _log.error("a page failed in a way that nobody foresaw", exc_info=_without_text(error))
            answer = _plain(500, "something went wrong here; please try again")
        if not gone:
            _write(request, answer)


def _visit(request: PortalRequest) -> Visit | Answer:
    """The request as the portal takes it, or what is to be said about one that it cannot take."""
    client = _client(request)
    if client is None:
        return _plain(400, "your address cannot be told")
    if request.is_too_large:
        return _plain(413, "this is more than any form here sends")
    path, _, query = request.uri.partition(b"?")
    try:
        fields = (
            read_form(_header(request, "content-type"), request.body.getvalue())
            if request.method == b"POST"
            else {}
        )
        return Visit(
            method=request.method.decode("ascii", errors="replace"),
            path=path.decode("ascii", errors="replace"),
            client=client,
            query=read_query(query),
            fields=fields,
            is_ours=is_from_our_page(
                _header(request, "host"), _header(request, "origin"), _header(request, "sec-fetch-site")
            ),
            session=read_cookie(request.received_cookies, SESSION),
            browser=read_cookie(request.received_cookies, BROWSER),
        )
    except BadFormError:
        return _plain(400, "this is no request that a page of this site sends")


def _client(request: PortalRequest) -> Address | None:
    """The browser's address; an IPv4 one of an IPv6 socket counts as the IPv4 address that it is."""
    peer: Any = request.getClientAddress()  # type: ignore[no-untyped-call]
    try:
        found = ip_address(str(peer.host).partition("%")[0])
    except (AttributeError, ValueError):
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return found if mapped is None else mapped


def _header(request: PortalRequest, name: str) -> str:
    return request.getHeader(name) or ""


def _plain(status: int, sentence: str) -> Answer:
    return Answer(pages.text(status, sentence))


def _write(request: PortalRequest, answer: Answer) -> None:
    page = answer.page
    request.setResponseCode(page.status)
    headers = {
        **SECURITY,
        "Content-Type": page.content_type,
        "Content-Length": str(len(page.body)),
        **page.headers,
    }
    for name, value in headers.items():
        request.setHeader(name.encode(), value.encode())
    for cookie in answer.cookies:
        request.responseHeaders.addRawHeader(b"Set-Cookie", cookie.encode())
    request.write(page.body)  # type: ignore[no-untyped-call]
    request.finish()  # type: ignore[no-untyped-call]


def _without_text(error: BaseException) -> tuple[type[BaseException], BaseException, Any]:
    return RuntimeError, RuntimeError(type(error).__name__), error.__traceback__
