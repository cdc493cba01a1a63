"""Bytes that the proxy and the directory might read in two ways."""

from __future__ import annotations

from tests.attacks.attack import SOME, WITH_DUO, Attack
from tests.attacks.steps import Answer, Closed, Code, LogIn, Notice, Push, Reset, Send, Silence, Tap, To
from tests.attacks.table.binds import REFUSED
from tests.support.example_directory import PEOPLE, VPN_SEARCH
from tests.support.ldap_bytes import bind, controls, integer, message, octets, search, tlv, unbind

EXEMPT_BIND = bind(1, VPN_SEARCH.dn, VPN_SEARCH.password)
OPERATION = tlv(0x60, integer(3), octets(VPN_SEARCH.dn), tlv(0x80, VPN_SEARCH.password.encode()))
RFC = "RFC 4511 section 5.1; design 4.3: what cannot be decoded ends the session, and nothing is passed on"


def with_id(message_id: bytes, operation: bytes = OPERATION) -> bytes:
    """A message whose messageID is any element."""
    return tlv(0x30, message_id, operation)


def long_length(tag: int, contents: bytes, octets_: int) -> bytes:
    """An element whose length takes so many octets."""
    return bytes([tag, 0x80 | octets_]) + len(contents).to_bytes(octets_, "big") + contents


BROKEN = {
    "An indefinite length": b"\x30\x80" + EXEMPT_BIND[2:] + b"\0\0",
    "An indefinite length of the operation": tlv(0x30, integer(1), b"\x60\x80" + OPERATION[2:] + b"\0\0"),
    "A length of five octets": b"\x30\x85\x00\x00\x00\x00" + EXEMPT_BIND[1:],
    "A length of 127 octets": b"\x30\xff" + bytes(127),
    "A length of four gigabytes": b"\x30\x84\xff\xff\xff\xff",
    "An empty message": b"\x30\x00",
    "A messageID alone": tlv(0x30, integer(1)),
    "A SET instead of a SEQUENCE": b"\x31" + EXEMPT_BIND[1:],
    "A messageID of 0": with_id(integer(0)),
    "A negative messageID": with_id(b"\x02\x01\xff"),
    "A messageID of 2^31": with_id(b"\x02\x05\x00\x80\x00\x00\x00"),
    "A messageID of 2^32+1": with_id(b"\x02\x05\x01\x00\x00\x00\x01"),
    "A messageID that is padded": with_id(b"\x02\x02\x00\x01"),
    "A messageID without octets": with_id(b"\x02\x00"),
    "An ENUMERATED for a messageID": with_id(b"\x0a\x01\x01"),
    "An operation that reaches beyond its message": tlv(0x30, integer(1), b"\x60\x7f" + OPERATION[2:]),
    "A bind in primitive form": tlv(0x30, integer(1), b"\x40" + OPERATION[1:]),
    "A bind with a tag of two octets": tlv(0x30, integer(1), b"\x7f\x00" + OPERATION[1:]),
    "A context-specific operation": tlv(0x30, integer(1), b"\xa0" + OPERATION[1:]),
    "A universal operation": tlv(0x30, integer(1), b"\x30" + OPERATION[1:]),
    "Two operations in one message": tlv(0x30, integer(1), OPERATION, OPERATION),
    "Two elements of controls": message(1, OPERATION, controls(("1.2.3", b"")) + controls(("1.2.3", b""))),
    "Controls before the operation": tlv(0x30, integer(1), controls(("1.2.3", b"")), OPERATION),
    "Something behind the controls": message(1, OPERATION, controls(("1.2.3", b"")) + b"\x05\x00"),
    "Something that is no controls behind the operation": message(1, OPERATION, b"\x05\x00"),
    "A control whose OID is none": message(1, OPERATION, controls(("x", b""))),
    "A control whose criticality has two octets": message(
        1, OPERATION, tlv(0xA0, tlv(0x30, octets("1.2.3"), b"\x01\x02\xff\xff"))
    ),
    "Something behind the credential": message(1, tlv(0x60, OPERATION[2:], octets("more"))),
    "A second credential": message(1, tlv(0x60, OPERATION[2:], tlv(0x80, b"other"))),
    "A name in pieces": message(
        1, tlv(0x60, integer(3), tlv(0x24, octets("cn=vpn-"), octets("search")), tlv(0x80, b"pw"))
    ),
    "A version that is padded": message(1, tlv(0x60, b"\x02\x02\x00\x03", octets("cn=x"), tlv(0x80, b"pw"))),
    "A version of eight octets": message(
        1, tlv(0x60, b"\x02\x08\0\0\0\0\0\0\0\x03", octets("cn=x"), tlv(0x80, b"pw"))
    ),
    "A bind without a credential": message(1, tlv(0x60, integer(3), octets(VPN_SEARCH.dn))),
    "A bind without anything": message(1, tlv(0x60)),
    "A credential that reaches beyond the bind": message(
        1, tlv(0x60, integer(3), octets("cn=x"), b"\x80\x20pw"), controls(("1.2.3", b"a" * 40))
    ),
    "A SASL bind with something behind its credentials": message(
        1, tlv(0x60, integer(3), octets(""), tlv(0xA3, octets("PLAIN"), octets("x"), octets("y")))
    ),
    "An Unbind with contents": message(1, tlv(0x42, b"x")),
    "An Abandon of a negative messageID": message(1, tlv(0x50, b"\xff")),
    "An Abandon of nothing": message(1, tlv(0x50)),
}

