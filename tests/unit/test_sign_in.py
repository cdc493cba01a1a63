"""Signing in against a real slapd; Duo does as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any, cast

import pytest

from ldapproxy.auth.failed_binds import FailedBindRules, FailedBinds
from ldapproxy.auth.late_approvals import LateApprovals
from ldapproxy.auth.outcomes import (
    Factor,
    FailMode,
    Joined,
    Reason,
    SecondFactorOutcome,
    SecondFactorResult,
    Verdict,
)
from ldapproxy.auth.policy import ExemptGroup, ExemptSubtree, ListenerPolicy
from ldapproxy.auth.portal_audit import PortalAction, PortalRecord
from ldapproxy.auth.remembered import LoginKeys, RememberedLogins
from ldapproxy.directory.lookup import Lookup
from ldapproxy.directory.settings import LookupSettings
from ldapproxy.duo.availability import State
from ldapproxy.duo.watch import WatchedDuo
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.net.lessons import Lessons
from ldapproxy.net.servers import Directory
from ldapproxy.secret import Secret
from ldapproxy.sign_in import ListenerParts, PortalSignIn
from ldapproxy.web.portal_ports import Person
from tests.support.example_directory import (
    ALICE,
    BOB,
    EXEMPT,
    NO_SECOND_FACTOR,
    PEOPLE,
    SEVERAL,
    UNICODE,
    VPN_USERS,
    Account,
)
from tests.support.reactor import OnReactor
from tests.support.slapd import Slapd
from tests.unit.directory.places import plain, settings_for
from tests.unit.net.neighbours import Recorder, ScriptedSecondFactor
from tests.unit.net.usual_settings import POLICY, upstream_settings
from tests.unit.test_self_service import Lines

CLIENT = ip_address("192.0.2.7")
TAPPED = SecondFactorResult(SecondFactorOutcome.ALLOWED, "push", "Alice's phone")


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd"), anonymous_read=False, log_operations=True) as running:
        yield running


class Offline:
    """Hears of online logins."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def online_login(self, identity: str) -> None:
        self.heard.append(identity)


@dataclass
class Duo:
    """How Duo stands."""

    state: State = State.UP


@dataclass
class Scene:
    """A sign-in to try."""

    door: PortalSignIn
    second_factor: ScriptedSecondFactor
    audit: Lines
    offline: Offline
    duo: Duo

    async def sign_in(self, name: str = "alice", password: str = ALICE.password) -> Person | Reason:
        end = await self.door.sign_in(name, Secret(password), CLIENT)
        await asyncio.sleep(0)
        return end

    @property
    def record(self) -> PortalRecord:
        (record,) = self.audit.records
        return record


