"""The clear-text port with the phone page and the control API.

Owns the port and what protects it from other web pages that the same browser shows. It must not know what is
on the page.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from ldapproxy.demo.control import Control
from ldapproxy.demo.duo_simulator import DuoSimulator
from ldapproxy.demo.phone_page import PhonePage

Responder = Callable[[web.Request], Awaitable[web.StreamResponse]]

_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not listened on
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class PageServer:
    """Serves the phone page and the control API of one simulator.

    Args:
        simulator: what is shown and controlled.
        page: the phone page.
        host: the address to listen on; it is clear text, so loopback unless a real phone is to reach it.
        port: the port; 0 takes a free one.

    Attributes:
        port: the port; the real one once started.
    """

    def __init__(
        self, simulator: DuoSimulator, page: PhonePage, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        app = web.Application(middlewares=[_protect])
        app.on_response_prepare.append(_add_headers)
        Control(simulator).add_routes(app.router)
        page.add_routes(app.router)
        self._page = page
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
        self._host = host
        self.port = port

    async def start(self) -> None:
        """Opens the port.

        Raises:
            OSError: the address cannot be listened on.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Closes the port and all connections."""
        self._page.stop()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The address of the page, as a browser on this or another machine takes it."""
        host = _own_address() if self._host in _EVERY_ADDRESS else self._host
        return f"http://[{host}]:{self.port}/" if ":" in host else f"http://{host}:{self.port}/"


def _own_address() -> str:
    """This machine's address towards other machines; loopback's when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket sends nothing; 192.0.2.0/24 is for documentation (RFC 5737).
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
        return address


@web.middleware
async def _protect(request: web.Request, handler: Responder) -> web.StreamResponse:
    """Refuses what another web page may have sent."""
    if not _is_own_host(request.host):
        # Another site's name pointed at this address (DNS rebinding) would make its pages "same origin".
        raise web.HTTPMisdirectedRequest(text="open this page by its address, not by a name\n")
    if request.method not in ("GET", "HEAD"):
        _require_same_origin(request)
    return await handler(request)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _require_same_origin(request: web.Request) -> None:
    """A change needs JSON, which a form of another site cannot send, and no other origin in its headers.

    Programs other than browsers send neither header.
    """
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="this request comes from another web page\n")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise web.HTTPForbidden(text="this request comes from another web page\n")
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send JSON\n")


def _is_own_host(host_header: str) -> bool:
    """Whether the `Host` is an address or a name that no public name server answers for.

    A name without a dot is a machine or container nearby (`localhost`, `simulator`).
    """
    host = urlsplit(f"//{host_header}").hostname or ""
    if "." not in host and ":" not in host:
        return bool(host)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
