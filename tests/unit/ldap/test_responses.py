"""Responses: what the proxy writes, and what it reads of the directory's answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.ldap import ber
from ldapproxy.ldap.errors import DecodeError, LdapError
from ldapproxy.ldap.operations import FINAL_RESPONSES, NOTICE_OF_DISCONNECTION_OID, START_TLS_OID, Tag
from ldapproxy.ldap.responses import LdapResult, decode_result, encode_result, notice_of_disconnection
from ldapproxy.ldap.result_codes import ResultCode
from tests.support import ldap_samples as samples
from tests.support.ldap_frames import frame_of


def _response(tag: int, *fields: bytes) -> bytes:
    return ber.sequence(ber.integer(1), ber.element(tag, *fields))


_SUCCESS = b"\x0a\x01\x00\x04\x00\x04\x00"


def test_a_refused_bind() -> None:
    assert decode_result(frame_of(samples.BIND_REFUSED)) == LdapResult(
        1, Tag.BIND_RESPONSE, ResultCode.INVALID_CREDENTIALS, b"", "denied"
    )


def test_a_referral() -> None:
    result = decode_result(frame_of(samples.BIND_REFERRED))
    assert (result.result_code, result.referral) == (10, ("ldap://a", "ldap:b/"))


def test_the_end_of_a_search() -> None:
    result = decode_result(frame_of(samples.SEARCH_DONE))
    assert (result.message_id, result.tag, result.result_code) == (300, Tag.SEARCH_RESULT_DONE, 0)


def test_the_answer_to_who_am_i() -> None:
    result = decode_result(frame_of(samples.WHO_AM_I_ANSWER))
    assert (result.response_name, result.response_value) == (None, b"dn:o=x")


def test_a_notice_of_disconnection() -> None:
    result = decode_result(frame_of(samples.NOTICE))
    assert (result.message_id, result.result_code, result.diagnostic) == (0, ResultCode.UNAVAILABLE, "bye")
    assert result.response_name == NOTICE_OF_DISCONNECTION_OID


def test_sasl_credentials_and_whatever_the_future_adds_are_stepped_over() -> None:
    message = _response(Tag.BIND_RESPONSE, b"\x0a\x01\x00\x04\x03o=x\x04\x00", b"\x87\x01s", b"\x8c\x01?")
    assert decode_result(frame_of(message)) == LdapResult(1, Tag.BIND_RESPONSE, 0, b"o=x", "")


def test_a_diagnostic_that_is_no_utf_8_is_mended() -> None:
    message = _response(Tag.BIND_RESPONSE, b"\x0a\x01\x31\x04\x00\x04\x03a\xffb")
    assert decode_result(frame_of(message)).diagnostic == "a\ufffdb"


def test_a_code_that_nobody_knows_stays_a_number() -> None:
    message = _response(Tag.BIND_RESPONSE, b"\x0a\x02\x10\x00\x04\x00\x04\x00")
    assert decode_result(frame_of(message)).result_code == 4096


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"\x0a\x01\x00",
        b"\x0a\x01\x00\x04\x00",
        b"\x02\x01\x00\x04\x00\x04\x00",  # INTEGER for ENUMERATED
        b"\x0a\x00\x04\x00\x04\x00",
        b"\x0a\x02\x00\x00\x04\x00\x04\x00",
        b"\x0a\x01\xff\x04\x00\x04\x00",
        b"\x0a\x01\x00\x04\x00\x04\x01",
        _SUCCESS + b"\xa3\x02\x04\x01",
        _SUCCESS + b"\xa3\x02\x02\x00",
        _SUCCESS + b"\x87\x05",
        _SUCCESS + b"\x00",
    ],
)
def test_what_is_no_result_is_refused(contents: bytes) -> None:
    """Above all it is no success."""
    with pytest.raises(DecodeError):
        decode_result(frame_of(_response(Tag.BIND_RESPONSE, contents)))


def test_a_response_name_that_is_no_oid_is_refused() -> None:
    with pytest.raises(DecodeError):
        decode_result(frame_of(_response(Tag.EXTENDED_RESPONSE, _SUCCESS, b"\x8a\x01x")))


@pytest.mark.parametrize("sample", [samples.SEARCH_ENTRY, samples.BIND])
def test_what_ends_no_operation_is_no_result(sample: bytes) -> None:
    with pytest.raises(DecodeError, match="no response that ends"):
        decode_result(frame_of(sample))


def test_the_very_octets_that_are_written() -> None:
    assert (
        encode_result(1, Tag.BIND_RESPONSE, ResultCode.INVALID_CREDENTIALS, "denied") == samples.BIND_REFUSED
    )
    assert encode_result(300, Tag.SEARCH_RESULT_DONE, ResultCode.SUCCESS) == samples.SEARCH_DONE
    assert notice_of_disconnection(ResultCode.UNAVAILABLE, "bye") == samples.NOTICE
    assert encode_result(14, Tag.EXTENDED_RESPONSE, 0, oid="1.2") == (
        b"\x30\x11\x02\x01\x0e\x78\x0c" + _SUCCESS + b"\x8a\x031.2"
    )


def test_a_diagnostic_never_fails_an_answer() -> None:
    assert decode_result(frame_of(encode_result(1, Tag.BIND_RESPONSE, 49, "a\udcffb"))).diagnostic == "a?b"


@given(
    st.integers(0, 2**31 - 1),
    st.sampled_from(sorted(FINAL_RESPONSES)),
    st.integers(0, 2**31 - 1),
    st.text(),
    st.sampled_from([None, START_TLS_OID]),
)
def test_results_survive_the_round_trip(
    message_id: int, tag: int, code: int, diagnostic: str, oid: str | None
) -> None:
    name = oid if tag == Tag.EXTENDED_RESPONSE else None
    frame = frame_of(encode_result(message_id, tag, code, diagnostic, name))
    assert decode_result(frame) == LdapResult(message_id, tag, code, b"", diagnostic, (), name)


@pytest.mark.parametrize("name", samples.RESPONSES)
def test_each_octet_changed_in_every_way(name: str) -> None:
    sample = samples.RESPONSES[name]
    for place in range(len(sample)):
        for octet in range(256):
            try:
                frame = frame_of(sample[:place] + bytes((octet,)) + sample[place + 1 :])
                if frame.tag in FINAL_RESPONSES:
                    decode_result(frame)
            except (LdapError, ValueError) as error:
                assert isinstance(error, LdapError) or "not exactly one message" in str(error)  # noqa: PT017
