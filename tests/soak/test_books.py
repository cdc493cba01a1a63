"""The books of the soak notice what does not agree: a soak that finds nothing must have been able to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.soak.audit import Line
from tests.soak.books import Books
from tests.soak.ledger import Account, Caller

CALLER = Caller("open", "127.1.0.1")
ACCEPTED = Line("open", "127.1.0.1", "uid=a", "accepted", "second_factor", "allowed", 0)
REJECTED = replace(ACCEPTED, verdict="rejected", reason="denied", second_factor="denied", code=49)
LEFT = replace(ACCEPTED, verdict="rejected", reason="client_left", second_factor=None, code=None)
BY_FAIL_MODE = replace(ACCEPTED, reason="fail_mode_open", second_factor="unavailable")


def account(sent: int, *codes: int) -> Account:
    return Account(sent, Counter(codes), {"uid=a": {"second_factor", "fail_mode_open"}})


def metrics(*lines: Line, begun: int | None = None) -> dict[str, float]:
    """What the proxy would count for these lines."""
    counts = Counter((line.listener, line.reason, line.verdict) for line in lines)
    begun = len(lines) if begun is None else begun
    return {
        'ldapproxy_operations_total{listener="open",operation="bind"}': begun,
        'ldapproxy_operations_total{listener="open",operation="search"}': 1000,
        **{
            f'ldapproxy_binds_total{{listener="{listener}",reason="{reason}",verdict="{verdict}"}}': count
            for (listener, reason, verdict), count in counts.items()
        },
    }


def problems(sent: Account, lines: list[Line], counted: dict[str, float] | None = None) -> list[str]:
    books = Books()
    books.close({CALLER: sent}, lines, metrics(*lines) if counted is None else counted)
    return books.problems


@pytest.mark.parametrize(
    ("sent", "lines"),
    [
        (account(2, 0, 49), [ACCEPTED, REJECTED]),
        (account(2, 49), [REJECTED, LEFT]),
        (account(2, 49), [REJECTED]),  # the other one never arrived
        (account(1), [ACCEPTED]),  # the client left in the very moment
        (account(1, 0), [BY_FAIL_MODE]),
    ],
)
def test_books_that_agree(sent: Account, lines: list[Line]) -> None:
    assert problems(sent, lines) == []


@pytest.mark.parametrize(
    ("sent", "lines", "sentence"),
    [
        (account(1, 49), [REJECTED, REJECTED], "sent 1 binds, but 2 are in the audit log"),
        (account(2, 0, 49), [REJECTED], "was answered"),
        (account(2, 0, 0), [ACCEPTED, REJECTED], "was answered"),
        (account(1, 0), [replace(ACCEPTED, reason="bypassed")], "without a reason that admits"),
        (account(1, 0), [replace(ACCEPTED, name="uid=b")], "without a reason that admits"),
        (account(1, 0), [replace(BY_FAIL_MODE, second_factor="interrupted")], "without Duo, which was there"),
        (account(1, 80), [replace(REJECTED, reason="internal_error", code=80)], "nobody foresaw"),
        (account(1, 0), [ACCEPTED, replace(ACCEPTED, address="127.9.9.9")], "but sent no bind"),
    ],
)
def test_books_that_do_not_agree(sent: Account, lines: list[Line], sentence: str) -> None:
    (problem,) = problems(sent, lines)
    assert sentence in problem


@pytest.mark.parametrize(
    ("counted", "sentence"),
    [
        (metrics(ACCEPTED, begun=2), "2 binds began, 1 ended"),
        (metrics(), "0 in ldapproxy_binds_total, 1 audit lines"),
        (metrics(REJECTED), "in ldapproxy_binds_total"),
    ],
)
def test_counters_that_do_not_agree(counted: dict[str, float], sentence: str) -> None:
    assert sentence in "\n".join(problems(account(1, 0), [ACCEPTED], counted))


def test_rounds_add_up() -> None:
    books = Books()
    books.close({CALLER: account(1, 0)}, [ACCEPTED], metrics(ACCEPTED))
    books.close({CALLER: account(2, 49)}, [REJECTED, LEFT], metrics(ACCEPTED, REJECTED, LEFT))
    assert books.problems == []
    totals = books.totals
    assert (totals.sent, totals.answered, totals.begun, totals.accepted, totals.rejected) == (3, 2, 3, 1, 2)
