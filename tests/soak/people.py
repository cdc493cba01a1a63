"""The people of the soak: what their phones do, and for which reasons each may be let in.

Owns the cast and the rule of who may be admitted, written down once more, independently of the product. It
must not know connections.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import Enum, unique

import pyotp

from tests.soak.listeners import LISTENERS, Listener, Mode
from tests.support.example_directory import EXEMPT, VPN_SEARCH, Account, numbered, person
from tests.support.simulator import Device, SimulatorProcess, phone, token

PASSCODE = "123456"
WRONG_PASSCODE = "654321"
WRONG_PASSWORD = "not-the-password"
PUSH_WAITS = 1.5
"""Seconds that Duo waits for those who do not answer."""
_MOMENTS = (0.1, 0.2, 0.3, 1.2)
# Seconds that people take; the longest is longer than the impatient listener waits.
_ROLL_CALL = 100
# The first hundred people log in at roll calls alone, so that nothing of the traffic is remembered of them.


@unique
class Phone(Enum):
    """What becomes of a push to somebody, or what else they have."""

    APPROVES = "approves"
    TAKES_A_MOMENT = "takes a moment, then approves"
    DENIES = "denies"
    REPORTS_FRAUD = "reports fraud"
    IS_SILENT = "is silent"
    IS_A_TOKEN = "is a token with a passcode"
    IS_BYPASSED = "is bypassed in Duo"
    IS_LOCKED_OUT = "is locked out in Duo"
    IS_UNKNOWN = "is unknown to Duo"
    SHOWS_CODES = "approves, and shows offline codes"


# How many of a hundred people.
_SHARES = {
    Phone.APPROVES: 40,
    Phone.TAKES_A_MOMENT: 14,
    Phone.DENIES: 8,
    Phone.REPORTS_FRAUD: 4,
    Phone.IS_SILENT: 5,
    Phone.IS_A_TOKEN: 8,
    Phone.IS_BYPASSED: 5,
    Phone.IS_LOCKED_OUT: 3,
    Phone.IS_UNKNOWN: 5,
    Phone.SHOWS_CODES: 8,
}
_BY_NUMBER = [kind for kind, share in _SHARES.items() for _ in range(share)]

_ADMITTED_BY_DUO = {
    Phone.APPROVES: "second_factor",
    Phone.TAKES_A_MOMENT: "second_factor",
    Phone.SHOWS_CODES: "second_factor",
    Phone.IS_BYPASSED: "bypassed",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an entry in the directory."""

    number: int
    account: Account
    phone: Phone


@dataclass(frozen=True, slots=True)
class Claim:
    """A name and a credential, and the reasons for which they may be let in; none of them for a wrong one.

    Attributes:
        dn: the entry that the name stands for.
        name: as it is sent.
        credential: as it is sent.
        admits: the reasons.
    """

    dn: str
    name: str
    credential: str
    admits: frozenset[str]


