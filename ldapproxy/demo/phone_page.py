"""The phone page: every waiting push as a card that a person can answer.

Owns the page and its live updates. It must not know how pushes come about.
"""

from __future__ import annotations

from aiohttp import web

from ldapproxy.demo.duo_simulator import DuoSimulator


class PhonePage:
    """The page of one simulator."""

    def __init__(self, simulator: DuoSimulator) -> None:
        self._simulator = simulator

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Adds the paths of the page."""

    def stop(self) -> None:
        """Ends the live updates."""