UNDECODABLE = (
    *(
        Attack(what, RFC, lambda cast, sent=sent: [Send(sent), Notice(Code.PROTOCOL_ERROR)], on=SOME)
        for what, sent in BROKEN.items()
    ),
    *(
        Attack(
            f"{what}, by somebody who has logged in",
            RFC,
            lambda cast, sent=sent: [LogIn(), Send(sent), Notice(Code.PROTOCOL_ERROR)],
            on=SOME,
        )
        for what, sent in BROKEN.items()
        if what
        in (
            "An indefinite length",
            "Two operations in one message",
            "A bind in primitive form",
            "A messageID of 0",
        )
    ),
    Attack(
        "A message that never ends",
        "RFC 4511 section 5.2: half a message is no message",
        lambda cast: [Send(EXEMPT_BIND[:-1]), Reset()],
    ),
    Attack(
        "A bind in the value of a control",
        "RFC 4511 section 5.2: where one message ends is where the next begins, and nowhere else",
        lambda cast: [
            Send(
                message(
                    1,
                    tlv(
                        0x63,
                        octets(PEOPLE),
                        b"\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x02cn\x30\x00",
                    ),
                    controls(("1.2.3", EXEMPT_BIND)),
                )
            ),
            Answer(To.SEARCH, Code.INSUFFICIENT_ACCESS_RIGHTS),
            Silence(),
        ],
        on=SOME,
    ),
    Attack(
        "An Unbind, and a bind behind it in one piece",
        "RFC 4511 section 4.3: an Unbind ends the session",
        lambda cast: [Send(unbind(1), EXEMPT_BIND, search(2, PEOPLE, 2)), Closed()],
    ),
)

LENIENT = (
    *(
        Attack(
            f"A bind whose lengths take {number} octets",
            "X.690 section 8.1.3.5: allowed, and read alike; Windows writes four",
            lambda cast, number=number: [
                Send(
                    long_length(
                        0x30,
                        integer(1)
                        + long_length(
                            0x60,
                            integer(3)
                            + long_length(0x04, cast.victim.dn.encode(), number)
                            + long_length(0x80, cast.victim.password.encode(), number),
                            number,
                        ),
                        number,
                    )
                ),
                Push(),
                Tap("deny"),
                REFUSED,
            ],
            on=("ldap",),
            reaches=("BIND",),
            asks_duo=1,
        )
        for number in (1, 2, 3, 4)
    ),
    Attack(
        "A bind octet by octet",
        "RFC 4511 section 5.2: where a message ends does not depend on how it arrives",
        lambda cast: [
            *(
                Send(bytes([octet]))
                for octet in message(
                    1, tlv(0x60, integer(3), octets(cast.victim.dn), tlv(0x80, cast.victim.password.encode()))
                )
            ),
            Push(),
            Tap("deny"),
            REFUSED,
        ],
        on=WITH_DUO,
        reaches=("BIND",),
        asks_duo=1,
    ),
)

ATTACKS = (*UNDECODABLE, *LENIENT)
