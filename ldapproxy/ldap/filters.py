"""Search filters: which attributes they assert on (RFC 4511 section 4.5.1.7).

Owns their decoding, down to the attribute descriptions; asserted values are stepped over, they may be
passwords. It must not know which attributes hold a password.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ldapproxy.ldap import ber
from ldapproxy.ldap.attributes import decode_description
from ldapproxy.ldap.errors import DecodeError

MAX_FILTER_DEPTH: Final = 100
"""How deep filters may nest. 389 Directory Server refuses more than 40 by default, people and programs write
a handful, and the largest that is met are chains of ORs that some program built pair by pair. The decoder
needs no stack of Python's for them, so this bounds what the directory is made to do rather than what happens
here."""

_AND: Final = ber.context(0, constructed=True)
_OR: Final = ber.context(1, constructed=True)
_NOT: Final = ber.context(2, constructed=True)
_EQUALITY: Final = ber.context(3, constructed=True)
_SUBSTRINGS: Final = ber.context(4, constructed=True)
_GREATER_OR_EQUAL: Final = ber.context(5, constructed=True)
_LESS_OR_EQUAL: Final = ber.context(6, constructed=True)
_PRESENT: Final = ber.context(7)
_APPROXIMATE: Final = ber.context(8, constructed=True)
_EXTENSIBLE: Final = ber.context(9, constructed=True)

_VALUE_ASSERTIONS: Final = frozenset({_EQUALITY, _GREATER_OR_EQUAL, _LESS_OR_EQUAL, _APPROXIMATE})
_SUBSTRING_CHOICES: Final = frozenset({ber.context(0), ber.context(1), ber.context(2)})

_MATCHING_RULE: Final = ber.context(1)
_TYPE: Final = ber.context(2)
_MATCH_VALUE: Final = ber.context(3)
_DN_ATTRIBUTES: Final = ber.context(4)


@dataclass(frozen=True, slots=True)
class FilterFacts:
    """What a filter asserts on.

    Attributes:
        attributes: every attribute description in it as sent, at any depth, in any kind of assertion.
        extensible_without_attribute: it holds an extensible match without a type, which any attribute may
            satisfy.
        is_presence_only: it is a single presence test, such as (objectClass=*).
    """

    attributes: tuple[str, ...]
    extensible_without_attribute: bool
    is_presence_only: bool = False


def decode_filter(value: bytes) -> FilterFacts:
    """Decodes a Filter that stands alone, as the assertion control carries it (RFC 4528).

    Raises:
        DecodeError: it is malformed, or nested deeper than MAX_FILTER_DEPTH.
    """
    reader = ber.Reader(value)
    facts = read_filter(reader)
    reader.finish()
    return facts


def decode_values_return_filter(value: bytes) -> FilterFacts:
    """Decodes the ValuesReturnFilter of the matched values control (RFC 3876): a sequence of simple filters.

    Raises:
        DecodeError: it is malformed.
    """
    reader = ber.Reader(value)
    items = reader.inside()
    reader.finish()
    attributes: list[str] = []
    any_attribute = False
    while not items.at_end:
        any_attribute |= _read_item(items, attributes)
    return FilterFacts(tuple(attributes), any_attribute)


def read_filter(reader: ber.Reader) -> FilterFacts:
    """Reads the Filter that comes next. Nothing recurses, so nothing overflows.

    Raises:
        DecodeError: it is malformed, or nested deeper than MAX_FILTER_DEPTH.
    """
    is_presence_only = reader.peek() == _PRESENT
    attributes: list[str] = []
    any_attribute = False
    # The filters that are open, outermost first: the rest of an AND or OR, or the single operand of a NOT.
    open_filters: list[ber.Reader] = []
    current = reader
    while True:
        tag = current.peek()
        if tag in (_AND, _OR, _NOT):
            if len(open_filters) == MAX_FILTER_DEPTH:
                raise DecodeError(f"a filter is nested deeper than {MAX_FILTER_DEPTH}")
            operands = current.inside(tag)
            if tag == _NOT:
                _require_single(operands)
            open_filters.append(operands)
        else:
            any_attribute |= _read_item(current, attributes)
        while open_filters and open_filters[-1].at_end:
            open_filters.pop()
        if not open_filters:
            return FilterFacts(tuple(attributes), any_attribute, is_presence_only)
        current = open_filters[-1]


def _require_single(operands: ber.Reader) -> None:
    """Makes sure that a NOT has exactly one operand."""
    look_ahead = operands.copy()
    look_ahead.skip()
    look_ahead.finish()


def _read_item(reader: ber.Reader, attributes: list[str]) -> bool:
    """Reads one assertion, adds its attribute to `attributes`; True if it is an extensible match without."""
    tag = reader.peek()
    if tag == _PRESENT:
        attributes.append(decode_description(reader.octets(_PRESENT)))
    elif tag in _VALUE_ASSERTIONS:
        assertion = reader.inside(tag)
        attributes.append(decode_description(assertion.octets()))
        assertion.skip_octets()
        assertion.finish()
    elif tag == _SUBSTRINGS:
        assertion = reader.inside(tag)
        attributes.append(decode_description(assertion.octets()))
        pieces = assertion.inside()
        assertion.finish()
        if pieces.at_end:
            raise DecodeError("a substring filter has no substrings")
        while not pieces.at_end:
            if pieces.skip() not in _SUBSTRING_CHOICES:
                raise DecodeError("a substring filter holds something other than substrings")
    elif tag == _EXTENSIBLE:
        return _read_extensible(reader.inside(tag), attributes)
    else:
        raise DecodeError("a filter has an unknown kind of assertion, or none")
    return False


def _read_extensible(assertion: ber.Reader, attributes: list[str]) -> bool:
    """Reads a MatchingRuleAssertion; True if it names no attribute."""
    if assertion.peek() == _MATCHING_RULE:
        assertion.octets(_MATCHING_RULE)
    named = assertion.peek() == _TYPE
    if named:
        attributes.append(decode_description(assertion.octets(_TYPE)))
    assertion.skip_octets(_MATCH_VALUE)
    if assertion.peek() == _DN_ATTRIBUTES:
        assertion.boolean(_DN_ATTRIBUTES)
    assertion.finish()
    return not named
