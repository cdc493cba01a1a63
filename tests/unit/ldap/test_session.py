"""Transcripts of sessions: what a client sends, and what is done about it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.ldap.actions import Action, Disconnect, LimitHit, StartBind, StartTls, ToClient, ToDirectory
from ldapproxy.ldap.admission import Anonymous
from ldapproxy.ldap.framing import Head, MessageFramer
from ldapproxy.ldap.messages import LdapResult, decode_result
from ldapproxy.ldap.session import Phase, Session
from tests.support.ldap_bytes import (
    abandon,
    bind,
    compare,
    extended,
    message,
    root_dse,
    search,
    start_tls,
    tlv,
    unbind,
)
from tests.unit.ldap.usual_rules import rules

RESPONSE = b"the directory's BindResponse"


def decoded(raw: bytes | None) -> LdapResult:
    assert raw is not None
    framer = MessageFramer(100_000, allow_zero_id=True)
    framer.append(raw)
    frame = framer.next()
    assert frame is not None
    return decode_result(frame)


def codes(actions: list[Action]) -> list[tuple[int, int]]:
    """messageID and result code of the answers of our own."""
    answers = [decoded(action.raw) for action in actions if isinstance(action, ToClient)]
    return [(answer.message_id, answer.result_code) for answer in answers]


def relayed(actions: list[Action]) -> list[bytes]:
    return [action.frame.raw for action in actions if isinstance(action, ToDirectory)]


def disconnected(actions: list[Action]) -> Disconnect:
    [action] = [action for action in actions if isinstance(action, Disconnect)]
    return action


def session(**changes: object) -> Session:
    return Session(rules(**changes), confidential=False)


def bound(**changes: object) -> Session:
    bound_session = session(**changes)
    bound_session.receive(bind(1))
    bound_session.bind_ended(RESPONSE, bound=True)
    return bound_session


# One bind


def test_a_bind_is_handed_out_as_it_came() -> None:
    [action] = session().receive(bind(1))
    assert isinstance(action, StartBind)
    assert action.raw == bind(1)
    assert action.request.name == b"uid=alice"
    assert not action.needs_fresh_connection


def test_an_accepted_bind_lets_requests_through_as_they_came() -> None:
    one = session()
    one.receive(bind(1))
    assert one.bind_ended(RESPONSE, bound=True) == [ToClient(RESPONSE)]
    assert relayed(one.receive(search(2) + search(3))) == [search(2), search(3)]


def test_a_failed_bind_leaves_the_session_anonymous() -> None:
    one = bound()
    one.receive(bind(2))
    one.bind_ended(RESPONSE, bound=False)
    assert one.phase is Phase.ANONYMOUS
    assert codes(one.receive(search(3))) == [(3, 50)]


def test_a_pending_bind_leaves_the_session_anonymous() -> None:
    one = bound()
    one.receive(bind(2))
    assert one.phase is Phase.BINDING
    assert one.receive(search(3)) == []


# What waits behind a bind


def test_requests_behind_a_bind_run_under_the_new_identity() -> None:
    one = session()
    [start] = one.receive(bind(1) + search(2) + search(3))
    assert isinstance(start, StartBind)
    actions = one.bind_ended(RESPONSE, bound=True)
    assert actions[0] == ToClient(RESPONSE)
    assert relayed(actions) == [search(2), search(3)]


def test_requests_behind_a_failed_bind_run_as_anonymous() -> None:
    one = session()
    one.receive(bind(1) + search(2) + root_dse(3))
    actions = one.bind_ended(RESPONSE, bound=False)
    assert codes(actions[1:]) == [(2, 50)]
    assert relayed(actions) == [root_dse(3)]


def test_a_second_bind_behind_a_pending_one_waits_its_turn() -> None:
    one = session()
    one.receive(bind(1) + search(2) + bind(3) + search(4))
    actions = one.bind_ended(RESPONSE, bound=True)
    assert relayed(actions) == [search(2)]
    start = actions[-1]
    assert isinstance(start, StartBind)
    assert start.request.message_id == 3
    assert start.needs_fresh_connection, "the search's answers belong to the identity before"
    assert relayed(one.bind_ended(RESPONSE, bound=True)) == [search(4)]


def test_a_message_that_is_only_half_there_waits_too() -> None:
    one = session()
    one.receive(bind(1) + search(2)[:5])
    assert relayed(one.bind_ended(RESPONSE, bound=True)) == []
    assert relayed(one.receive(search(2)[5:])) == [search(2)]


def test_what_waits_is_bounded() -> None:
    one = session(buffered=200)
    one.receive(bind(1))
    assert one.receive(search(2)) == []
    end = disconnected(one.receive(b"".join(search(n) for n in range(3, 10))))
    assert decoded(end.notice).result_code == 51
    assert end.limit == "buffered"


def test_the_smallest_messages_take_no_more_memory_than_the_largest() -> None:
    one = session(buffered=65536)
    one.receive(bind(1))
    small = abandon(2, 1)
    end = disconnected(one.receive(small * 2000))
    assert end.limit == "buffered"
    other = session(buffered=65536)
    other.receive(bind(1))
    assert other.receive(small * 400) == []


def test_half_a_message_counts_too() -> None:
    one = session(buffered=200)
    one.receive(bind(1))
    assert disconnected(one.receive(search(2, "x" * 1000)[:500])).limit == "buffered"


def test_unbind_behind_a_pending_bind_ends_the_session() -> None:
    one = session()
    one.receive(bind(1) + search(2))
    assert disconnected(one.receive(unbind(3))).notice is None
    assert one.bind_ended(RESPONSE, bound=True) == []


def test_a_bind_cannot_be_abandoned() -> None:
    one = session()
    one.receive(bind(1) + abandon(2, 1))
    assert one.bind_ended(RESPONSE, bound=True) == [ToClient(RESPONSE)]


# Answers


def test_a_bind_after_answered_operations_keeps_the_connection() -> None:
    one = bound()
    one.receive(search(2))
    assert one.answered([Head(2, 0x64), Head(2, 0x73), Head(2, 0x65)])
    [start] = one.receive(bind(3))
    assert isinstance(start, StartBind)
    assert not start.needs_fresh_connection


@pytest.mark.parametrize("last_answer", [[], [Head(2, 0x64)]])
def test_a_bind_while_operations_are_outstanding_needs_a_fresh_connection(last_answer: list[Head]) -> None:
    one = bound()
    one.receive(search(2))
    one.answered(last_answer)
    [start] = one.receive(bind(3))
    assert isinstance(start, StartBind)
    assert start.needs_fresh_connection
    assert one.is_quiet


def test_an_abandoned_operation_may_still_be_answered() -> None:
    one = bound()
    one.receive(search(2))
    assert relayed(one.receive(abandon(3, 2))) == [abandon(3, 2)]
    assert not one.is_quiet
    [start] = one.receive(bind(4))
    assert isinstance(start, StartBind)
    assert start.needs_fresh_connection


def test_the_answer_to_an_abandoned_operation_is_no_stranger() -> None:
    one = bound()
    one.receive(search(2) + abandon(3, 2))
    assert one.answered([Head(2, 0x64), Head(2, 0x65)])
    assert one.is_quiet


def test_a_message_id_used_again_behind_an_abandon_may_have_a_late_answer() -> None:
    """The first one's answer, which the Abandon came too late for, is not the second one's."""
    one = bound()
    one.receive(search(2) + abandon(3, 2) + search(2))
    assert one.answered([Head(2, 0x65)])
    assert not one.is_quiet
    [start] = one.receive(bind(4))
    assert isinstance(start, StartBind)
    assert start.needs_fresh_connection


def test_an_abandon_of_nothing_is_ignored() -> None:
    assert bound().receive(abandon(2, 99)) == []


def test_an_answer_that_nobody_asked_for_is_told() -> None:
    one = bound()
    one.receive(search(2))
    assert not one.answered([Head(3, 0x65)])


def test_a_notice_of_disconnection_is_the_directorys_to_send() -> None:
    assert bound().answered([Head(0, 0x78)])


def test_a_message_id_in_use_cannot_be_used_again() -> None:
    one = bound()
    assert decoded(disconnected(one.receive(search(2) + search(2))).notice).result_code == 2


def test_outstanding_operations_are_bounded() -> None:
    one = bound(outstanding=2)
    actions = one.receive(search(2) + search(3) + search(4))
    assert relayed(actions) == [search(2), search(3)]
    assert codes(actions) == [(4, 51)]
    assert LimitHit("outstanding") in actions
    one.answered([Head(2, 0x65)])
    assert relayed(one.receive(search(5))) == [search(5)]


def test_what_is_remembered_of_abandoned_operations_is_bounded() -> None:
    one = bound(outstanding=0)
    for number in range(2, 5000, 2):
        one.receive(search(number) + abandon(number + 1, number))
    assert one.answered([Head(4998, 0x65)])
    assert not one.answered([Head(2, 0x65)])


# Standing


def test_without_a_bind_only_the_root_dse_is_read() -> None:
    one = session()
    actions = one.receive(
        root_dse(1) + search(2) + search(3, "", 1) + compare(4, "cn") + extended(5, "1.3.6.1.4.1.4203.1.11.3")
    )
    assert relayed(actions) == [root_dse(1)]
    assert codes(actions) == [(2, 50), (3, 50), (4, 50), (5, 50)]


def test_in_clear_only_the_root_dse_is_read_where_tls_is_required() -> None:
    one = session(confidentiality_required=True, anonymous=Anonymous.ALLOW)
    actions = one.receive(root_dse(1) + search(2))
    assert relayed(actions) == [root_dse(1)]
    assert codes(actions) == [(2, 13)]


def test_an_unknown_operation_has_no_answer_so_it_ends_the_session() -> None:
    unknown = message(1, tlv(0x7E, b""))
    assert isinstance(disconnected(session().receive(unknown)), Disconnect)


def test_message_sizes_before_and_after_the_bind() -> None:
    large = search(2, "x" * 70_000)
    end = disconnected(session(anonymous=Anonymous.ALLOW).receive(large))
    assert decoded(end.notice).result_code == 2
    assert end.limit == "message_size"
    assert relayed(bound().receive(large)) == [large]
    assert disconnected(bound(message_size=1000).receive(large)).limit == "message_size"


def test_a_failed_bind_brings_the_small_size_back() -> None:
    one = bound()
    one.receive(bind(2))
    one.bind_ended(RESPONSE, bound=False)
    assert disconnected(one.receive(search(3, "x" * 70_000))).limit == "message_size"


# StartTLS


def test_start_tls() -> None:
    one = session()
    [action] = one.receive(start_tls(1))
    assert isinstance(action, StartTls)
    assert decoded(action.raw).result_code == 0
    one.tls_started()
    assert codes(one.receive(start_tls(2))) == [(2, 1)]


@pytest.mark.parametrize("behind", [b"\x30", bind(2), b"x" * 10])
def test_bytes_in_clear_behind_start_tls_end_the_session(behind: bytes) -> None:
    one = session()
    assert disconnected(one.receive(start_tls(1) + behind)).notice is None
    assert one.phase is Phase.CLOSED


def test_bytes_in_clear_behind_start_tls_behind_a_bind_end_the_session() -> None:
    one = session()
    one.receive(bind(1) + start_tls(2) + search(3))
    assert disconnected(one.bind_ended(RESPONSE, bound=True)).notice is None


def test_start_tls_with_operations_outstanding_is_refused() -> None:
    one = bound()
    one.receive(search(2))
    assert codes(one.receive(start_tls(3))) == [(3, 1)]


def test_start_tls_that_is_not_offered() -> None:
    assert codes(session(start_tls_offered=False).receive(start_tls(1))) == [(1, 2)]


# Bytes


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"\x30\x80\x02\x01\x01\x42\x00\x00\x00",
        message(0, tlv(0x42)),
        message(1, tlv(0x42), b"\x04\x01x"),
        message(1, tlv(0x60, tlv(0x02, b"\x03"), tlv(0x04, b"x"), tlv(0x80, b"pw"), b"\x04\x00")),
    ],
)
@pytest.mark.parametrize("pending", [False, True])
def test_what_cannot_be_decoded_ends_the_session_and_reaches_nobody(garbage: bytes, pending: bool) -> None:
    one = bound()
    if pending:
        one.receive(bind(7))
        actions = one.receive(garbage)
        actions += one.bind_ended(RESPONSE, bound=True)
    else:
        actions = one.receive(garbage)
    assert relayed(actions) == []
    assert decoded(disconnected(actions).notice).result_code == 2
    assert one.phase is Phase.CLOSED
    assert one.receive(search(9)) == []


@given(st.data())
def test_any_chunking_gives_the_same_actions(data: st.DataObject) -> None:
    stream = root_dse(1) + search(2) + bind(3) + search(4) + search(5)
    whole = session().receive(stream)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    one = session()
    assert [action for piece in pieces for action in one.receive(piece)] == whole


@given(st.binary(max_size=200))
def test_any_bytes_end_in_known_actions(raw: bytes) -> None:
    one = session()
    for action in one.receive(raw):
        assert isinstance(action, ToClient | ToDirectory | StartBind | StartTls | Disconnect | LimitHit)
