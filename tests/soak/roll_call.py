"""In calm, every kind of login on every kind of listener, each with its one right answer.

Owns the table. It must not know what happened before: after any weather everything has to work again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.soak.connection import SUCCESS, Door, Gone, Unexpected
from tests.soak.listeners import LISTENERS, Listener, Mode
from tests.soak.people import PASSCODE, WRONG_PASSCODE, Claim, People, Phone, exempt_claims, wrong_password

_REJECTED = 49
_BUSY = 51
_LIMITED = "limited"

_ALLOWED = {Phone.APPROVES, Phone.TAKES_A_MOMENT, Phone.IS_BYPASSED, Phone.SHOWS_CODES}


def call_the_roll(door: Door, people: People) -> list[str]:
    """Logs everybody in; returns what was wrong, in sentences."""
    # Who has been at the limited one lately may have to wait.
    names = [name for name in LISTENERS if name != _LIMITED]
    with ThreadPoolExecutor(len(names)) as threads:
        return [*itertools.chain(*threads.map(partial(_call, door, people), names))]


def _call(door: Door, people: People, name: str) -> list[str]:
    """The roll at one listener."""
    problems = []
    for what, claim, expected in _logins(name, LISTENERS[name], people):
        try:
            with door.connect(door.caller(name)) as connection:
                code = connection.bind(claim)
                connection.look_who_is_bound(claim if code == SUCCESS else None)
        except (Gone, Unexpected) as error:
            problems.append(f"{name}: {what}: {error!r} in calm")
        else:
            if code != expected:
                problems.append(f"{name}: {what}: {code} instead of {expected}")
    return problems


def _logins(name: str, where: Listener, people: People) -> Iterator[tuple[str, Claim, int]]:
    for kind, somebody in people.at_roll_call.items():
        if kind is Phone.IS_A_TOKEN:
            yield "right passcode", people.with_passcode(where, somebody, PASSCODE), SUCCESS
            yield "wrong passcode", people.with_passcode(where, somebody, WRONG_PASSCODE), _REJECTED
            continue
        expected = SUCCESS if kind in _ALLOWED else _REJECTED
        if name == "impatient" and kind is Phone.IS_SILENT:
            expected = _BUSY  # it answers before Duo gives up
        yield f"a phone that {kind.value}", people.plain(where, somebody), expected
        if kind is Phone.SHOWS_CODES and where.mode is Mode.OFFLINE:
            yield "an offline code while Duo is there", people.with_offline_code(where, somebody), _REJECTED
    yield "wrong password", wrong_password(people.at_roll_call[Phone.APPROVES]), _REJECTED
    if where.exempts:
        for claim in exempt_claims():
            yield f"{claim.name}, exempt", claim, SUCCESS
