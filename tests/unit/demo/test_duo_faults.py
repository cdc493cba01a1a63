"""Which fault hits which call."""

from __future__ import annotations

from ldapproxy.demo.duo_faults import EVERY_ENDPOINT, Fault, FaultKind, Faults


def test_a_fault_hits_its_own_endpoint_only() -> None:
    faults = Faults()
    fault = Fault(FaultKind.HANG)
    faults.put("auth", fault)
    assert faults.take("preauth") is None
    assert faults.take("auth") is fault
    assert faults.take("auth") is fault


def test_a_fault_for_a_number_of_calls_ends_by_itself() -> None:
    faults = Faults()
    faults.put("ping", Fault(FaultKind.CLOSE, times=2))
    assert [faults.take("ping") is not None for _ in range(3)] == [True, True, False]


def test_an_endpoints_own_fault_goes_before_that_of_all() -> None:
    faults = Faults()
    own, general = Fault(FaultKind.CLOSE), Fault(FaultKind.HANG)
    faults.put(EVERY_ENDPOINT, general)
    faults.put("auth", own)
    assert faults.take("auth") is own
    assert faults.take("ping") is general
    faults.clear("auth")
    assert faults.take("auth") is general
    faults.clear()
    assert faults.take("auth") is None
