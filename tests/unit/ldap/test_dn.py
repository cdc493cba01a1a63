"""Distinguished names: one name however it is spelled, and never one name for two.

What slapd makes of the same names is in tests/differential.
"""

from __future__ import annotations

import contextlib
import stringprep
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.ldap import ber
from ldapproxy.ldap.dn import MAX_NAME_OCTETS, MAX_RDNS, DistinguishedName, _kept
from ldapproxy.ldap.errors import InvalidName

_parse = DistinguishedName.parse

# Each list holds spellings of one name; the first is its normal form.
SPELLINGS: dict[str, list[str]] = {
    "case and blanks": [
        "uid=alice,ou=people,dc=example,dc=com",
        "UID=Alice,OU=People,DC=Example,DC=COM",
        " uid = alice , ou = people , dc = example , dc = com ",
        "uid=alice   ,ou=people,   dc=example,dc=com",
        "uid=\\20alice\\20,ou=people,dc=example,dc=com",
        "uid=\\ alice\\ ,ou=people,dc=example,dc=com",
    ],
    "names and OIDs of the types": [
        "uid=alice,ou=people,dc=example,dc=com",
        "userid=alice,organizationalUnitName=people,domainComponent=example,dc=com",
        "0.9.2342.19200300.100.1.1=alice,2.5.4.11=people,0.9.2342.19200300.100.1.25=example,DC=com",
        "OID.0.9.2342.19200300.100.1.1=alice,oid.2.5.4.11=people,dc=example,dc=com",
    ],
    "escapes, quotation marks and hexadecimal": [
        "cn=smith\\, john,o=x",
        "cn=Smith\\2C John,o=x",
        "cn=Smith\\2c\\20John,o=x",
        'cn="Smith, John",o=x',
        ' cn = "Smith, John" , o = x',
        'cn="Smith\\, John",o=x',
        'cn="Smith\\,\\ John",o=x',
        "cn=\\53\\6d\\69\\74\\68\\, John,o=x",
        "cn=#040B536D6974682C204A6F686E,o=x",
        "cn=#0c0b536d6974682c204a6f686e,o=x",
        "cn=#13810b536d6974682c204a6f686e , o=x",
    ],
    "blanks inside": [
        "cn=a b,o=x",
        "cn=a  b,o=x",
        "cn=a\\20\\20 b,o=x",
        'cn=" a   b ",o=x',
        "cn=a\u00a0b,o=x",
        "cn=a\u3000b,o=x",
    ],
    "Unicode": [
        "cn=zo\u00eb,o=x",
        "cn=ZO\u00cb,o=x",
        "cn=zoe\u0308,o=x",
        "cn=zo\\c3\\ab,o=x",
        "cn=\uff3a\uff4f\u00eb,o=x",
        "cn=#0c047a6fc3ab,o=x",
    ],
    "special characters": [
        'cn=\\#a\\+b\\"c\\\\d\\<e\\>f\\;g=h#,o=x',
        "cn=\\23a\\2bb\\22c\\5cd\\3ce\\3ef\\3bg\\3dh\\23,o=x",
        'cn="#a+b\\"c\\\\d<e>f;g=h#",o=x',
        'cn=\\#A\\+B\\"C\\\\D\\<E\\>F\\;G\\=H\\#,O=X',
    ],
    "several attributes in an RDN": [
        "cn=a+uid=b,o=x",
        "uid=b+cn=a,o=x",
        " UID = B + commonName = A , o=x",
        "userid=b+2.5.4.3=a,o=x",
    ],
    "an equals sign first": ["cn==a", "cn=\\=a", 'cn="=a"'],
    "a comma made by normalisation": ["cn=a\\,ou=b", "cn=a\uff0cou=b", "cn=a\uff0cou\uff1db"],
    "types that nobody knows": [
        "shoesize=big,1.2.3.4=x",
        "shoeSize=BIG,1.2.3.4=X",
        "SHOESIZE=big,OID.1.2.3.4=x",
    ],
    "sigma": ["cn=\u03bf\u03c3", "cn=\u039f\u03a3"],
    "nobody": ["", " ", "    "],
}


