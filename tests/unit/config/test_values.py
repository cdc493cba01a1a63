"""Single values: what is read, and the sentence for what is not."""

from __future__ import annotations

from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.config import values
from tests.unit.config.sample import node, refusal

NUMBER = values.integer(1, 100, "that many fit")
DURATION = values.duration(1, 3600, "nobody waits longer")
SIZE = values.size(1024, 1 << 20, "it is memory")


class Colour(Enum):
    RED = "red"
    DARK_GREEN = "dark_green"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("text", "value"), [("corp", "corp"), ("123", "123"), ("yes", "yes"), ("'null'", "null"), ("ü", "ü")]
)
def test_a_text_is_what_the_file_says(text: str, value: str) -> None:
    assert values.text(node(text)) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no value; write a text, or leave the line out"),
        ("null", "has no value; write a text, or leave the line out"),
        ("''", "is empty"),
        ("' '", "is empty"),
        ("[a]", "must be a text, not a list"),
        ("{a: b}", "must be a text, not a map"),
        ('"a\\nb"', "must be one line without control characters"),
        ('"a\\0"', "must be one line without control characters"),
    ],
)
def test_what_is_no_text(text: str, why: str) -> None:
    assert refusal(values.text, text) == why


@pytest.mark.parametrize(("text", "value"), [("true", True), ("yes", True), ("false", False), ("off", False)])
def test_booleans(text: str, value: bool) -> None:
    assert values.boolean(node(text)) is value


@pytest.mark.parametrize("text", ["1", "'true'", "maybe", "[true]", "null"])
def test_what_is_no_boolean(text: str) -> None:
    assert "true or false" in refusal(values.boolean, text)


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("100", 100), ("'7'", 7)])
def test_numbers(text: str, value: int) -> None:
    assert NUMBER(node(text)) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0", "must be at least 1: that many fit"),
        ("-5", "must be at least 1: that many fit"),
        ("101", "must be at most 100: that many fit"),
        ("010", "must be a whole number"),
        ("1_0", "must be a whole number"),
        ("0x10", "must be a whole number"),
        ("1.0", "must be a whole number"),
        ("1e3", "must be a whole number"),
        ("٣", "must be a whole number"),
        ("ten", "must be a whole number"),
        ("9" * 5000, "must be at most 100: that many fit"),
        ("-" + "9" * 5000, "must be at least 1: that many fit"),
        ("null", "has no value; write a whole number, or leave the line out"),
    ],
)
def test_what_is_no_number(text: str, why: str) -> None:
    assert refusal(NUMBER, text) == why


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("0000000000000000000001s", 1),
        ("1500ms", 1.5),
        ("10m", 600),
        ("1h", 3600),
        ("60 s", 60),
        ("'3s'", 3),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert DURATION(node(text)) == pytest.approx(seconds)


def test_days() -> None:
    assert values.duration(0, 1e6, "")(node("7d")) == 7 * 24 * 3600


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10", "a whole number and a unit, such as 500ms, 10s, 5m, 8h or 7d"),
        ("0", "a whole number and a unit, such as 500ms, 10s, 5m, 8h or 7d"),
        ("1.5s", "a whole number and a unit"),
        ("-1s", "a whole number and a unit"),
        ("10sec", "a whole number and a unit"),
        ("10S", "a whole number and a unit"),
        ("1:30", "a whole number and a unit"),
        ("99999999999999999999h", "must be at most 1h: nobody waits longer"),
        ("9" * 5000 + "ms", "must be at most 1h: nobody waits longer"),
        ("500ms", "must be at least 1s: nobody waits longer"),
        ("61m", "must be at most 1h: nobody waits longer"),
        ("", "has no value; write a duration such as 10s, or leave the line out"),
    ],
)
def test_what_is_no_duration(text: str, why: str) -> None:
    assert why in refusal(DURATION, text)