@asynccontextmanager
async def scene(
    slapd: Slapd,
    reactor: Any,
    policy: ListenerPolicy = POLICY,
    looked_up: LookupSettings | None = None,
    rules: FailedBindRules | None = None,
) -> AsyncIterator[Scene]:
    looked_up = looked_up or settings_for(plain(slapd))
    lookup, second_factor, offline, duo = Lookup(looked_up), ScriptedSecondFactor(TAPPED), Offline(), Duo()
    directory = Directory(upstream_settings(slapd.port), reactor, Recorder())
    audit = Lines()
    lessons = Lessons(
        "vpn",
        LoginKeys(Secret(b"k" * 32)),
        RememberedLogins(600, 0),
        LateApprovals(60, 10),
        lambda identity: lessons.forget_user(identity),
        cast(Any, offline),
        Recorder(),
        reactor.seconds,
    )
    parts = ListenerParts(
        policy=policy,
        directory=directory,
        lookup=lookup,
        looked_up=looked_up,
        failed=FailedBinds(rules or FailedBindRules()),
        second_factor=second_factor,
        duo=cast(WatchedDuo, duo),
        lessons=lessons,
    )
    try:
        yield Scene(PortalSignIn(parts, audit, reactor.seconds), second_factor, audit, offline, duo)
    finally:
        directory.close()
        await lookup.aclose()


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("alice", ALICE),
        ("ALICE", ALICE),
        (ALICE.dn, ALICE),
        ("UID=Alice, OU=People,dc=example,dc=com", ALICE),
        ("zoë", UNICODE),
    ],
)
def test_a_name_in_any_spelling_and_a_tap(
    on_reactor: OnReactor, reactor: Any, slapd: Slapd, name: str, account: Account
) -> None:
    async def scenario() -> None:
        async with scene(slapd, reactor) as world:
            person = await world.sign_in(name, account.password)
            assert isinstance(person, Person)
            assert person.identity == account.entry_uuid
            assert person.dn == DistinguishedName.parse(account.dn).normalised
            assert person.device == "Alice's phone"
            assert world.offline.heard == [account.entry_uuid], "an online login"
            record = world.record
            assert record.as_fields()["durations_ms"]
            assert (record.action, record.verdict, record.reason) == (
                PortalAction.SIGN_IN,
                Verdict.ACCEPTED,
                Reason.SECOND_FACTOR,
            )
            assert (record.name, record.device) == (name, "Alice's phone")

    on_reactor(scenario())


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"),
        (ALICE.dn, "wrong"),
        ("nobody", "pw"),
        ("nobody", ALICE.password),
        ("*", ALICE.password),
        ("alice*", ALICE.password),
        ("alice)(uid=*", ALICE.password),
        ("", "pw"),
        ("alice", ""),
        (f"uid=nobody,{PEOPLE}", "pw"),
        ("alice@example.com", ALICE.password),
        ("EXAMPLE\\alice", ALICE.password),
        ("a" * 400, "pw"),
        ("alice\0", ALICE.password),
        ("=", "pw"),
    ],
)
def test_a_wrong_name_and_a_wrong_password_ask_no_phone(
    on_reactor: OnReactor, reactor: Any, slapd: Slapd, name: str, password: str
) -> None:
    async def scenario() -> None:
        async with scene(slapd, reactor) as world:
            end = await world.sign_in(name, password)
            assert end in (
                Reason.PRIMARY_REFUSED,
                Reason.NO_ENTRY,
                Reason.INVALID_CREDENTIALS_FORM,
                Reason.UNAUTHENTICATED_BIND,
            )
            assert not world.second_factor.asked
            assert world.record.verdict is Verdict.REJECTED
            assert password not in str(world.record.as_fields()) or not password or password == "pw"

    on_reactor(scenario())


def test_the_directory_is_asked_about_nobody_too(on_reactor: OnReactor, reactor: Any, slapd: Slapd) -> None:
    async def scenario() -> None:
        async with scene(slapd, reactor) as world:
            before = len(slapd.operations("BIND"))
            await world.sign_in("nobody", "pw")
            assert len(slapd.operations("BIND")) > before
            assert "cn=no such account" in slapd.log()

    on_reactor(scenario())


def test_two_people_with_one_name_are_nobody(on_reactor: OnReactor, reactor: Any, slapd: Slapd) -> None:
    async def scenario() -> None:
        looked_up = settings_for(plain(slapd), username_attribute="objectClass")
        async with scene(slapd, reactor, looked_up=looked_up) as world:
            assert await world.sign_in("inetOrgPerson") is Reason.SEVERAL_ENTRIES
            assert not world.second_factor.asked

    on_reactor(scenario())


def test_a_listener_that_looks_names_up_does_so_for_the_portal(
    on_reactor: OnReactor, reactor: Any, slapd: Slapd
) -> None:
    async def scenario() -> None:
        looked_up = replace(settings_for(plain(slapd)), username_search="(mail={name}@example.com)")
        policy = replace(POLICY, nobody=DistinguishedName.parse(f"cn=nobody,{PEOPLE}"))
        async with scene(slapd, reactor, policy, looked_up) as world:
            assert isinstance(await world.sign_in("alice"), Person)

    on_reactor(scenario())


@pytest.mark.parametrize(
    "result",
    [SecondFactorResult(outcome, "push") for outcome in SecondFactorOutcome]
    + [replace(TAPPED, joined=joined) for joined in Joined]
    + [replace(TAPPED, factor="passcode"), replace(TAPPED, factor=None)],
    ids=lambda result: f"{result.outcome.value}-{result.factor}-{result.joined}",
)
@pytest.mark.parametrize("mode", FailMode)
def test_nothing_but_a_tap_for_this_sign_in_opens_the_portal(
    on_reactor: OnReactor, reactor: Any, slapd: Slapd, result: SecondFactorResult, mode: FailMode
) -> None:
    async def scenario() -> None:
        lenient = replace(POLICY, fail_mode=mode, remembers=True)
        async with scene(slapd, reactor, lenient) as world:
            world.second_factor.answer = result
            end = await world.sign_in()
            good = (
                result.outcome is SecondFactorOutcome.ALLOWED
                and result.factor == "push"
                and not result.joined
            )
            assert isinstance(end, Person) is good
            assert (world.record.verdict is Verdict.ACCEPTED) is good
            assert world.record.second_factor is result.outcome

    on_reactor(scenario())