@pytest.mark.parametrize("what", SPELLINGS)
def test_all_spellings_are_one_name(what: str) -> None:
    names = [_parse(text) for text in SPELLINGS[what]]
    assert {name.normalised for name in names} == {SPELLINGS[what][0]}
    assert len(set(names)) == 1
    assert all(name == names[0] for name in names)


@pytest.mark.parametrize("what", SPELLINGS)
def test_the_text_stays_as_it_was_given(what: str) -> None:
    for text in SPELLINGS[what]:
        assert _parse(text).text == text
        assert str(_parse(text)) == text


DIFFERENT = [
    "",
    "cn=a",
    "sn=a",
    "cn=b",
    "cn=a,o=x",
    "o=x,cn=a",
    "cn=a+o=x",
    "cn=a\\,o=x",
    "cn=a\\+o=x",
    "cn=a b",
    "cn=ab",
    "cn=\u00e1",
    "cn=stra\u00dfe",
    "cn=strasse",
    "cn=\u03bf\u03c3",
    "cn=\u03bf\u03c2",
    "cn=a\u200bb",
    "cn=a\u00adb",
    "cn=a\\#",
    "cn=\\#0403616263",
    "cn=abc",
    "cn=0",
    "cn=o",
    "cn=1",
    "cn=l",
    "cn=\u0430",  # Cyrillic a
    "cn=\u24b6",  # capital a in a circle
    "cn=tm",
    "cn=\u2122",  # trade mark sign
    "cn=i\u0307",
    "cn=i",
    "2.5.4.300=a",
    "ou=svc-fake",
    "ou=svc",
]


def test_different_names_are_different() -> None:
    names = [_parse(text) for text in DIFFERENT]
    assert len({name.normalised for name in names}) == len(DIFFERENT)
    assert len(set(names)) == len(DIFFERENT)


@pytest.mark.parametrize(
    ("one", "other"),
    [("\U0001d41a", "a"), ("\u0130", "i"), ("\u0130", "i\u0307"), ("\u1e9e", "\u00df"), ("\uf900", "\u8c48")],
)
def test_some_names_that_a_directory_may_hold_equal_are_not(one: str, other: str) -> None:
    """Then somebody is asked for a second factor who should be exempt; the other way round would be worse."""
    assert _parse(f"cn={one}") != _parse(f"cn={other}")


@pytest.mark.parametrize(
    "character",
    ["\u2122", "\u2102", "\u2160", "\u24b6", "\u3380", "\u03d2", "\u20a8", "\u0130", "\u0130\u0330"],
)
def test_the_normal_form_of_a_capital_in_disguise_is_its_own(character: str) -> None:
    name = _parse(f"cn=x{character}y")
    assert _parse(name.normalised) == name


