"""A small Duo that answers as a test says, over real TLS, and checks signatures on its own.

Owns the scripted answers, and Duo's signature as its documentation describes it, written independently of the
code under test and of the demo's simulator. It must not know who is asking.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, quote

from tests.support.duo_faults import HOST, Authority, Behaviour, FaultyServer, read_request, reset, serve

INTEGRATION_KEY = "DIWJ8X6AEYOR5OMC6TQ1"
SECRET_KEY = "Zh5eGmUq9zpfQnyUIu5OL9iWoMMv5ZNmk3zLJ4Ep"

PHONE = {
    "device": "DPFZRS9FB0D46QFTM891",
    "type": "phone",
    "name": "iPhone",
    "display_name": "iOS (XXX-XXX-0100)",
    "number": "XXX-XXX-0100",
    "capabilities": ["auto", "push", "sms", "phone", "mobile_otp"],
}
LANDLINE = {
    "device": "DPBGE0ZD3TR2OEG0M2K1",
    "type": "phone",
    "name": "Desk",
    "display_name": "Desk (XXX-XXX-0199)",
    "number": "XXX-XXX-0199",
    "capabilities": ["phone"],
}
TABLET = {
    "device": "DPTABLET00000000001",
    "type": "phone",
    "name": "Tablet",
    "display_name": "Tablet",
    "capabilities": ["auto", "push", "mobile_otp"],
}
TOKEN = {"device": "DHEKH0JJIYC1LX3AZWO4", "type": "token", "name": "0"}

CLOCK_TOLERANCE = 300.0


@dataclass(frozen=True)
class Call:
    """One request as it arrived."""

    method: str
    path: str
    endpoint: str
    parameters: dict[str, str]
    headers: dict[str, str]
    connection: int


class HangUp(Exception):
    """The server closes the connection instead of answering, or behind a part of the answer."""

    def __init__(self, part: bytes = b"") -> None:
        super().__init__()
        self.part = part


class Reset(Exception):
    """The server resets the connection instead of answering."""


Answer = Callable[[Call], Coroutine[Any, Any, bytes]]


def http(status: int, body: bytes = b"", headers: str = "", length: int | None = None) -> Answer:
    """Any HTTP answer."""
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {size}\r\n\r\n"
    return raw(head.encode() + body)


def raw(data: bytes) -> Answer:
    """These bytes."""

    async def answer(_: Call) -> bytes:
        return data

    return answer


def says(document: object, status: int = 200) -> Answer:
    """A JSON document."""
    return http(status, json.dumps(document).encode())


def ok(**response: object) -> Answer:
    """Duo's `stat` OK with this `response`."""
    return says({"stat": "OK", "response": response})


def refusal(status: int, code: int, message: str) -> Answer:
    """Duo's `stat` FAIL."""
    return says({"stat": "FAIL", "code": code, "message": message}, status)


def fails(error: type[Exception]) -> Answer:
    """No answer: `HangUp` or `Reset`."""

    async def answer(_: Call) -> bytes:
        raise error

    return answer


def cut(part: bytes) -> Answer:
    """A part of an answer, and then the end of the connection."""

    async def answer(_: Call) -> bytes:
        raise HangUp(part)

    return answer


def when(event: asyncio.Event, then: Answer) -> Answer:
    """The answer, once the event is set."""

    async def answer(call: Call) -> bytes:
        await event.wait()
        return await then(call)

    return answer


async def never(_: Call) -> bytes:
    """No answer, and the connection stays open."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def devices(*which: object) -> Answer:
    """Preauth's answer `auth` with these devices."""
    return ok(result="auth", status_msg="Account is active", devices=list(which))


def waiting(status: str) -> Answer:
    """A transaction that goes on."""
    return ok(result="waiting", status=status, status_msg="Pushed a login request to your device...")


ALLOWED = ok(result="allow", status="allow", status_msg="Success. Logging you in...")
DENIED = ok(result="deny", status="deny", status_msg="Login request denied.")


