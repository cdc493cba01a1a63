"""Reading parameters, and refusing them as Duo does."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ldapproxy.demo.duo_parameters import ApiError, address, number, required


def test_a_required_parameter_that_is_missing_or_empty_has_error_40001() -> None:
    assert required({"factor": "push"}, "factor") == "push"
    for parameters in ({}, {"factor": ""}):
        with pytest.raises(ApiError) as caught:
            required(parameters, "factor")
        assert (caught.value.code, caught.value.detail) == (40001, "factor")


@pytest.mark.parametrize("value", ["-1", "ten", "11", "٣", "1.5", ""])
def test_a_number_out_of_range_has_error_40002(value: str) -> None:
    with pytest.raises(ApiError) as caught:
        number({"bypass_codes": value}, "bypass_codes", default=0, highest=10)
    assert (caught.value.code, caught.value.detail) == (40002, "bypass_codes")


def test_a_number_in_range() -> None:
    assert number({"bypass_codes": "10"}, "bypass_codes", default=0, highest=10) == 10
    assert number({}, "bypass_codes", default=7, highest=10) == 7


def test_an_address_is_optional_but_must_be_one() -> None:
    assert address({}) is None
    assert address({"ipaddr": "2001:db8::1"}) == ip_address("2001:db8::1")
    with pytest.raises(ApiError) as caught:
        address({"ipaddr": "10.0.0"})
    assert (caught.value.code, caught.value.detail) == (40002, "ipaddr")
