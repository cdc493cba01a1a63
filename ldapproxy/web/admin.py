"""The admin address: metrics, health, readiness and the status page over clear-text HTTP.

Owns the paths, methods and header fields. It must not know where the values come from, nor which
reactor runs. Parts of twisted.web carry no types, hence the ignored `no-untyped-call`s.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReactorTCP
from twisted.web.http import Request as HTTPRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from ldapproxy.web import pages
from ldapproxy.web.pages import Page
from ldapproxy.web.settings import AdminSettings
from ldapproxy.web.status import Status

# Seconds without a byte before a connection ends; a scrape takes milliseconds.
_IDLE_TIMEOUT = 30


class AdminError(Exception):
    """The admin address cannot be served; the message says why in one sentence."""


class AdminServer:
    """Serves the pages of one address.

    Args:
        reactor: listens.
        settings: where.
        status: what /readyz and the status page tell.
        exposition: what /metrics tells, in Prometheus' text format.
    """

    def __init__(
        self,
        reactor: IReactorTCP,
        settings: AdminSettings,
        status: Status,
        exposition: Callable[[], bytes],
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._site = _Site(
            {
                b"/": lambda: pages.status_page(status.report()),
                b"/metrics": lambda: pages.metrics(exposition()),
                b"/healthz": pages.health,
                b"/readyz": lambda: pages.readiness(status.report()),
            },
            reactor,
        )
        self._listening: IListeningPort | None = None

    @property
    def port(self) -> int:
        """The TCP port that is listened on; differs from the settings' when that is 0."""
        if self._listening is None:
            return self._settings.port
        address = self._listening.getHost()
        assert isinstance(address, IPv4Address | IPv6Address)
        return address.port

    def start(self) -> None:
        """Listens.

        Raises:
            AdminError: the address cannot be listened on.
        """
        try:
            self._listening = self._reactor.listenTCP(
                self._settings.port,
                self._site,  # type: ignore[arg-type]  # twisted.web's own factories do not fit its types
                interface=self._settings.host,
            )
        except CannotListenError as error:
            why = error.socketError.strerror or error.socketError
            host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
            raise AdminError(f"admin cannot listen on http://{host}:{self._settings.port}: {why}") from None

    def stop(self) -> Deferred[None]:
        """Stops listening; fires when that is done. Connections that are open end by themselves."""
        listening, self._listening = self._listening, None
        stopped = None if listening is None else listening.stopListening()
        return succeed(None) if stopped is None else stopped


class _Request(Request):
    """A request that is answered without telling what serves it, and whose body is thrown away unread."""

    def gotLength(self, length: int | None) -> None:  # noqa: N802 (Twisted's own name)
        """Prepares for no body: Twisted would open a file on disk for a large one."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 (Twisted's own name)
        """Drops a part of a body: no page takes one."""

    def render(self, resrc: IResource) -> None:
        """Renders without the `Server` field, which Twisted sets just before."""
        self.responseHeaders.removeHeader(b"server")
        super().render(resrc)  # type: ignore[no-untyped-call]


class _Answer(Resource):
    """What is at one path."""

    isLeaf = True

    def __init__(self, page: Callable[[], Page]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._page = page

    def render(self, request: Request) -> bytes:
        """Answers GET and HEAD; Twisted leaves the body of an answer to HEAD out."""
        if request.method in (b"GET", b"HEAD"):
            page = self._page()
        else:
            page = pages.text(405, "only GET and HEAD are allowed here", {"Allow": "GET, HEAD"})
        request.setResponseCode(page.status)
        for name, value in {
            "Content-Type": page.content_type,
            "Content-Length": str(len(page.body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            **page.headers,
        }.items():
            request.setHeader(name.encode(), value.encode())  # type: ignore[no-untyped-call]
        return b"" if request.method == b"HEAD" else page.body


class _Site(Site):
    """The pages by their exact path; no other path exists.

    Args:
        paths: what answers at each path.
        reactor: keeps the time for idle connections.
    """

    # A failed page answers 500 without showing code.
    displayTracebacks = False  # noqa: N815 (Twisted's own name)

    def __init__(self, paths: dict[bytes, Callable[[], Page]], reactor: IReactorTCP) -> None:
        self._answers = {path: _Answer(page) for path, page in paths.items()}
        self._nothing = _Answer(lambda: pages.text(404, "there is nothing here; try /"))
        super().__init__(  # type: ignore[no-untyped-call]
            self._nothing, requestFactory=_Request, timeout=_IDLE_TIMEOUT, reactor=reactor
        )

    def getResourceFor(self, request: Request) -> IResource:  # noqa: N802 (Twisted's own name)
        """The page at the request's path, which has no query string here."""
        return self._answers.get(request.path, self._nothing)

    def log(self, request: HTTPRequest) -> None:
        """Writes no access log: a line per scrape and health check tells nobody anything."""
