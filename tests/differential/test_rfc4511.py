"""ldap3's model of RFC 4511, run by pyasn1, against our decoders and encoders: both must read the same.

ldap3 encodes what its clients send; pyasn1 decodes what we wrote, and samples with a changed bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ldap3 import ANONYMOUS, SASL, SIMPLE
from ldap3.operation.abandon import abandon_operation
from ldap3.operation.bind import bind_operation
from ldap3.operation.compare import compare_operation
from ldap3.operation.extended import extended_operation
from ldap3.operation.search import search_operation
from ldap3.operation.unbind import unbind_operation
from ldap3.protocol.controls import build_control
from ldap3.protocol.rfc4511 import Controls, LDAPMessage, MessageID, ProtocolOp
from ldap3.utils.asn1 import encode  # type: ignore[attr-defined]  # missing in types-ldap3
from pyasn1.codec.ber import decoder
from pyasn1.error import PyAsn1Error
from pyasn1.type.error import ValueConstraintError

from ldapproxy.ldap.errors import DecodeError
from ldapproxy.ldap.filters import decode_filter
from ldapproxy.ldap.framing import Frame
from ldapproxy.ldap.messages import (
    FINAL_RESPONSES,
    AbandonRequest,
    BindRequest,
    CompareRequest,
    Control,
    ExtendedRequest,
    SaslAuthentication,
    SimpleAuthentication,
    Tag,
    UnknownAuthentication,
    decode_abandon_request,
    decode_bind_request,
    decode_compare_request,
    decode_controls,
    decode_extended_request,
    decode_result,
    decode_search_request,
    decode_unbind_request,
    encode_bind_request,
    encode_extended_request,
    encode_result,
)
from ldapproxy.secret import Secret
from tests.support import ldap_samples as samples
from tests.support.ldap_frames import frame_of

_IDS = st.integers(1, 2**31 - 1)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_OIDS = st.lists(st.integers(0, 99999), min_size=1, max_size=8).map(
    lambda arcs: ".".join(map(str, (1, *arcs)))
)


def _encoded(message_id: int, choice: str, operation: Any, controls: tuple[Any, ...] = ()) -> bytes:
    """What a client that uses ldap3 sends."""
    message = LDAPMessage()
    message["messageID"] = MessageID(message_id)
    message["protocolOp"] = ProtocolOp().setComponentByName(choice, operation)
    if controls:
        listed = Controls()
        for place, control in enumerate(controls):
            listed.setComponentByPosition(place, control)
        message["controls"] = listed
    return bytes(encode(message))


def _unbind() -> Any:
    return unbind_operation()  # type: ignore[no-untyped-call]


def _decoded(data: bytes) -> Any:
    """What pyasn1 reads in exactly these bytes."""
    message, rest = decoder.decode(data, asn1Spec=LDAPMessage())
    assert not rest
    return message


class TestWhatClientsSend:
    # ldap3 runs SASLprep over passwords and refuses some; of ASCII it takes all that is visible.
    @given(
        _IDS, _TEXT.filter(bool), st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
    )
    @settings(max_examples=50)
    def test_simple_bind(self, message_id: int, name: str, password: str) -> None:
        operation = bind_operation(3, SIMPLE, name, password)
        request = decode_bind_request(frame_of(_encoded(message_id, "bindRequest", operation)))
        assert (request.message_id, request.version, request.name) == (message_id, 3, name.encode())
        assert request.authentication == SimpleAuthentication(Secret(password))

    def test_anonymous_bind(self) -> None:
        message = _encoded(1, "bindRequest", bind_operation(3, ANONYMOUS))
        assert decode_bind_request(frame_of(message)) == BindRequest(
            1, 3, b"", SimpleAuthentication(Secret("")), b""
        )

    @pytest.mark.parametrize("credentials", [None, b"", b"\x00alice\x00pw"])
    def test_sasl_bind(self, credentials: bytes | None) -> None:
        operation = bind_operation(3, SASL, "", None, "DIGEST-MD5", credentials)
        request = decode_bind_request(frame_of(_encoded(2**31 - 1, "bindRequest", operation)))
        assert request == BindRequest(2**31 - 1, 3, b"", SaslAuthentication(b"DIGEST-MD5"), b"")

    @given(_IDS, _OIDS, st.none() | st.binary(max_size=300))
    @settings(max_examples=50)
    def test_extended(self, message_id: int, oid: str, value: bytes | None) -> None:
        operation = extended_operation(oid, value, no_encode=True)
        request = decode_extended_request(frame_of(_encoded(message_id, "extendedReq", operation)))
        assert request == ExtendedRequest(message_id, oid, value)

    @given(_IDS, _IDS)
    @settings(max_examples=50)
    def test_abandon(self, message_id: int, abandoned: int) -> None:
        message = _encoded(message_id, "abandonRequest", abandon_operation(abandoned))  # type: ignore[no-untyped-call]
        assert decode_abandon_request(frame_of(message)) == AbandonRequest(message_id, abandoned)

    def test_unbind(self) -> None:
        decode_unbind_request(frame_of(_encoded(3, "unbindRequest", _unbind())))

    def test_compare(self) -> None:
        operation = compare_operation("uid=zoë,o=x", "userPassword;x-a", b"secret", False)
        request = decode_compare_request(frame_of(_encoded(5, "compareRequest", operation)))
        assert request == CompareRequest(5, "uid=zoë,o=x".encode(), "userPassword;x-a")

    @given(
        st.lists(st.tuples(_OIDS, st.booleans(), st.none() | st.binary(max_size=200)), min_size=1, max_size=4)
    )
    @settings(max_examples=50)
    def test_controls(self, given_controls: list[tuple[str, bool, bytes | None]]) -> None:
        built = tuple(build_control(oid, critical, value, False) for oid, critical, value in given_controls)
        frame = frame_of(_encoded(1, "unbindRequest", _unbind(), built))
        assert decode_controls(frame) == tuple(Control(*control) for control in given_controls)


# Filters as text (RFC 4515), with what they assert on.
_ATTRIBUTES = st.sampled_from(["cn", "userPassword", "2.5.4.35", "mail;lang-de", "sAMAccountName"])
_ASSERTIONS = st.sampled_from(
    ["=x", ">=x", "<=x", "~=x", "=*", "=a*", "=*b", "=a*b*c", ":=x", ":2.5.13.5:=x", ":dn:=x"]
)
_Facts = tuple[str, tuple[str, ...], bool]
_NAMED: st.SearchStrategy[_Facts] = st.tuples(_ATTRIBUTES, _ASSERTIONS).map(
    lambda item: (f"({item[0]}{item[1]})", (item[0],), False)
)
_NAMELESS: st.SearchStrategy[_Facts] = st.sampled_from(["(:2.5.13.5:=x)", "(:dn:2.5.13.5:=x)"]).map(
    lambda text: (text, (), True)
)


def _joined(sign: str, parts: list[_Facts]) -> _Facts:
    return (
        f"({sign}{''.join(part[0] for part in parts)})",
        tuple(name for part in parts for name in part[1]),
        any(part[2] for part in parts),
    )


_FILTERS = st.recursive(
    _NAMED | _NAMELESS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(lambda parts: _joined("&", parts)),
        st.lists(inner, min_size=1, max_size=4).map(lambda parts: _joined("|", parts)),
        inner.map(lambda part: _joined("!", [part])),
    ),
    max_leaves=12,
)


@given(_FILTERS, st.sampled_from([0, 1, 2]))
@settings(max_examples=200)
def test_searches_that_clients_send(facts: _Facts, scope: int) -> None:
    text, attributes, without = facts
    operation = search_operation("dc=example,dc=com", text, scope, 0, ["cn"], 10, 20, True, True, True)
    search = decode_search_request(frame_of(_encoded(9, "searchRequest", operation)))
    assert (search.base, search.scope) == (b"dc=example,dc=com", scope)
    assert sorted(search.filter_attributes) == sorted(attributes)  # ldap3 turns the order of operands round
    assert search.extensible_without_attribute is without
    alone = decode_filter(bytes(encode(operation["filter"])))
    assert (alone.attributes, alone.extensible_without_attribute) == (search.filter_attributes, without)
    assert search.is_presence_only is (text.endswith("=*)") and text.count("(") == 1)


class TestWhatWeSend:
    @given(_IDS, st.binary(max_size=300), st.binary(max_size=300), st.booleans())
    @settings(max_examples=100)
    def test_bind(self, message_id: int, name: bytes, password: bytes, with_control: bool) -> None:
        controls = samples.PASSWORD_POLICY_CONTROL if with_control else b""
        message = _decoded(encode_bind_request(message_id, name, Secret(password), controls))
        operation = message["protocolOp"]["bindRequest"]
        assert message["messageID"] == message_id
        assert operation["version"] == 3
        assert operation["name"].asOctets() == name
        assert operation["authentication"]["simple"].asOctets() == password
        assert message["controls"].hasValue() is with_control

    @given(_IDS, _OIDS)
    @settings(max_examples=50)
    def test_extended(self, message_id: int, oid: str) -> None:
        operation = _decoded(encode_extended_request(message_id, oid))["protocolOp"]["extendedReq"]
        assert operation["requestName"].asOctets() == oid.encode()
        assert not operation["requestValue"].hasValue()

    @pytest.mark.parametrize(
        ("tag", "choice"),
        [
            (Tag.BIND_RESPONSE, "bindResponse"),
            (Tag.SEARCH_RESULT_DONE, "searchResDone"),
            (Tag.MODIFY_RESPONSE, "modifyResponse"),
            (Tag.ADD_RESPONSE, "addResponse"),
            (Tag.DELETE_RESPONSE, "delResponse"),
            (Tag.MODIFY_DN_RESPONSE, "modDNResponse"),
            (Tag.COMPARE_RESPONSE, "compareResponse"),
            (Tag.EXTENDED_RESPONSE, "extendedResp"),
        ],
    )
    @pytest.mark.parametrize("code", [0, 49, 53, 80])
    def test_results(self, tag: Tag, choice: str, code: int) -> None:
        message = _decoded(encode_result(300, tag, code, "nö", "1.2" if choice == "extendedResp" else None))
        operation = message["protocolOp"][choice]
        assert message["messageID"] == 300
        assert int(operation["resultCode"]) == code
        assert operation["matchedDN"].asOctets() == b""
        assert operation["diagnosticMessage"].asOctets() == "nö".encode()
        if choice == "extendedResp":
            assert operation["responseName"].asOctets() == b"1.2"


_DECODERS: dict[int, Callable[[Frame], object]] = {
    Tag.BIND_REQUEST: decode_bind_request,
    Tag.EXTENDED_REQUEST: decode_extended_request,
    Tag.ABANDON_REQUEST: decode_abandon_request,
    Tag.COMPARE_REQUEST: decode_compare_request,
    Tag.SEARCH_REQUEST: decode_search_request,
    Tag.UNBIND_REQUEST: decode_unbind_request,
    Tag.BIND_RESPONSE: decode_result,
    Tag.EXTENDED_RESPONSE: decode_result,
    Tag.SEARCH_RESULT_DONE: decode_result,
}


def _read(data: bytes) -> Frame | None:
    """The one message that these bytes are, if the proxy would go on with it."""
    try:
        frame = frame_of(data)
        _DECODERS.get(frame.tag, Frame._asdict)(frame)
    except (DecodeError, ValueError):
        return None
    return frame


def _agree(frame: Frame) -> None:
    """What we read in a message is what pyasn1 reads in it."""
    message = _decoded(frame.raw)
    operation = message["protocolOp"].getComponent()
    assert message["messageID"] == frame.message_id
    controls = message["controls"] if message["controls"].hasValue() else ()
    for control, other in zip(decode_controls(frame), controls, strict=True):
        assert other["controlType"].asOctets() == control.oid.encode()
        assert bool(other["criticality"]) is control.critical
        value = other["controlValue"].asOctets() if other["controlValue"].hasValue() else None
        assert value == control.value
    match frame.tag:
        case Tag.BIND_REQUEST:
            bind = decode_bind_request(frame)
            assert operation["version"] == bind.version
            assert operation["name"].asOctets() == bind.name
            kind = operation["authentication"].getName()
            match bind.authentication:
                case SimpleAuthentication(credential):
                    assert operation["authentication"]["simple"].asOctets() == credential.reveal()
                case SaslAuthentication(mechanism):
                    assert operation["authentication"]["sasl"]["mechanism"].asOctets() == mechanism
                case UnknownAuthentication(tag):
                    # pyasn1 reads a password in constructed form, too; for us that is an unknown choice.
                    assert kind not in ("simple", "sasl") or tag in (0xA0, 0x83)
        case Tag.EXTENDED_REQUEST:
            extended = decode_extended_request(frame)
            assert operation["requestName"].asOctets() == extended.oid.encode()
            assert operation["requestValue"].hasValue() is (extended.value is not None)
        case Tag.ABANDON_REQUEST:
            assert operation == decode_abandon_request(frame).abandoned
        case Tag.COMPARE_REQUEST:
            compare = decode_compare_request(frame)
            assert operation["entry"].asOctets() == compare.entry
            assert operation["ava"]["attributeDesc"].asOctets() == compare.attribute.encode()
        case Tag.SEARCH_REQUEST:
            search = decode_search_request(frame)
            assert operation["baseObject"].asOctets() == search.base
            assert int(operation["scope"]) == search.scope
        case Tag.UNBIND_REQUEST:
            decode_unbind_request(frame)
        case Tag.BIND_RESPONSE | Tag.EXTENDED_RESPONSE | Tag.SEARCH_RESULT_DONE:
            result = decode_result(frame)
            assert int(operation["resultCode"]) == result.result_code
            assert operation["matchedDN"].asOctets() == result.matched_dn
            if frame.tag == Tag.EXTENDED_RESPONSE:
                assert operation["responseValue"].hasValue() is (result.response_value is not None)


# ldap3's model does not read a NOT back, which only servers receive; the other samples have none.
_SAMPLES = {
    name: data for name, data in {**samples.REQUESTS, **samples.RESPONSES}.items() if name != "search"
}


@pytest.mark.parametrize("name", _SAMPLES)
def test_the_samples_are_read_alike(name: str) -> None:
    _agree(frame_of(_SAMPLES[name]))


def _may_be_refused(frame: Frame, error: PyAsn1Error) -> bool:
    """Whether ldap3's model is narrower for a reason: nothing hangs on it, or the proxy refuses it too."""
    if isinstance(error, ValueConstraintError):
        return True  # numbers that the model does not list: version 0, a negative size limit
    if frame.tag == Tag.BIND_REQUEST:
        return isinstance(decode_bind_request(frame).authentication, UnknownAuthentication)
    # Elements of the future at the end of a response, which RFC 4511 section 4 wants ignored.
    return frame.tag in FINAL_RESPONSES


@pytest.mark.parametrize("name", [name for name, data in _SAMPLES.items() if frame_of(data).tag in _DECODERS])
def test_samples_with_one_bit_changed_are_read_alike_or_refused(name: str) -> None:
    sample = _SAMPLES[name]
    read = 0
    for place in range(len(sample)):
        for bit in range(8):
            changed = sample[:place] + bytes((sample[place] ^ 1 << bit,)) + sample[place + 1 :]
            frame = _read(changed)
            if frame is None or frame.tag not in _DECODERS:
                continue
            try:
                _agree(frame)
                read += 1
            except PyAsn1Error as error:
                if not _may_be_refused(frame, error):
                    raise AssertionError(f"only we accept {changed.hex()}") from error
    assert read > 5
