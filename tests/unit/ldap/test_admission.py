"""Which requests reach the directory: design 4.3, row by row."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.ldap.admission import AdmissionRules, Anonymous, PasswordAttributes, Standing, examine
from ldapproxy.ldap.attributes import spellings
from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.framing import Frame, MessageFramer
from tests.support.ldap_bytes import (
    compare,
    controls,
    equal,
    extended,
    extensible,
    modify,
    octets,
    present,
    root_dse,
    search,
    tlv,
)
from tests.unit.ldap.usual_rules import ADMISSION, PASSWORDS

WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
CANCEL = "1.3.6.1.1.8"
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"
FAST_BIND = "1.2.840.113556.1.4.1781"


def frame(raw: bytes) -> Frame:
    framer = MessageFramer(1_000_000)
    framer.append(raw)
    found = framer.next()
    assert found is not None
    return found


def code(raw: bytes, standing: Standing = Standing.BOUND, rules: AdmissionRules = ADMISSION) -> int:
    """The refusal's code, or 0 when the request is relayed."""
    refusal = examine(frame(raw), standing, rules)
    return 0 if refusal is None else int(refusal.code)


SPELLINGS = [
    "userPassword",
    "USERPASSWORD",
    "userpassword;binary",
    "userPassword;lang-de;x-y",
    "2.5.4.35",
    "2.5.4.35;binary",
    "OID.2.5.4.35",
    "02.5.004.35",
    "unicodePwd",
    "1.2.840.113556.1.4.90",
    "dBCSPwd",
    "authPassword",
    "sambaNTPassword",
    "sambaLMPassword",
    "olcRootPW",
]


@pytest.mark.parametrize("attribute", SPELLINGS)
def test_a_password_is_not_compared(attribute: str) -> None:
    assert code(compare(1, attribute)) == 53


@pytest.mark.parametrize("attribute", SPELLINGS)
@pytest.mark.parametrize(
    "shape",
    [
        lambda a: equal(a, "secret"),
        lambda a: tlv(0xA0, present("cn"), equal(a, "secret")),
        lambda a: tlv(0xA1, tlv(0xA2, tlv(0xA0, equal(a, "secret")))),
        lambda a: tlv(0xA4, octets(a), tlv(0x30, tlv(0x80, b"s"))),
        lambda a: tlv(0xA5, octets(a), octets("s")),
        lambda a: tlv(0xA6, octets(a), octets("s")),
        lambda a: tlv(0xA8, octets(a), octets("s")),
        lambda a: extensible("s", a),
        lambda a: extensible("s", a, "2.5.13.17"),
    ],
)
def test_no_filter_asserts_on_a_password(attribute: str, shape: object) -> None:
    assert callable(shape)
    assert code(search(1, where=shape(attribute))) == 53


@pytest.mark.parametrize(
    "where", [extensible("s"), extensible("s", rule="2.5.13.17"), tlv(0xA2, extensible("s"))]
)
def test_an_extensible_match_without_an_attribute_may_be_any_attribute(where: bytes) -> None:
    assert code(search(1, where=where)) == 53


ASSERTION, MATCHED_VALUES = "1.3.6.1.1.12", "1.2.826.0.1.3344810.2.3"


@pytest.mark.parametrize(
    "value",
    [equal("userPassword", "s"), tlv(0xA0, equal("2.5.4.35", "s")), extensible("s")],
)
def test_no_assertion_control_tests_a_password(value: bytes) -> None:
    assert code(modify(1, controls((ASSERTION, value)))) == 53
    assert code(search(1, controls=controls(("1.2.3", b""), (ASSERTION, value)))) == 53


def test_no_matched_values_control_tests_a_password() -> None:
    value = tlv(0x30, equal("cn", "x"), equal("userPassword", "s"))
    assert code(search(1, controls=controls((MATCHED_VALUES, value)))) == 53