@pytest.mark.parametrize("account", [ALICE, EXEMPT])
def test_who_is_exempt_is_asked_here_all_the_same(
    on_reactor: OnReactor, reactor: Any, slapd: Slapd, account: Account
) -> None:
    async def scenario() -> None:
        exempt = (
            ExemptSubtree(DistinguishedName.parse(PEOPLE)),
            ExemptGroup(DistinguishedName.parse(NO_SECOND_FACTOR)),
        )
        async with scene(slapd, reactor, replace(POLICY, exempt=exempt)) as world:
            world.second_factor.answer = replace(TAPPED, outcome=SecondFactorOutcome.DENIED)
            assert await world.sign_in(account.dn, account.password) is Reason.DENIED

    on_reactor(scenario())


def test_a_required_group_is_required_here_too(on_reactor: OnReactor, reactor: Any, slapd: Slapd) -> None:
    async def scenario() -> None:
        policy = replace(POLICY, require_group=DistinguishedName.parse(VPN_USERS))
        async with scene(slapd, reactor, policy) as world:
            assert await world.sign_in("bob", BOB.password) is Reason.GROUP_REQUIRED
            assert isinstance(await world.sign_in("alice"), Person)

    on_reactor(scenario())


def test_the_phone_shows_that_this_is_the_portal(on_reactor: OnReactor, reactor: Any, slapd: Slapd) -> None:
    async def scenario() -> None:
        policy = replace(POLICY, client_is_user=True, factors=frozenset(Factor))
        async with scene(slapd, reactor, policy) as world:
            await world.sign_in()
            await world.sign_in()
            (first, _), (second, _) = world.second_factor.asked
            assert first.listener == world.door.shown_as == "vpn (offline authenticators)"
            assert (first.client, first.client_is_user) == (CLIENT, False)
            assert first.factors == {Factor.PUSH, Factor.PHONE}
            assert first.username == "alice"
            assert first.credential != second.credential, "no bind and no other sign-in can join it"
            assert first.credential != Secret(ALICE.password)

    on_reactor(scenario())


def test_several_names_in_duo_are_none(on_reactor: OnReactor, reactor: Any, slapd: Slapd) -> None:
    async def scenario() -> None:
        async with scene(slapd, reactor) as world:
            assert await world.sign_in("several", SEVERAL.password) is Reason.SEVERAL_USERNAMES

    on_reactor(scenario())


@pytest.mark.parametrize("name", ["alice", ALICE.dn])
def test_guesses_here_and_at_the_listener_are_counted_together(
    on_reactor: OnReactor, reactor: Any, slapd: Slapd, name: str
) -> None:
    async def scenario() -> None:
        async with scene(slapd, reactor, rules=FailedBindRules(per_user=2)) as world:
            for guessed in ("alice", ALICE.dn):
                assert await world.sign_in(guessed, "wrong") is Reason.PRIMARY_REFUSED
            assert await world.sign_in(name) is Reason.TOO_MANY_FAILED
            assert isinstance(await world.sign_in("bob", BOB.password), Person)

    on_reactor(scenario())


def test_who_leaves_is_recorded(on_reactor: OnReactor, reactor: Any, slapd: Slapd) -> None:
    async def scenario() -> None:
        async with scene(slapd, reactor) as world:
            world.second_factor.answer = None
            task = asyncio.create_task(world.sign_in())
            while not world.second_factor.waiting:
                await asyncio.sleep(0.002)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert world.record.reason is Reason.CLIENT_LEFT

    on_reactor(scenario())


def test_a_directory_that_is_away(on_reactor: OnReactor, reactor: Any, slapd: Slapd) -> None:
    async def scenario() -> None:
        looked_up = settings_for(replace(plain(slapd), port=1))
        async with scene(slapd, reactor, looked_up=looked_up) as world:
            assert await world.sign_in() is Reason.LOOKUP_UNAVAILABLE

    on_reactor(scenario())


@pytest.mark.parametrize("state", State)
def test_duo_is_away_unless_it_is_up(on_reactor: OnReactor, reactor: Any, slapd: Slapd, state: State) -> None:
    async def scenario() -> None:
        async with scene(slapd, reactor) as world:
            world.duo.state = state
            assert world.door.duo_is_away() is (state is not State.UP)

    on_reactor(scenario())
