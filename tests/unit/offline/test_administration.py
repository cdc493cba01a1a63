"""ldapproxy/offline/administration.py, in both databases."""

from __future__ import annotations

import logging
import threading

import pytest
from cryptography.fernet import Fernet

from ldapproxy.auth.enrolment import (
    AuthenticatorKind,
    EnrolmentRefusedError,
    OfflineAccount,
    OfflineStanding,
    StoreUnavailableError,
)
from ldapproxy.offline.administration import (
    RECOVERY_LABEL,
    SHEET,
    Administration,
    ImportedToken,
    open_administration,
)
from ldapproxy.offline.codes import Algorithm, TotpKey
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.secret import Secret
from tests.unit.offline.people import ALICE, BOB, KEYS, NOON, Clock, Phone, enrol


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def administration(settings: OfflineSettings, clock: Clock) -> Administration:
    return open_administration(settings, clock)


def labels(administration: Administration, identity: str = ALICE) -> list[tuple[str, bool]]:
    return [(each.label, each.is_confirmed) for each in administration.authenticators(identity)]


def test_an_authenticator_is_confirmed_by_a_code_of_the_app(
    administration: Administration, clock: Clock
) -> None:
    provisioning = administration.enroll_totp(ALICE, "alice", " Alice's phone ")
    assert provisioning.label == "Alice's phone"
    assert labels(administration) == [("Alice's phone", False)]
    phone = Phone.scanning(provisioning)
    assert (phone.otp.name, phone.otp.issuer, phone.otp.digits, phone.otp.interval) == (
        *("alice", "ldapproxy"),
        *(6, 30),
    )
    assert phone.otp.secret == provisioning.secret.reveal_text()
    administration.confirm(ALICE, "Alice's phone", phone.shows(clock.now))
    assert labels(administration) == [("Alice's phone", True)]


def test_a_wrong_code_confirms_nothing(administration: Administration, clock: Clock) -> None:
    phone = Phone.scanning(administration.enroll_totp(ALICE, "alice", "phone"))
    for code in (phone.shows(clock.now + 90), Secret(""), Secret("push")):
        with pytest.raises(
            EnrolmentRefusedError, match="the code is wrong; enter the one that the app shows"
        ):
            administration.confirm(ALICE, "phone", code)
    assert labels(administration) == [("phone", False)]
    administration.confirm(ALICE, "phone", phone.shows(clock.now))


def test_what_cannot_be_confirmed(administration: Administration, clock: Clock) -> None:
    phone = enrol(administration, ALICE, "phone", clock.now)
    with pytest.raises(EnrolmentRefusedError, match="'phone' is confirmed already"):
        administration.confirm(ALICE, "phone", phone.shows(clock.now))
    for identity, label in ((ALICE, "other"), (BOB, "phone")):
        with pytest.raises(EnrolmentRefusedError, match=f"there is no authenticator '{label}'"):
            administration.confirm(identity, label, phone.shows(clock.now))


def test_each_enrolment_has_a_secret_of_its_own(administration: Administration) -> None:
    secrets = {administration.enroll_totp(ALICE, "a", "phone").secret.reveal() for _ in range(3)}
    assert len(secrets) == 3
    assert labels(administration) == [("phone", False)]


def test_recovery_codes(administration: Administration) -> None:
    codes = administration.new_recovery_codes(ALICE, "alice")
    texts = {code.reveal_text() for code in codes}
    assert len(texts) == len(codes) == SHEET
    assert all(len(text) == 9 and text.isdecimal() for text in texts)
    (listed,) = administration.authenticators(ALICE)
    assert (listed.label, listed.kind) == (RECOVERY_LABEL, AuthenticatorKind.RECOVERY_CODES)
    assert (listed.is_confirmed, listed.codes_left) == (True, SHEET)


def test_new_recovery_codes_replace_those_of_the_same_label(
    administration: Administration, clock: Clock
) -> None:
    administration.new_recovery_codes(ALICE, "alice", "Ann")
    administration.new_recovery_codes(ALICE, "alice", "Ben")
    administration.new_recovery_codes(ALICE, "alice", "Ann")
    assert sorted(each.label for each in administration.authenticators(ALICE)) == ["Ann", "Ben"]
    enrol(administration, ALICE, "phone", clock.now)
    with pytest.raises(EnrolmentRefusedError, match="there is an authenticator 'phone' already"):
        administration.new_recovery_codes(ALICE, "alice", "phone")


