"""What the tests of this package share: an authority, settings, a login, and event loops of both kinds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
import uvloop

from ldapproxy.auth.credentials import Auto
from ldapproxy.auth.effects import VerifySecondFactor
from ldapproxy.auth.outcomes import Factor, SecondFactorOutcome, SecondFactorResult
from ldapproxy.duo.client import DuoClient
from ldapproxy.duo.settings import DuoSettings
from ldapproxy.duo.watch import WatchedDuo
from ldapproxy.secret import Secret
from tests.support.duo_faults import HOST, Authority
from tests.support.reactor import open_sockets
from tests.support.scripted_duo import INTEGRATION_KEY, SECRET_KEY, ScriptedDuo, scripted_duo
from tests.support.simulator import SimulatorProcess, phone

Result = TypeVar("Result")

# Seconds, for what ends by itself just behind a scene.
_AFTERMATH = 15.0


class Run(Protocol):
    """Runs a coroutine on a new event loop, and fails when it leaves a task or a socket behind."""

    def __call__(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Runs it and returns its result."""


def _runner(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Run:
    def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
        async def and_look() -> Result:
            before = open_sockets()
            result = await coroutine
            # A server's side of a broken handshake takes a moment to end, and so does TLS's farewell when the
            # peer is slow to answer it: uvloop cannot be closed before.
            async with asyncio.timeout(_AFTERMATH):
                while asyncio.all_tasks() - {asyncio.current_task()} or open_sockets() - before:
                    await asyncio.sleep(0.002)
            return result

        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(and_look())

    return run


@pytest.fixture
def run() -> Run:
    """A run on uvloop, as in production."""
    return _runner(uvloop.new_event_loop)


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def run_on_each_loop(request: pytest.FixtureRequest) -> Run:
    """A run on uvloop and one on asyncio's own loop: their TLS and their exceptions are not the same."""
    return _runner(request.param)


@pytest.fixture(scope="session")
def authority() -> Authority:
    """The authority that the client under test trusts."""
    return Authority.create()


@pytest.fixture(scope="session")
def ca_file(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its certificate, as `ca_file` wants it."""
    return authority.write(tmp_path_factory.mktemp("duo"))


class MakeSettings(Protocol):
    """Makes settings for a Duo on a port."""

    def __call__(self, port: int, **changes: Any) -> DuoSettings:
        """Makes them; `changes` are fields of the settings."""


@pytest.fixture(scope="session")
def settings(ca_file: Path) -> MakeSettings:
    """Settings for a Duo on this machine, with time limits that nothing reaches by accident."""

    def make(port: int, **changes: Any) -> DuoSettings:
        fields: dict[str, Any] = {
            "name": "prod",
            "api_host": HOST,
            "port": port,
            "integration_key": INTEGRATION_KEY,
            "secret_key": Secret(SECRET_KEY),
            "ca_file": ca_file,
            "http_proxy": None,
            "connect_timeout": 5.0,
            "response_timeout": 5.0,
            "ping_interval": 10.0,
        }
        return DuoSettings(**(fields | changes))

    return make


def a_login(**changes: Any) -> VerifySecondFactor:
    """The question that a bind of Alice asks; `changes` are its fields."""
    fields: dict[str, Any] = {
        "username": "alice",
        "identity": "0e7f5a1c-0000-4000-8000-000000000001",
        "credential": Secret("secret"),
        "choice": Auto(),
        "factors": frozenset({Factor.PUSH, Factor.PHONE, Factor.PASSCODE}),
        "listener": "vpn",
        "client": ip_address("192.0.2.7"),
        "client_is_user": False,
    }
    return VerifySecondFactor(**(fields | changes))


@dataclass
class Recorder:
    """A `RequestObserver` that remembers: name, endpoint, outcome, seconds."""

    calls: list[tuple[str, str, str, float]] = field(default_factory=list)

    def duo_request(self, duo: str, endpoint: str, outcome: str, seconds: float) -> None:
        """One call ended."""
        self.calls.append((duo, endpoint, outcome, seconds))

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        """Endpoint and outcome of each call."""
        return [(endpoint, outcome) for _, endpoint, outcome, _ in self.calls]


Scene = Callable[[ScriptedDuo, DuoClient, Recorder], Coroutine[Any, Any, Any]]


class Play(Protocol):
    """Plays a scene with a scripted Duo and a client for it."""

    def __call__(self, scene: Scene, **changes: Any) -> Any:
        """Plays it; `changes` are settings of the client. Returns what the scene returns."""


@pytest.fixture
def play(run: Run, authority: Authority, settings: MakeSettings) -> Play:
    """See `Play`."""

    def play_scene(scene: Scene, **changes: Any) -> Any:
        async def whole() -> Any:
            async with scripted_duo(authority) as duo:
                recorder = Recorder()
                client = DuoClient(settings(duo.port, **changes), recorder)
                try:
                    return await scene(duo, client, recorder)
                finally:
                    await client.aclose()

        return run(whole())

    return play_scene


def ended(outcome: SecondFactorOutcome, **rest: Any) -> SecondFactorResult:
    """The result of a push to Alice's phone."""
    return SecondFactorResult(outcome, **({"factor": "push", "device": "iOS (XXX-XXX-0100)"} | rest))


@dataclass
class States:
    """What the observer was told."""

    states: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)

    @property
    def pings(self) -> int:
        """How many pings have ended."""
        return sum(endpoint == "ping" for endpoint, _ in self.calls)

    def duo_state(self, duo: str, state: str) -> None:
        """The state changed."""
        self.states.append(state)

    def duo_request(self, duo: str, endpoint: str, outcome: str, seconds: float) -> None:
        """A call ended."""
        self.calls.append((endpoint, outcome))


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """One simulator for a file."""
    with SimulatorProcess(tmp_path_factory.mktemp("simulator")) as process:
        yield process


@pytest.fixture
def duo(process: SimulatorProcess) -> SimulatorProcess:
    """The simulator as new, with three people who approve at once."""
    process.reset()
    for name in ("alice", "bob", "carol"):
        process.add_user(name, devices=[phone("phone")])
    process.answer_always("approve")
    return process


@asynccontextmanager
async def watching(
    settings: MakeSettings,
    duo: SimulatorProcess,
    states: States,
    interval: float = 0.2,
    **changes: Any,
) -> AsyncIterator[WatchedDuo]:
    """A watched Duo; `changes` are its settings."""
    fields: dict[str, Any] = {
        "port": duo.port,
        "api_host": "127.0.0.1",
        "integration_key": duo.integration_key,
        "secret_key": Secret(duo.secret_key),
        "ca_file": Path(duo.ca_file),
        "ping_interval": interval,
    }
    watched = WatchedDuo(settings(**(fields | changes)), states)
    watched.start()
    try:
        yield watched
    finally:
        await watched.aclose()


async def until(condition: Callable[[], object]) -> None:
    """Waits for something to become true."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def control(change: Callable[[], object]) -> None:
    """The control connection blocks, the loop must not."""
    await asyncio.get_running_loop().run_in_executor(None, change)
