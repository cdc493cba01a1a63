"""ldapproxy/offline/codes.py, against the RFC's own values and another implementation."""

from __future__ import annotations

import hashlib

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.offline.codes import Algorithm, TotpKey, recovery_digest
from ldapproxy.secret import Secret

# RFC 6238, appendix B, with the seeds of its erratum 2866: as long as the hash's output.
SEEDS = {
    Algorithm.SHA1: b"12345678901234567890",
    Algorithm.SHA256: b"12345678901234567890123456789012",
    Algorithm.SHA512: b"1234567890123456789012345678901234567890123456789012345678901234",
}
RFC_6238 = [
    (59, ("94287082", "46119246", "90693936")),
    (1111111109, ("07081804", "68084774", "25091201")),
    (1111111111, ("14050471", "67062674", "99943326")),
    (1234567890, ("89005924", "91819424", "93441116")),
    (2000000000, ("69279037", "90698825", "38618901")),
    (20000000000, ("65353130", "77737706", "47863826")),
]

KEY = TotpKey(Secret(SEEDS[Algorithm.SHA1]))

keys = st.builds(
    TotpKey,
    st.binary(min_size=16, max_size=64).map(Secret),
    st.sampled_from(Algorithm),
    st.sampled_from([6, 8]),
    st.sampled_from([30, 60]),
)
moments = st.floats(0, 2**40)


@pytest.mark.parametrize(
    ("algorithm", "now", "code"),
    [
        (algorithm, now, code)
        for now, codes in RFC_6238
        for algorithm, code in zip(Algorithm, codes, strict=True)
    ],
)
def test_the_values_of_rfc_6238(algorithm: Algorithm, now: int, code: str) -> None:
    key = TotpKey(Secret(SEEDS[algorithm]), algorithm, digits=8)
    assert key.code(key.step(now)) == Secret(code)


@given(keys, moments)
def test_another_implementation_makes_the_same_codes_from_the_uri(key: TotpKey, now: float) -> None:
    otp = pyotp.parse_uri(key.uri("al ice@example.com", "ldapproxy").reveal_text())
    assert isinstance(otp, pyotp.TOTP)
    assert (otp.name, otp.issuer) == ("al ice@example.com", "ldapproxy")
    assert otp.generate_otp(int(now // otp.interval)) == key.code(key.step(now)).reveal_text()


@given(keys, moments)
def test_another_implementation_makes_the_same_codes_from_the_typed_secret(key: TotpKey, now: float) -> None:
    otp = pyotp.HOTP(
        key.text().reveal_text(), digits=key.digits, digest=getattr(hashlib, key.algorithm.value)
    )
    assert otp.at(key.step(now)) == key.code(key.step(now)).reveal_text()


@given(keys, moments, st.integers(-4, 4))
def test_one_step_of_skew_either_way_and_no_more(key: TotpKey, now: float, offset: int) -> None:
    shown = key.step(now) + offset
    if shown < 0:
        return
    found = key.steps_showing(key.code(shown), now)
    assert (shown in found) == (abs(offset) <= 1)


def test_a_clock_at_its_very_beginning_is_no_error() -> None:
    assert KEY.steps_showing(KEY.code(0), 0.0) == (0,)
    assert KEY.steps_showing(KEY.code(0), -1000.0) == ()


@pytest.mark.parametrize("code", ["", "28708", "0287082", "94287082", "c" * 44, "\0" * 6, "२८७०८२"])
def test_what_is_no_code_fits_no_step(code: str) -> None:
    assert KEY.steps_showing(Secret(code), 59) == ()


def test_a_key_shows_nothing_of_itself() -> None:
    assert "1234" not in repr(KEY)
    assert "otpauth" not in repr(KEY.uri("a", "b"))


def test_a_recovery_code_is_kept_by_the_key_of_its_sheet() -> None:
    code, key, other = Secret("012345678"), Secret(b"k" * 32), Secret(b"o" * 32)
    assert recovery_digest(key, code) == recovery_digest(key, Secret("012345678"))
    assert recovery_digest(key, code) != recovery_digest(other, code)
    assert recovery_digest(key, code) != recovery_digest(key, Secret("12345678"))
    assert "012345678" not in recovery_digest(key, code)
