"""What the end of one bind means for later ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import cast

import pytest

from ldapproxy.auth.bind_flow import Conclusion
from ldapproxy.auth.credentials import Auto
from ldapproxy.auth.effects import RecallLogin, VerifyOffline, VerifySecondFactor
from ldapproxy.auth.late_approvals import LateApprovals
from ldapproxy.auth.outcomes import (
    Factor,
    OfflineResult,
    OfflineVerdict,
    Reason,
    SecondFactorOutcome,
    SecondFactorResult,
    Verdict,
)
from ldapproxy.auth.remembered import LoginKeys, RememberedLogins
from ldapproxy.net.lessons import Lessons
from ldapproxy.net.ports import Observer
from ldapproxy.secret import Secret

KEYS = LoginKeys(Secret(b"k" * 32))
CLIENT = ip_address("192.0.2.1")
CREDENTIAL = Secret("secret")
ALLOWED = Conclusion(
    Verdict.ACCEPTED,
    Reason.SECOND_FACTOR,
    b"response",
    identity="alice-id",
    second_factor=SecondFactorResult(SecondFactorOutcome.ALLOWED, "push"),
)


class Offline:
    """Hears of online logins."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def verify(self, question: VerifyOffline) -> OfflineResult:
        return OfflineResult(OfflineVerdict.WRONG_CODE)

    async def online_login(self, identity: str) -> None:
        self.heard.append(identity)


