"""ldapproxy/offline/room.py, in both databases, through the administration."""

from __future__ import annotations

import pytest

from ldapproxy.auth.enrolment import EnrolmentRefusedError
from ldapproxy.offline.administration import Administration, ImportedToken, open_administration
from ldapproxy.offline.codes import TotpKey
from ldapproxy.offline.room import LONGEST_LABEL, MOST_AUTHENTICATORS, UNCONFIRMED_KEPT, clean_label
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.secret import Secret
from tests.unit.offline.people import ALICE, BOB, Clock, enrol


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def administration(settings: OfflineSettings, clock: Clock) -> Administration:
    return open_administration(settings, clock)


def labels(administration: Administration) -> list[tuple[str, bool]]:
    return [(each.label, each.is_confirmed) for each in administration.authenticators(ALICE)]


def test_space_around_a_label_is_no_part_of_it() -> None:
    assert clean_label("  Alice\u2019s phone\n") == "Alice\u2019s phone"


def test_a_label_in_use_is_refused_and_one_never_confirmed_is_replaced(
    administration: Administration, clock: Clock
) -> None:
    enrol(administration, ALICE, "phone", clock.now)
    administration.enroll_totp(ALICE, "alice", "tablet")
    administration.enroll_totp(ALICE, "alice", "tablet")
    for label in ("phone", " phone\t"):
        with pytest.raises(EnrolmentRefusedError, match="there is an authenticator 'phone' already"):
            administration.enroll_totp(ALICE, "alice", label)
    enrol(administration, BOB, "phone", clock.now)
    assert labels(administration) == [("phone", True), ("tablet", False)]


def test_what_was_never_confirmed_is_forgotten(administration: Administration, clock: Clock) -> None:
    enrol(administration, ALICE, "phone", clock.now)
    administration.enroll_totp(ALICE, "alice", "tablet")
    clock.now += UNCONFIRMED_KEPT + 1
    administration.enroll_totp(ALICE, "alice", "watch")
    assert labels(administration) == [("phone", True), ("watch", False)]


@pytest.mark.parametrize("label", ["", "  ", "a\nb", "a\x1b[31m", "a\0b", "x" * (LONGEST_LABEL + 1)])
def test_labels_that_nobody_could_read(administration: Administration, label: str) -> None:
    token = ImportedToken(ALICE, "alice", label, TotpKey(Secret(b"t" * 20)))
    for add in (
        lambda: administration.enroll_totp(ALICE, "alice", label),
        lambda: administration.new_recovery_codes(ALICE, "alice", label),
        lambda: administration.import_tokens([token]),
    ):
        with pytest.raises(EnrolmentRefusedError, match="the label must have 1 to 64 printable characters"):
            add()
    assert administration.authenticators(ALICE) == ()


def test_labels_of_all_the_world(administration: Administration, clock: Clock) -> None:
    for label in ("Zoë's Handy", "小林", "x" * LONGEST_LABEL, "'; DROP TABLE offline_accounts; --"):
        enrol(administration, ALICE, label, clock.now)
        administration.revoke(ALICE, label)


def test_an_account_has_room_for_many_but_not_for_all(administration: Administration) -> None:
    tokens = [
        ImportedToken(ALICE, "alice", f"token {number}", TotpKey(Secret(bytes([number]) * 20)))
        for number in range(MOST_AUTHENTICATORS)
    ]
    administration.import_tokens(tokens)
    with pytest.raises(EnrolmentRefusedError, match="has 100 authenticators, which is the most"):
        administration.enroll_totp(ALICE, "alice", "one more")
    administration.revoke(ALICE, "token 7")
    administration.enroll_totp(ALICE, "alice", "one more")