@pytest.mark.parametrize(
    "harmless",
    [
        compare(1, "cn"),
        compare(1, "userPasswordHint"),
        search(1, where=equal("cn", "userPassword")),
        search(1, where=equal("description", "2.5.4.35 é ©")),
        search(1, attributes=("userPassword", "cn")),
        search(1, where=extensible("s", "cn")),
        search(1, "cn=userPassword,dc=example,dc=com"),
        modify(1),
        modify(1, controls((ASSERTION, equal("cn", "x")))),
        search(1, controls=controls(("1.2.3.4", b"userPassword"))),
    ],
)
def test_what_only_mentions_a_password_is_relayed(harmless: bytes) -> None:
    assert code(harmless) == 0


def test_comparing_passwords_can_be_allowed() -> None:
    allowing = replace(ADMISSION, password_attributes=None)
    assert code(compare(1, "userPassword"), rules=allowing) == 0
    assert code(search(1, where=equal("userPassword", "s")), rules=allowing) == 0


def test_other_password_attributes_can_be_named() -> None:
    other = replace(ADMISSION, password_attributes=PasswordAttributes(("secretWord",)))
    assert code(compare(1, "SecretWord;x"), rules=other) == 53
    assert code(compare(1, "userPassword"), rules=other) == 0


def test_an_attribute_named_by_its_oid_is_meant_by_all_its_names() -> None:
    by_oid = replace(ADMISSION, password_attributes=PasswordAttributes(("2.5.4.35", "1.2.3.4.5")))
    assert code(search(1, where=equal("userPassword", "s")), rules=by_oid) == 53
    assert code(search(1, where=equal("1.2.3.4.5", "s")), rules=by_oid) == 53


@pytest.mark.parametrize(
    ("oid", "bound", "anonymous"),
    [
        (WHO_AM_I, 0, 0),
        (CANCEL, 0, 0),
        (PASSWORD_MODIFY, 0, 53),
        (FAST_BIND, 53, 53),
        ("1.3.6.1.1.21.1", 53, 53),
        ("1.2.3", 53, 53),
    ],
)
def test_extended_operations_by_allow_list(oid: str, bound: int, anonymous: int) -> None:
    assert code(extended(1, oid)) == bound
    allow = replace(ADMISSION, anonymous=Anonymous.ALLOW)
    assert code(extended(1, oid), Standing.ANONYMOUS, allow) == anonymous
    assert code(extended(1, oid), Standing.ANONYMOUS) == 50
    assert code(extended(1, oid), Standing.IN_CLEAR, allow) == 13


def test_further_extended_operations_can_be_listed() -> None:
    listed = replace(ADMISSION, extended_operations=frozenset({"1.3.6.1.1.21.1"}))
    assert code(extended(1, "1.3.6.1.1.21.1"), rules=listed) == 0


@pytest.mark.parametrize(
    ("anonymous", "standing", "of_root_dse", "of_others"),
    [
        (Anonymous.ROOT_DSE, Standing.ANONYMOUS, 0, 50),
        (Anonymous.DENY, Standing.ANONYMOUS, 50, 50),
        (Anonymous.ALLOW, Standing.ANONYMOUS, 0, 0),
        (Anonymous.ROOT_DSE, Standing.IN_CLEAR, 0, 13),
        (Anonymous.ALLOW, Standing.IN_CLEAR, 0, 13),
    ],
)
def test_anonymous_access(anonymous: Anonymous, standing: Standing, of_root_dse: int, of_others: int) -> None:
    rules = replace(ADMISSION, anonymous=anonymous)
    assert code(root_dse(1), standing, rules) == of_root_dse
    assert code(search(1), standing, rules) == of_others
    assert code(search(1, "", 2), standing, rules) == of_others
    assert code(search(1, " ", 0), standing, rules) == of_others
    assert code(modify(1), standing, rules) == of_others


def test_a_root_dse_search_must_not_test_passwords_either() -> None:
    assert code(search(1, "", 0, equal("olcRootPW", "s")), Standing.ANONYMOUS) == 53


