"""`username_rewrite:`: what may be written, and patterns that would never end."""

from __future__ import annotations

import re
import time

import pytest

from ldapproxy.auth.usernames import LONGEST_NAME, LowerCase, Rewrite, Substitution
from ldapproxy.config.username_rewrite import username_rewrite
from tests.unit.config.sample import Sample, node, refusal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", ()),
        ("[lower_case]", (LowerCase(),)),
        (
            r"""[{pattern: "^EXAMPLE\\\\(.+)$", replace: "\\1"}, lower_case]""",
            (Substitution(re.compile(r"^EXAMPLE\\(.+)$"), r"\1"), LowerCase()),
        ),
        ("[{pattern: '@.*$', replace: ''}]", (Substitution(re.compile("@.*$"), ""),)),
        (r"[{pattern: '(?i)^(?:a|b)?x', replace: '\g<0>'}]",
         (Substitution(re.compile("(?i)^(?:a|b)?x"), r"\g<0>"),)),
        (r"[{pattern: '[)]+\)+[](]+', replace: ' '}]", (Substitution(re.compile(r"[)]+\)+[](]+"), " "),)),
    ],
)  # fmt: skip
def test_what_may_be_written(text: str, expected: tuple[Rewrite, ...]) -> None:
    assert username_rewrite(node(text)) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("null", "write a list"),
        ("upper_case", "must be a list"),
        ("[upper_case]", "lower_case"),
        ("[lower_case, lower_case]", "listed twice"),
        ("[{pattern: x}]", "is required; what to put in its place"),
        ("[{replace: x}]", "is required; a regular expression"),
        ("[{pattern: '', replace: x}]", "is empty"),
        ("[{pattern: x, replace: y, flags: i}]", "not a known key"),
        ("[{pattern: '(', replace: x}]", "look at character 1"),
        ("[{pattern: '[[a]', replace: x}]", "must be a regular expression"),
        (r"[{pattern: x, replace: '\1'}]", "names a group"),
        (r"[{pattern: x, replace: '\g<a>'}]", "names a group"),
        (r"[{pattern: x, replace: '\q'}]", "wrong escape"),
        (r'[{pattern: x, replace: "\n"}]', "one line"),
    ],
)
def test_what_may_not(text: str, why: str) -> None:
    assert why in refusal(username_rewrite, text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$", "(a|a)*$", "(a|aa)+$", "(?:a*)*$", "(.*a){20}", "([a-z]+)*$", r"(\)+)+$", "(?P<x>a+)+$",
        "(a+)+?$", "(a+)(?#comment)+$", "(?x)(a+) +$", "((a+)b?)+$", "(a{1,9}){9}",
    ],
)  # fmt: skip
def test_patterns_that_repeat_a_group(pattern: str) -> None:
    assert "must not repeat a group" in refusal(username_rewrite, f"[{{pattern: '{pattern}', replace: ''}}]")


@pytest.mark.parametrize("pattern", [r"(.)\1", "(?P<x>.)(?P=x)"])
def test_patterns_that_refer_back(pattern: str) -> None:
    assert "must not refer back" in refusal(username_rewrite, f"[{{pattern: '{pattern}', replace: ''}}]")


def test_patterns_that_repeat_too_much() -> None:
    text = "[{pattern: 'a*b+c{2,}d*', replace: ''}]"
    assert "more than 3 of" in refusal(username_rewrite, text)


@pytest.mark.parametrize("pattern", ["a*a*a*!", ".*.*.*!", "[^b]+[^c]+[^d]+!", "a?a+a+a+!"])
def test_the_worst_patterns_that_are_taken_end_soon(pattern: str) -> None:
    ((substitution),) = username_rewrite(node(f"[{{pattern: '{pattern}', replace: ''}}]"))
    assert isinstance(substitution, Substitution)
    began = time.process_time()
    substitution.pattern.sub("", "a" * LONGEST_NAME)
    assert time.process_time() - began < 10


def test_the_listener_has_it(sample: Sample) -> None:
    sample.listener["username_rewrite"] = [{"pattern": "@.*$", "replace": ""}, "lower_case"]
    (listener,) = sample.load().listeners
    assert listener.policy.rewrites == (Substitution(re.compile("@.*$"), ""), LowerCase())
