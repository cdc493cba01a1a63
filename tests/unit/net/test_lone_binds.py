"""Binds without a session, against a scripted directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import pytest

from ldapproxy.auth.audit import Durations
from ldapproxy.auth.bind_flow import Conclusion
from ldapproxy.auth.failed_binds import FailedBindRules, FailedBinds
from ldapproxy.auth.outcomes import Reason, SecondFactorOutcome, Verdict
from ldapproxy.auth.policy import Anonymous
from ldapproxy.net.lone_binds import LoneBinds
from ldapproxy.net.servers import Directory
from ldapproxy.secret import Secret
from tests.support.reactor import OnReactor
from tests.unit.net.neighbours import Recorder, ScriptedLookup, ScriptedSecondFactor
from tests.unit.net.scripted_directory import ScriptedDirectory, bind_response, who_am_i_response
from tests.unit.net.usual_settings import ALICE, ALLOWED, DENIED, listener_settings, upstream_settings
from tests.unit.net.wire import Wire

CLIENT = ip_address("192.0.2.7")

Result = tuple[Conclusion, Durations]


@dataclass
class Scene:
    """A directory, and binds that go there."""

    directory: ScriptedDirectory
    binds: LoneBinds
    second_factor: ScriptedSecondFactor
    lookup: ScriptedLookup
    tasks: list[asyncio.Task[Result]] = field(default_factory=list)

    def bind(self, name: str = ALICE, password: str = "pw") -> asyncio.Task[Result]:
        task = asyncio.create_task(self.binds.bind(name, Secret(password), CLIENT))
        self.tasks.append(task)
        return task


@asynccontextmanager
async def scene(reactor: Any, rules: FailedBindRules | None = None, **changes: Any) -> AsyncIterator[Scene]:
    async with ScriptedDirectory() as directory:
        second_factor, lookup = ScriptedSecondFactor(), ScriptedLookup()
        binds = LoneBinds(
            policy=listener_settings(**{"anonymous": Anonymous.DENY, **changes}).policy,
            directory=Directory(upstream_settings(directory.port), reactor, Recorder()),
            failed=FailedBinds(rules or FailedBindRules()),
            lookup=lookup,
            second_factor=second_factor,
            clock=reactor.seconds,
        )
        yield Scene(directory, binds, second_factor, lookup)


async def answered(scene: Scene, code: int) -> Wire:
    """The directory has answered the next bind."""
    peer = await scene.directory.accept()
    request = await peer.receive()
    await peer.send(bind_response(request.message_id, code))
    return peer


def test_an_accepted_bind_asks_duo_and_leaves_no_connection(on_reactor: OnReactor, reactor: Any) -> None:
    async def scenario() -> None:
        async with scene(reactor) as world:
            binding = world.bind()
            peer = await world.directory.accept()
            request = await peer.receive()
            assert (request.tag, ALICE.encode() in request.raw, b"pw" in request.raw) == (0x60, True, True)
            await peer.send(bind_response(request.message_id))
            conclusion, durations = await binding
            assert (conclusion.verdict, conclusion.reason) == (Verdict.ACCEPTED, Reason.SECOND_FACTOR)
            assert conclusion.identity
            assert durations.total > 0
            assert not await peer.receive_end()
            ((question, _),) = world.second_factor.asked
            assert (question.client, question.username) == (CLIENT, "alice")

    on_reactor(scenario())


def test_a_wrong_password_asks_nobody_else(on_reactor: OnReactor, reactor: Any) -> None:
    async def scenario() -> None:
        async with scene(reactor) as world:
            binding = world.bind()
            peer = await answered(world, 49)
            conclusion, _ = await binding
            assert conclusion.reason is Reason.PRIMARY_REFUSED
            assert not await peer.receive_end()
            assert not world.second_factor.asked
            assert not world.lookup.asked

    on_reactor(scenario())


def test_duos_no_is_a_no(on_reactor: OnReactor, reactor: Any) -> None:
    async def scenario() -> None:
        async with scene(reactor) as world:
            world.second_factor.answer = DENIED
            binding = world.bind()
            peer = await answered(world, 0)
            conclusion, _ = await binding
            assert (conclusion.verdict, conclusion.reason) == (Verdict.REJECTED, Reason.DENIED)
            assert not await peer.receive_end()

    on_reactor(scenario())


def test_a_name_that_is_no_dn_is_asked_for_on_the_same_connection(
    on_reactor: OnReactor, reactor: Any
) -> None:
    async def scenario() -> None:
        async with scene(reactor) as world:
            binding = world.bind("alice@example.com")
            peer = await answered(world, 0)
            question = await peer.receive()
            await peer.send(who_am_i_response(question.message_id, f"dn:{ALICE}"))
            conclusion, _ = await binding
            assert conclusion.reason is Reason.SECOND_FACTOR
            assert world.directory.accepted == 1
            assert not await peer.receive_end()

    on_reactor(scenario())


def test_a_directory_that_is_away_is_unavailable(on_reactor: OnReactor, reactor: Any) -> None:
    async def scenario() -> None:
        async with scene(reactor) as world:
            await world.directory.stop()
            conclusion, _ = await world.bind()
            assert conclusion.reason is Reason.PRIMARY_UNAVAILABLE

    on_reactor(scenario())


def test_who_gives_up_leaves_no_connection(on_reactor: OnReactor, reactor: Any) -> None:
    async def scenario() -> None:
        async with scene(reactor) as world:
            world.second_factor.answer = None
            binding = world.bind()
            peer = await answered(world, 0)
            while not world.second_factor.waiting:
                await asyncio.sleep(0.001)
            binding.cancel()
            with pytest.raises(asyncio.CancelledError):
                await binding
            assert not await peer.receive_end()
            assert not world.second_factor.waiting

    on_reactor(scenario())


@pytest.mark.parametrize(
    ("name", "password", "reason"),
    [
        (ALICE, "", Reason.UNAUTHENTICATED_BIND),
        ("", "pw", Reason.INVALID_CREDENTIALS_FORM),
        ("", "", Reason.ANONYMOUS_DENIED),
        (ALICE, "p\0w", Reason.INVALID_CREDENTIALS_FORM),
        ("al\0ice", "pw", Reason.INVALID_CREDENTIALS_FORM),
    ],
)
@pytest.mark.parametrize("anonymous", Anonymous)
def test_what_is_no_name_and_password_reaches_no_directory(
    on_reactor: OnReactor, reactor: Any, name: str, password: str, reason: Reason, anonymous: Anonymous
) -> None:
    async def scenario() -> None:
        async with scene(reactor, anonymous=anonymous) as world:
            conclusion, _ = await world.bind(name, password)
            assert (conclusion.verdict, conclusion.reason) == (Verdict.REJECTED, reason)
            assert world.directory.accepted == 0

    on_reactor(scenario())


def test_too_many_wrong_passwords_are_not_passed_on(on_reactor: OnReactor, reactor: Any) -> None:
    async def scenario() -> None:
        async with scene(reactor, FailedBindRules(per_user=2, per=60)) as world:
            for _ in range(2):
                binding = world.bind()
                peer = await answered(world, 49)
                await binding
                assert not await peer.receive_end()
            conclusion, _ = await world.bind()
            assert conclusion.reason is Reason.TOO_MANY_FAILED
            assert world.directory.accepted == 2

    on_reactor(scenario())


def test_other_refusals_do_not_count(on_reactor: OnReactor, reactor: Any) -> None:
    async def scenario() -> None:
        async with scene(reactor, FailedBindRules(per_user=1, per=60)) as world:
            world.second_factor.answer = DENIED
            for _ in range(3):
                binding = world.bind()
                peer = await answered(world, 0)
                conclusion, _ = await binding
                assert conclusion.second_factor is not None
                assert conclusion.second_factor.outcome is SecondFactorOutcome.DENIED
                assert not await peer.receive_end()
            world.second_factor.answer = ALLOWED

    on_reactor(scenario())