INVALID: dict[str, str] = {
    "no name at all": "alice",
    "a principal name": "alice@example.com",
    "a NetBIOS name": "EXAMPLE\\alice",
    "a GUID of Active Directory": "<GUID=b3d4cc4c9d2d4c4f8a6e8f1d2c3b4a59>",
    "a type without a value": "cn",
    "an empty value": "cn=",
    "an empty value in the middle": "cn=,o=x",
    "a blank value": "cn=\\20,o=x",
    "a value of blanks in quotation marks": 'cn="  "',
    "an empty value in quotation marks": 'cn=""',
    "an empty value in hexadecimal": "cn=#0400",
    "a value that normalises to a blank": "cn=\u00a0",
    "no type": "=a",
    "a comma at the end": "cn=a,",
    "a comma at the beginning": ",cn=a",
    "two commas": "cn=a,,o=x",
    "a plus at the end": "cn=a+",
    "a plus at the beginning": "+cn=a",
    "a semicolon as a separator": "cn=a;o=x",
    "an unescaped <": "cn=a<b",
    "an unescaped >": "cn=a>b",
    "an unescaped quotation mark": 'cn=a"b',
    "something behind quotation marks": 'cn="a"b',
    "quotation marks that do not end": 'cn="a',
    "a hexadecimal escape in quotation marks": 'cn="\\41"',
    "quotation marks that end escaped": 'cn="a\\"',
    "a backslash at the end": "cn=a\\",
    "an escape of nothing special": "cn=a\\x",
    "half a hexadecimal escape": "cn=a\\4",
    "an unescaped number sign": "cn=#abc",
    "hexadecimal of an odd length": "cn=#040",
    "hexadecimal of nothing": "cn=#",
    "hexadecimal of an integer": "cn=#020101",
    "hexadecimal that is cut short": "cn=#0403616",
    "hexadecimal with something behind": "cn=#04016100",
    "hexadecimal of indefinite length": "cn=#04800000",
    "hexadecimal of a constructed string": "cn=#2403040161",
    "hexadecimal of a string of two octets each": "cn=#1e020061",
    "hexadecimal of bad UTF-8": "cn=#0c01ff",
    "hexadecimal of a PrintableString beyond ASCII": "cn=#1301e9",
    "hexadecimal, then text": "cn=#040161 b",
    "an option": "cn;lang-en=a",
    "an underscore in a type": "c_n=a",
    "a hyphen first": "-cn=a",
    "a type that is not ASCII": "\u017fn=a",
    "a number alone": "2=a",
    "an OID with a leading zero": "02.5.4.3=a",
    "an OID that ends in a dot": "2.5.4.3.=a",
    "OID. with a name": "OID.cn=a",
    "the same type twice": "cn=a+cn=b",
    "the same value twice": "cn=a+cn=a",
    "the same type twice in other words": "cn=a+2.5.4.3=b",
    "NUL": "cn=a\x00",
    "an escaped NUL": "cn=a\\00",
    "NUL in quotation marks": 'cn="a\\00b"',
    "NUL in hexadecimal": "cn=#04026100",
    "a line feed": "cn=a\nb",
    "an escaped line feed": "cn=a\\0ab",
    "a line feed at the end": "cn=a\n",
    "a line feed between RDNs": "cn=a,\no=x",
    "a tab first": "\tcn=a",
    "a control character of the second set": "cn=a\u0085",
    "DEL": "cn=a\x7f",
    "a lone surrogate": "cn=a\ud800",
    "a lone surrogate in a type": "\udc63n=a",
    "the replacement character": "cn=a\ufffd",
    "bad UTF-8 in escapes": "cn=\\c3",
    "overlong UTF-8 in escapes": "cn=\\c0\\af",
    "a surrogate in escapes": "cn=\\ed\\a0\\80",
    "a leading no-break space": "\u00a0cn=a",
    "only a tab": "\t",
}


@pytest.mark.parametrize("what", INVALID)
def test_what_directories_may_read_differently_is_no_name(what: str) -> None:
    with pytest.raises(InvalidName) as caught:
        _parse(INVALID[what])
    assert str(caught.value)


def test_the_error_does_not_repeat_the_text() -> None:
    """Somebody may have typed a password where the name belongs."""
    with pytest.raises(InvalidName) as caught:
        _parse("hunter2")
    assert "hunter2" not in str(caught.value)


class TestWithin:
    _BASE = _parse("ou=svc,dc=example,dc=com")

    @pytest.mark.parametrize(
        "text",
        [
            "ou=svc,dc=example,dc=com",
            "cn=a,ou=svc,dc=example,dc=com",
            "cn=a,ou=b,ou=svc,dc=example,dc=com",
            "CN=a, OU = SVC , domainComponent=EXAMPLE,dc=com",
            'cn=a,ou="svc",dc=example,dc=com',
        ],
    )
    def test_the_base_and_everything_below_it(self, text: str) -> None:
        assert _parse(text).is_within(self._BASE)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "dc=example,dc=com",
            "dc=com",
            "ou=svc",
            "ou=svc-fake,dc=example,dc=com",
            "cn=a,ou=fake-svc,dc=example,dc=com",
            "cn=a\\,ou=svc,dc=example,dc=com",
            "cn=a\\,ou\\=svc\\,dc\\=example\\,dc\\=com",
            'cn="a,ou=svc,dc=example,dc=com"',
            "cn=a\uff0cou=svc,dc=example,dc=com",
            "cn=a+ou=svc,dc=example,dc=com",
            "ou=svc+cn=a,dc=example,dc=com",
            "ou=svc,dc=example,dc=com,dc=evil",
            "cn=ou\\=svc,dc=example,dc=com",
            "xou=svc,dc=example,dc=com",
        ],
    )
    def test_nothing_else(self, text: str) -> None:
        assert not _parse(text).is_within(self._BASE)

    @pytest.mark.parametrize("text", ["", "cn=a", "cn=a,o=x"])
    def test_nothing_is_within_the_empty_name(self, text: str) -> None:
        assert not _parse(text).is_within(_parse(""))


