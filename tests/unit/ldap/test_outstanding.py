"""What the directory may still answer, and when nothing is left of it."""

from __future__ import annotations

import pytest

from ldapproxy.ldap.framing import Head
from ldapproxy.ldap.outstanding import Outstanding

ENTRY, DONE = 0x64, 0x65


def begun(*message_ids: int, abandoned: int = 10) -> Outstanding:
    outstanding = Outstanding(abandoned)
    for message_id in message_ids:
        outstanding.begin(message_id)
    return outstanding


def test_an_operation_is_outstanding_until_its_final_answer() -> None:
    one = begun(2, 3)
    assert len(one.running) == 2
    assert 2 in one.running
    assert one.answered([Head(2, ENTRY)])
    assert 2 in one.running
    assert one.answered([Head(2, DONE), Head(3, DONE)])
    assert len(one.running) == 0
    assert one.is_quiet


def test_answers_to_nothing_are_told_and_unsolicited_notifications_are_not() -> None:
    assert not begun(2).answered([Head(3, DONE)])
    assert begun().answered([Head(0, 0x78)])


def test_an_abandoned_operation_may_be_answered_once_more() -> None:
    one = begun(2)
    assert one.abandon(2)
    assert not one.abandon(2)
    assert 2 not in one.running
    assert not one.is_quiet
    assert one.answered([Head(2, ENTRY), Head(2, DONE)])
    assert one.is_quiet
    assert not one.answered([Head(2, DONE)])


@pytest.mark.parametrize("answers", [0, 1, 2, 3])
def test_a_message_id_that_is_used_again_behind_an_abandon_is_never_quiet(answers: int) -> None:
    """The answer may be the first one's, and then the second is still under way."""
    one = begun(2)
    one.abandon(2)
    one.begin(2)
    assert all(one.answered([Head(2, DONE)]) for _ in range(min(answers, 2)))
    assert not one.is_quiet
    one.forget()
    assert one.is_quiet


def test_abandoned_operations_are_forgotten_and_the_connection_is_not_trusted_from_then_on() -> None:
    one = begun(1, 2, 3, abandoned=2)
    assert all(one.abandon(message_id) for message_id in (1, 2, 3))
    assert one.answered([Head(2, DONE), Head(3, DONE)])
    assert not one.is_quiet
    assert not one.answered([Head(1, DONE)])