def test_bind_only_listeners_relay_nothing_after_the_bind() -> None:
    bind_only = replace(ADMISSION, search_after_bind=False)
    for request in (search(1), root_dse(1), compare(1, "cn"), extended(1, WHO_AM_I), modify(1)):
        assert code(request, rules=bind_only) == 50


def test_bind_only_listeners_relay_nothing_without_a_bind_either() -> None:
    bind_only = replace(ADMISSION, search_after_bind=False, anonymous=Anonymous.ALLOW)
    for request in (search(1), compare(1, "cn"), extended(1, WHO_AM_I), modify(1)):
        assert code(request, Standing.ANONYMOUS, bind_only) == 50
    assert code(root_dse(1), Standing.ANONYMOUS, bind_only) == 0


def test_an_attribute_name_in_pieces_is_not_relayed() -> None:
    """RFC 4511 section 5.1 forbids it; a directory might put the pieces together."""
    pieces = tlv(0x24, octets("user"), octets("Password"))
    in_filter = tlv(0xA3, pieces, octets("secret"))
    for request in (search(1, where=in_filter), search(1, controls=controls(("1.3.6.1.1.12", in_filter)))):
        assert b"userPassword" not in request
        with pytest.raises(DecodeError):
            code(request)
    assert code(search(1, where=equal("cn", "$"))) == 0


def test_no_search_is_sorted_by_a_password() -> None:
    """OpenLDAP sorts by attributes that nobody may read: a password is found between those that are known."""

    def sorted_by(*attributes: str) -> bytes:
        keys = tlv(0x30, *(tlv(0x30, octets(name), tlv(0x80, b"2.5.13.18")) for name in attributes))
        return search(1, controls=controls(("1.2.840.113556.1.4.473", keys)))

    assert code(sorted_by("userPassword")) == 53
    assert code(sorted_by("cn", "2.5.4.35;x-y")) == 53
    assert code(sorted_by("cn")) == 0
    assert code(sorted_by("cn", "userPasswordHint")) == 0
    assert code(sorted_by("userPassword"), rules=replace(ADMISSION, password_attributes=None)) == 0


PASSWORD_NAMES = (
    *("userPassword", "unicodePwd", "dBCSPwd", "authPassword", "sambaNTPassword", "sambaLMPassword"),
    *("olcRootPW", "pw", "x", "1.2.3", "Pin-Code", "ntPwdHistory"),
)
_NAMED = st.lists(st.sampled_from(PASSWORD_NAMES), unique=True).map(tuple)
_SPELLED = sorted({spelling for name in PASSWORD_NAMES for spelling in spellings(name)})


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    """Something around a spelling, around a part of one, or around nothing."""
    spelled = draw(st.sampled_from(_SPELLED))
    part = spelled[draw(st.integers(0, 3)) : len(spelled) - draw(st.integers(0, 3))]
    zeros = part.replace(".", draw(st.sampled_from([".", ".0", ".00"])))
    cased = draw(st.sampled_from([str.lower, str.upper, str.title]))(zeros)
    around = st.binary(max_size=12) | st.sampled_from([b"", b"uid=alice", b".4.", b"password", b"mail", b"$"])
    return draw(around) + cased.encode() + draw(around)


@given(names=_NAMED, raw=_requests())
def test_no_name_of_a_password_is_overlooked(names: tuple[str, ...], raw: bytes) -> None:
    """The quick look says what a search for each of the names, one by one, would say."""
    text = raw.lower()
    while b".0" in text and (shorter := re.sub(rb"\.0+(?=[0-9])", b".", text)) != text:
        text = shorter
    found = any(spelling.encode() in text for name in names for spelling in spellings(name))
    assert PasswordAttributes(names).may_be_in(raw) == (found or b"\xa9" in text or b"$" in text)


@given(raw=st.binary(max_size=40), name=st.sampled_from(SPELLINGS), before=st.integers(0, 40))
def test_what_the_quick_look_calls_harmless_holds_no_password(raw: bytes, name: str, before: int) -> None:
    assert PASSWORDS.may_be_in(raw[:before] + name.encode() + raw[before:])
