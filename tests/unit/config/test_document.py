"""YAML as a tree: lines, paths, and everything that is refused."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.config.document import MAX_DEPTH, Kind, Mapping, Scalar, Sequence, parse, read
from ldapproxy.config.problems import ConfigurationError, Report


def tree(text: str) -> Mapping:
    report = Report()
    found = parse(text, "a.yml", report)
    assert not report.errors
    return found


def refused(text: str) -> str:
    report = Report()
    try:
        parse(text, "a.yml", report)
    except ConfigurationError as error:
        return str(error)
    assert report.errors
    return "\n".join(map(str, report.errors))


def test_every_value_knows_its_line_and_path() -> None:
    root = tree("a:\n  b: x\n  c:\n    - one\n    - d: two\n")
    a = root.items["a"]
    assert isinstance(a, Mapping)
    assert (a.place.file, a.place.line, a.place.path) == ("a.yml", 1, "a")
    c = a.items["c"]
    assert isinstance(c, Sequence)
    one, second = c.items
    assert (one.place.line, one.place.path) == (4, "a.c[0]")
    assert isinstance(second, Mapping)
    assert (second.items["d"].place.line, second.items["d"].place.path) == (5, "a.c[1].d")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", Kind.NULL),
        ("null", Kind.NULL),
        ("~", Kind.NULL),
        ("true", Kind.TRUE),
        ("Yes", Kind.TRUE),
        ("on", Kind.TRUE),
        ("false", Kind.FALSE),
        ("no", Kind.FALSE),
        ("OFF", Kind.FALSE),
        ("1:30", Kind.NUMBER),
        ("0123", Kind.NUMBER),
        ("1.2", Kind.NUMBER),
        ("2026-11-24", Kind.PLAIN),
        ("=", Kind.PLAIN),
        ("'true'", Kind.QUOTED),
        ("''", Kind.QUOTED),
        ('"1.2"', Kind.QUOTED),
    ],
)
def test_scalars_keep_the_text_as_written(text: str, kind: Kind) -> None:
    value = tree(f"a: {text}").items["a"]
    assert isinstance(value, Scalar)
    assert (value.text, value.kind) == (text.strip("'\""), kind)


def test_aliases_are_written_out() -> None:
    b = tree("a: &x {k: v}\nb: *x\n").items["b"]
    assert isinstance(b, Mapping)
    k = b.items["k"]
    assert isinstance(k, Scalar)
    assert (k.text, k.place.path, k.place.line) == ("v", "b.k", 1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "a.yml: is empty; conf/minimal.yml is a place to start from"),
        ("# nothing\n", "a.yml: is empty; conf/minimal.yml is a place to start from"),
        ("- a\n", "a.yml:1: must be a map with the keys directories, duo and listeners"),
        ("a: 1\nb: 2\na: 3\n", "a.yml:3: a: is given twice; the first is in line 1"),
        ("a:\n\tb: c\n", "a.yml:2: a tab; YAML is indented with spaces"),
        ("a: b: c\n", "a colon where none can be; indent the line properly, or put the text in quotes"),
        ("a:\n  b: 1\n c: 2\n", "a.yml:3: is not indented like the lines around it"),
        ("a: [1, 2\n", "a.yml:2: a comma or the closing bracket of a list or map is missing"),
        ('a: "b\n', "a.yml:2: a quote or bracket is never closed"),
        ('a: "\\q"\n', "an unknown escape in double quotes"),
        ('a: "\\U00110000"\n', "an escape in double quotes that is no character"),
        ('a: "\\ud800"\n', "a.yml:1: a: an escape in double quotes that is no character"),
        ('"\\ud800": a\n', "a.yml:1: a key must be a text; put it in quotes"),
        ("a: %b\n", "a.yml:1: a text cannot begin with this character; put it in quotes"),
        ("a: *b\n", "a.yml:1: an alias (*) to nothing; a text that begins with * must be in quotes"),
        ("a: &x b\nc: &x d\n", "an anchor (&) that exists already"),
        ("a: !b c\n", "a.yml:1: a: YAML tags (!) are not supported"),
        ("a: !!python/object:os.system x\n", "YAML tags (!) are not supported"),
        ("a: !!str yes\n", "YAML tags (!) are not supported"),
        ("a: !x!y z\n", "a.yml:1: a tag (!) that is not known; a text that begins with ! must be in quotes"),
        ("a: 1\n---\nb: 2\n", "a.yml:2: a second document begins here (---)"),
        ("1: a\n", "a.yml:1: a key must be a text; put it in quotes"),
        ("no: a\n", "a.yml:1: a key must be a text; put it in quotes"),
        ("b:\n  [a]: c\n", "a.yml:2: b: a key must be a text, not a list or a map"),
        ("b: {{ secret }}\n", "a.yml:1: b: a key must be a text, not a list or a map"),
        ("<<: {a: b}\n", "a.yml:1: merge keys (<<) are not supported; write the settings out"),
        ("a: b\nc: \x01\n", "a.yml:2: holds a control character, which YAML does not allow"),
        ("a: [1,,2]\n", "a.yml:1: is not valid YAML here"),
        ("a:\n- b\nc\n", "a.yml:4: a key without a colon behind it"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, problem: str) -> None:
    assert problem in refused(text)


def test_behind_a_mistake_that_is_not_of_syntax_reading_goes_on() -> None:
    report = Report()
    found = parse("a: 1\na: 2\n3: 4\nb: !x y\nc: d\n", "a.yml", report)
    assert [problem.place.line for problem in report.errors] == [2, 3, 4]
    assert list(found.items) == ["a", "b", "c"]


def test_depth_is_bounded() -> None:
    assert tree("a: " + "[" * (MAX_DEPTH - 2) + "]" * (MAX_DEPTH - 2))
    assert refused("a: " + "[" * 100_000) == f"a.yml:1: is nested more than {MAX_DEPTH} levels deep"


def test_aliases_cannot_multiply() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert refused("\n".join(lines)).endswith("is too large once its aliases (*) are written out")


def test_an_alias_cannot_hold_itself() -> None:
    assert refused("a: &a [*a]").endswith("is too large once its aliases (*) are written out")


@pytest.mark.parametrize(
    "text", ["p: *SECRET\n", "p: &SECRET\nq: &SECRET\n", "p: !SECRET x\n", "p: !SEC!RET x\n"]
)
def test_no_problem_quotes_what_may_be_a_password(text: str) -> None:
    assert "SEC" not in refused(text)


def test_no_representation_shows_a_value() -> None:
    assert "SECRET" not in repr(tree("a: SECRET\nb: [SECRET]\n"))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    def problem(path: Path) -> str:
        with pytest.raises(ConfigurationError) as caught:
            read(path, Report())
        return str(caught.value).replace(str(tmp_path), "")

    (tmp_path / "latin.yml").write_bytes("a: b\nc: ü\n".encode("latin-1"))
    (tmp_path / "large.yml").write_bytes(b"a: b\n" + b"#" * (1 << 20))
    (tmp_path / "utf16.yml").write_bytes("a: b\n".encode("utf-16"))
    assert problem(tmp_path / "missing.yml") == "/missing.yml: cannot be read: No such file or directory"
    assert problem(tmp_path) == ": cannot be read: Is a directory"
    assert problem(tmp_path / "latin.yml") == "/latin.yml:2: is not UTF-8; save the file in that encoding"
    assert problem(tmp_path / "utf16.yml") == "/utf16.yml:1: is not UTF-8; save the file in that encoding"
    assert (
        problem(tmp_path / "large.yml")
        == "/large.yml: is larger than 1 MiB; this cannot be a configuration file"
    )


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"\xef\xbb\xbfa: b\r\n")
    value = read(tmp_path / "a.yml", Report()).items["a"]
    assert isinstance(value, Scalar)
    assert value.text == "b"


@given(
    st.text(alphabet=st.sampled_from("ab:-[]{}\"'\\&*!|>%@#,? \n\t<=~\ud800\x85\u2028\ufeff0"), max_size=60)
)
def test_any_text_is_a_tree_or_a_configuration_error(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        parse(text, "a.yml", Report())
