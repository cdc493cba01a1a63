"""Keys of features that are not built yet: refused, never ignored."""

from __future__ import annotations

from typing import Any

import pytest

from ldapproxy.config.reserved import Never, Off, says
from tests.unit.config.sample import Sample, node

NOT_YET = "is not available yet; leave it out"


@pytest.mark.parametrize(
    ("text", "off"),
    [
        ("null", None),
        ("[]", []),
        ("0", "0"),
        ("{for: 0s, idle: 0s}", {"for": "0s", "idle": "0s"}),
        ("{for: 0s}", {"for": "0s", "idle": "0s"}),
        ("{}", {"for": "0s", "idle": "0s"}),
        ("[a, {b: c}]", ["a", {"b": "c"}]),
    ],
)
def test_off_may_be_written_out(text: str, off: Off) -> None:
    assert says(node(text), off)


@pytest.mark.parametrize(
    ("text", "off"),
    [
        ("[]", None),
        ("x", None),
        ("null", []),
        ("[a]", []),
        ("1", "0"),
        ("{for: 1h}", {"for": "0s"}),
        ("{fro: 0s}", {"for": "0s"}),
        ("[]", {"for": "0s"}),
        ("anything", Never),
        ("null", Never),
        ("{}", Never),
    ],
)
def test_anything_else_is_more_than_off(text: str, off: Off | type[Never]) -> None:
    assert not says(node(text), off)


@pytest.mark.parametrize("value", [{"url": "https://0.0.0.0:8443", "listener": "vpn"}, None])
def test_the_portal_is_not_there_yet(sample: Sample, value: Any) -> None:
    sample.document["portal"] = value
    assert sample.problems() == [f"portal: {NOT_YET}"]
