"""What clients do: each visit is one or two connections, from the first byte to the last.

Owns the visits and how often each is paid. Any of them may end early when something breaks; what must hold
even then is `connection`'s. It must not know what breaks.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.soak.connection import BIND_RESPONSE, SUCCESS, Connection, Door, Gone, Unexpected
from tests.soak.listeners import LISTENERS
from tests.soak.people import WRONG_PASSWORD, Claim, People, Person, Phone, wrong_password
from tests.support import ldap_bytes
from tests.support.example_directory import PEOPLE

Visit = Callable[[Door, People, random.Random], None]

_EVERYWHERE = list(LISTENERS)
_QUICK = [name for name in _EVERYWHERE if name not in ("limited", "impatient")]
_LIMITED = "limited"


def log_in(door: Door, people: People, chance: random.Random) -> None:
    """A bind; then, as applications do, something with the connection, and an Unbind or just the end."""
    listener = chance.choice(_EVERYWHERE)
    somebody = people.anybody(chance)
    with door.connect(door.caller(listener, somebody.number)) as connection:
        claim = people.claim(chance, listener, somebody)
        accepted = connection.bind(claim) == SUCCESS
        _use(connection, chance, claim if accepted else None)
        if chance.random() < 0.5:
            connection.send(ldap_bytes.unbind(connection.client.next_id()))


def converse(door: Door, people: People, chance: random.Random) -> None:
    """One connection on which one after the other binds, as connection pools of applications do."""
    listener = chance.choice(_QUICK)
    where = LISTENERS[listener]
    somebody = people.anybody(chance, Phone.APPROVES, Phone.IS_A_TOKEN, Phone.SHOWS_CODES)
    with door.connect(door.caller(listener, somebody.number)) as connection:
        for _ in range(chance.randint(3, 8)):
            claim = people.claim(
                chance, listener, somebody if where.remembers or chance.random() < 0.3 else None
            )
            accepted = connection.bind(claim) == SUCCESS
            _use(connection, chance, claim if accepted else None)


def leave(door: Door, people: People, chance: random.Random) -> None:
    """A client that leaves, in an orderly way or not, in any state."""
    listener = chance.choice(_EVERYWHERE)
    waits = Phone.TAKES_A_MOMENT if chance.random() < 0.8 else Phone.IS_SILENT
    somebody = people.anybody(chance, waits)
    claim = people.plain(LISTENERS[listener], somebody)
    way_out = chance.choice(_WAYS_OUT)
    with door.connect(
        door.caller(listener, somebody.number), with_tls=way_out is not _in_the_handshake
    ) as it:
        way_out(it, claim, chance)
        if chance.random() < 0.5:
            it.reset()


def _at_once(connection: Connection, claim: Claim, chance: random.Random) -> None:
    pass


def _in_the_handshake(connection: Connection, claim: Claim, chance: random.Random) -> None:
    connection.send(ldap_bytes.start_tls(1))
    if chance.random() < 0.5:
        connection.receive_one()
        connection.send(b"\x16\x03\x01\x02\x00\x01")


def _in_the_middle_of_a_message(connection: Connection, claim: Claim, chance: random.Random) -> None:
    whole = ldap_bytes.bind(1, claim.name, claim.credential)
    connection.send(whole[: chance.randrange(1, len(whole))])


def _while_a_bind_is_pending(connection: Connection, claim: Claim, chance: random.Random) -> None:
    connection.send_binds(ldap_bytes.bind(1, claim.name, claim.credential), claim)
    time.sleep(chance.choice([0, 0.001, 0.005, 0.02, 0.1, 0.3]))


def _with_an_unbind_behind_the_bind(connection: Connection, claim: Claim, chance: random.Random) -> None:
    connection.send_binds(ldap_bytes.bind(1, claim.name, claim.credential), claim)
    connection.send(ldap_bytes.abandon(2, 1) + ldap_bytes.unbind(3))
    connection.read_to_the_end()


def _half(connection: Connection, claim: Claim, chance: random.Random) -> None:
    """Says that it will send no more, and listens on."""
    connection.send_binds(ldap_bytes.bind(1, claim.name, claim.credential), claim)
    time.sleep(chance.choice([0, 0.01, 0.05]))
    connection.half_close()
    message = connection.receive_one()
    connection.note_bind_answer(message, claim)


def _in_the_middle_of_results(connection: Connection, claim: Claim, chance: random.Random) -> None:
    if connection.bind(claim) == SUCCESS:
        connection.send(b"".join(ldap_bytes.search(number, PEOPLE, 2) for number in range(10, 14)))
        for _ in range(chance.randrange(20)):
            connection.receive_one()


_WAYS_OUT = [
    _at_once,
    _in_the_handshake,
    _in_the_middle_of_a_message,
    _while_a_bind_is_pending,
    _while_a_bind_is_pending,
    _while_a_bind_is_pending,
    _with_an_unbind_behind_the_bind,
    _half,
    _in_the_middle_of_results,
]


def pipeline(door: Door, people: People, chance: random.Random) -> None:
    """Requests sent right behind a bind, and a second bind behind those."""
    listener = chance.choice(_QUICK)
    somebody = people.anybody(chance)
    first, last = people.claim(chance, listener, somebody), wrong_password(somebody)
    messages = [ldap_bytes.search(number, somebody.account.dn, 0) for number in range(2, 5)]
    is_double = chance.random() < 0.4
    if is_double:
        messages.append(ldap_bytes.bind(5, last.name, last.credential))
    with door.connect(door.caller(listener, somebody.number)) as connection:
        data = ldap_bytes.bind(1, first.name, first.credential) + b"".join(messages)
        connection.send_binds(data, first, *([last] if is_double else []))
        connection.bind_answer(1, first)
        if is_double:
            # It may overtake the searches: what was asked under the identity before is not answered then.
            while (message := connection.receive_one()).tag != BIND_RESPONSE:
                pass
            connection.note_bind_answer(message, last)
            connection.look_who_is_bound(None)
        else:
            connection.search_answer(2, 3, 4)


def come_twice(door: Door, people: People, chance: random.Random) -> None:
    """The same login twice: while the first still waits, or after its client has given up."""
    listener = chance.choice(_EVERYWHERE)
    somebody = people.anybody(chance, Phone.TAKES_A_MOMENT)
    caller = door.caller(listener, somebody.number)
    claim = people.plain(LISTENERS[listener], somebody)
    with door.connect(caller) as first:
        first.send_binds(ldap_bytes.bind(1, claim.name, claim.credential), claim)
        time.sleep(chance.choice([0.02, 0.1]))
        if chance.random() < 0.5:
            first.reset()
            time.sleep(chance.choice([0, 0.3]))
            with door.connect(caller) as second:
                second.bind(claim)
        else:
            with door.connect(caller) as second:
                second.bind(claim)
            first.bind_answer(1, claim)


def try_odd_binds(door: Door, people: People, chance: random.Random) -> None:
    """Binds that are no simple bind of version 3 with a name and a password."""
    listener = chance.choice(_QUICK)
    somebody = people.anybody(chance)
    with door.connect(door.caller(listener, somebody.number)) as connection:
        for _ in range(chance.randint(1, 4)):
            number = connection.client.next_id()
            name, operation = _odd_bind(chance, somebody)
            admits = frozenset({"anonymous"}) if not name and b"\x80\x00" in operation else frozenset[str]()
            claim = Claim("", name, "", admits)
            connection.send_binds(ldap_bytes.message(number, operation), claim)
            connection.bind_answer(number, claim)
            connection.look_who_is_bound(None)


def _odd_bind(chance: random.Random, somebody: Person) -> tuple[str, bytes]:
    """The name as the audit log shows it, and the operation."""
    dn, password = somebody.account.dn, somebody.account.password.encode()
    three, simple = ldap_bytes.integer(3), ldap_bytes.tlv(0x80, password)
    empty = ldap_bytes.tlv(0x80)
    sasl = ldap_bytes.tlv(
        0xA3, ldap_bytes.octets("PLAIN"), ldap_bytes.octets(b"\0" + dn.encode() + b"\0" + password)
    )
    name, parts = chance.choice(
        [
            (dn, (three, ldap_bytes.octets(dn), sasl)),
            ("", (three, ldap_bytes.octets(""), sasl)),
            (
                dn,
                (three, ldap_bytes.octets(dn), ldap_bytes.tlv(0x89, password)),
            ),  # Active Directory's "sicily"
            (dn, (ldap_bytes.integer(2), ldap_bytes.octets(dn), simple)),
            (dn, (three, ldap_bytes.octets(dn), empty)),
            ("", (three, ldap_bytes.octets(""), simple)),
            ("", (three, ldap_bytes.octets(""), empty)),
            ("x\0y", (three, ldap_bytes.octets("x\0y"), simple)),
            ("\ufffd", (three, ldap_bytes.octets(b"\xff"), simple)),
            (
                "n" * 40_000,
                (three, ldap_bytes.octets("n" * 40_000), ldap_bytes.tlv(0x80, WRONG_PASSWORD.encode())),
            ),
        ]
    )
    return name, ldap_bytes.tlv(0x60, *parts)


def send_nonsense(door: Door, people: People, chance: random.Random) -> None:
    """Bytes that are no message, or one with a few bytes changed; and messages that are too large."""
    listener = chance.choice(_EVERYWHERE)
    somebody = people.anybody(chance)
    claim = wrong_password(somebody)
    message = bytearray(ldap_bytes.bind(1, claim.name, claim.credential))
    match chance.randrange(4):
        case 0:
            data = chance.randbytes(chance.randint(1, 400))
        case 1:
            data = ldap_bytes.bind(1, claim.name, "x" * 70_000)
        case _:
            for _ in range(chance.randint(1, 3)):
                message[chance.randrange(len(message))] = chance.randrange(256)
            data = bytes(message)
    with door.connect(door.caller(listener, somebody.number), with_tls=chance.random() < 0.5) as connection:
        connection.send_binds(data, claim)
        connection.half_close()
        answer = connection.receive_one()
        if answer.tag == BIND_RESPONSE:
            connection.note_bind_answer(answer, claim)


def ask_without_a_bind(door: Door, people: People, chance: random.Random) -> None:
    """Operations of a client that has not bound: the root DSE is all there is."""
    listener = chance.choice(_QUICK)
    with door.connect(door.caller(listener)) as connection:
        connection.search("", 0)
        connection.look_who_is_bound(None)
        if connection.search(PEOPLE, 2) == SUCCESS:
            raise Unexpected("a search without a bind was answered")


def guess_passwords(door: Door, people: People, chance: random.Random) -> None:
    """Wrong passwords in a row, where so many reach the directory and no more; then the right one."""
    somebody = people.anybody(chance, Phone.APPROVES)
    caller = door.caller(_LIMITED, somebody.number)
    for claim in (*[wrong_password(somebody)] * 4, people.plain(LISTENERS[_LIMITED], somebody)):
        with door.connect(caller) as connection:
            connection.bind(claim)


def stay_silent(door: Door, people: People, chance: random.Random) -> None:
    """A client that says nothing, before or after its login, until the proxy ends the connection."""
    somebody = people.anybody(chance, Phone.APPROVES)
    with door.connect(door.caller(_LIMITED, somebody.number)) as connection:
        if chance.random() < 0.5:
            connection.bind(people.plain(LISTENERS[_LIMITED], somebody))
        connection.read_to_the_end()


def _use(connection: Connection, chance: random.Random, claim: Claim | None) -> None:
    """What an application does with a connection after a bind, accepted (as `claim`) or not."""
    match chance.randrange(12):
        case 0 | 1 | 2:
            connection.look_who_is_bound(claim)
        case 3 | 4 if claim is not None:
            connection.search(claim.dn, 0)
        case 5 if claim is not None and chance.random() < 0.3:
            connection.search(PEOPLE, 2)
        case 6:
            connection.send(ldap_bytes.compare(connection.client.next_id(), "userPassword"))
            connection.receive_one()
        case _:
            pass


VISITS: dict[Visit, int] = {
    log_in: 51,
    converse: 12,
    leave: 10,
    pipeline: 6,
    come_twice: 5,
    try_odd_binds: 6,
    send_nonsense: 5,
    ask_without_a_bind: 3,
    stay_silent: 1,
    guess_passwords: 1,
}
"""The visits, and how often out of a hundred each is paid."""


def pay_one(door: Door, people: People, chance: random.Random) -> str:
    """Pays one visit; returns what became of it: its name, or that it ended early.

    Raises:
        Exception: something that must not happen.
    """
    (visit,) = chance.choices(list(VISITS), list(VISITS.values()))
    try:
        visit(door, people, chance)
    except Gone:
        return f"{visit.__name__} (ended early)"
    return visit.__name__