class TestParts:
    def test_parents_up_to_the_root(self) -> None:
        name = _parse('CN="A, b"+sn=c , Ou=X, dc=y')
        assert name.parent == _parse("ou=x,dc=y")
        assert name.parent is not None
        assert name.parent.text == "Ou=X,dc=y"
        assert name.parent.parent == _parse("dc=y")
        assert name.parent.parent is not None
        root = name.parent.parent.parent
        assert root is not None
        assert root.is_empty
        assert root.parent is None

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("uid=Alice,o=x", "Alice"),
            ("cn=Smith\\, John , o=x", "Smith, John"),
            ('cn=" A,  b ",o=x', " A,  b "),
            ("cn=zo\\C3\\AB", "zoë"),
            ("cn=#0c03416263", "Abc"),
            ("uid=B+cn=A", "B"),
            ("cn=a\\20 ", "a "),
            ("cn=a\\  ", "a "),
            ("cn=a\\\\ ", "a\\"),
            ("", ""),
        ],
    )
    def test_the_first_value_is_unescaped_and_else_as_given(self, text: str, value: str) -> None:
        assert _parse(text).first_value == value

    def test_only_the_empty_name_is_empty(self) -> None:
        assert _parse(" ").is_empty
        assert not _parse("cn=a").is_empty

    def test_equal_to_names_only(self) -> None:
        assert _parse("cn=a") != "cn=a"

    def test_repr_is_for_people(self) -> None:
        assert repr(_parse("cn=A")) == "DistinguishedName('cn=A')"

    def test_it_cannot_be_changed(self) -> None:
        with pytest.raises(AttributeError):
            _parse("cn=a").text = "cn=b"  # type: ignore[misc]


