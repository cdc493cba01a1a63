"""Names as OpenLDAP reads them (`slapdn`), against ours.

What must hold: two names that are equal for us are equal for slapd; a name that both accept has the same
parts; and what we accept and slapd refuses belongs to a few known kinds. The other way round nothing must
hold: a name that we refuse, or keep apart from another, is exempt from nothing.
"""

from __future__ import annotations

import random
import re
import subprocess
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.errors import InvalidName
from tests.support.skips import require_program
from tests.unit.ldap.test_dn import DIFFERENT, INVALID, SPELLINGS

# For each text the normal form by slapd, or None if it is no name.
Slapdn = Callable[[Iterable[str]], dict[str, str | None]]

# A line feed in the output looks like the end of a name, the kernel takes no NUL, and UTF-8 no surrogate.
_CANNOT_BE_ASKED = "[\n\x00\ud800-\udfff]"
# Names on one command line; Linux allows 2 MiB.
_BATCH = 2000


@pytest.fixture(scope="module")
def slapdn(tmp_path_factory: pytest.TempPathFactory) -> Slapdn:
    program = require_program("slapdn")
    config: Path = tmp_path_factory.mktemp("slapdn") / "slapd.conf"
    config.write_text(
        "".join(f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "nis"))
    )

    def normalise(texts: Iterable[str]) -> dict[str, str | None]:
        normal: dict[str, str | None] = {}
        left = [text for text in dict.fromkeys(texts) if text and not re.search(_CANNOT_BE_ASKED, text)]
        while left:
            done = subprocess.run(
                [program, "-f", str(config), "-N", "--", *left[:_BATCH]], capture_output=True, check=False
            )
            # It ends at the first name that it refuses, which gets no line.
            lines = done.stdout.decode("utf-8", "surrogateescape").split("\n")[:-1]
            normal.update(zip(left, lines, strict=False))
            left = left[len(lines) :]
            if done.returncode != 0:
                assert b"Invalid syntax" in done.stderr, done.stderr
                normal[left.pop(0)] = None
        return normal

    return normalise


def _ours(text: str) -> DistinguishedName | None:
    try:
        return DistinguishedName.parse(text)
    except InvalidName:
        return None


def _depth(name: DistinguishedName) -> int:
    return 0 if name.parent is None else 1 + _depth(name.parent)


def _compare(normal: dict[str, str | None]) -> int:
    """Compares our view of each name with slapd's normal form; returns how many names both accept."""
    both = 0
    by_ours: dict[DistinguishedName, dict[str, str]] = {}
    for text, theirs in normal.items():
        name = _ours(text)
        if name is None:
            continue
        if theirs is None:
            assert _slapd_is_narrower(text), text
            continue
        both += 1
        # slapd escapes every separator inside a value as two digits, so these are the real ones.
        assert _depth(name) == theirs.count(",") + 1, text
        by_ours.setdefault(name, {})[theirs] = text
    for spellings in by_ours.values():
        assert len(spellings) == 1, spellings
    return both


def _slapd_is_narrower(text: str) -> bool:
    """Whether slapd refuses this name for a reason that we know."""
    return bool(
        re.search(r"=\s*#", text)  # a BER value
        or re.search(r"oid\.", text, re.IGNORECASE)  # the prefix of RFC 1779
        or re.search(r"shoesize|1\.2\.3|x-y|2\.5\.4\.300", text, re.IGNORECASE)  # types outside its schema
        or (not text.isascii() and re.search(r"dc|domainComponent|0\.25\b", text, re.IGNORECASE))  # IA5 only
        or re.search(r"\bc *=|country", text, re.IGNORECASE)  # two letters
    )


@pytest.mark.parametrize("what", [what for what in SPELLINGS if what != "nobody"])
def test_spellings_of_one_name_are_one_for_slapd_too(slapdn: Slapdn, what: str) -> None:
    normal = slapdn(SPELLINGS[what])
    accepted = _compare(normal)
    assert accepted >= 2 or what == "types that nobody knows"