class Kinds:
    """The only part of the observer that lessons use."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.left: list[tuple[str, float]] = []

    def client_left(self, listener: str, waited: float) -> None:
        self.left.append((listener, waited))

    def joined(self, listener: str, kind: str) -> None:
        self.kinds.append(kind)


class Scene:
    def __init__(self) -> None:
        self.offline = Offline()
        self.counts = Kinds()
        self.denied: list[str] = []
        self.approvals = LateApprovals(60, 10)
        self.lessons = Lessons(
            "vpn",
            KEYS,
            RememberedLogins(600, 0),
            self.approvals,
            self.deny,
            self.offline,
            cast(Observer, self.counts),
            lambda: 0.0,
        )

    def deny(self, identity: str) -> None:
        self.denied.append(identity)
        self.lessons.forget_user(identity)

    def approve_late(self) -> None:
        key = KEYS.of("vpn", CLIENT, "alice-id", CREDENTIAL)
        self.approvals.keep(key, "alice-id", SecondFactorResult(SecondFactorOutcome.ALLOWED, "push"), 0.0)

    def recalls(self) -> bool:
        return self.lessons.recall(RecallLogin("alice-id", CREDENTIAL), CLIENT)

    async def learn(self, conclusion: Conclusion, credential: Secret = CREDENTIAL) -> None:
        self.lessons.concluded(conclusion, CLIENT, credential)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def play(*steps: Callable[[Scene], object]) -> Scene:
    async def scenario() -> Scene:
        scene = Scene()
        for step in steps:
            result = step(scene)
            if asyncio.iscoroutine(result):
                await result
        return scene

    with asyncio.Runner() as runner:
        return runner.run(scenario())


def test_what_duo_allowed_is_remembered_counted_and_told_to_the_offline_store() -> None:
    scene = play(lambda scene: scene.learn(ALLOWED))
    assert scene.recalls()
    assert scene.counts.kinds == ["remembered"]
    assert scene.offline.heard == ["alice-id"]


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (SecondFactorOutcome.BYPASSED, Reason.BYPASSED),
        (SecondFactorOutcome.UNAVAILABLE, Reason.FAIL_MODE_OPEN),
        (SecondFactorOutcome.UNAVAILABLE, Reason.OFFLINE_CODE),
        (SecondFactorOutcome.INTERRUPTED, Reason.OFFLINE_CODE),
    ],
)
def test_no_other_acceptance_is(outcome: SecondFactorOutcome, reason: Reason) -> None:
    other = replace(ALLOWED, reason=reason, second_factor=SecondFactorResult(outcome))
    scene = play(lambda scene: scene.learn(other))
    assert not scene.recalls()
    assert scene.offline.heard == []


@pytest.mark.parametrize("reason", [Reason.EXEMPT_GROUP, Reason.EXEMPT_DN, Reason.REMEMBERED])
def test_an_acceptance_without_duo_is_not(reason: Reason) -> None:
    other = replace(ALLOWED, reason=reason, second_factor=None)
    assert not play(lambda scene: scene.learn(other)).recalls()


def test_a_refusal_by_the_directory_forgets_that_credential() -> None:
    refused = Conclusion(Verdict.REJECTED, Reason.PRIMARY_REFUSED, b"refusal", 49)
    assert not play(lambda scene: scene.learn(ALLOWED), lambda scene: scene.learn(refused)).recalls()
    assert play(
        lambda scene: scene.learn(ALLOWED), lambda scene: scene.learn(refused, Secret("typo"))
    ).recalls()


def test_duos_denial_forgets_all_of_that_user() -> None:
    denied = replace(
        ALLOWED,
        verdict=Verdict.REJECTED,
        reason=Reason.DENIED,
        second_factor=SecondFactorResult(SecondFactorOutcome.DENIED, "push"),
    )
    scene = play(lambda scene: scene.learn(ALLOWED), lambda scene: scene.learn(denied, Secret("secret,push")))
    assert not scene.recalls()


def test_a_purge_forgets_everything() -> None:
    assert not play(lambda scene: scene.learn(ALLOWED), lambda scene: scene.lessons.forget_all()).recalls()


REFUSED = Conclusion(Verdict.REJECTED, Reason.PRIMARY_REFUSED, b"refusal", 49)
DENIAL = SecondFactorResult(SecondFactorOutcome.DENIED, "push")
DENIED = replace(ALLOWED, verdict=Verdict.REJECTED, reason=Reason.DENIED, second_factor=DENIAL)
LOGIN = VerifySecondFactor(
    "alice", "alice-id", Secret("secret,push"), Auto(), frozenset(Factor), "vpn", CLIENT, client_is_user=False
)


@pytest.mark.parametrize(
    "event",
    [
        lambda scene: scene.learn(REFUSED),
        lambda scene: scene.learn(DENIED, Secret("secret,push")),
        lambda scene: scene.lessons.signed_in(DENIED, CREDENTIAL),
        lambda scene: scene.lessons.unheard(LOGIN, DENIAL),
        lambda scene: scene.lessons.forget_user("alice-id"),
        lambda scene: scene.lessons.forget_all(),
    ],
    ids=["refused", "denied", "denied at the portal", "denied unheard", "denied elsewhere", "purged"],
)
def test_what_ends_a_remembered_login_ends_a_late_approval(event: Callable[[Scene], object]) -> None:
    scene = play(lambda scene: scene.learn(ALLOWED), Scene.approve_late, event)
    assert not scene.recalls()
    assert len(scene.approvals) == 0


@pytest.mark.parametrize(
    "event",
    [
        lambda scene: scene.learn(REFUSED, Secret("typo")),
        lambda scene: scene.learn(replace(DENIED, identity="bob-id")),
        lambda scene: scene.learn(ALLOWED),
        lambda scene: scene.lessons.forget_user("bob-id"),
    ],
    ids=["another credential", "another user", "an approval", "another user elsewhere"],
)
def test_what_does_not_concern_it_leaves_it(event: Callable[[Scene], object]) -> None:
    scene = play(lambda scene: scene.learn(ALLOWED), Scene.approve_late, event)
    assert scene.recalls()
    assert len(scene.approvals) == 1


def test_a_denial_is_told_to_all_listeners() -> None:
    scene = play(
        lambda scene: scene.learn(DENIED),
        signed_in(DENIED),
        lambda scene: scene.lessons.unheard(LOGIN, DENIAL),
        lambda scene: scene.learn(ALLOWED),
    )
    assert scene.denied == ["alice-id"] * 3


def signed_in(conclusion: Conclusion, credential: Secret = CREDENTIAL) -> Callable[[Scene], object]:
    async def step(scene: Scene) -> None:
        scene.lessons.signed_in(conclusion, credential)
        await asyncio.sleep(0)

    return step


def test_a_sign_in_to_the_portal_is_an_online_login_and_is_not_remembered() -> None:
    scene = play(signed_in(ALLOWED))
    assert scene.offline.heard == ["alice-id"]
    assert not scene.recalls()


def test_a_refused_sign_in_forgets_what_a_refused_bind_forgets() -> None:
    denied = replace(
        ALLOWED,
        verdict=Verdict.REJECTED,
        reason=Reason.DENIED,
        second_factor=SecondFactorResult(SecondFactorOutcome.DENIED, "push"),
    )
    refused = Conclusion(Verdict.REJECTED, Reason.PRIMARY_REFUSED, b"refusal", 49)
    for conclusion in (denied, refused):
        assert not play(lambda scene: scene.learn(ALLOWED), signed_in(conclusion)).recalls()
    assert play(lambda scene: scene.learn(ALLOWED), signed_in(refused, Secret("typo"))).recalls()


def test_clients_that_all_give_up_at_the_same_time_are_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    for _ in range(20):
        scene.lessons.left(8.1, 60.0)
    assert scene.counts.left == [("vpn", 8.1)] * 20
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.message.startswith("clients of listener vpn give up after about 8 s: raise")