class TestBounds:
    def test_the_longest_name(self) -> None:
        longest = "cn=" + "a" * (MAX_NAME_OCTETS - 3)
        assert _parse(longest).text == longest
        for text in (longest + "a", longest[:-1] + "\u00e9", "x" * 10_000_000):
            with pytest.raises(InvalidName, match="longer than 8192 octets"):
                _parse(text)

    def test_what_is_kept_of_names_that_were_read(self) -> None:
        for number in range(3000):
            _parse(f"cn={number}")
            _parse(f"cn={number}" + "x" * 1000)
        assert _kept.cache_info().currsize <= 1024
        assert _parse("cn=2999") is _parse("cn=2999")
        assert _parse("cn=2999" + "x" * 1000) is not _parse("cn=2999" + "x" * 1000)

    def test_a_text_that_is_no_name_is_none_the_second_time_too(self) -> None:
        for _ in range(2):
            with pytest.raises(InvalidName):
                _parse("cn=a;cn=b")

    def test_the_deepest_name(self) -> None:
        deepest = ",".join(["cn=a"] * MAX_RDNS)
        assert _parse(deepest).normalised == deepest
        with pytest.raises(InvalidName, match="more than 64 parts"):
            _parse(deepest + ",cn=a")

    @pytest.mark.parametrize(
        "piece",
        ["\\", '"', "+", "cn=a+", " ", "=", "a.", "1.", "cn=\\20", "#04", "a\u0301", "\ufdfa", "cn= "],
    )
    def test_no_text_takes_long(self, piece: str) -> None:
        """The expressions have nothing to try twice: any that had would not end in a lifetime."""
        for text in (
            piece * (MAX_NAME_OCTETS // len(piece.encode())),
            "cn=" + piece * 2000,
            'cn="' + piece * 2000,
        ):
            with contextlib.suppress(InvalidName):
                _parse(text)


# Text from which names are made: plain, special, wide, and what normalisation changes.
_CHARACTERS = st.one_of(
    st.sampled_from(list('aAbB09 ,+"\\<>;=#\u00e9\u00cb\u00df\u0130\u03a3\u212b\uff0c\ufb01\u1e9e')),
    st.characters(exclude_categories=["Cs", "Cc"]),
)
_VALUES = st.text(_CHARACTERS, min_size=1, max_size=12).filter(
    lambda value: unicodedata.normalize("NFKC", value).strip(" ") != "" and "\ufffd" not in value
)
_TYPES = st.sampled_from(["cn", "uid", "OU", "2.5.4.4", "domainComponent", "x-y", "1.2.3"])


def _escape_all(value: str) -> str:
    return "".join(f"\\{octet:02x}" for octet in value.encode())


def _escape_needed(value: str) -> str:
    """RFC 4514 section 2.4, written down once more."""
    escaped = "".join("\\" + character if character in '"+,;<>\\' else character for character in value)
    if escaped[0] in " #":
        escaped = "\\" + escaped
    if len(value) > 1 and value[-1] == " ":
        escaped = escaped[:-1] + "\\ "
    return escaped


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _hexadecimal(value: str) -> str:
    return "#" + ber.element(0x0C, value.encode()).hex()


_SPELLERS = [_escape_all, _escape_needed, _quoted, _hexadecimal]


@given(_TYPES, _VALUES)
def test_every_way_of_writing_a_value_is_the_same_value(kind: str, value: str) -> None:
    names = [_parse(f"{kind}={spell(value)}") for spell in _SPELLERS]
    assert len(set(names)) == 1
    assert {name.first_value for name in names} == {value}


_RDNS = st.lists(st.dictionaries(_TYPES, _VALUES, min_size=1, max_size=2), min_size=1, max_size=4)


@given(_RDNS, st.data())
def test_a_name_is_its_parts(rdns: list[dict[str, str]], data: st.DataObject) -> None:
    blanks = st.sampled_from(["", " ", "   "])

    def spelled() -> str:
        parts = []
        for rdn in rdns:
            attributes = data.draw(st.permutations(list(rdn.items())))
            spellers = [data.draw(st.sampled_from(_SPELLERS)) for _ in attributes]
            parts.append(
                "+".join(
                    f"{data.draw(blanks)}{kind}{data.draw(blanks)}={data.draw(blanks)}{spell(value)}{data.draw(blanks)}"
                    for (kind, value), spell in zip(attributes, spellers, strict=True)
                )
            )
        return ",".join(parts)

    first, second = _parse(spelled()), _parse(spelled())
    assert first == second
    assert hash(first) == hash(second)
    assert first.is_within(second)
    ancestor: DistinguishedName | None = first
    for _ in rdns:
        assert ancestor is not None
        assert first.is_within(ancestor)
        ancestor = ancestor.parent
    assert ancestor is not None
    assert ancestor.is_empty


@given(_RDNS)
def test_the_normal_form_is_a_name_and_its_own_normal_form(rdns: list[dict[str, str]]) -> None:
    name = _parse(
        ",".join("+".join(f"{kind}={_escape_needed(v)}" for kind, v in rdn.items()) for rdn in rdns)
    )
    again = _parse(name.normalised)
    assert again == name
    assert again.normalised == name.normalised


@given(
    st.text(max_size=60) | st.text(st.sampled_from(list('cn=uid.oid2,+;"\\#aA0fF \t\x00\u00e9')), max_size=40)
)
def test_any_text_is_a_name_or_none(text: str) -> None:
    try:
        name = _parse(text)
    except InvalidName:
        return
    assert _parse(name.normalised) == name


def test_no_two_characters_are_equal_that_the_rfc_keeps_apart() -> None:
    """RFC 4518 folds by RFC 3454 appendix B.2, which Python has; we hold fewer equal, never more."""
    by_ours: dict[str, set[str]] = {}
    for character in map(chr, range(0x20000)):
        try:
            name = _parse(f"cn=x{_quoted(character)[1:-1]}")
        except InvalidName:
            continue
        folded = unicodedata.ucd_3_2_0.normalize("NFKC", stringprep.map_table_b2(character))
        by_ours.setdefault(name.normalised, set()).add(folded.strip(" "))
    assert len(by_ours) > 100_000
    assert [name for name, folded in by_ours.items() if len(folded) > 1] == []