def test_hardware_tokens_are_added_all_or_none(administration: Administration, clock: Clock) -> None:
    enrol(administration, BOB, "token", clock.now)
    key = TotpKey(Secret(b"t" * 32), Algorithm.SHA256, 8, 60)
    good = ImportedToken(ALICE, "alice", "token", key)
    with pytest.raises(EnrolmentRefusedError, match="bob: there is an authenticator 'token' already"):
        administration.import_tokens([ImportedToken(BOB, "bob", "token", key), good])
    assert administration.authenticators(ALICE) == ()
    administration.import_tokens([good])
    assert labels(administration) == [("token", True)]


def test_revoking(administration: Administration, clock: Clock) -> None:
    for label in ("phone", "tablet"):
        enrol(administration, ALICE, label, clock.now)
    administration.revoke(ALICE, "phone")
    assert labels(administration) == [("tablet", True)]
    with pytest.raises(EnrolmentRefusedError, match="there is no authenticator 'phone'; list those"):
        administration.revoke(ALICE, "phone")
    with pytest.raises(EnrolmentRefusedError, match="there is no authenticator 'tablet'"):
        administration.revoke(BOB, "tablet")
    administration.new_recovery_codes(ALICE, "alice")
    assert (administration.revoke_all(ALICE), administration.revoke_all(ALICE)) == (2, 0)
    assert administration.authenticators(ALICE) == ()


def test_accounts_and_what_is_left_of_their_limits(administration: Administration, clock: Clock) -> None:
    assert administration.standing(ALICE) is None
    enrol(administration, ALICE, "phone", clock.now)
    clock.now += 100
    assert administration.accounts() == (OfflineAccount(ALICE, "someone", 1),)
    assert administration.standing(ALICE) == OfflineStanding(1000, 7 * 86_400.0 - 100, NOON, 0.0)


def test_a_further_authenticator_renews_no_limit(administration: Administration, clock: Clock) -> None:
    """Else an administrator's import would be a way around `max_age`."""
    enrol(administration, ALICE, "phone", clock.now)
    clock.now += 1000
    administration.revoke_all(ALICE)
    enrol(administration, ALICE, "tablet", clock.now)
    standing = administration.standing(ALICE)
    assert standing is not None
    assert standing.last_online == NOON


def test_the_same_label_at_the_same_moment_is_given_once(settings: OfflineSettings) -> None:
    outcomes: list[str] = []
    line = threading.Barrier(4)

    def add() -> None:
        administration = open_administration(settings)
        token = ImportedToken(ALICE, "alice", "token", TotpKey(Secret(b"t" * 20)))
        line.wait(10)
        try:
            administration.import_tokens([token])
            outcomes.append("added")
        except EnrolmentRefusedError:
            outcomes.append("refused")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["added", "refused", "refused", "refused"]


def test_reencrypting(settings: OfflineSettings, administration: Administration, clock: Clock) -> None:
    phone = Phone.scanning(administration.enroll_totp(ALICE, "alice", "phone"))
    new = Secret(Fernet.generate_key())
    both = OfflineSettings(settings.store, (new, *KEYS), settings.max_logins, settings.max_age)
    assert open_administration(both).reencrypt() == 1
    with pytest.raises(StoreUnavailableError, match="encryption keys cannot read"):
        open_administration(settings).authenticators(ALICE)
    alone = OfflineSettings(settings.store, (new,), settings.max_logins, settings.max_age)
    open_administration(alone, clock).confirm(ALICE, "phone", phone.shows(clock.now))


def test_what_is_done_is_logged_without_a_secret(
    administration: Administration, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    provisioning = administration.enroll_totp(ALICE, "alice", "phone")
    code = Phone.scanning(provisioning).shows(clock.now)
    administration.confirm(ALICE, "phone", code)
    sheet = administration.new_recovery_codes(ALICE, "alice")
    administration.revoke(ALICE, "phone")
    for words in ("added, not confirmed yet", "confirmed", "new recovery codes", "revoked"):
        assert words in caplog.text
    for secret in (provisioning.secret, code, *sheet):
        assert secret.reveal_text() not in caplog.text


def test_settings_that_cannot_be_used() -> None:
    with pytest.raises(ValueError, match="must begin with sqlite"):
        open_administration(OfflineSettings("http://x", KEYS, 10, 600.0))
    with pytest.raises(ValueError, match="no encryption key"):
        open_administration(OfflineSettings("sqlite:///x.db", (), 10, 600.0))