def test_different_names_are_different_for_slapd_too(slapdn: Slapdn) -> None:
    normal = slapdn(DIFFERENT)
    assert _compare(normal) > 15
    forms = [form for form in normal.values() if form is not None]
    assert len(set(forms)) == len(forms)


def test_what_slapd_accepts_beyond_us_is_known(slapdn: Slapdn) -> None:
    """The list is here to be read: each of these is never exempt, and whoever binds with one is looked up."""
    normal = slapdn(INVALID.values())
    accepted = {what for what, text in INVALID.items() if normal.get(text) is not None}
    assert accepted == {
        "a blank value",
        "a value that normalises to a blank",
        "a value of blanks in quotation marks",
        "a semicolon as a separator",
        "an option",
        "a control character of the second set",
        "a hexadecimal escape in quotation marks",
        "a surrogate in escapes",
        "a tab first",
        "bad UTF-8 in escapes",
        "an escaped NUL",
        "NUL in quotation marks",
        "an escaped line feed",
        "DEL",
        "the replacement character",
    }


_TYPES = ["cn", "CN", "commonName", "2.5.4.3", "ou", "uid", "userid", "sn", "o", "l"]
_USUAL = [
    *"abAB019 =#.-_'()*@/:!",
    *"\u00e9\u00cb\u00df\u03a3\u03c2\u0416\u00a0\u3000\uff0c\uff21\ufb01\u2460\u0301\u200b",
    *(
        "\\,",
        "\\+",
        '\\"',
        "\\\\",
        "\\<",
        "\\>",
        "\\;",
        "\\=",
        "\\#",
        "\\ ",
        "\\20",
        "\\2C",
        "\\41",
        "\\c3\\a9",
    ),
    "  ",
]
_RARE = [",", "+", '"', "\\", ";", "<", ">", "#", "\\4", "\\x"]  # they make most names invalid
_PIECES = [*_USUAL * 10, *_RARE]


def _made_up(chance: random.Random) -> str:
    """A text that is a name more often than not."""
    rdns = []
    for _ in range(chance.randint(1, 3)):
        attributes = []
        for _ in range(1 if chance.random() < 0.8 else 2):
            blanks = [chance.choice(["", "", " ", "  "]) for _ in range(4)]
            value = "".join(chance.choices(_PIECES, k=chance.randint(1, 4)))
            if chance.random() < 0.2:
                value = f'"{value}"'
            attributes.append(f"{blanks[0]}{chance.choice(_TYPES)}{blanks[1]}={blanks[2]}{value}{blanks[3]}")
        rdns.append("+".join(attributes))
    return ",".join(rdns)


def test_made_up_names_are_read_alike(slapdn: Slapdn) -> None:
    chance = random.Random(4514)
    texts = [_made_up(chance) for _ in range(3000)]
    # Short ones meet each other more often.
    texts += [f"cn={''.join(chance.choices(_PIECES, k=2))}" for _ in range(3000)]
    normal = slapdn(text for text in texts if _ours(text) is not None)
    assert _compare(normal) > 3000
    # Our normal forms are names for slapd, and the same ones.
    names = {text: name for text in normal if (name := _ours(text)) is not None and normal[text] is not None}
    again = slapdn(name.normalised for name in names.values())
    different = [text for text, name in names.items() if again[name.normalised] != normal[text]]
    assert not different


def test_every_character_that_normalisation_changes_is_changed_alike(slapdn: Slapdn) -> None:
    characters = [
        character
        for character in map(chr, (*range(0xA0, 0x20000), *range(0x2F800, 0x2FA20)))
        if unicodedata.category(character) not in ("Cc", "Cs", "Cn", "Co")
        and (
            unicodedata.normalize("NFKD", character) != character
            or character != character.lower()
            or character != character.upper()
        )
        # Hangul is composed by a rule; a few of its 11,172 syllables show it.
        and (not 0xAC00 <= ord(character) <= 0xD7A3 or ord(character) % 500 == 0)
    ]
    texts = {f"cn=x{character}y": character for character in characters}
    normal_forms = {text: name.normalised for text in texts if (name := _ours(text)) is not None}
    assert len(normal_forms) > 5000
    normal = slapdn([*texts, *normal_forms.values()])
    _compare(normal)