@pytest.mark.parametrize(("text", "size"), [("1024B", 1024), ("64KiB", 65536), ("1 MiB", 1 << 20)])
def test_sizes(text: str, size: int) -> None:
    assert SIZE(node(text)) == size


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("65536", "must be a size: a whole number and a unit, such as 64KiB or 4MiB"),
        ("64KB", "must be a size: a whole number and a unit, such as 64KiB or 4MiB"),
        ("64kib", "must be a size: a whole number and a unit, such as 64KiB or 4MiB"),
        ("1B", "must be at least 1KiB: it is memory"),
        ("1GiB", "must be at most 1MiB: it is memory"),
        ("99999999999999999999GiB", "must be at most 1MiB: it is memory"),
        ("[64KiB]", "must be a size such as 64KiB, not a list"),
    ],
)
def test_what_is_no_size(text: str, why: str) -> None:
    assert refusal(SIZE, text) == why


def test_choices() -> None:
    colour = values.choice(Colour)
    assert colour(node("dark_green")) is Colour.DARK_GREEN
    assert refusal(colour, "grey") == "must be red, dark_green or blue"
    assert refusal(colour, "Red") == "must be red, dark_green or blue; did you mean red?"
    assert refusal(colour, "green") == "must be red, dark_green or blue; did you mean dark_green?"
    assert refusal(colour, "") == "has no value; write red, dark_green or blue, or leave the line out"


def test_a_choice_among_some() -> None:
    colour = values.choice([Colour.BLUE, Colour.RED])
    assert colour(node("red")) is Colour.RED
    assert refusal(colour, "dark_green") == "must be blue or red"


def test_references() -> None:
    assert values.reference("directory", ["corp", "lab"])(node("lab")) == "lab"
    assert refusal(values.reference("directory", ["lab", "corp"]), "crop") == (
        "is no directory; those in the file are corp, lab; did you mean corp?"
    )
    assert refusal(values.reference("directory", []), "corp") == "is no directory; the file defines none"


def test_null_where_it_may_be() -> None:
    assert values.optional(values.text)(node("null")) is None
    assert values.optional(values.text)(node("x")) == "x"


def test_lists() -> None:
    numbers = values.list_of(NUMBER)
    assert numbers(node("[3, 1]")) == (3, 1)
    assert numbers(node("[]")) == ()
    assert "must be a list: [a, b]" in refusal(numbers, "3")
    assert "must be a list: [a, b]" in refusal(numbers, "{a: b}")
    assert refusal(numbers, "") == "has no value; write a list, or leave the line out"
    assert refusal(values.list_of(NUMBER, if_empty="lets nobody in"), "[]") == "lets nobody in"


def test_a_list_names_every_item_that_is_wrong() -> None:
    with pytest.raises(values.Invalid) as caught:
        values.list_of(NUMBER)(node("[1, x, 2, 1, 0]"))
    assert [(problem.place.path, problem.text) for problem in caught.value.problems] == [
        ("key[1]", "must be a whole number"),
        ("key[3]", "is listed twice"),
        ("key[4]", "must be at least 1: that many fit"),
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (0.1, "100ms"), (1.5, "1500ms"), (60, "60s"), (90, "90s"), (120, "2m"), (3600, "1h"),
     (86400, "24h"), (7 * 86400, "7d"), (5400, "90m")],
)  # fmt: skip
def test_durations_are_shown_as_they_are_written(seconds: float, shown: str) -> None:
    assert values.show_duration(seconds) == shown


@given(st.integers(0, 10**8).map(lambda number: number / 1000))
def test_a_shown_duration_reads_back(seconds: float) -> None:
    assert values.duration(0, 1e6, "")(node(values.show_duration(seconds))) == pytest.approx(seconds)


@given(st.integers(0, 1 << 40))
def test_a_shown_size_reads_back(count: int) -> None:
    shown = values.show_size(count)
    if len(shown) <= 10:
        assert values.size(0, 1 << 40, "")(node(shown)) == count


def test_no_sentence_quotes_the_value() -> None:
    for parser in (values.boolean, NUMBER, DURATION, SIZE, values.choice(Colour)):
        assert "hunter2" not in refusal(parser, "hunter2")
