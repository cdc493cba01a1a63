"""ldapproxy/offline/spans.py."""

from __future__ import annotations

import pytest

from ldapproxy.offline.spans import span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 seconds"),
        (90, "90 seconds"),
        (120, "2 minutes"),
        (5400, "90 minutes"),
        (7200, "2 hours"),
        (604_799.9, "7 days"),
    ],
)
def test_the_largest_unit_of_which_there_are_two(seconds: float, words: str) -> None:
    assert span(seconds) == words