@dataclass
class ScriptedDuo:
    """The server's state.

    Attributes:
        calls: all requests so far.
        script: what each endpoint answers: one answer after the other, and the last one again and again.
        clock_ahead: seconds by which Duo's clock is ahead of the machine's.
        close_after_answer: closes the connection behind each answer without having said so.
    """

    calls: list[Call] = field(default_factory=list)
    script: dict[str, list[Answer]] = field(default_factory=dict)
    clock_ahead: float = 0.0
    close_after_answer: bool = False
    server: FaultyServer = field(default_factory=lambda: FaultyServer(0))

    def __post_init__(self) -> None:
        self.answer_well()

    def answer_well(self) -> None:
        """Sets the answers of a Duo where a person with one phone approves."""
        self.will("ping", self._tell_time).will("check", self._tell_time)
        self.will("preauth", devices(PHONE))
        self.will("auth", ok(txid="45f7c92b-f45f-4862-8545-e0f58e78075a"))
        self.will("auth_status", waiting("pushed"), ALLOWED)

    @property
    def port(self) -> int:
        """Where it listens on `HOST`."""
        return self.server.port

    def will(self, endpoint: str, *answers: Answer) -> ScriptedDuo:
        """Sets what an endpoint answers from now on."""
        self.script[endpoint] = list(answers)
        return self

    def asked(self, endpoint: str) -> list[Call]:
        """The calls of one endpoint so far."""
        return [call for call in self.calls if call.endpoint == endpoint]

    @property
    def sequence(self) -> list[str]:
        """The endpoints called so far, in order."""
        return [call.endpoint for call in self.calls]

    async def _tell_time(self, call: Call) -> bytes:
        return await ok(time=int(time.time() + self.clock_ahead))(call)

    def _behaviour(self, server: FaultyServer) -> Behaviour:
        self.server = server

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = server.connections
            while True:
                call, refused = self._read(await read_request(reader), connection)
                self.calls.append(call)
                answers = self.script[call.endpoint]
                answer = refused or (answers.pop(0) if len(answers) > 1 else answers[0])
                try:
                    writer.write(await _unless_left(reader, answer(call)))
                except HangUp as end:
                    writer.write(end.part)
                    writer.close()
                    return
                except Reset:
                    reset(writer)
                    return
                await writer.drain()
                if self.close_after_answer:
                    writer.close()
                    return

        return behave

    def _read(self, request: bytes, connection: int) -> tuple[Call, Answer | None]:
        """Takes a request apart, and refuses it when its signature is wrong."""
        head, _, body = request.partition(b"\r\n\r\n")
        line, *fields = head.decode("ascii").split("\r\n")
        method, target, _ = line.split(" ")
        path, _, query = target.partition("?")
        headers = {name.lower(): value.strip() for name, _, value in (item.partition(":") for item in fields)}
        parameters = dict(parse_qsl(query, strict_parsing=True)) if query else {}
        canonical_query = "&".join(
            f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in sorted(parameters.items())
        )
        if body:
            parameters = json.loads(body)
        call = Call(method, path, path.removeprefix("/auth/v2/"), parameters, headers, connection)
        if call.endpoint == "ping":
            return call, None
        date = headers.get("x-duo-date") or headers.get("date", "")
        canonical = "\n".join(
            [date, method, HOST, path, canonical_query, _sha512(body), _sha512(_duo_headers(headers))]
        )
        signature = hmac.new(SECRET_KEY.encode(), canonical.encode(), hashlib.sha512).hexdigest()
        expected = "Basic " + base64.b64encode(f"{INTEGRATION_KEY}:{signature}".encode()).decode()
        if headers.get("authorization") != expected:
            return call, refusal(401, 40103, "Invalid signature in request credentials")
        skew = parsedate_to_datetime(date).timestamp() - (time.time() + self.clock_ahead)
        if abs(skew) > CLOCK_TOLERANCE:
            return call, refusal(401, 40105, "Bad request timestamp")
        return call, None


@contextlib.asynccontextmanager
async def scripted_duo(authority: Authority) -> AsyncIterator[ScriptedDuo]:
    """Runs a scripted Duo on `HOST` until the block ends."""
    duo = ScriptedDuo()
    async with serve(duo._behaviour, authority.server_context()):
        yield duo


async def _unless_left(reader: asyncio.StreamReader, answering: Coroutine[Any, Any, bytes]) -> bytes:
    """Waits for the answer; a client that leaves meanwhile ends the waiting."""
    answer, left = asyncio.create_task(answering), asyncio.create_task(reader.read(1))
    try:
        await asyncio.wait({answer, left}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ConnectionError("the client left")
        return answer.result()
    finally:
        answer.cancel()
        left.cancel()
        await asyncio.wait({answer, left})


def _duo_headers(headers: dict[str, str]) -> bytes:
    """The headers that the signature covers, sorted, names in lower case, with NUL between all parts."""
    pairs = sorted((name, value) for name, value in headers.items() if name.startswith("x-duo-"))
    return "\0".join(text for pair in pairs for text in pair).encode()


def _sha512(data: bytes) -> str:
    return hashlib.sha512(data).hexdigest()