class People:
    """The cast.

    Args:
        count: how many of the numbered people take part; a multiple of 100.
    """

    def __init__(self, count: int) -> None:
        assert count % _ROLL_CALL == 0
        assert count > _ROLL_CALL
        everybody = [
            Person(number, numbered(number), _BY_NUMBER[number % len(_BY_NUMBER)])
            for number in range(1, count + 1)
        ]
        self.at_roll_call = {each.phone: each for each in everybody[:_ROLL_CALL]}
        self.in_traffic = everybody[_ROLL_CALL:]
        self._by_phone = {kind: [each for each in self.in_traffic if each.phone is kind] for kind in Phone}
        self._apps: dict[int, pyotp.TOTP] = {}

    def enroll(self, duo: SimulatorProcess) -> None:
        """Enrols everybody in Duo."""
        duo.settings(push_timeout=PUSH_WAITS)
        for each in (*self.at_roll_call.values(), *self.in_traffic):
            _enroll(duo, each)

    def enroll_offline(self, number: int, app: pyotp.TOTP) -> None:
        """Somebody has an authenticator app for when Duo is away."""
        self._apps[number] = app

    def with_codes(self) -> list[Person]:
        """Those who should have an authenticator app."""
        return [self.at_roll_call[Phone.SHOWS_CODES], *self._by_phone[Phone.SHOWS_CODES]]

    def anybody(self, chance: random.Random, *phones: Phone) -> Person:
        """Somebody of the traffic, with one of these phones if any are named."""
        if not phones:
            return chance.choice(self.in_traffic)
        return chance.choice(self._by_phone[chance.choice(phones)])

    def claim(self, chance: random.Random, listener: str, somebody: Person | None = None) -> Claim:
        """What somebody may type at this listener; mostly, but not always, the right thing."""
        where = LISTENERS[listener]
        if somebody is None:
            if chance.random() < 0.06:
                return stranger(chance, where)
            if where.exempts and chance.random() < 0.1:
                return chance.choice(exempt_claims())
            somebody = self.anybody(chance)
        if chance.random() < 0.08:
            return wrong_password(somebody)
        claim = self._right_password(chance, where, somebody)
        return replace(claim, name=_spelled(chance, where, claim.dn))

    def plain(self, where: Listener, somebody: Person, suffix: str = "") -> Claim:
        """The password, perhaps with the name of a factor."""
        admits = _in_outages(where)
        by_duo = _ADMITTED_BY_DUO.get(somebody.phone)
        # Duo lets those who are bypassed in whatever they ask for.
        if by_duo is not None and (suffix in ("", ",push", ",phone") or somebody.phone is Phone.IS_BYPASSED):
            admits |= {by_duo, *(["remembered"] if where.remembers else [])}
        return _claim(somebody.account, suffix, admits)

    def with_passcode(self, where: Listener, somebody: Person, code: str) -> Claim:
        """The password and a passcode for Duo."""
        admits = _in_outages(where)
        if somebody.phone is Phone.IS_A_TOKEN and code == PASSCODE:
            admits |= {"second_factor", *(["remembered"] if where.remembers else [])}
        return _claim(somebody.account, f",{code}", admits)

    def with_offline_code(self, where: Listener, somebody: Person) -> Claim:
        """The password and a code of the authenticator app, which Duo does not know."""
        admits = _in_outages(where) | ({"offline_code"} if where.mode is Mode.OFFLINE else set())
        return _claim(somebody.account, f",{self._apps[somebody.number].now()}", admits)

    def _right_password(self, chance: random.Random, where: Listener, somebody: Person) -> Claim:
        match somebody.phone:
            case Phone.IS_A_TOKEN:
                code = PASSCODE if chance.random() < 0.75 else WRONG_PASSCODE
                return self.with_passcode(where, somebody, code)
            case Phone.SHOWS_CODES if where.mode is Mode.OFFLINE and chance.random() < 0.6:
                return self.with_offline_code(where, somebody)
            case _:
                suffixes = ["", ",push", ",phone", ",sms", ",push7", ",@nowhere"]
                return self.plain(where, somebody, chance.choices(suffixes, [75, 9, 7, 3, 3, 3])[0])


def wrong_password(somebody: Person) -> Claim:
    """A password that is not the person's."""
    return Claim(somebody.account.dn, somebody.account.dn, WRONG_PASSWORD, frozenset())


def stranger(chance: random.Random, where: Listener) -> Claim:
    """A name that nobody has."""
    dn = person(f"nobody-{chance.randrange(50 if where.remembers else 10**9)}").dn
    return Claim(dn, dn, WRONG_PASSWORD, frozenset())


def exempt_claims() -> list[Claim]:
    """Those who need no second factor at a listener that exempts them."""
    return [_claim(EXEMPT, "", {"exempt_group"}), _claim(VPN_SEARCH, "", {"exempt_dn"})]


def _claim(account: Account, suffix: str, admits: set[str]) -> Claim:
    return Claim(account.dn, account.dn, account.password + suffix, frozenset(admits))


def _spelled(chance: random.Random, where: Listener, dn: str) -> str:
    """A name in one of the spellings that mean the same."""
    uid = dn.partition("=")[2].partition(",")[0]
    if where.finds_names and chance.random() < 0.5:
        return uid
    if chance.random() < 0.1:
        return f"UID = {uid.upper()} , OU=People,DC=Example,  dc=com"
    return dn


def _in_outages(where: Listener) -> set[str]:
    """Who has the password is let in by fail mode `open` while Duo is away, and by no other."""
    return {"fail_mode_open"} if where.mode is Mode.OPEN else set()


def _enroll(duo: SimulatorProcess, each: Person) -> None:
    name = each.account.dn.partition("=")[2].partition(",")[0]
    devices: list[Device] = [phone(f"{name}'s phone")]
    answer, after, status = "approve", 0.0, "active"
    match each.phone:
        case Phone.APPROVES | Phone.SHOWS_CODES:
            pass
        case Phone.TAKES_A_MOMENT:
            after = _MOMENTS[each.number % len(_MOMENTS)]
        case Phone.DENIES:
            answer = "deny"
        case Phone.REPORTS_FRAUD:
            answer = "fraud"
        case Phone.IS_SILENT:
            answer = "ignore"
        case Phone.IS_A_TOKEN:
            duo.add_user(name, [token()], passcodes=[PASSCODE])
            return
        case Phone.IS_BYPASSED:
            status = "bypass"
        case Phone.IS_LOCKED_OUT:
            status = "locked_out"
        case Phone.IS_UNKNOWN:
            return
    duo.add_user(name, devices, status=status)
    duo.answer_always(answer, after=after, user=name)
