"""Secret: nothing that is made from one by accident shows the value."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.secret import Secret

_VALUE = "correct horse battery"


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(_VALUE)),
        str(Secret(_VALUE)),
        f"{Secret(_VALUE)}",
        f"{Secret(_VALUE)!r:>40}",
        f"{Secret(_VALUE):>40}",
        "%s %r" % (Secret(_VALUE), Secret(_VALUE)),  # noqa: UP031 - logging formats this way
        repr([Secret(_VALUE)]),
        repr({"password": Secret(_VALUE)}),
        ascii(Secret(_VALUE)),
    ],
)
def test_no_text_made_from_it_shows_the_value(shown: str) -> None:
    assert "Secret(...)" in shown
    assert not any(word in shown for word in _VALUE.split())


def test_it_is_revealed_on_request_only() -> None:
    assert Secret(_VALUE).reveal() == _VALUE.encode()
    assert Secret(_VALUE.encode()).reveal_text() == _VALUE
    assert Secret("pässwort").reveal() == "pässwort".encode()


def test_a_later_change_of_the_buffer_it_was_made_from_does_not_change_it() -> None:
    buffer = bytearray(b"abc")
    secret = Secret(buffer)  # type: ignore[arg-type]  # callers are to pass bytes; one may not
    buffer[:] = b"xyz"
    assert secret.reveal() == b"abc"


def test_what_is_no_text_is_refused_without_showing_it() -> None:
    secret = Secret(b"hunter2\xff")
    with pytest.raises(ValueError, match=r"^the secret is not valid UTF-8$") as caught:
        secret.reveal_text()
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@given(st.binary(), st.binary())
def test_equal_exactly_when_the_values_are(first: bytes, second: bytes) -> None:
    assert Secret(first) == Secret(bytes(first))
    assert (Secret(first) == Secret(second)) is (first == second)
    assert (Secret(first) != Secret(second)) is (first != second)


def test_never_equal_to_the_bare_value() -> None:
    assert Secret(b"abc") != b"abc"
    assert Secret("abc") != "abc"


def test_true_unless_empty() -> None:
    assert Secret("x")
    assert Secret(b"\x00")
    assert not Secret("")


def test_it_cannot_become_a_dictionary_key() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        {Secret("x"): 1}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_serialised(protocol: int) -> None:
    with pytest.raises(TypeError, match="not to be serialised"):
        pickle.dumps(Secret(_VALUE), protocol)
    with pytest.raises(TypeError):
        json.dumps(Secret(_VALUE))


def test_it_cannot_be_copied_by_way_of_serialisation() -> None:
    with pytest.raises(TypeError, match="not to be serialised"):
        copy.deepcopy({"password": Secret(_VALUE)})


def test_it_has_no_attributes_to_look_through() -> None:
    with pytest.raises(TypeError):
        vars(Secret(_VALUE))
