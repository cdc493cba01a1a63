"""The phone page: every waiting push as a card that a person can answer.

Owns the page's files and its live updates (Server-Sent Events). It must not know how pushes come about; what
the page changes it changes through the control API.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files

from aiohttp import web

from ldapproxy.demo.duo_model import DeviceType, User
from ldapproxy.demo.duo_simulator import DuoSimulator
from ldapproxy.demo.logo import LOGO

# A screen holds a handful of cards. More would make each update of a benchmark's 5,000 pushes megabytes long.
_MOST_CARDS = 50
_MOST_RECENT = 8
_MOST_PEOPLE = 100
# Changes within this time, in seconds, make one update.
_COALESCE = 0.05
# A comment this often, in seconds, keeps the stream open through middle boxes and notices a phone that left.
_HEARTBEAT = 15.0
# How soon a browser tries again, in milliseconds, when the stream broke.
_RETRY = 1000
_FILES = {
    "/": ("phone.html", "text/html"),
    "/phone.css": ("phone.css", "text/css"),
    "/phone.js": ("phone.js", "text/javascript"),
}


@dataclass(frozen=True, slots=True)
class PersonToTry:
    """Somebody to log in as.

    Attributes:
        name: the user name, in the directory and in Duo.
        password: the password; it is shown, so it must be good for nothing else.
        note: a short text on what is special about this person.
    """

    name: str
    password: str
    note: str


@dataclass(frozen=True, slots=True)
class CommandToTry:
    """A command line to copy, and what it shows."""

    purpose: str
    command: str


class PhonePage:
    """The page of one simulator.

    Attributes:
        people: who to log in as, besides what Duo knows of them.
        commands: what to type.
        portal_url: where people add offline authenticators; empty when there is no such place.
    """

    def __init__(self, simulator: DuoSimulator) -> None:
        self.people: Sequence[PersonToTry] = ()
        self.commands: Sequence[CommandToTry] = ()
        self.portal_url = ""
        self._simulator = simulator
        self._streams: set[asyncio.Event] = set()
        self._stopping = False
        simulator.duo.observe(self._changed)
        simulator.listener.observe(self._changed)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Adds the paths of the page."""
        for path in _FILES:
            router.add_get(path, self._file)
        router.add_get("/icon.png", self._icon)
        router.add_get("/events", self._events)

    def stop(self) -> None:
        """Ends the live updates."""
        self._stopping = True
        self._changed()

    def _changed(self) -> None:
        for stream in self._streams:
            stream.set()

    async def _file(self, request: web.Request) -> web.Response:
        name, content_type = _FILES[request.path]
        text = files("ldapproxy.demo").joinpath(name).read_text()
        return web.Response(text=text, content_type=content_type, charset="utf-8")

    async def _icon(self, request: web.Request) -> web.Response:
        return web.Response(body=LOGO, content_type="image/png")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Sends what the page shows now, and again whenever it changes."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(f"retry: {_RETRY}\n\n".encode())
        changed = asyncio.Event()
        self._streams.add(changed)
        try:
            while not self._stopping:
                changed.clear()
                await response.write(b"data: " + json.dumps(self._view()).encode() + b"\n\n")
                while not changed.is_set():
                    try:
                        await asyncio.wait_for(changed.wait(), _HEARTBEAT)
                    except TimeoutError:
                        await response.write(b": still here\n\n")
                await asyncio.sleep(_COALESCE)
        except ConnectionResetError:
            pass  # the page was closed
        finally:
            self._streams.discard(changed)
        return response

    def _view(self) -> dict[str, object]:
        """All that the page shows."""
        transactions = self._simulator.duo.transactions
        users = {user.name: user for user in self._simulator.duo.accounts.all()[:_MOST_PEOPLE]}
        strangers = [PersonToTry(name, "", "") for name in users if not self._is_person(name)]
        return {
            "reachability": self._simulator.listener.reachability.value,
            "waiting": [asdict(push) for push in transactions.waiting(_MOST_CARDS)],
            "waiting_count": transactions.waiting_count(),
            "recent": [asdict(login) for login in transactions.recent(_MOST_RECENT)],
            "people": [_person_view(person, users.get(person.name)) for person in (*self.people, *strangers)],
            "commands": [asdict(command) for command in self.commands],
            "portal_url": self.portal_url,
        }

    def _is_person(self, name: str) -> bool:
        return any(person.name.lower() == name.lower() for person in self.people)


def _person_view(person: PersonToTry, user: User | None) -> dict[str, object]:
    """A row of the list of people: what the directory and what Duo knows."""
    devices = user.devices if user is not None else ()
    return {
        **asdict(person),
        "status": user.status.value if user is not None else "unknown to Duo",
        "devices": [
            {
                "id": device.device_id,
                "name": device.display_name,
                "short_name": f"Token {device.name}" if device.type is DeviceType.TOKEN else device.name,
            }
            for device in devices
        ],
        "passcodes": [
            {"code": passcode.code, "uses_left": passcode.uses_left}
            for passcode in (user.passcodes if user is not None else [])
        ],
    }
