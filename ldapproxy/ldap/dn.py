"""Distinguished names: parse, normalise, compare (RFC 4514, RFC 4518).

Owns the question whether two spellings are the same name. It must not know any entry or schema.

An exemption from the second factor hangs on that question. So names that a directory keeps apart must not be
equal here, whereas names that it holds equal may be unequal here: then somebody is asked for a second factor
who should be exempt, which shows at once. A text that directories read in different ways is no name here.

Accepted is RFC 4514, and of RFC 2253 what OpenLDAP accepts too: blanks around "=", "+" and ",", and values in
quotation marks; of RFC 1779 the prefix "OID.". Values in hexadecimal are decoded when they are the BER
encoding of a string. Refused are ";" as a separator, options in a type, the same type twice in one RDN, pairs
of digits as escapes within quotation marks, values that are empty or blank, control characters in any
spelling, U+FFFD, and everything beyond the limits below.

The normal form of a name, with which it is compared:

- attribute types by their one name in lower case (`attributes.py`);
- values with each letter in lower case by its simple mapping, then composed (NFKC), all by Unicode 3.2; runs
  of blanks become one, leading and trailing ones go. That is caseIgnoreMatch of RFC 4518, but without full
  case folding ("ß" as "ss") and without the removal of invisible characters: OpenLDAP does neither, and to
  hold fewer names equal is the safe side;
- the attributes of a multi-valued RDN in sorted order;
- written as RFC 4514 section 2 says.

All values are compared without regard to case, as the attributes that commonly name entries are. Where
OpenLDAP holds fewer names equal than RFC 4518, so does this: the trade mark sign is not "tm", and characters
beyond the first 65,536, such as mathematical letters, are left as they are. Or somebody who may choose a name
could choose one that only we hold equal to that of an exempt account.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, final

from ldapproxy.ldap import ber
from ldapproxy.ldap.attributes import canonical_attribute
from ldapproxy.ldap.errors import DecodeError, InvalidName

MAX_NAME_OCTETS: Final = 8192
"""The longest name, as in OpenLDAP (SLAP_LDAPDN_MAXLEN)."""
MAX_RDNS: Final = 64
"""The deepest name. Directories have a dozen levels at most, and most names are shallower still."""

# Names that are not read anew, and characters of each: applications bind with the same few names all day, and
# reading one takes a tenth of the time of a bind. Together they hold about 3 MiB at most.
_KEPT: Final = 1024
_KEPT_LENGTH: Final = 256

_ESCAPE: Final = r'\\(?:[0-9A-Fa-f]{2}|[ "#+,;<=>\\])'
_TYPE: Final = re.compile(
    r" *+((?:oid\.)?(?:0|[1-9][0-9]*+)(?:\.(?:0|[1-9][0-9]*+))++|[a-z][a-z0-9-]*+) *+= *+",
    re.ASCII | re.IGNORECASE,
)
_HEX_VALUE: Final = re.compile(r"#((?:[0-9A-Fa-f]{2})++)")
# No pairs of digits: OpenLDAP takes "\41" in quotation marks for 41, RFC 2253 takes it for A.
_QUOTED_VALUE: Final = re.compile(r'"((?:[^"\\]|\\[ "#+,;<=>\\])*+)"')
_PLAIN_VALUE: Final = re.compile(rf'((?:[^"+,;<>\\]|{_ESCAPE})*+)')
_END_OF_VALUE: Final = re.compile(r" *+([+,]|\Z)")

_ESCAPED_OCTETS: Final = re.compile(rb"\\([0-9A-Fa-f]{2})|\\(.)", re.DOTALL)
# Control characters (category Cc), lone surrogates, and the character that stands for a damaged one.
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")
# RFC 4518 section 2 fixes Unicode 3.2, and OpenLDAP's tables are as old: what came later is left as it is.
_UNICODE: Final = unicodedata.ucd_3_2_0
# Left as they are. Decomposed, these would hold capitals, which OpenLDAP does not make small ones (letterlike
# symbols, capital Roman numerals, capitals in circles, squared units); or its tables lack them. And the
# capital I with a dot: its small letter is two characters.
_AS_THEY_ARE: Final = re.compile(
    "([\u0130\u03d2-\u03d4\u20a8\u2100-\u214f\u2160-\u216f\u24b6-\u24cf\u3371-\u33dd\uf900\uf901\U00010000-\U0010ffff])"
)
_BLANKS: Final = re.compile(r" +")
_MUST_BE_ESCAPED: Final = re.compile(r'["+,;<>\\]|\A#')

# UTF8String, PrintableString, IA5String, and the OCTET STRING that older software wraps everything in.
_STRING_TYPES: Final = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", ber.OCTET_STRING: "utf-8"}


class _Rdn(NamedTuple):
    """One relative distinguished name: its text, its normal form, and the value of its first attribute."""

    text: str
    normalised: str
    first_value: str


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DistinguishedName:
    """A name in the directory. Two are equal when their normal forms are.

    Make one with `DistinguishedName.parse`.

    Attributes:
        text: the name as it was given.
    """

    text: str
    _rdns: tuple[_Rdn, ...]
    _key: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> DistinguishedName:
        """Reads the text of a name; an empty one is the name of the root DSE and of nobody.

        Raises:
            InvalidName: it is no distinguished name that all directories read alike.
        """
        return _kept(text) if len(text) <= _KEPT_LENGTH else cls._of(text, _parse(text))

    @classmethod
    def _of(cls, text: str, rdns: tuple[_Rdn, ...]) -> DistinguishedName:
        return cls(text, rdns, tuple(rdn.normalised for rdn in rdns))

    @property
    def normalised(self) -> str:
        """The normal form, which is a name itself and reads the same for all spellings of this name."""
        return ",".join(self._key)

    @property
    def is_empty(self) -> bool:
        """Whether this is the empty name."""
        return not self._key

    @property
    def parent(self) -> DistinguishedName | None:
        """The name of the entry above; None for the empty name."""
        if not self._rdns:
            return None
        rest = self._rdns[1:]
        return self._of(",".join(rdn.text for rdn in rest), rest)

    @property
    def first_value(self) -> str:
        """The value of the first attribute of the first RDN, unescaped and else as given; empty if none."""
        return self._rdns[0].first_value if self._rdns else ""

    def is_within(self, ancestor: DistinguishedName) -> bool:
        """Whether this is `ancestor` or lies below it, compared RDN by RDN.

        Nothing is within the empty name, although every entry lies below the root: a subtree left empty by
        mistake would exempt everybody.
        """
        depth = len(ancestor._key)
        return depth > 0 and self._key[-depth:] == ancestor._key

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DistinguishedName):
            return NotImplemented
        return self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"DistinguishedName({self.text!r})"


@lru_cache(maxsize=_KEPT)
def _kept(text: str) -> DistinguishedName:
    return DistinguishedName._of(text, _parse(text))


def _parse(text: str) -> tuple[_Rdn, ...]:
    if len(text) > MAX_NAME_OCTETS or len(text.encode("utf-8", "replace")) > MAX_NAME_OCTETS:
        raise InvalidName(f"the name is longer than {MAX_NAME_OCTETS} octets")
    if not text.strip(" "):
        return ()
    rdns: list[_Rdn] = []
    at = 0
    while True:
        rdn, at, more = _parse_rdn(text, at)
        rdns.append(rdn)
        if not more:
            return tuple(rdns)
        if len(rdns) == MAX_RDNS:
            raise InvalidName(f"the name has more than {MAX_RDNS} parts")


def _parse_rdn(text: str, at: int) -> tuple[_Rdn, int, bool]:
    """Reads the RDN that begins at `at`.

    Returns:
        The RDN, where the next one begins, and whether there is one.
    """
    start = at
    first_value: str | None = None
    attributes: dict[str, str] = {}
    while True:
        attribute = _TYPE.match(text, at)
        if attribute is None:
            raise InvalidName("a part of the name does not begin with an attribute type and an equals sign")
        value, at = _parse_value(text, attribute.end())
        end = _END_OF_VALUE.match(text, at)
        if end is None:
            raise InvalidName("a value in the name holds a character that must be escaped")
        kind = canonical_attribute(attribute[1])
        if kind in attributes:
            raise InvalidName("a part of the name has the same attribute type twice")
        attributes[kind] = _normalise(value)
        if first_value is None:
            first_value = value
        at = end.end()
        if end[1] != "+":
            normalised = "+".join(f"{kind}={_escape(value)}" for kind, value in sorted(attributes.items()))
            return _Rdn(text[start : end.start()].strip(" "), normalised, first_value), at, bool(end[1])


def _parse_value(text: str, at: int) -> tuple[str, int]:
    """Reads the value that begins at `at`; returns it unescaped, and where it ends."""
    match text[at : at + 1]:
        case "#":
            hexadecimal = _HEX_VALUE.match(text, at)
            if hexadecimal is None:
                raise InvalidName("a value in the name begins with an unescaped number sign")
            return _decode_ber(bytes.fromhex(hexadecimal[1])), hexadecimal.end()
        case '"':
            quoted = _QUOTED_VALUE.match(text, at)
            if quoted is None:
                raise InvalidName("a value in quotation marks does not end, or has a wrong escape in it")
            return _unescape(quoted[1]), quoted.end()
        case _:
            plain = _PLAIN_VALUE.match(text, at)
            assert plain is not None  # it matches the empty text
            end = plain.end()
            return _unescape(_without_trailing_blanks(plain[1])), end


def _without_trailing_blanks(value: str) -> str:
    """Removes the blanks that belong to the separator; an escaped one belongs to the value."""
    stripped = value.rstrip(" ")
    if stripped != value and stripped.endswith("\\") and (len(stripped) - len(stripped.rstrip("\\"))) % 2:
        return stripped + " "
    return stripped


def _unescape(value: str) -> str:
    if "\\" not in value and value.isascii():
        return value
    try:
        octets = value.encode()
        return _ESCAPED_OCTETS.sub(_unescaped_octet, octets).decode()
    except UnicodeError:
        raise InvalidName("a value in the name is not UTF-8") from None


def _unescaped_octet(escape: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escape[1].decode()) if escape[1] else escape[2]


def _decode_ber(contents: bytes) -> str:
    reader = ber.Reader(contents)
    encoding = _STRING_TYPES.get(contents[0])
    if encoding is None:
        raise InvalidName("a hexadecimal value in the name is not the BER encoding of a string")
    try:
        value = reader.octets(contents[0])
        reader.finish()
        return value.decode(encoding)
    except (DecodeError, UnicodeError):
        raise InvalidName("a hexadecimal value in the name is not the BER encoding of a string") from None


def _normalise(value: str) -> str:
    if value.isascii():
        folded = value.lower()
    else:
        folded = "".join(map(_compose, _AS_THEY_ARE.split("".join(map(_lower, value)))))
    if _FORBIDDEN.search(folded):
        raise InvalidName(
            "a value in the name holds a control character, or one that stands for a damaged one"
        )
    if " " in folded:
        folded = _BLANKS.sub(" ", folded).strip(" ")
    if not folded:
        raise InvalidName("a value in the name is empty")
    return folded


def _lower(character: str) -> str:
    """One character in lower case. Of a whole word str.lower() would make the last sigma a final one."""
    if _UNICODE.category(character) not in ("Lu", "Lt"):
        return character
    lowered = character.lower()
    return character if len(lowered) > 1 or "Cn" in map(_UNICODE.category, lowered) else lowered


def _compose(part: str) -> str:
    """A part of a value, composed; the characters that are kept as they are stand alone."""
    return part if _AS_THEY_ARE.fullmatch(part) else _UNICODE.normalize("NFKC", part)


def _escape(value: str) -> str:
    return _MUST_BE_ESCAPED.sub(lambda special: "\\" + special[0], value)
