"""Sessions worth attacking with, and what is done to them.

Owns the messages and the mutations; everything is decided by a `random.Random`, so that a number brings a
session back. It must not know who reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.support.example_directory import PEOPLE, SUFFIX, Account
from tests.support.ldap_bytes import (
    abandon,
    bind,
    compare,
    controls,
    equal,
    extended,
    extensible,
    integer,
    message,
    modify,
    octets,
    present,
    root_dse,
    search,
    start_tls,
    tlv,
    unbind,
)

WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
_PASSWORD_POLICY = ("1.3.6.1.4.1.42.2.27.8.5.1", b"")
_PAGED = ("1.2.840.113556.1.4.319", tlv(0x30, integer(5), octets("")))
_ASSERTION = ("1.3.6.1.1.12", equal("uid", "alice"))

# Octets that mean something in BER or LDAP.
_SPECIAL = bytes(
    [0x00, 0x01, 0x02, 0x04, 0x0A, 0x1F, 0x30, 0x31, 0x3F, 0x42, 0x60, 0x63, 0x77, 0x7F, 0x80, 0x81]
)
_SPECIAL += bytes([0x84, 0x85, 0xA0, 0xA3, 0xA9, 0xFF])


@dataclass(frozen=True)
class Piece:
    """Bytes that are written at once; `waits` for something to come before the next."""

    data: bytes
    waits: bool = False


@dataclass(frozen=True)
class Session:
    """What one connection sends.

    Attributes:
        pieces: in this order, with a moment in between.
        messages: how many messages they were made of.
        leaves: how the client goes: `close`, `reset`, `half` (half-close, reads on), `wait` (reads until it
            is quiet).
        tls: TLS first: `none`, `start_tls`, or `at_once`.
    """

    pieces: tuple[Piece, ...]
    messages: int
    leaves: str
    tls: str


def session(random: Random, victims: list[Account], insider: Account) -> Session:
    """A session: valid messages, and then most of them mutated."""
    number = random.randint(1, 100)
    messages = []
    for _ in range(random.randint(1, 12)):
        made = random.choice(_MESSAGES)(random, number, random.choice(victims), insider)
        number += 1
        messages.append(made)
    if random.random() < 0.3:
        random.shuffle(messages)
    how_often = random.choice((0.0, 0.1, 0.2, 0.5))
    mutated = [_mutated(random, each) if random.random() < how_often else each for each in messages]
    if random.random() < 0.1:
        at = random.randrange(len(mutated))
        mutated[at:at] = [random.choice(mutated)] * random.randint(1, 20)
    first: list[Piece] = []
    if random.random() < 0.5:
        account = random.choice((insider, insider, random.choice(victims)))
        first = [Piece(bind(0x7001, account.dn, account.password), waits=True)]
    stream = b"".join(mutated)
    if random.random() < 0.1:
        stream = _mutated(random, stream)
    return Session(
        (*first, *map(Piece, _cut(random, stream))),
        len(first) + len(mutated),
        random.choice(("close", "reset", "half", "wait", "wait", "wait")),
        random.choice(("none", "none", "none", "none", "start_tls", "at_once")),
    )


def _cut(random: Random, stream: bytes) -> list[bytes]:
    """In one piece, or in a few."""
    if random.random() < 0.6 or len(stream) < 2:
        return [stream]
    places = sorted(random.sample(range(1, len(stream)), min(random.randint(1, 5), len(stream) - 1)))
    return [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]


# Valid messages


def _spellings(account: Account) -> tuple[str, ...]:
    """Names to bind by: DNs, what only slapd takes for one, a bare account name, and others."""
    dn = account.dn
    uid = dn.partition("=")[2].partition(",")[0]
    return dn, dn, dn.upper(), dn.replace(",", " , "), dn.replace(",", ";"), uid, f"{uid})(uid=*", "", "a@b.c"


_Maker = Callable[[Random, int, Account, Account], bytes]


def _a_bind(random: Random, number: int, victim: Account, insider: Account) -> bytes:
    account = insider if random.random() < 0.15 else victim
    name = random.choice(_spellings(account))
    password = random.choice((account.password, account.password, "wrong", "", f"{account.password},000000"))
    if random.random() < 0.2:
        operation = tlv(0x60, integer(3), octets(name), tlv(0x80, password.encode()))
        return message(number, operation, controls(_PASSWORD_POLICY))
    if random.random() < 0.1:
        return message(
            number, tlv(0x60, integer(3), octets(name), tlv(0xA3, octets("PLAIN"), octets("\0a\0b")))
        )
    return bind(number, name, password)


def _a_search(random: Random, number: int, victim: Account, _: Account) -> bytes:
    where = random.choice(
        (
            present("objectClass"),
            equal("uid", "alice"),
            equal("userPassword", victim.password),
            extensible("x"),
            tlv(0xA0, equal("uid", "a"), tlv(0xA2, present("cn"))),
        )
    )
    attached = random.choice((b"", b"", controls(_PAGED), controls(_ASSERTION)))
    base = random.choice((victim.dn, PEOPLE, SUFFIX, ""))
    return search(number, base, random.randint(0, 2), where, ("uid",), attached)


_MESSAGES: tuple[_Maker, ...] = (
    _a_bind,
    _a_bind,
    _a_bind,
    _a_search,
    _a_search,
    lambda random, number, victim, insider: root_dse(number),
    lambda random, number, victim, insider: compare(number, random.choice(("uid", "userPassword")), "x"),
    lambda random, number, victim, insider: extended(number, WHO_AM_I),
    lambda random, number, victim, insider: extended(number, f"1.3.6.1.4.1.{random.randint(1, 9999)}", b"x"),
    lambda random, number, victim, insider: abandon(number, random.randint(1, number)),
    lambda random, number, victim, insider: modify(number),
    lambda random, number, victim, insider: start_tls(number),
    lambda random, number, victim, insider: unbind(number) if random.random() < 0.3 else root_dse(number),
)


# Mutations


def _mutated(random: Random, data: bytes) -> bytes:
    """A few mutations."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        if data:
            data = random.choice(_MUTATIONS)(random, data)
    return data


def _bit(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _octet(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([random.choice(_SPECIAL)]) + data[at + 1 :]


def _insert(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + bytes(random.choice(_SPECIAL) for _ in range(random.randint(1, 6))) + data[at:]


def _remove(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + data[at + random.randint(1, 8) :]


def _truncate(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data))]


def _repeat(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    part = data[at : at + random.randint(1, 64)]
    return data[:at] + part * random.randint(2, 4) + data[at:]


def _lengthen(random: Random, data: bytes) -> bytes:
    """Some length that is written in one octet gets four."""
    places = [at for at in range(1, len(data)) if data[at] < 0x80 and at + 1 + data[at] <= len(data)]
    if not places:
        return data
    at = random.choice(places)
    return data[:at] + b"\x84\0\0\0" + data[at:]


def _nest(random: Random, data: bytes) -> bytes:
    return tlv(random.choice((0x30, 0x60, 0x63, 0x77, 0xA0, 0x04)), data)


_MUTATIONS = (_bit, _bit, _octet, _octet, _insert, _remove, _truncate, _repeat, _lengthen, _nest)
