"""The portal's way to the store: a real store, a clock of its own, and what the audit log is told."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pyotp
import pytest
from cryptography.fernet import Fernet

from ldapproxy.auth.enrolment import EnrolmentRefusedError, StoreUnavailableError
from ldapproxy.auth.outcomes import Verdict
from ldapproxy.auth.portal_audit import ActionEnd, PortalAction, PortalRecord
from ldapproxy.observe.audit_log import AuditLog
from ldapproxy.offline.administration import open_administration
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.secret import Secret
from ldapproxy.self_service import SelfService
from ldapproxy.web.portal_ports import Person

CLIENT = ip_address("192.0.2.7")
ALICE = Person("alice-id", "alice", "uid=alice,dc=example,dc=com", "Alice's phone")
BOB = Person("bob-id", "bob", "uid=bob,dc=example,dc=com")


class Lines(AuditLog):
    """Keeps records instead of writing them."""

    def __init__(self) -> None:
        self.records: list[PortalRecord] = []

    def write(self, record: object) -> None:
        assert isinstance(record, PortalRecord)
        self.records.append(record)


@dataclass
class Scene:
    """A store in a folder, and the service in front of it."""

    folder: Path
    away: bool = False
    audit: Lines = field(default_factory=Lines)

    def __post_init__(self) -> None:
        self.folder.chmod(0o700)
        settings = OfflineSettings(
            f"sqlite:///{self.folder}/offline.db", (Secret(Fernet.generate_key()),), 10, 86400.0
        )
        self.service = SelfService(open_administration(settings), lambda: self.away, "vpn", self.audit)

    @property
    def ends(self) -> list[tuple[PortalAction, object]]:
        return [(record.action, record.reason) for record in self.audit.records]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def code_of(secret: Secret) -> Secret:
    return Secret(pyotp.TOTP(secret.reveal_text()).at(time.time()))


def test_from_the_label_to_the_end(scene: Scene) -> None:
    async def scenario() -> None:
        service = scene.service
        assert await service.owned_by(ALICE) == ()
        assert await service.standing(ALICE) is None
        new = await service.add(ALICE, CLIENT, "phone")
        assert new.qr_code.reveal_text().startswith("<svg")
        assert (await service.owned_by(ALICE))[0].is_confirmed is False
        await service.confirm(ALICE, CLIENT, "phone", code_of(new.provisioning.secret))
        assert (await service.owned_by(ALICE))[0].is_confirmed is True
        codes = await service.new_recovery_codes(ALICE, CLIENT, "sheet")
        assert len(codes) == 10
        standing = await service.standing(ALICE)
        assert standing is not None
        assert standing.logins_left == 10
        await service.remove(ALICE, CLIENT, "phone")
        assert [each.label for each in await service.owned_by(ALICE)] == ["sheet"]
        assert await service.owned_by(BOB) == ()

    asyncio.run(scenario())
    assert scene.ends == [
        (PortalAction.ADD, ActionEnd.DONE),
        (PortalAction.CONFIRM, ActionEnd.DONE),
        (PortalAction.RECOVERY_CODES, ActionEnd.DONE),
        (PortalAction.REMOVE, ActionEnd.DONE),
    ]
    record = scene.audit.records[0]
    assert record.verdict is Verdict.ACCEPTED
    assert (record.listener, record.client_address, record.dn) == ("vpn", "192.0.2.7", ALICE.dn)
    assert (record.username, record.offline_authenticator) == ("alice", "phone")
    assert {record.device for record in scene.audit.records} == {"Alice's phone"}
    assert len({record.id for record in scene.audit.records}) == 4


def test_while_duo_is_away_nothing_is_added_but_something_may_be_removed(scene: Scene) -> None:
    async def scenario() -> None:
        service = scene.service
        new = await service.add(ALICE, CLIENT, "phone")
        scene.away = True
        for change in (
            service.add(ALICE, CLIENT, "another"),
            service.confirm(ALICE, CLIENT, "phone", code_of(new.provisioning.secret)),
            service.new_recovery_codes(ALICE, CLIENT, "sheet"),
        ):
            with pytest.raises(EnrolmentRefusedError, match="Duo cannot be reached"):
                await change
        assert [(each.label, each.is_confirmed) for each in await service.owned_by(ALICE)] == [
            ("phone", False)
        ]
        await service.remove(ALICE, CLIENT, "phone")

    asyncio.run(scenario())
    assert scene.ends[1:] == [
        (PortalAction.ADD, ActionEnd.DUO_UNAVAILABLE),
        (PortalAction.CONFIRM, ActionEnd.DUO_UNAVAILABLE),
        (PortalAction.RECOVERY_CODES, ActionEnd.DUO_UNAVAILABLE),
        (PortalAction.REMOVE, ActionEnd.DONE),
    ]
    assert scene.audit.records[1].verdict is Verdict.REJECTED


def test_a_refusal_is_recorded_without_what_was_typed_as_a_code(scene: Scene) -> None:
    async def scenario() -> None:
        await scene.service.add(ALICE, CLIENT, "phone")
        with pytest.raises(EnrolmentRefusedError):
            await scene.service.confirm(ALICE, CLIENT, "phone", Secret("not-a-code"))
        with pytest.raises(EnrolmentRefusedError):
            await scene.service.remove(ALICE, CLIENT, "nothing")

    asyncio.run(scenario())
    assert scene.ends[1:] == [
        (PortalAction.CONFIRM, ActionEnd.REFUSED),
        (PortalAction.REMOVE, ActionEnd.REFUSED),
    ]
    assert "the code is wrong" in scene.audit.records[1].detail
    assert "not-a-code" not in str(scene.audit.records)


def test_a_store_that_cannot_be_used_is_recorded_and_logged(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        await scene.service.add(ALICE, CLIENT, "phone")
        (scene.folder / "offline.db").write_bytes(b"no database" * 1000)
        with pytest.raises(StoreUnavailableError):
            await scene.service.owned_by(ALICE)
        with pytest.raises(StoreUnavailableError):
            await scene.service.add(ALICE, CLIENT, "another")

    asyncio.run(scenario())
    assert scene.ends[1:] == [(PortalAction.ADD, ActionEnd.STORE_UNAVAILABLE)]
    assert scene.audit.records[1].detail
    assert caplog.text.count("the portal cannot use the offline store: ") == 2
