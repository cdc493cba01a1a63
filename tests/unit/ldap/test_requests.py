"""Requests: decoded strictly, encoded so that the decoder and the directory read the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.ldap import ber
from ldapproxy.ldap.controls import Control, decode_controls
from ldapproxy.ldap.errors import DecodeError, LdapError
from ldapproxy.ldap.framing import Frame
from ldapproxy.ldap.operations import START_TLS_OID, Tag
from ldapproxy.ldap.requests import (
    AbandonRequest,
    BindRequest,
    CompareRequest,
    ExtendedRequest,
    SaslAuthentication,
    SimpleAuthentication,
    UnknownAuthentication,
    decode_abandon_request,
    decode_bind_request,
    decode_compare_request,
    decode_extended_request,
    decode_unbind_request,
    encode_bind_request,
    encode_extended_request,
)
from ldapproxy.ldap.search import decode_search_request
from ldapproxy.secret import Secret
from tests.support import ldap_samples as samples
from tests.support.ldap_frames import frame_of

_DECODERS: dict[int, Callable[[Frame], object]] = {
    Tag.BIND_REQUEST: decode_bind_request,
    Tag.EXTENDED_REQUEST: decode_extended_request,
    Tag.ABANDON_REQUEST: decode_abandon_request,
    Tag.UNBIND_REQUEST: decode_unbind_request,
    Tag.COMPARE_REQUEST: decode_compare_request,
    Tag.SEARCH_REQUEST: decode_search_request,
}


def _bind(*fields: bytes) -> Frame:
    return frame_of(ber.sequence(ber.integer(1), ber.element(0x60, *fields)))


_VERSION = b"\x02\x01\x03"
_NAME = b"\x04\x03o=x"
_PASSWORD = b"\x80\x01p"


class TestBind:
    def test_simple(self) -> None:
        assert decode_bind_request(frame_of(samples.BIND)) == BindRequest(
            1, 3, b"uid=alice,o=x", SimpleAuthentication(Secret("secret")), b""
        )

    def test_as_windows_writes_it(self) -> None:
        assert decode_bind_request(frame_of(samples.BIND_AS_WINDOWS_WRITES_IT)) == decode_bind_request(
            frame_of(samples.BIND)
        )

    def test_its_controls_are_kept_as_they_came(self) -> None:
        request = decode_bind_request(frame_of(samples.BIND_WITH_CONTROL))
        assert request.controls == samples.PASSWORD_POLICY_CONTROL
        assert request.name == b"uid=alice,o=x"

    def test_anonymous(self) -> None:
        request = decode_bind_request(frame_of(samples.ANONYMOUS_BIND))
        assert (request.name, request.authentication) == (b"", SimpleAuthentication(Secret("")))

    def test_sasl_without_its_credentials(self) -> None:
        request = decode_bind_request(frame_of(samples.SASL_BIND))
        assert request == BindRequest(7, 3, b"", SaslAuthentication(b"PLAIN"), b"")

    @pytest.mark.parametrize("tag", [0x81, 0x82, 0x84, 0x89, 0x8A, 0x8B, 0xA0, 0x83, 0xAA, 0x04, 0x30])
    def test_other_choices(self, tag: int) -> None:
        request = decode_bind_request(_bind(_VERSION, _NAME, ber.element(tag, b"\x04\x00")))
        assert request.authentication == UnknownAuthentication(tag)

    @pytest.mark.parametrize(
        ("octets", "version"), [(b"\x02\x01\x02", 2), (b"\x02\x01\x7f", 127), (b"\x02\x01\xff", -1)]
    )
    def test_other_versions_are_for_the_caller_to_refuse(self, octets: bytes, version: int) -> None:
        assert decode_bind_request(_bind(octets, _NAME, _PASSWORD)).version == version

    def test_a_name_may_be_any_octets(self) -> None:
        assert (
            decode_bind_request(_bind(_VERSION, b"\x04\x03\xff\x00\xfe", _PASSWORD)).name == b"\xff\x00\xfe"
        )

    def test_neither_name_the_password_nor_the_mechanism_s_secret(self) -> None:
        assert "secret" not in repr(decode_bind_request(frame_of(samples.BIND)))
        assert "pwd" not in repr(decode_bind_request(frame_of(samples.SASL_BIND)))

    @pytest.mark.parametrize(
        "fields",
        [
            (),
            (_VERSION,),
            (_VERSION, _NAME),
            (_NAME, _PASSWORD),
            (_VERSION, _PASSWORD),
            (_VERSION, _NAME, _PASSWORD, _PASSWORD),
            (_VERSION, _NAME, _PASSWORD, b"\x00"),
            (_VERSION, _NAME, _PASSWORD, b"\xa0\x00"),  # controls in the wrong place
            (_VERSION, _NAME, b"\x8a\x00", _PASSWORD),  # behind an unknown choice, too
            (b"\x02\x02\x00\x03", _NAME, _PASSWORD),
            (b"\x0a\x01\x03", _NAME, _PASSWORD),
            (_VERSION, b"\x24\x05\x04\x03o=x", _PASSWORD),
            (_VERSION, b"\x0c\x03o=x", _PASSWORD),
            (_VERSION, _NAME, b"\x80\x02p"),
            (_VERSION, _NAME, b"\x80\x80p\x00\x00"),
            (_VERSION, _NAME, b"\x9f\x20\x01p"),  # a tag of two octets
            (_VERSION, _NAME, b"\xa3\x00"),
            (_VERSION, _NAME, b"\xa3\x04\x04\x00\x02\x00"),
            (_VERSION, _NAME, b"\xa3\x06\x04\x00\x04\x00\x04\x00"),
        ],
    )
    def test_anything_else_is_refused(self, fields: tuple[bytes, ...]) -> None:
        with pytest.raises(DecodeError):
            decode_bind_request(_bind(*fields))

    @given(
        st.integers(1, 2**31 - 1),
        st.binary(),
        st.binary(),
        st.sampled_from([b"", samples.PASSWORD_POLICY_CONTROL]),
    )
    def test_survives_the_round_trip(
        self, message_id: int, name: bytes, password: bytes, controls: bytes
    ) -> None:
        frame = frame_of(encode_bind_request(message_id, name, Secret(password), controls))
        assert decode_bind_request(frame) == BindRequest(
            message_id, 3, name, SimpleAuthentication(Secret(password)), controls
        )

    def test_is_encoded_to_the_very_octets_of_a_usual_client(self) -> None:
        request = decode_bind_request(frame_of(samples.BIND_WITH_CONTROL))
        assert isinstance(request.authentication, SimpleAuthentication)
        assert (
            encode_bind_request(1, request.name, request.authentication.credential, request.controls)
            == samples.BIND_WITH_CONTROL
        )


class TestExtended:
    def test_without_a_value(self) -> None:
        assert decode_extended_request(frame_of(samples.START_TLS)) == ExtendedRequest(
            14, START_TLS_OID, None
        )

    def test_with_a_value(self) -> None:
        request = decode_extended_request(frame_of(samples.PASSWORD_MODIFY))
        assert request == ExtendedRequest(15, "1.3.6.1.4.1.4203.1.11.1", b"\x30\x01\x00")

    def test_with_an_empty_value(self) -> None:
        frame = frame_of(ber.sequence(ber.integer(1), ber.element(0x77, b"\x80\x031.2\x81\x00")))
        assert decode_extended_request(frame).value == b""

    @pytest.mark.parametrize(
        "contents",
        [
            b"",
            b"\x81\x01v",
            b"\x04\x031.2",
            b"\xa0\x05\x04\x031.2",
            b"\x80\x04 1.2",
            b"\x80\x031.2\x81\x00\x81\x00",
            b"\x80\x031.2\x82\x00",
            b"\x80\x031.2\x80\x031.3",
        ],
    )
    def test_anything_else_is_refused(self, contents: bytes) -> None:
        with pytest.raises(DecodeError):
            decode_extended_request(frame_of(ber.sequence(ber.integer(1), ber.element(0x77, contents))))

    def test_is_encoded_to_the_very_octets_of_a_usual_client(self) -> None:
        assert encode_extended_request(14, START_TLS_OID) == samples.START_TLS


class TestOthers:
    def test_abandon(self) -> None:
        assert decode_abandon_request(frame_of(samples.ABANDON)) == AbandonRequest(12, 300)

    @pytest.mark.parametrize("contents", [b"", b"\xff", b"\x00\x01", b"\x00\x80\x00\x00\x00"])
    def test_an_abandon_of_nothing_is_refused(self, contents: bytes) -> None:
        with pytest.raises(DecodeError):
            decode_abandon_request(frame_of(ber.sequence(ber.integer(1), ber.element(0x50, contents))))

    def test_unbind(self) -> None:
        decode_unbind_request(frame_of(samples.UNBIND))

    def test_an_unbind_with_contents_is_refused(self) -> None:
        with pytest.raises(DecodeError):
            decode_unbind_request(frame_of(b"\x30\x06\x02\x01\x01\x42\x01\x00"))

    def test_compare_without_the_value(self) -> None:
        request = decode_compare_request(frame_of(samples.COMPARE))
        assert request == CompareRequest(11, b"o=x", "userPassword")

    @pytest.mark.parametrize(
        "contents",
        [
            b"",
            b"\x04\x03o=x",
            b"\x04\x03o=x\x30\x04\x04\x02cn",
            b"\x04\x03o=x\x30\x0a\x04\x02cn\x04\x01p\x04\x01q",
            b"\x04\x03o=x\x30\x07\x04\x02cn\x04\x01p\x04\x00",
            b"\x04\x03o=x\x30\x05\x04\x00\x04\x01p",
            b"\x04\x03o=x\x30\x08\x04\x03cn\x00\x04\x01p",
        ],
    )
    def test_a_compare_of_anything_else_is_refused(self, contents: bytes) -> None:
        with pytest.raises(DecodeError):
            decode_compare_request(frame_of(ber.sequence(ber.integer(1), ber.element(0x6E, contents))))

    @pytest.mark.parametrize("decode", _DECODERS.values())
    def test_a_decoder_refuses_other_operations(self, decode: Callable[[Frame], object]) -> None:
        with pytest.raises(DecodeError, match="another operation"):
            decode(frame_of(samples.DELETE))


class TestHostile:
    """What is done to every sample: cut, changed in each octet, lengthened in each place."""

    @staticmethod
    def _decode(message: bytes) -> None:
        """Whatever the bytes are: only errors of this floor."""
        try:
            frame = frame_of(message)
            controls = decode_controls(frame)
            assert all(isinstance(control, Control) for control in controls)
            if frame.tag in _DECODERS:
                _DECODERS[frame.tag](frame)
        except (LdapError, ValueError) as error:
            assert isinstance(error, LdapError) or "not exactly one message" in str(error)  # noqa: PT017

    @pytest.mark.parametrize("name", samples.REQUESTS)
    def test_each_octet_changed_in_every_way(self, name: str) -> None:
        sample = samples.REQUESTS[name]
        for place in range(len(sample)):
            for octet in range(256):
                self._decode(sample[:place] + bytes((octet,)) + sample[place + 1 :])

    @pytest.mark.parametrize("name", samples.REQUESTS)
    def test_each_octet_left_out_or_doubled(self, name: str) -> None:
        sample = samples.REQUESTS[name]
        for place in range(len(sample)):
            self._decode(sample[:place] + sample[place + 1 :])
            self._decode(sample[:place] + sample[place:][:1] + sample[place:])
            self._decode(sample[:place])

    @given(st.sampled_from(list(_DECODERS)), st.binary(max_size=60))
    def test_any_contents(self, tag: int, contents: bytes) -> None:
        self._decode(ber.sequence(ber.integer(1), ber.element(tag, contents)))
