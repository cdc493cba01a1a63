"""Users, passcodes and enrolment."""

from __future__ import annotations

import re

import pytest

from ldapproxy.demo.duo_accounts import Accounts, random_digits, random_id, random_secret_key
from ldapproxy.demo.duo_model import Passcode, User
from ldapproxy.demo.duo_parameters import ApiError


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.changes = 0

    def accounts(self) -> Accounts:
        return Accounts(lambda: self.now, self.changed)

    def changed(self) -> None:
        self.changes += 1


def test_made_up_ids_and_keys_have_duos_form() -> None:
    assert re.fullmatch(r"DP[A-Z0-9]{18}", random_id("DP"))
    assert re.fullmatch(r"[0-9]{7}", random_digits(7))
    assert re.fullmatch(r"[A-Za-z0-9]{40}", random_secret_key())


def test_a_user_is_found_by_name_in_any_case_or_by_id() -> None:
    accounts = Clock().accounts()
    alice = User("Alice", "DU1")
    accounts.put(alice)
    assert accounts.find({"username": "aLICE"}) is alice
    assert accounts.find({"user_id": "DU1"}) is alice
    assert accounts.find({"username": "alic"}) is None
    accounts.remove("ALICE")
    assert accounts.find({"user_id": "DU1"}) is None


def test_a_user_that_is_replaced_is_not_found_by_the_old_id() -> None:
    accounts = Clock().accounts()
    accounts.put(User("alice", "DU1"))
    accounts.put(User("Alice", "DU2"))
    assert accounts.find({"user_id": "DU1"}) is None
    assert len(accounts.all()) == 1


def test_exactly_one_of_name_and_id_must_be_given() -> None:
    accounts = Clock().accounts()
    with pytest.raises(ApiError, match="Missing"):
        accounts.find({"username": ""})
    with pytest.raises(ApiError, match="Invalid"):
        accounts.find({"username": "alice", "user_id": "DU1"})


def test_a_single_use_passcode_works_once_and_another_always() -> None:
    clock = Clock()
    accounts = clock.accounts()
    user = User("alice", "DU1", passcodes=[Passcode("111111"), Passcode("222222", uses_left=1)])
    accounts.put(user)
    assert [accounts.use_passcode(user, "111111") for _ in range(3)] == [True, True, True]
    before = clock.changes
    assert [accounts.use_passcode(user, "222222") for _ in range(2)] == [True, False]
    assert clock.changes == before + 1
    assert not accounts.use_passcode(user, "333333")


def test_enrolment_waits_for_a_phone_and_then_succeeds() -> None:
    accounts = Clock().accounts()
    enrolment = accounts.enroll({"username": "zoe", "bypass_codes": "3"})
    who = {"user_id": str(enrolment["user_id"]), "activation_code": str(enrolment["activation_code"])}
    codes = enrolment["bypass_codes"]
    assert isinstance(codes, list)
    assert len(codes) == 3
    assert accounts.enroll_status(who) == "waiting"
    assert accounts.claim_activation(who["activation_code"])
    assert accounts.enroll_status(who) == "success"
    assert not accounts.claim_activation(who["activation_code"])
    user = accounts.named("ZOE")
    assert user is not None
    assert accounts.use_passcode(user, codes[0])


def test_an_activation_code_expires() -> None:
    clock = Clock()
    accounts = clock.accounts()
    enrolment = accounts.enroll({"valid_secs": "60"})
    who = {"user_id": str(enrolment["user_id"]), "activation_code": str(enrolment["activation_code"])}
    assert enrolment["expiration"] == 1060
    clock.now += 61
    assert accounts.enroll_status(who) == "invalid"
    assert not accounts.claim_activation(who["activation_code"])
    assert accounts.enroll_status({**who, "activation_code": "duo://other"}) == "invalid"


def test_a_name_cannot_be_enrolled_twice() -> None:
    accounts = Clock().accounts()
    accounts.enroll({"username": "zoe"})
    with pytest.raises(ApiError) as caught:
        accounts.enroll({"username": "ZOE"})
    assert (caught.value.code, caught.value.detail) == (40002, "username")
