"""Result codes, against ldap3's list of them."""

from __future__ import annotations

from ldap3.core import results

from ldapproxy.ldap.result_codes import ResultCode

# ldap3 spells them otherwise than RFC 4511 appendix A does.
_OTHER_NAMES = {"LOOP_DETECT": "RESULT_LOOP_DETECTED", "AFFECTS_MULTIPLE_DSAS": "RESULT_AFFECT_MULTIPLE_DSAS"}


def test_every_code_is_the_one_that_ldap3_knows_by_that_name() -> None:
    for code in ResultCode:
        assert getattr(results, _OTHER_NAMES.get(code.name, f"RESULT_{code.name}")) == code, code.name


def test_every_code_of_rfc_4511_is_there() -> None:
    rfc_4511 = {
        *range(9),
        10,
        11,
        12,
        13,
        14,
        *range(16, 22),
        *range(32, 35),
        36,
        *range(48, 55),
        *range(64, 70),
        71,
        80,
    }
    assert rfc_4511 <= {int(code) for code in ResultCode}
