"""Operations: tags, their answers, their names, and which octets may stand at the place of one."""

from __future__ import annotations

import pytest

from ldapproxy.ldap.operations import (
    FINAL_RESPONSES,
    OPERATION_NAMES,
    PROTOCOL_OPS,
    Tag,
    operation_name,
    response_tag,
)


@pytest.mark.parametrize(
    ("request_tag", "response"),
    [
        (0x60, 0x61),
        (0x63, 0x65),
        (0x66, 0x67),
        (0x68, 0x69),
        (0x4A, 0x6B),
        (0x6C, 0x6D),
        (0x6E, 0x6F),
        (0x77, 0x78),
    ],
)
def test_each_request_has_its_response(request_tag: int, response: int) -> None:
    assert response_tag(request_tag) == response
    assert response in FINAL_RESPONSES


@pytest.mark.parametrize("request_tag", [0x42, 0x50, 0x7A, 0x61, 0x64, 0x00])
def test_unbind_abandon_and_the_unknown_have_no_response(request_tag: int) -> None:
    assert response_tag(request_tag) is None


@pytest.mark.parametrize(
    "tag", [Tag.SEARCH_RESULT_ENTRY, Tag.SEARCH_RESULT_REFERENCE, Tag.INTERMEDIATE_RESPONSE]
)
def test_responses_that_more_responses_follow_are_not_final(tag: Tag) -> None:
    assert tag not in FINAL_RESPONSES


def test_names_come_from_a_closed_set() -> None:
    assert {operation_name(octet) for octet in range(256)} == set(OPERATION_NAMES)
    assert operation_name(0x60) == "bind"
    assert operation_name(0x6C) == "modify_dn"
    assert operation_name(0x61) == "other"  # a response is no operation that somebody asks for


def test_every_known_operation_may_stand_in_a_message() -> None:
    assert set(Tag) <= PROTOCOL_OPS


@pytest.mark.parametrize("octet", [0x51, 0x7A, 0x5E])
def test_unknown_operations_may_stand_in_a_message(octet: int) -> None:
    assert octet in PROTOCOL_OPS


@pytest.mark.parametrize(
    "octet",
    [
        0x00,
        0x30,  # universal
        0xA0,
        0x80,  # context-specific: controls where the operation belongs
        0xE0,  # private
        0x5F,
        0x7F,  # more octets of the tag follow
    ],
)
def test_other_classes_and_long_tags_may_not(octet: int) -> None:
    assert octet not in PROTOCOL_OPS


@pytest.mark.parametrize("tag", Tag)
def test_a_known_operation_in_the_wrong_form_may_not(tag: Tag) -> None:
    """Some lenient directory might take a primitive [APPLICATION 0] for a Bind."""
    assert tag ^ 0x20 not in PROTOCOL_OPS
