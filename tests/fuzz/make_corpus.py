"""Writes the corpus: `python -m tests.fuzz.make_corpus`. Each file is input that is worth changing.

Owns the choice. It must not know the properties.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from tests.support import ldap_bytes as lb
from tests.support.ldap_samples import REQUESTS, RESPONSES
from tests.unit.ldap.test_dn import SPELLINGS

# An entry without contents: all lengths are written in four octets, and so is the messageID.
_LONGEST_HEADER = bytes.fromhex("30 84 00000010  02 84 00000004 022c1802  64 84 00000000")

CORPUS = Path(__file__).parent / "corpus"


def _filters() -> Iterator[bytes]:
    yield lb.present("cn")
    yield lb.tlv(0xA0, lb.equal("userPassword", "x"), lb.tlv(0xA2, lb.tlv(0xA1, lb.present("cn"))))
    yield lb.tlv(
        0xA4, lb.octets("2.5.4.35"), lb.tlv(0x30, lb.tlv(0x80, b"a"), lb.tlv(0x81, b"b"), lb.tlv(0x82, b"c"))
    )
    yield lb.tlv(
        0xA9, lb.tlv(0x81, b"2.5.13.17"), lb.tlv(0x82, b"cn;x"), lb.tlv(0x83, b"v"), lb.tlv(0x84, b"\xff")
    )
    yield lb.extensible("v", rule="x")
    yield lb.tlv(0x30, lb.equal("cn", "x"), lb.present("sn"), lb.tlv(0xA8, lb.octets("sn"), lb.octets("y")))


def _sessions() -> Iterator[bytes]:
    """Flags; then a choice each (0: a piece, 2: the bind ends, 3: an answer, 4: dropped, 5: all the rest)."""

    def piece(*messages: bytes) -> bytes:
        data = b"".join(messages)
        return bytes([0, len(data)]) + data

    bind, dse, who = lb.bind(1, "cn=x", "p"), lb.root_dse(2), lb.extended(3, "1.3.6.1.4.1.4203.1.11.3")
    yield b"\x50" + piece(bind) + b"\x02\x01" + piece(who) + b"\x03\x03\x78" + piece(lb.unbind(4))
    yield b"\x50" + piece(bind, dse, lb.abandon(5, 2), who) + b"\x02\x00" + b"\x03\x02\x65"
    yield (
        b"\x53"
        + piece(lb.start_tls(1))
        + piece(bind)
        + b"\x02\x01"
        + piece(lb.search(2, "o=x"))
        + b"\x03\x02\x64"
    )
    yield b"\x51" + piece(bind, lb.start_tls(6)) + b"\x02\x01" + piece(lb.compare(7, "cn"))
    yield (
        b"\x50"
        + piece(dse)
        + piece(bind)
        + b"\x02\x01"
        + piece(lb.search(2, "o=x"), lb.abandon(3, 2))
        + b"\x04"
    )
    yield b"\x50\x05" + bind + dse * 20


def _duo() -> Iterator[bytes]:
    device = {
        "device": "DP1",
        "type": "phone",
        "display_name": "x",
        "name": "",
        "capabilities": ["auto", "push"],
    }
    for response in (
        {"result": "auth", "status_msg": "Account is active", "devices": [device]},
        {"result": "allow", "status": "allow", "status_msg": "Success."},
        {"result": "allow", "status": "bypass", "status_msg": ""},
        {"result": "deny", "status": "fraud", "status_msg": "no"},
        {"result": "waiting", "status": "pushed", "status_msg": "..."},
        {"result": "enroll", "enroll_portal_url": "https://x"},
        {"txid": "45f7c92b", "time": 1357020061},
    ):
        yield b"\0" + json.dumps({"stat": "OK", "response": response}).encode()
    yield b"\x06" + json.dumps({"stat": "FAIL", "code": 40103, "message": "Invalid signature"}).encode()


def corpus() -> dict[str, list[bytes]]:
    """All of it, by target."""
    names = [text for spellings in SPELLINGS.values() for text in spellings if text.strip()]
    return {
        "messages": [b"\x03" + each for each in (*REQUESTS.values(), *RESPONSES.values())],
        "filters": list(_filters()),
        "streams": [*(b"\x02" + each + each for each in RESPONSES.values()), b"\0" + _LONGEST_HEADER],
        "names": [
            *([f"{one}\n{other}".encode() for one, other in itertools.pairwise(names)][::4]),
            "c=\u0130\u0330".encode(),  # composed, it holds another capital
        ],
        "sessions": list(_sessions()),
        "splits": [
            b"password,push2",
            b"pw,with,123456",
            b"x,@My phone",
            b"\x01||pw||sms",
            b"p," + b"cbdefghijklnrtuv" * 2 + b"cbdefghijkln",
        ],
        "duo": list(_duo()),
    }


def main() -> None:
    """Writes it."""
    for target, inputs in corpus().items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(inputs):
            (folder / f"{number:02}").write_bytes(data)


if __name__ == "__main__":
    main()
