"""Which requests may reach the directory, and what the others are answered (design 4.3).

Owns the rules about single requests. It must not know connections, binds in progress, or who the user is; the
session tells it in which `Standing` a request arrives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, unique

from ldapproxy.ldap.attributes import canonical_attribute, spellings
from ldapproxy.ldap.controls import ASSERTION_OID, MATCHED_VALUES_OID, SORT_OID
from ldapproxy.ldap.framing import Frame
from ldapproxy.ldap.messages import (
    CANCEL_OID,
    PASSWORD_MODIFY_OID,
    WHO_AM_I_OID,
    Tag,
    decode_compare_request,
    decode_controls,
    decode_extended_request,
    decode_filter,
    decode_search_request,
    decode_values_return_filter,
)
from ldapproxy.ldap.result_codes import ResultCode
from ldapproxy.ldap.sorting import decode_sort_keys

_TESTING_CONTROL = re.compile(
    "|".join(map(re.escape, (ASSERTION_OID, MATCHED_VALUES_OID, SORT_OID))).encode()
)
# An extensible match (RFC 4511 section 4.5.1.7.7) inside a filter: [9] constructed. And an OCTET STRING in
# pieces, which section 5.1 forbids: a directory that puts them together would find a name that we did not.
_EXTENSIBLE_MATCH = "\xa9"
_IN_PIECES = "\x24"
# Some directories let numbers of an OID begin with zeros.
_ZEROS_IN_OID = re.compile(r"\.0+(?=[0-9])")
_SCOPE_BASE_OBJECT = 0
# As plain numbers: to look a member up in its enum takes six times as long, and every search needs four.
_EXTENDED, _COMPARE, _SEARCH = int(Tag.EXTENDED_REQUEST), int(Tag.COMPARE_REQUEST), int(Tag.SEARCH_REQUEST)
# Two letters stand in every other search; ".4.", which nearly all OIDs of attributes hold, in hardly any.
_SHORTEST_MARK = 3


@unique
class Anonymous(Enum):
    """What an anonymous bind, and a session without a bind, may do."""

    ROOT_DSE = "root_dse"
    DENY = "deny"
    ALLOW = "allow"


@unique
class Standing(Enum):
    """Who a request comes from: somebody whose bind was accepted, or anybody, or in clear."""

    BOUND = "bound"
    ANONYMOUS = "anonymous"
    IN_CLEAR = "in_clear"


_BOUND = Standing.BOUND


@dataclass(frozen=True, slots=True)
class Refusal:
    """The request is answered with this code and text and goes nowhere."""

    code: ResultCode
    text: str


_NEEDS_BIND = Refusal(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "bind first")
_NEEDS_TLS = Refusal(ResultCode.CONFIDENTIALITY_REQUIRED, "use StartTLS first")
_BIND_ONLY = Refusal(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "only binds are served here")
_TESTS_PASSWORD = Refusal(
    ResultCode.UNWILLING_TO_PERFORM, "comparing passwords would bypass the second factor; bind instead"
)
_NOT_RELAYED = Refusal(ResultCode.UNWILLING_TO_PERFORM, "this extended operation is not relayed")


class PasswordAttributes:
    """The attributes that hold passwords, by name and OID, in any case and with any options."""

    __slots__ = ("_marks", "_named", "_suspicious")

    def __init__(self, names: tuple[str, ...]) -> None:
        self._named = frozenset(canonical_attribute(name) for name in names)
        # As text of one octet a character: looked for in bytes, each is first tried as a number.
        spelled = sorted({each.encode().decode("latin-1") for name in names for each in spellings(name)})
        self._suspicious = (_EXTENSIBLE_MATCH, _IN_PIECES, *spelled)
        self._marks = (_EXTENSIBLE_MATCH, _IN_PIECES, *_marks_of(spelled))

    def may_be_in(self, raw: bytes) -> bool:
        """Whether a request is worth decoding; a false alarm costs one decoding.

        True when one of the names or OIDs stands anywhere in it, or what may be an extensible match or a name
        in pieces. Every search passes here, and a loop over `in` takes a tenth of the time of one regular
        expression; nearly all searches hold none of the few marks either, of which each name has one.
        """
        text = raw.lower().decode("latin-1")
        if ".0" in text:
            text = _ZEROS_IN_OID.sub(".", text)
        for mark in self._marks:
            if mark in text:
                break
        else:
            return False
        return any(each in text for each in self._suspicious)

    def name(self, description: str) -> bool:
        """Whether an attribute description (RFC 4512 section 2.5) is one of them."""
        return canonical_attribute(description) in self._named

    def any_in(self, descriptions: tuple[str, ...]) -> bool:
        """Whether any of the descriptions is one of them."""
        return any(self.name(description) for description in descriptions)


def _marks_of(spelled: list[str]) -> list[str]:
    """A few texts, of which every spelling holds at least one; most spellings share theirs with others."""
    marks: list[str] = []
    left = spelled
    while left:
        parts = set(left) | {
            name[start:end]
            for name in left
            for start in range(len(name))
            for end in range(start + _SHORTEST_MARK, len(name) + 1)
        }
        # The longest of those that the most spellings hold is the least likely elsewhere.
        mark = max(parts, key=lambda part: (sum(part in name for name in left), len(part), part))
        marks.append(mark)
        left = [name for name in left if mark not in name]
    return marks


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """What one listener relays.

    Attributes:
        anonymous: what sessions without a bind may do.
        search_after_bind: False lets clients bind and nothing else.
        password_attributes: attributes that must not be compared; None allows comparing them.
        extended_operations: OIDs relayed beside the ones that are safe.
    """

    anonymous: Anonymous
    search_after_bind: bool
    password_attributes: PasswordAttributes | None
    extended_operations: frozenset[str]


def examine(frame: Frame, standing: Standing, rules: AdmissionRules) -> Refusal | None:
    """Examines a request other than Bind, Unbind, Abandon and StartTLS.

    Returns:
        None when the request may be relayed as it came.

    Raises:
        DecodeError: what has to be looked at cannot be decoded.
    """
    if standing is not _BOUND:
        refusal = _examine_unbound(frame, standing, rules)
    elif not rules.search_after_bind:
        return _BIND_ONLY
    elif frame.tag == _EXTENDED:
        refusal = _examine_extended(frame, standing, rules)
    else:
        refusal = None
    if refusal is not None or rules.password_attributes is None:
        return refusal
    return _examine_assertions(frame, rules.password_attributes)


def _examine_unbound(frame: Frame, standing: Standing, rules: AdmissionRules) -> Refusal | None:
    if standing is Standing.IN_CLEAR:
        needed = _NEEDS_TLS
    elif rules.search_after_bind:
        needed = _NEEDS_BIND
    else:
        needed = _BIND_ONLY
    if rules.anonymous is Anonymous.ALLOW and standing is Standing.ANONYMOUS and rules.search_after_bind:
        if frame.tag == _EXTENDED:
            return _examine_extended(frame, standing, rules)
        return None
    if frame.tag != _SEARCH:
        return needed
    search = decode_search_request(frame)
    is_root_dse = not search.base and search.scope == _SCOPE_BASE_OBJECT
    if not is_root_dse:
        return needed
    return _NEEDS_BIND if rules.anonymous is Anonymous.DENY else None


def _examine_extended(frame: Frame, standing: Standing, rules: AdmissionRules) -> Refusal | None:
    oid = decode_extended_request(frame).oid
    if oid in (WHO_AM_I_OID, CANCEL_OID) or oid in rules.extended_operations:
        return None
    if oid == PASSWORD_MODIFY_OID and standing is Standing.BOUND:
        return None
    return _NOT_RELAYED


def _examine_assertions(frame: Frame, passwords: PasswordAttributes) -> Refusal | None:
    """Refuses ways to test a password without a bind: Compare, filters, filters in controls, sorting."""
    if frame.tag == _COMPARE:
        if passwords.name(decode_compare_request(frame).attribute):
            return _TESTS_PASSWORD
    elif not passwords.may_be_in(frame.raw):
        return None
    elif frame.tag == _SEARCH:
        search = decode_search_request(frame)
        if search.extensible_without_attribute or passwords.any_in(search.filter_attributes):
            return _TESTS_PASSWORD
    if len(frame.raw) > frame.op_end and _TESTING_CONTROL.search(frame.raw, frame.op_end):
        return _examine_controls(frame, passwords)
    return None


def _examine_controls(frame: Frame, passwords: PasswordAttributes) -> Refusal | None:
    for control in decode_controls(frame):
        if control.value is None:
            continue
        if control.oid == ASSERTION_OID:
            facts = decode_filter(control.value)
        elif control.oid == MATCHED_VALUES_OID:
            facts = decode_values_return_filter(control.value)
        elif control.oid == SORT_OID:
            # Sorted among entries whose passwords are known, an unknown one is found step by step; OpenLDAP
            # sorts by attributes that nobody may read.
            if passwords.any_in(decode_sort_keys(control.value)):
                return _TESTS_PASSWORD
            continue
        else:
            continue
        if facts.extensible_without_attribute or passwords.any_in(facts.attributes):
            return _TESTS_PASSWORD
    return None
